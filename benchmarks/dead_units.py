"""How many units of a torso die in the first updates on Pong, by how its weights begin: one JSON line last.

Pong's screens hardly differ from each other, so a ReLU that is at zero on one of them is at zero on most. DQN is built
as the preset pong-quick says, but for its torso and how its weights begin, and learns from random play. No agent step
is taken meanwhile, so the target network is renewed after as many updates as the preset's agent steps come to. A unit
is dead if it is zero on 256 states of the replay; given is the share of dead units behind each ReLU, the last of them
the dense layer's.

Run: python benchmarks/dead_units.py [--torsos nips nature] [--initializations pytorch he] [--seeds 1 2 3]
"""

from itertools import product

import dqn_zoo_ext  # isort: skip  # noqa: F401  # before PyTorch, as in the commands
import torch
from built_models import built
from reporting import parser_of, publish, whole_number

from dqn_zoo_ext.callbacks.vital_signs import draw, look
from dqn_zoo_ext.config.presets import find_preset
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.learning.deep_q import DeepQ

IN_UPDATES = {"target_update_unit": "updates", "target_update_interval": 250}
STATES, BATCH = 256, 32


def shares(model: DeepQ) -> list[float]:
    """Of dead units behind each ReLU, from the screen on."""
    with torch.no_grad():
        _, dead = look(model.q_net, draw(model, STATES))
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
    preset, rows = find_preset("pong-quick"), []
    game, steps = resolve(preset.head.env), arguments.random_steps
    for torso, begun, seed in product(arguments.torsos, arguments.initializations, arguments.seeds):
        changes = {"policy_kwargs.torso": torso, "policy_kwargs.torso_kwargs.initialization": begun, **IN_UPDATES}
        model = built("dqn", "cpu", steps, game, seed, preset.path, **changes)
        before = shares(model)
        model.train(arguments.updates, BATCH)
        row = {"torso": torso, "initialization": begun, "seed": seed}
        rows.append({**row, "dead_before": before, "dead_after": shares(model)})
        print(rows[-1], flush=True)
    publish("dead_units", {"updates": arguments.updates, "states": STATES, "rows": rows}, arguments.output)


if __name__ == "__main__":
    main()
