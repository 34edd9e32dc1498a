"""What a search does not vary stays as it was for as long as its study goes on: real searches on CartPole."""

from pathlib import Path

import pytest
from small_searches import RANDOM, SMALL, Place

from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ids import EnvId, resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.search.problem import Problem
from dqn_zoo_ext.experiment.search.space import Load, search_space
from dqn_zoo_ext.experiment.search.study import FIXED, MEASURED


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path)
    assert found.tune(f"--n-trials 1 {RANDOM} --study-name cart") == 0
    return found


def refused(place: Place, words: str) -> str:
    with pytest.raises(UserError) as error:
        place.tune(f"--n-trials 2 {RANDOM} --study-name cart {words}")
    assert len(place.study.trials) == 1
    return str(error.value)


def test_another_value_is_refused_wherever_it_stands(place: Place) -> None:
    start, end = "--study-name: the values of study 'cart' are for ", ", and do not compare; choose another name"
    assert refused(place, "-params buffer_size:37") == (
        f"{start}buffer_size 100000 on CartPole-v1, not 37 (-params){end}"
    )
    assert refused(place, "-params optimizer:adam") == (
        f"{start}optimizer deepmind_rmsprop on CartPole-v1, not adam (-params){end}"
    )
    # what was searched for is another thing than what is given
    assert refused(place, "-params gamma:0.5") == (
        f"{start}gamma not set or searched for on CartPole-v1, not 0.5 (-params){end}"
    )
    place.conf.write_text(SMALL.replace("decay: 0.9,", "decay: 0.8,"))
    assert refused(place, "") == f"{start}optimizer_kwargs.decay 0.9 on CartPole-v1, not 0.8 ({place.conf}:8){end}"
    place.conf.write_text(SMALL + "search: {gamma: null}\n")
    assert f"{start}gamma not set or searched for on CartPole-v1, not 0.99 (" in refused(place, "")
    # how often it is evaluated is the search's own, and what was typed otherwise may be the same
    place.conf.write_text(SMALL.replace("train_freq: 8\n", "eval_freq: 77\n"))
    assert place.tune(f"--n-trials 2 {RANDOM} --study-name cart -params train_freq:8") == 0
    assert len(place.study.trials) == 2


def test_a_study_of_an_older_version_goes_on(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    measured = dict(place.study.user_attrs[MEASURED])
    assert measured.pop(FIXED)["CartPole-v1"]["optimizer"] == "deepmind_rmsprop"
    place.study.set_user_attr(MEASURED, measured)
    capsys.readouterr()
    again = f"--n-trials 2 {RANDOM} --study-name cart".replace("--verbose 0", "")
    assert place.tune(again) == 0
    said = (
        "study 'cart' is of an older version, which did not note the hyperparameters that are not searched for: they "
        "are taken to have been as they are now"
    )
    assert said in capsys.readouterr().out.splitlines()
    assert len(place.study.trials) == 2
    assert place.tune(again.replace("2", "3")) == 0
    assert "older version" not in capsys.readouterr().out
    with pytest.raises(UserError, match="are for buffer_size 100000 on CartPole-v1, not 37"):
        place.tune(f"{again} -params buffer_size:37")


def of_games(*names: str, **overrides: object) -> Problem:
    envs = [resolve(name) for name in names]

    def load_on(env: EnvId) -> Load:
        return lambda given: load("dqn", env, overrides=given)

    options = RunOptions(log_folder=Path(), seed=1)
    return Problem("dqn", envs, [load_on(env) for env in envs], overrides, [1], ["score"], options)


def test_each_game_has_its_own_and_neither_searched_keys_nor_the_seed() -> None:
    problem = of_games("Pong", "Breakout", n_timesteps=1000)
    space = search_space(problem.loads[0], problem.overrides)
    fixed = problem.measured(space)[FIXED]
    assert list(fixed) == ["PongNoFrameskip-v4", "BreakoutNoFrameskip-v4"]
    assert "learning_rate" in space
    for values in fixed.values():
        assert values["buffer_size"] == 1_000_000
        assert not set(values) & {*space, "seed", "n_timesteps", "eval_protocol", "eval_episodes", "eval_freq"}
    assert problem.where()["PongNoFrameskip-v4"]["buffer_size"].startswith("hyperparams/families/atari.yml:")


def test_several_games_say_by_which_levels_they_are_normalised() -> None:
    assert of_games("Pong").remarks() == []
    (line,) = of_games("Pong", "Breakout", n_timesteps=1000).remarks()
    assert line == (
        "scores are human-normalised: 0 is random play, 1 a person, by the rules of nature-2015-30min; the evaluations "
        "are by nature-2015, which are other rules"
    )
    (line,) = of_games("Pong", "Breakout", n_timesteps=1000, eval_protocol="nature-2015-30min").remarks()
    assert line.endswith("by the rules of nature-2015-30min")
