"""Plans of campaigns: which variants there are, in which order, and which layer lies over which."""

import re
from pathlib import Path

import pytest

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext.config.yaml_source import Located, Source, located
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.campaign.ablation import plan_ablation
from dqn_zoo_ext.experiment.campaign.beneath import Beneath
from dqn_zoo_ext.experiment.campaign.comparison import plan_comparison

ENVS = [resolve("CartPole-v1"), resolve("Acrobot-v1")]


def params(**given: object) -> dict[str, Located]:
    return {key: located(value, Source("file.yml", 5)) for key, value in given.items()}


def test_a_comparison_goes_seed_by_seed() -> None:
    plan = plan_comparison(["dqn", "double_dqn"], ENVS, [3, 1], Beneath())
    assert [run.row().key for run in plan.runs()] == [
        (algo, env, seed) for seed in (3, 1) for env in ("CartPole-v1", "Acrobot-v1") for algo in ("dqn", "double_dqn")
    ]
    assert (plan.kind, plan.of, plan.reference, plan.numbered) == ("comparison", "dqn, double_dqn", "dqn", True)
    assert plan.name == "compare-dqn-double_dqn-CartPole-v1-Acrobot-v1"
    assert plan.shown(plan.variants[0]) == "dqn on CartPole-v1"


def test_names_of_variants_and_what_lies_over_what(tmp_path: Path) -> None:
    conf = tmp_path / "conf.yml"
    conf.write_text("gamma: 0.5\nbatch_size: 8\ntau: 0.5\nn_steps: 2\n")
    beneath = Beneath(conf, params(batch_size=16, tau=0.75, n_steps=3), {"tau": "0.875", "n_steps": "4"})
    variants = {"plain": params(), "five": params(n_steps=5)}
    plan = plan_comparison(["dqn", "double_dqn"], ENVS[:1], [1], beneath, variants=variants, name="mine")
    assert [each.name for each in plan.variants] == ["dqn-plain", "dqn-five", "double_dqn-plain", "double_dqn-five"]
    assert [each.configuration.algo for each in plan.variants] == ["dqn", "dqn", "double_dqn", "double_dqn"]
    assert [dict(each.changed) for each in plan.variants[:2]] == [{}, {"n_steps": 5}]
    plain, five = (each.configuration.flat() for each in plan.variants[:2])
    assert (plain["gamma"], plain["batch_size"], plain["tau"], plain["n_steps"]) == (0.5, 16, 0.875, 4)
    assert five["n_steps"] == 5
    assert (plan.name, plan.numbered) == ("mine", False)


def test_a_mapping_and_a_dotted_key_of_it_are_the_same_for_every_variant() -> None:
    """The first variant leaves the mapping as the file has it."""
    given = params(policy_kwargs={"net_arch": [16]}) | params(**{"policy_kwargs.activation": "tanh"})
    plan = plan_comparison(["dqn", "double_dqn"], ENVS, [1], Beneath(params=given))
    for each in plan.variants:
        flat = each.configuration.flat()
        assert (flat["policy_kwargs.net_arch"], flat["policy_kwargs.activation"]) == ([16], "tanh")
    assert given["policy_kwargs"].plain() == {"net_arch": [16]}


def test_long_names_of_folders_are_counted() -> None:
    envs = [resolve(name) for name in ("CartPole-v1", "Acrobot-v1", "MountainCar-v0", "Pong")]
    plan = plan_comparison(["dqn", "double_dqn", "dueling_dqn", "noisy_dqn"], envs, [1], Beneath())
    assert plan.name == "compare-4-algos-4-envs"


def test_two_variants_that_are_one_are_refused() -> None:
    given = Beneath(overrides={"gamma": "0.9"})
    with pytest.raises(UserError, match="variants 'dqn-plain' and 'dqn-same' are the same"):
        plan_comparison(["dqn"], ENVS, [1], given, variants={"plain": params(), "same": params(gamma=0.9)})
    # made the same by the command line on one environment only is no mistake: a game's own value may be so
    plan_comparison(["dqn"], ENVS, [1], Beneath(), variants={"plain": params(), "one": params(n_steps=3)})


def test_an_error_names_the_variant_and_its_line() -> None:
    with pytest.raises(UserError, match=r"variant 'dqn-bad on CartPole-v1': file\.yml:5: unknown key 'gama'"):
        plan_comparison(["dqn"], ENVS, [1], Beneath(), variants={"bad": params(gama=0.9)})


def test_an_ablation_of_several_environments() -> None:
    plan = plan_ablation("rainbow", ENVS, [1], Beneath(), only=["no_double"])
    assert [(each.name, each.env) for each in plan.variants] == [
        (name, env) for env in ("CartPole-v1", "Acrobot-v1") for name in ("whole", "no_double")
    ]
    assert (plan.kind, plan.of, plan.name) == ("ablation", "rainbow", "ablate-rainbow-CartPole-v1-Acrobot-v1")


def test_variants_evaluated_by_two_protocols_are_refused() -> None:
    sticky = params(eval_protocol="machado-2018")
    with pytest.raises(UserError) as error:
        plan_comparison(["dqn"], [resolve("Pong")], [1], Beneath(), variants={"plain": params(), "sticky": sticky})
    assert re.fullmatch(
        r"variants 'dqn-plain' and 'dqn-sticky' are evaluated by nature-2015 \(hyperparams/families/atari\.yml:\d+\) "
        r"and by machado-2018 \(file\.yml:5\), and such scores do not compare; give all of them one, with -params "
        r"eval_protocol:nature-2015 and none in the variants",
        str(error.value),
    )
    # each environment has its own, and fewer games are a worse estimate of the same score
    envs = [resolve("Pong"), resolve("CartPole-v1")]
    plan_comparison(["dqn"], envs, [1], Beneath(), variants={"plain": params(), "few": params(eval_episodes=1)})
    plan_comparison(["dqn", "rainbow"], envs, [1], Beneath(params=sticky))
