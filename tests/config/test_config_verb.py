import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dqn_zoo_ext
from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.config.__main__ import main
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.config.shipped_files import shipped
from dqn_zoo_ext.envs.ids import resolve


def test_the_table_has_key_value_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--algo",
        "double_dqn",
        "--env",
        "ALE/SpaceInvaders-v5",
        "-params",
        "learning_rate:1e-3",
        "exploration.end:0.01",
    ]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "double_dqn on ALE/SpaceInvaders-v5"
    assert lines[2].split() == ["key", "value", "from"]
    rows = {line.split()[0]: line.split()[1:] for line in lines[3:] if line}
    assert rows["learning_rate"] == ["0.001", "-params"]
    assert " ".join(rows["search.batch_size"]).startswith('{"type": "categorical", "choices": [16, 32, 64, 128]}')
    assert rows["search.batch_size"][-1].startswith("hyperparams/algorithms/dqn.yml:")
    assert rows["exploration.end"] == ["0.01", "-params"]
    family = shipped("families/atari.yml")[0].read_text().splitlines()
    line = 1 + next(i for i, text in enumerate(family) if text.startswith("buffer_size: "))
    assert rows["buffer_size"] == ["1000000", f"hyperparams/families/atari.yml:{line}"]
    assert rows["tau"] == ["1.0", "default"]


def test_a_text_of_several_lines_stays_on_the_line_of_its_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--env", "FrozenLake-v1", "-params", 'env_kwargs.desc:"SF\\nFG"']) == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if "env_kwargs.desc" in line)
    assert row.split() == ["env_kwargs.desc", '"SF\\nFG"', "-params"]


def test_json_is_one_object_on_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--env", "CartPole-v1", "--json", "-params", "gamma:0.9", "-params", "tau:0.5"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    expected = load("dqn", resolve("CartPole-v1"), overrides={"gamma": 0.9, "tau": 0.5})
    assert {key: entry["value"] for key, entry in found.items()} == expected.flat()
    assert {key: entry["source"] for key, entry in found.items()} == {
        key: str(source) for key, source in expected.sources.items()
    }


def test_a_package_that_brings_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "brought_envs.py").write_text(
        "import gymnasium\ngymnasium.register('Brought-v0', 'gymnasium.envs.toy_text:TaxiEnv')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["--env", "Brought-v0", "--gym-packages", "brought_envs"]) == 0
    assert "hyperparams/families/gymnasium.yml" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--env", "PongNoFrameskip-v4", "-params", "learning_rate:abc"],
            "error: -params: learning_rate: 'abc' is not a",
        ),
        (["--env", "PongNoFrameskip-v5"], "error: "),
        (["--env", "CartPole-v1", "-n", "0"], "error: -n: n_timesteps: must be at least 1, not 0"),
        (["--env", "CartPole-v1", "--algo", "dqnn"], "error: unknown algorithm 'dqnn'; did you mean 'dqn'?"),
        (
            ["--env", "CartPole-v1", "--gym-packages", "no_such_package"],
            "error: --gym-packages: cannot import 'no_such_package'",
        ),
        (
            ["--env", "CartPole-v1", "-conf", "nowhere.yml"],
            "error: nowhere.yml: cannot be read: No such file or directory",
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_verb(main, words)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(message)
    assert err.count("\n") == 1


def test_as_a_program_from_another_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("gamma: 0.95\nlerning_rate: 1\n")
    root = str(Path(dqn_zoo_ext.__path__[0]).parent)
    done = subprocess.run(
        [sys.executable, "-m", "dqn_zoo_ext.config", "--algo", "dqn", "--env", "Pong", "-conf", "mine.yml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert (
        done.stderr
        == "error: mine.yml:2: unknown key 'lerning_rate' for algorithm 'dqn'; did you mean 'learning_rate'?\n"
    )


def test_beside_other_hyperparams_files_are_shown_by_their_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a checkout, the console script of an installed package reads that package's files."""
    monkeypatch.chdir(tmp_path)
    assert main(["--env", "Pong"]) == 0
    short = capsys.readouterr().out
    (tmp_path / "hyperparams").mkdir()
    assert main(["--env", "Pong"]) == 0
    whole = capsys.readouterr().out
    folder = Path(dqn_zoo_ext.__path__[0]) / "hyperparams"
    assert " hyperparams/families/atari.yml:" in short
    assert " hyperparams/families/atari.yml:" not in whole
    assert f" {folder}/families/atari.yml:" in " ".join(whole.split())
