"""How many units of a torso die in the first updates on Pong, by how its weights begin: one JSON line last.

Pong's screens hardly differ from each other, so a ReLU that is at zero on one of them is at zero on most. DQN is built
as the preset pong-quick says, but for uniform replay and weights that begin by `--initializations`, and learns from
random play, with a copy to the target network after every 200 updates. A unit is dead if it is zero on 256 states of
the replay; given is the share of dead units behind each ReLU, the last of them the dense layer's.

Run: python benchmarks/dead_units.py [--torsos nips nature] [--initializations pytorch he] [--seeds 1 2 3]
"""

import dqn_zoo_ext  # isort: skip  # noqa: F401  # before PyTorch, as in the commands
import torch
from built_models import built
from reporting import parser_of, publish, whole_number

from dqn_zoo_ext.callbacks.vital_signs import look
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.learning.deep_q import DeepQ

PONG_QUICK = {
    "n_steps": 3,
    "optimizer": "adam",
    "optimizer_kwargs.eps": 1.5e-4,
    "learning_rate": 2.5e-4,
    "max_grad_norm": 10,
    "target_update_interval": 200,
    "target_update_unit": "updates",
}
STATES, BATCH = 256, 32


def shares(model: DeepQ) -> list[float]:
    """Of dead units behind each ReLU, from the screen on."""
    with torch.no_grad():
        _, dead = look(model.q_net, model._draw(STATES))
    return [round(layer.share, 3) for layer in dead]


def main() -> None:
    """Measure and print."""
    parser = parser_of("dead_units", __doc__)
    parser.add_argument("--torsos", nargs="+", default=["nips", "nature"])
    parser.add_argument("--initializations", nargs="+", default=["pytorch", "he"])
    parser.add_argument("--seeds", nargs="+", type=whole_number(0), default=[1, 2, 3])
    parser.add_argument("--updates", type=whole_number(1), default=800)
    parser.add_argument("--random-steps", type=whole_number(500), default=3_000, help="agent steps of random play")
    arguments = parser.parse_args()
    rows = []
    for torso in arguments.torsos:
        for initialization in arguments.initializations:
            for seed in arguments.seeds:
                begun = {"policy_kwargs.torso": torso, "policy_kwargs.torso_kwargs.initialization": initialization}
                model = built("dqn", "cpu", arguments.random_steps, resolve("Pong"), seed, **PONG_QUICK, **begun)
                before = shares(model)
                model.train(arguments.updates, BATCH)
                row = {"torso": torso, "initialization": initialization, "seed": seed}
                rows.append({**row, "dead_before": before, "dead_after": shares(model)})
                print(rows[-1], flush=True)
    publish("dead_units", {"updates": arguments.updates, "states": STATES, "rows": rows}, arguments.output)


if __name__ == "__main__":
    main()
