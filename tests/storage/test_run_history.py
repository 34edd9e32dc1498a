"""Histories read from folders written by hand, in our form and in RL-Zoo's."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.run_history import read_evaluations, read_games, read_history

OURS = "complete: true\neval_protocol: nature-2015\npreprocessing_kwargs: {frame_skip: 4}\n"
RL_ZOO = "!!python/object/apply:collections.OrderedDict\n- - - batch_size\n    - 32\n"


def make_run(root: Path, env: str = "PongNoFrameskip-v4", config: str = OURS) -> Path:
    run = root / "dqn" / f"{env}_1"
    (run / env).mkdir(parents=True)
    (run / env / "config.yml").write_text(config)
    return run


def write_games(run: Path, games: str, rank: int = 0, began: float = 100.0) -> Path:
    path = run / f"{rank}.monitor.csv"
    path.write_text(f'#{{"t_start": {began}, "env_id": "pong"}}\nr,l,t\n{games}')
    return path


def write_evaluations(run: Path, **arrays: object) -> Path:
    given: dict[str, object] = {
        "timesteps": [100, 200],
        "results": [[1.0, 3.0], [5.0, 7.0]],
        "ep_lengths": [[9, 9]] * 2,
    }
    contents: Any = {name: np.array(value) for name, value in {**given, **arrays}.items()}
    np.savez(run / "evaluations.npz", **contents)
    return run / "evaluations.npz"


def test_our_folder(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_games(run, "-21.0,800,3.5\n-20.0,1000,9.0\n")
    write_evaluations(run)
    history = read_history(run)
    assert (history.algo, history.env, history.game) == ("dqn", "PongNoFrameskip-v4", "pong")
    assert (history.protocol, history.frames_per_agent_step) == ("nature-2015", 4)
    assert history.games is not None
    assert history.evaluations is not None
    assert history.games.scores.tolist() == [-21, -20]
    assert history.games.agent_steps.tolist() == [800, 1800]  # the second game ended after both
    assert history.games.seconds.tolist() == [3.5, 9.0]
    assert history.evaluations.agent_steps.tolist() == [100, 200]
    assert history.evaluations.scores.tolist() == [[1, 3], [5, 7]]


def test_rl_zoos_folder_counts_frames_and_has_a_file_for_each_environment(tmp_path: Path) -> None:
    run = make_run(tmp_path, config=RL_ZOO)
    write_games(run, "-21.0,3200,3.0\n-19.0,4000,9.0\n", rank=0, began=100.0)
    write_games(run, "-20.0,4000,4.0\n", rank=1, began=101.0)  # ended at second 5 of the other clock
    history = read_history(run)
    assert history.protocol is None
    assert history.games is not None
    assert history.games.scores.tolist() == [-21, -20, -19]
    assert history.games.agent_steps.tolist() == [1600, 2000, 3600]  # of both, when 800, 1000, 1800 were of one
    assert history.games.seconds.tolist() == [3, 5, 9]


def test_frames_are_not_divided_outside_atari(tmp_path: Path) -> None:
    run = make_run(tmp_path, "CartPole-v1", RL_ZOO)
    write_games(run, "9.0,9,1.0\n")
    history = read_history(run)
    assert history.games is not None
    assert (history.games.agent_steps.tolist(), history.frames_per_agent_step) == ([9], 1)


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    path = tmp_path / "0.monitor.csv"
    path.write_text('#{"t_start": 1.0}\nt,won,l,r\n2.5,1,30,7.0\n')
    games = read_games(tmp_path)
    assert games is not None
    assert (games.scores[0], games.agent_steps[0], games.seconds[0]) == (7, 30, 2.5)


@pytest.mark.parametrize("last", ["-20.0,10", "-20.0,1000,", "-20", '"'])
def test_a_last_line_that_is_being_written_is_left_out(last: str, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_games(run, f"-21.0,800,3.5\n{last}")
    games = read_games(run)
    assert games is not None
    assert games.scores.tolist() == [-21]


@pytest.mark.parametrize("line", ["-20.0,10", "a,b,c", "nan,1,2", ""])
def test_any_other_damaged_line_is_named(line: str, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    path = write_games(run, f"-21.0,800,3.5\n{line}\n-20.0,1000,9.0\n")
    with pytest.raises(UserError) as error:
        read_games(run)
    assert str(error.value) == f"{path}:4: a game is a score, a length and a time, not {line!r}"


@pytest.mark.parametrize(
    "text", ["", "r,l,t\n1,2,3\n", '#{"t_start": 1.0}\n', '#{"t_start": 1.0}\nr,l\n', "#[]\nr,l,t\n"]
)
def test_a_file_that_is_no_monitor_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "0.monitor.csv").write_text(text)
    with pytest.raises(UserError, match=r"0\.monitor\.csv is no monitor file"):
        read_games(tmp_path)


@pytest.mark.parametrize("kept", [0, 10, 400])
def test_an_npz_that_was_cut(kept: int, tmp_path: Path) -> None:
    path = write_evaluations(make_run(tmp_path))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"evaluations\.npz is cut short or damaged"):
        read_evaluations(path)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (10_000_000_000_000,)}",
        f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**30},)}}",
        "-" * 9_000,
        "(" * 9_000,
    ],
)
def test_an_npz_whose_header_claims_what_cannot_be(header: str, tmp_path: Path) -> None:
    """80 TB, more numbers than can be counted, and what Python's parser gives up on."""
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(8)
    run = make_run(tmp_path)
    with zipfile.ZipFile(run / "evaluations.npz", "w") as archive:
        for name in ("timesteps", "results"):
            archive.writestr(f"{name}.npy", content)
    with pytest.raises(UserError, match=r"evaluations\.npz is cut short or damaged") as refused:
        read_history(run)
    assert len(str(refused.value).splitlines()) == 1


def test_an_npz_with_a_changed_byte_is_refused_or_reads_as_before(tmp_path: Path) -> None:
    """The zip's checksums cover the arrays; what they do not cover must not end in a traceback."""
    path = write_evaluations(make_run(tmp_path))
    whole = path.read_bytes()
    refused = []
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            read_evaluations(path)
        except UserError as error:
            refused.append(str(error))
    assert len(refused) > 20
    assert all(len(message.splitlines()) == 1 for message in refused)


@pytest.mark.parametrize(
    "arrays",
    [
        {"timesteps": [100]},
        {"timesteps": [200, 100]},
        {"results": [1.0, 2.0]},
        {"results": [[1.0], [float("nan")]]},
        {"results": [[], []]},
    ],
)
def test_arrays_that_do_not_belong_together(arrays: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"evaluations\.npz is damaged: timesteps "):
        read_evaluations(write_evaluations(make_run(tmp_path), **arrays))


def test_a_pickle_in_an_npz_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "evaluations.npz"
    np.savez(path, timesteps=np.array([{}], dtype=object), results=np.array([[1.0]]))
    with pytest.raises(UserError, match="cut short or damaged: Object arrays cannot be loaded"):
        read_evaluations(path)


def test_where_games_of_one_file_end_of_which_it_says_whose_they_were(tmp_path: Path) -> None:
    run = make_run(tmp_path, config=f"{OURS}n_envs: 2\n")
    path = write_games(run, "1,30,1,1\n2,50,2,0\n3,10,3,0\n4,40,4,1")
    path.write_text(path.read_text().replace("r,l,t\n", "r,l,t,env\n"))
    games = read_history(run).games
    assert games is not None
    assert games.agent_steps.tolist() == [60, 100, 120, 140]
    assert games.scores.tolist() == [1, 2, 3, 4]


def test_where_it_does_not_say_it_the_longest_game_tells_how_many_there_were_at_least(tmp_path: Path) -> None:
    run = make_run(tmp_path, config=f"{OURS}n_envs: 8\n")
    write_games(run, "1,290,1\n2,300,2\n" + "3,300,3\n" * 7)
    games = read_history(run).games
    assert games is not None
    assert games.agent_steps.tolist() == [2320, *[2400] * 7, 2690]


@pytest.mark.parametrize("n_files", [1, 3])
def test_as_games_that_were_simulated_step_by_step(tmp_path: Path, n_files: int) -> None:
    rng, n_envs, steps = np.random.default_rng(0), 3, 500
    run = make_run(tmp_path, config=f"{OURS}n_envs: {n_envs}\n")
    rows: list[list[str]] = [[] for _ in range(n_files)]
    lengths = [0] * n_envs
    expected: list[int] = []
    for step in range(1, steps + 1):
        for env in range(n_envs):
            lengths[env] += 1
            if rng.random() < 0.1:
                rows[env % n_files].append(f"{len(expected)},{lengths[env]},{step + env / 10},{env}\n")
                expected.append(n_envs * step)
                lengths[env] = 0
    for rank, its in enumerate(rows):
        path = write_games(run, "".join(its), rank)
        path.write_text(path.read_text().replace("r,l,t\n", "r,l,t,env\n"))
    games = read_history(run).games
    assert games is not None
    assert len(expected) > 100
    assert games.agent_steps.tolist() == expected
    assert games.scores.tolist() == [*range(len(expected))]


def test_a_folder_that_is_no_run_and_a_run_that_played_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with pytest.raises(UserError, match=r"has no evaluations\.npz, and no finished game in a monitor\.csv"):
        read_history(run)
    write_games(run, "")
    write_evaluations(run, timesteps=[], results=[])
    with pytest.raises(UserError, match=r"has no evaluations\.npz, and no finished game"):
        read_history(run)
    with pytest.raises(UserError, match=r"no run folder .*; did you mean .*PongNoFrameskip-v4_1'\?"):
        read_history(run.with_name("PongNoFrameskip-v4_2"))
    with pytest.raises(UserError, match="is not the folder of a run"):
        read_history(tmp_path)


@pytest.mark.parametrize("config", ["[" * 5_000, "a: 2024-13-45\n", "a: !!python/name:os.system\n", "a: [\n", "- 1\n"])
def test_a_configuration_that_cannot_be_read_leaves_the_scores(tmp_path: Path, config: str) -> None:
    run = make_run(tmp_path, config=config)
    write_evaluations(run)
    history = read_history(run)
    assert (history.protocol, history.frames_per_agent_step) == (None, 4)
    assert history.evaluations is not None
