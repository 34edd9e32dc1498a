"""Every benchmark that the guide names is run with the words that stand there, with sizes that measure little."""

import importlib
import json
import sys
from pathlib import Path

import pytest
import torch
from guide_commands import PAGES, ROOT, programs_in, shortened

SHORT = {
    "cartpole": "--algos dqn --seeds 1 --jobs 1",  # a whole training of a minute and a half
    "dead_units": "--torsos nips --seeds 1 --updates 2 --random-steps 500",
    "env_speed": "--envs 1 --sb3-envs 1 --threads 1 --seconds 0.01 --rounds 1",
    "every_game": "--env CartPole-v1",
    "ladder_speed": "--pairs 1 --algos dqn c51",
    "many_runs": "--runs 1 --agent-steps 1100 --rounds 1 --only-overhead",
    "playground": "--env CartPole-v1 --agent-steps 300",
    "random_agents": "--games 2 --env CartPole-v1",
    "replay_memory": "--sizes 8000 --draws 3",
    "scaling": "--quick --agent-steps 64 --rounds 1",
    "train_speed": "--pairs 1 --agent-steps 192 --warm-up 64 --learning-starts 64 --buffer-size 200",
    "update_speed": "--batch-sizes 4 --rounds 1 --updates 1",
}
"""Words that are put after a benchmark's own."""
ELSEWHERE = {
    "neighbours": "asks for an agent of a training; tests/benchmarks runs it with one",
    "precision_learning": "plays a hundred games at least; tests/benchmarks runs it with one",
}
"""What is not run here, and why."""
COMMANDS = [words for page in PAGES for words in programs_in(page, "benchmarks")]


@pytest.mark.slow
@pytest.mark.parametrize("words", dict.fromkeys(tuple(each) for each in COMMANDS if each[0] not in ELSEWHERE), ids=str)
def test_a_benchmark_works(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, *given = words
    if "cuda" in given and not torch.cuda.is_available():
        given[given.index("cuda")] = "cpu"
    if given[-1:] == ["--inputs"]:  # the page names the option, and any of its values will do
        given = [*given, "rgb"]
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    monkeypatch.setenv("DQN_ZOO_EXT_CACHE", str(tmp_path / "cache"))
    output = tmp_path / "result.json"
    typed = [*shortened(given, SHORT[name]), "--output", str(output)]
    monkeypatch.setattr(sys, "argv", [f"benchmarks/{name}.py", *typed])
    assert (importlib.import_module(name).main() or 0) == 0
    assert json.loads(output.read_text())


def test_every_program_that_the_guide_names_is_there() -> None:
    assert len(COMMANDS) > 10
    assert {words[0] for words in COMMANDS} == {*SHORT, *ELSEWHERE}
    for folder in ("benchmarks", "docs", "docs/tour/experiments"):
        for page in PAGES:
            for name, *_ in programs_in(page, folder):
                assert (ROOT / folder / f"{name}.py").is_file()
