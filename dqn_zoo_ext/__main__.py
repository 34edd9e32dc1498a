"""``dqn-zoo-ext VERB``: every verb under one command; ``python -m dqn_zoo_ext.VERB`` is the same."""

import importlib
import sys
from collections.abc import Sequence

from dqn_zoo_ext.errors import nearest
from dqn_zoo_ext.version import VERSION

VERBS = {
    "train": "train an agent as its YAML files say",
    "evaluate": "measure a trained agent, or random play, by a named protocol",
    "enjoy": "watch a trained agent play",
    "record_video": "film a trained agent",
    "aggregate": "median, IQM and more over games and seeds, with intervals",
    "report": "a page of a run: score in context, curves, video, what the agent expects and where it looks",
    "plot": "draw learning curves of runs, beside baselines and published curves",
    "push_to_hub": "share a trained agent on the Hugging Face Hub",
    "load_from_hub": "an agent from the Hugging Face Hub into a log folder",
    "leaderboard": "the Hub's agents for a game, ranked: a table, CSV, a web page",
    "campaign": "compare algorithms, or the parts of one, over games and seeds: a row a run, a table, a page",
    "tune": "search for better hyperparameters, over games and seeds",
    "presets": "systems and papers that can be trained by name: source, cost, expected score",
    "doctor": "look at a training before it starts: what it will do, what it needs, what would go wrong",
    "config": "show the merged configuration, each value with its file and line",
}

_FOLDERS = ("config", "report")  # verbs that share their name with a folder


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
    module = f"dqn_zoo_ext.{given[0]}" + (".__main__" if given[0] in _FOLDERS else "")
    from dqn_zoo_ext.cli.verb import run_verb

    run_verb(importlib.import_module(module).main, given[1:])


if __name__ == "__main__":
    main()
