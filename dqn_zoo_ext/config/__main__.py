"""``python -m dqn_zoo_ext.config``: the configuration that a run would have, and where each value comes from."""

import json
from collections.abc import Sequence
from pathlib import Path

from dqn_zoo_ext.cli.override_options import add_override_options, typed_overrides
from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.cli.preset_options import add_preset_options, faithful_to, parse_with_preset
from dqn_zoo_ext.cli.verb import prepare, run_verb
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.keywords import one_line

_DESCRIPTION = """\
Print the configuration that a training run would have, and the file and line that each value comes from."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.config --algo double_dqn --env SpaceInvadersNoFrameskip-v4
  python -m dqn_zoo_ext.config --env CartPole-v1 -params learning_rate:lin_1e-3 policy_kwargs.net_arch:[64,64]
  python -m dqn_zoo_ext.config --env Pong -conf my.yml --json
  python -m dqn_zoo_ext.config --preset nature-2015

With --json the last line is one object: {key: {"value": ..., "source": "file:line"}}."""

_SEARCHED = "what `tune` searches (it checks these entries before its first trial)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, merge, print."""
    parser = Parser("config", _DESCRIPTION, _EXAMPLES)
    parser.add_algo_and_env()
    parser.add_argument(
        "-conf",
        "--conf-file",
        type=Path,
        metavar="FILE",
        help="YAML to lay over the shipped files, or a file in RL-Zoo's format, which replaces them",
    )
    add_preset_options(parser)
    add_override_options(parser, "as in train", "values that come last, e.g. learning_rate:1e-3 exploration.end:0.01")
    parser.add_plug_in_options()
    parser.add_argument("--json", action="store_true", help="print the configuration as JSON, in the last line")
    options = parse_with_preset(parser, arguments)
    prepare(options)
    configuration = load(
        options.algo,
        resolve(options.env),
        conf_file=options.conf_file,
        between=faithful_to(options),
        overrides=typed_overrides(options),
    )
    print(_as_json(configuration) if options.json else _as_table(configuration))
    return 0


def _as_json(configuration: Configuration) -> str:
    sources = configuration.sources
    values = {key: {"value": value, "source": str(sources[key])} for key, value in configuration.flat().items()}
    return json.dumps(values)


def _as_table(configuration: Configuration) -> str:
    rows = [(key, _in_a_cell(value), str(configuration.sources[key])) for key, value in configuration.flat().items()]
    rows = [("key", "value", "from"), *rows]
    title = f"{configuration.algo} on {configuration.env.gym_id}"
    searched = [
        (f"search.{one_line(key)}", _in_a_cell(entry), str(configuration.search_sources[key]))
        for key, entry in configuration.search.items()
    ]
    return "\n".join([title, "", *_aligned(rows), *(["", _SEARCHED, "", *_aligned(searched)] if searched else [])])


def _aligned(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return [f"{key:{widths[0]}}  {value:{widths[1]}}  {source}" for key, value, source in rows]


def _in_a_cell(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else json.dumps(value)


if __name__ == "__main__":
    run_verb(main)
