"""Valid YAML files of every kind that the loader takes, and users who load them."""

from dataclasses import dataclass, field

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.config.shipped_files import shipped
from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.envs.ids import resolve

SHIPPED = shipped("")[0]

OURS = """\
# in our format, with most of what it offers
n_timesteps: 1e5
learning_rate: {schedule: piecewise, points: [[0, 1e-3], [0.5, 1e-4]], unit: fraction}
policy_kwargs: &net
  torso: nips
  torso_kwargs: {features_dim: 64, bias: null}
  net_arch: [64, 32]
optimizer: adam
optimizer_kwargs:
  betas: [0.9, 0.99]
exploration: &eps
  schedule: exponential
  start: 1.0
  end: 0.05
  rate: 1e-4
preprocessing_kwargs: {noop_max: 10, clip_reward: no}
env_kwargs: {full_action_space: on}
eval_protocol: machado-2018
dqn:
  exploration: {<<: *eps, end: 0.1}
  policy_kwargs: *net
  gamma: 0.95
search:
  gamma: {type: categorical, choices: [0.9, 0.99]}
"""

RL_ZOO = """\
atari: &atari
  env_wrapper:
    - stable_baselines3.common.atari_wrappers.AtariWrapper:
        terminal_on_life_loss: false
  frame_stack: 4
  policy: 'CnnPolicy'
  n_timesteps: !!float 1e7
  buffer_size: 100000
  learning_rate: !!float 1e-4
  train_freq: [4, step]
  exploration_fraction: 0.1
  exploration_final_eps: 0.01
  optimize_memory_usage: True
  replay_buffer_kwargs: "dict(handle_timeout_termination=False)"

PongNoFrameskip-v4:
  <<: *atari
  n_timesteps: !!float 1e6

CartPole-v1:
  n_timesteps: !!float 5e4
  policy: 'MlpPolicy'
  learning_rate: lin_2.3e-3
  batch_size: 64
  gradient_steps: 128
  exploration_fraction: 0.16
  normalize: false
  policy_kwargs: "dict(net_arch=[256, 256], activation_fn=nn.Tanh)"
"""


@dataclass(frozen=True)
class Subject:
    """A valid file and a user who loads it: with -conf, or as the shipped file `takes_the_place_of`.

    conf: the text of a -conf file besides.
    """

    name: str
    text: str = field(repr=False)
    env: str
    algo: str = "dqn"
    takes_the_place_of: str | None = None
    conf: str | None = field(default=None, repr=False)


def all_subjects() -> list[Subject]:
    """Every kind of shipped file, in its place and as a -conf file, and every kind of file that is given with -conf."""
    users = {
        "families/atari.yml": "Pong",
        "families/classic_control.yml": "Acrobot-v1",
        "families/box2d.yml": "LunarLander-v3",
        "families/gymnasium.yml": "FrozenLake-v1",
        "algorithms/dqn.yml": "CartPole-v1",
        "atari/space_invaders.yml": "ALE/SpaceInvaders-v5",
        "classic_control/CartPole-v1.yml": "CartPole-v1",
        "box2d/LunarLander-v3.yml": "LunarLander-v3",
    }
    texts = {name: (SHIPPED / name).read_text() for name in users}
    double = (SHIPPED / "algorithms/double_dqn.yml").read_text()
    rl_zoo = (SHIPPED / "families/rl_zoo.yml").read_text()
    quick = (SHIPPED / "presets/space_invaders_quick.yml").read_text()
    complete = {env: to_yaml(load("double_dqn", resolve(env)).as_plain_data()) for env in ("Pong", "CartPole-v1")}
    return [
        *(Subject(f"{name} in its place", texts[name], env, "dqn", name) for name, env in users.items()),
        *(Subject(f"{name} with -conf", texts[name], env) for name, env in users.items()),
        Subject("double_dqn in its place", double, "Pong", "double_dqn", "algorithms/double_dqn.yml"),
        *(Subject(f"rl_zoo for {env}", rl_zoo, env, "dqn", "families/rl_zoo.yml", RL_ZOO) for env in complete),
        Subject("preset", quick, "SpaceInvadersNoFrameskip-v4"),
        *(Subject(f"ours for {algo}", OURS, "Pong", algo) for algo in ("dqn", "double_dqn")),
        *(Subject(f"config.yml of {env}", text, env, "double_dqn") for env, text in complete.items()),
        *(Subject(f"RL-Zoo's for {env}", RL_ZOO, env) for env in ("PongNoFrameskip-v4", "Qbert", "CartPole-v1")),
    ]


SUBJECTS = all_subjects()
