"""The algorithms that ship, by name: the ladder's, Stable-Baselines3's own, and those that take screens only."""

ALGORITHMS = (
    *("dqn", "double_dqn", "dueling_dqn", "prioritized_dqn", "n_step_dqn", "noisy_dqn", "c51", "qrdqn", "iqn"),
    *("munchausen_dqn", "munchausen_iqn", "rainbow", "data_efficient_rainbow", "impala_dqn", "btr"),
)
YARDSTICKS = ("sb3_dqn", "sb3_qrdqn")
FOR_IMAGES = {"impala_dqn"}
