"""The `search:` block: what it may say, and that what Optuna hands out can be laid over a configuration."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

import dqn_zoo_ext.cli.verb  # noqa: F401  # registers what a configuration names
from dqn_zoo_ext import registry
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.build import build_model, build_venv
from dqn_zoo_ext.experiment.search.space import Load, never_copied, search_space, without


def loader(conf_file: Path | None = None, env: str = "CartPole-v1", algo: str = "dqn") -> Load:
    with_file = partial(load, algo, resolve(env), conf_file=conf_file)

    def load_with(overrides: Mapping[str, object]) -> Configuration:
        return with_file(overrides=overrides)

    return load_with


def complete(tmp_path: Path, search: str) -> Load:
    """CartPole's configuration, with a search block that is `search` and nothing else."""
    plain = load("dqn", resolve("CartPole-v1")).as_plain_data()
    del plain["search"]
    file = tmp_path / "mine.yml"
    file.write_text(f"{to_yaml(plain)}search: {search}\n")
    return loader(file)


def test_a_shipped_block() -> None:
    assert search_space(loader(), {}) == {
        key: FloatDistribution(entry["low"], entry["high"], log=entry["log"])
        if entry["type"] == "float"
        else IntDistribution(entry["low"], entry["high"], log=entry["log"])
        if entry["type"] == "int"
        else CategoricalDistribution(entry["choices"])
        for key, entry in load("dqn", resolve("CartPole-v1")).search.items()
    }
    assert isinstance(search_space(loader(), {})["learning_rate"], FloatDistribution)


def test_what_is_given_is_not_searched_for() -> None:
    given = {"gamma": "0.9", "exploration": "0.1", "n_timesteps": 100}
    assert set(search_space(loader(), {})) - set(search_space(loader(), given)) == {"gamma", "exploration.end"}
    values = {"a.b": 1, "a.c": 2, "ab": 3, "d": 4}
    assert without(values, ["a"]) == {"ab": 3, "d": 4}
    assert without(values, ["a.b", "d.e"]) == {"a.c": 2, "ab": 3}
    assert without(values, []) == values


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("{gamma: 0.9}", "search block of 'dqn': gamma: must be a mapping with a type"),
        ("{gamma: {low: 0.9, high: 0.99}}", "gamma: must be a mapping with a type"),
        ("{gamma: {type: flaot, low: 0.9, high: 0.99}}", "gamma: unknown type 'flaot'; did you mean 'float'?"),
        ("{gamma: {type: [1], low: 0.9, high: 0.99}}", "gamma: unknown type '[1]'; choose one of"),
        ("{gamma: {type: float, low: 0.9, hihg: 0.99}}", "unknown key 'hihg' for type float; did you mean 'high'?"),
        ("{gamma: {type: float, low: 0.9, high: 0.99, choices: [1]}}", "gamma: unknown key 'choices' for type float"),
        ("{gamma: {type: categorical, choices: []}}", "gamma: choices must be a list with at least one value"),
        ("{gamma: {type: categorical}}", "gamma: choices must be a list with at least one value"),
        ("{gamma: {type: float, low: 0.9}}", "gamma: high must be a number, not missing"),
        ("{gamma: {type: float, low: true, high: 1}}", "gamma: low must be a number, not True"),
        ("{gamma: {type: float, low: abc, high: 1}}", "gamma: low must be a number, not 'abc'"),
        ("{gamma: {type: float, low: 0, high: .inf}}", "gamma: high must be a number, not inf"),
        ("{gamma: {type: float, low: 0.9, high: 0.8}}", "low must not be above high, but 0.9 is above 0.8"),
        ("{gamma: {type: float, low: 0, high: 1, log: true}}", "with log: true, low must be above 0, not 0"),
        ("{gamma: {type: float, low: 0, high: 1, log: 1}}", "log must be true or false, not '1'"),
        ("{batch_size: {type: int, low: 1.5, high: 8}}", "batch_size: low must be a whole number, not 1.5"),
        ("{gamma: {type: float, low: 0.9, high: 1.5}}", "search block of 'dqn': gamma: "),
        ("{gama: {type: float, low: 0.9, high: 0.99}}", "gama: unknown key 'gama'"),
        ("{batch_size: {type: float, low: 8.5, high: 16}}", "search block of 'dqn': batch_size: "),
        ("{optimizer: {type: categorical, choices: [adam, sdg]}}", "optimizer"),
        ("{}", "search block of 'dqn': there is none; write one into a file for -conf"),
    ],
)
def test_a_malformed_block_is_one_line(search: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        search_space(complete(tmp_path, search), {})
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
    assert "-params" not in str(error.value)


def test_a_block_that_is_all_given(tmp_path: Path) -> None:
    load_with = complete(tmp_path, "{gamma: {type: float, low: 0.9, high: 0.99}}")
    with pytest.raises(UserError, match="all that it names is given with -params"):
        search_space(load_with, {"gamma": "0.9"})


def test_choices_of_every_kind_come_back_as_they_were(tmp_path: Path) -> None:
    search = "{policy_kwargs.net_arch: {type: categorical, choices: [[8], [16, 16]]}, max_grad_norm: "
    search += "{type: categorical, choices: [null, 10, 0.5]}, optimizer: {type: categorical, choices: [adam, rmsprop]},"
    search += "learning_rate: {type: categorical, choices: [lin_1e-3, {schedule: linear, start: 1e-3, end: 1e-4, "
    search += "fraction: 0.5}]}}"
    load_with = complete(tmp_path, search)
    study = optuna.create_study(storage=f"sqlite:///{tmp_path}/s.db", sampler=optuna.samplers.RandomSampler(seed=1))
    found = set()
    space = dict(search_space(load_with, {}))
    for _ in range(10):
        trial = study.ask(space)
        stored = study.trials[trial.number].params  # as the database gives it back
        parameters = load_with(stored).hyperparameters
        rate = parameters.learning_rate.arguments
        found.add(
            (str(parameters.policy_kwargs["net_arch"]), parameters.max_grad_norm, parameters.optimizer, rate["end"])
        )
        study.tell(trial, 0.0)
    nets, norms, optimizers, rates = (set(values) for values in zip(*found, strict=True))
    assert nets == {"[8]", "[16, 16]"}
    assert norms == {None, 10.0, 0.5}
    assert optimizers == {"adam", "rmsprop"}
    assert rates == {0.0, 1e-4}


def test_what_is_not_searched_for_survives(tmp_path: Path) -> None:
    # RL-Zoo's sampler puts a new policy_kwargs in place of the one in the YAML file, optimizer_class and all
    (tmp_path / "mine.yml").write_text(
        "optimizer: deepmind_rmsprop\n"
        "optimizer_kwargs: {decay: 0.9, eps: 0.02}\n"
        "policy_kwargs: {torso: nips, head: linear}\n"
        "buffer_size: 100\n"
        "search:\n"
        "  optimizer_kwargs.eps: {type: float, low: 0.01, high: 0.1}\n"
        "  policy_kwargs.net_arch: {type: categorical, choices: [[32], [64]]}\n"
    )
    load_with = loader(tmp_path / "mine.yml", "PongNoFrameskip-v4", "double_dqn")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    trial = study.ask(dict(search_space(load_with, {"n_envs": 1})))
    configuration = load_with({"n_envs": 1, **trial.params})
    venv = build_venv(configuration, 1, 1)
    model = build_model(configuration, venv, 1, "cpu")
    venv.close()
    assert isinstance(model.policy.optimizer, registry.optimizers.get("deepmind_rmsprop"))
    assert model.policy.optimizer.defaults["eps"] == trial.params["optimizer_kwargs.eps"]
    assert model.policy.optimizer.defaults["decay"] == 0.9
    assert isinstance(model.online_net.features_extractor, registry.torsos.get("nips"))
    assert configuration.hyperparameters.policy_kwargs["head"] == "linear"


def test_a_users_file_changes_the_space_without_code(tmp_path: Path) -> None:
    shipped = search_space(loader(), {})
    (tmp_path / "mine.yml").write_text(
        "search:\n"
        "  learning_rate: {type: float, low: 3e-4, high: 4e-4}\n"  # narrower
        "  batch_size: {type: categorical, choices: [8, 16, 32, 64, 128, 256]}\n"  # wider
        "  gamma: null\n"  # gone
        "  optimizer_kwargs.eps: {type: float, low: 1e-8, high: 1e-4, log: true}\n"  # new
        "  train_freq: {type: int, low: 4, high: 16, step: 4}\n"
    )
    space = search_space(loader(tmp_path / "mine.yml"), {})
    assert space == {
        **{key: shipped[key] for key in shipped if key != "gamma"},
        "learning_rate": FloatDistribution(3e-4, 4e-4),
        "batch_size": CategoricalDistribution([8, 16, 32, 64, 128, 256]),
        "optimizer_kwargs.eps": FloatDistribution(1e-8, 1e-4, log=True),
        "train_freq": IntDistribution(4, 16, step=4),
    }


def test_steps(tmp_path: Path) -> None:
    search = (
        "{gamma: {type: float, low: 0.9, high: 0.99, step: 0.03}, batch_size: {type: int, low: 8, high: 24, step: 8}}"
    )
    space = search_space(complete(tmp_path, search), {})
    assert space["gamma"] == FloatDistribution(0.9, 0.99, step=0.03)
    assert space["batch_size"] == IntDistribution(8, 24, step=8)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    drawn = [study.ask(dict(space)).params for _ in range(20)]
    assert {params["batch_size"] for params in drawn} == {8, 16, 24}
    assert {round(params["gamma"], 9) for params in drawn} == {0.9, 0.93, 0.96, 0.99}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{type: float, low: 0.9, high: 0.99, step: 0}", "gamma: step must be above 0, not 0"),
        ("{type: float, low: 0.9, high: 0.99, step: -0.1}", "gamma: step must be above 0, not -0.1"),
        ("{type: float, low: 0.9, high: 0.99, step: abc}", "gamma: step must be a number, not 'abc'"),
        ("{type: float, low: 0.9, high: 0.99, log: true, step: 0.01}", "a range with log: true has no step; list its"),
        ("{type: float, low: 0.9, high: 0.99, step: 0.04}", "0.04 from 0.9 do not meet high, 0.99; write high: 0.98"),
        ("{type: float, low: 0.9, high: 0.99, stpe: 0.04}", "unknown key 'stpe' for type float; did you mean 'step'?"),
        ("{type: categorical, choices: [0.9], step: 1}", "unknown key 'step' for type categorical"),
    ],
)  # fmt: skip
def test_a_malformed_step_is_one_line(entry: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        search_space(complete(tmp_path, f"{{gamma: {entry}}}"), {})
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gama: {type: float, low: 0.9, high: 0.99}", "search block of 'dqn': gama: unknown key 'gama' for algorithm"),
        ("gamma: {type: float, low: 0.9, high: 0.8}", "gamma: low must not be above high, but 0.9 is above 0.8"),
        ("gamma: {type: categorical, choices: [high]}", "gamma"),
        ("batch_size: {type: int, low: 0, high: 8}", "batch_size"),
        ("gama: null", "search.gama: null takes an inherited entry away, and none of this name is inherited; did you"),
    ],
)
def test_a_mistake_in_a_users_file_has_its_line(line: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yml"
    file.write_text(f"# mine\nsearch:\n  learning_rate: {{type: float, low: 1e-5, high: 1e-3}}\n  {line}\n")
    with pytest.raises(UserError) as error:
        search_space(loader(file), {})
    assert str(error.value).startswith(f"{file}:4: ")
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_a_mistake_in_an_inherited_entry_has_the_line_of_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("gamma: 0.9\n")
    sources = loader(tmp_path / "mine.yml", algo="double_dqn")({}).search_sources
    assert {source.file for source in sources.values()} == {
        "hyperparams/algorithms/dqn.yml",
        "hyperparams/algorithms/double_dqn.yml",
    }
    assert all(source.line for source in sources.values())


def test_intervals_in_which_no_target_network_is_ever_renewed(tmp_path: Path) -> None:
    load_with = complete(tmp_path, "{target_update_interval: {type: int, low: 10, high: 5000, log: true}}")
    space = search_space(load_with, {})
    short, long = (load_with({"n_timesteps": steps, "learning_starts": 100}) for steps in (600, 5100))
    (line,) = never_copied(space, [long, short])
    assert line.startswith(
        "warning: the search goes up to target_update_interval 5,000, and a trial learns for 500 agent steps"
    )
    assert never_copied(space, [long]) == []
    by_updates = load_with({"n_timesteps": 600, "learning_starts": 100, "target_update_unit": "updates"})
    assert never_copied(space, [by_updates]) == []
    assert never_copied({}, [short]) == []
