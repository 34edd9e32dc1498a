"""``dqn-zoo-ext VERB``: every verb under one command; ``python -m dqn_zoo_ext.VERB`` is the same."""

import importlib
import sys
from collections.abc import Sequence

from dqn_zoo_ext.errors import nearest
from dqn_zoo_ext.version import VERSION

VERBS = {
    "train": "train an agent as its YAML files say",
    "evaluate": "measure a trained agent by a named protocol",
    "enjoy": "watch a trained agent play",
    "record_video": "film a trained agent",
    "push_to_hub": "share a trained agent on the Hugging Face Hub",
    "load_from_hub": "an agent from the Hugging Face Hub into a log folder",
    "campaign": "compare an algorithm with itself less each of its parts, over several seeds",
    "doctor": "look at a training before it starts: what it will do, what it needs, what would go wrong",
    "config": "show the merged configuration, each value with its file and line",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Hand over to the verb; without one, list them."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help"):
        print("usage: dqn-zoo-ext VERB [OPTIONS]      (or: python -m dqn_zoo_ext.VERB [OPTIONS])\n")
        for verb, meaning in VERBS.items():
            print(f"  {verb:<14} {meaning}")
        print("\ndqn-zoo-ext VERB --help says more.")
        sys.exit(0 if given else 2)
    if given[0] == "--version":
        print(VERSION)
        sys.exit(0)
    if given[0] not in VERBS:
        print(f"error: unknown verb '{given[0]}'{nearest(given[0], VERBS)}", file=sys.stderr)
        sys.exit(2)
    module = "dqn_zoo_ext.config.__main__" if given[0] == "config" else f"dqn_zoo_ext.{given[0]}"
    from dqn_zoo_ext.command_line import run_verb

    run_verb(importlib.import_module(module).main, given[1:])


if __name__ == "__main__":
    main()
