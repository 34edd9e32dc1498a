from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dqn_zoo_ext.config.merge import merge
from dqn_zoo_ext.config.yaml_source import Source, located


def layered(*layers: Mapping[str, Any]) -> dict[str, Any]:
    merged = merge(located(layer, Source(f"layer{n}")).data for n, layer in enumerate(layers))
    return {key: value.plain() for key, value in merged.items()}


def test_mappings_merge_key_by_key_and_the_rest_is_replaced() -> None:
    assert layered({"a": {"x": 1, "y": 2}, "b": [1, 2]}, {"a": {"y": 3}, "b": [4]}) == {"a": {"x": 1, "y": 3}, "b": [4]}


def test_every_value_keeps_the_source_of_the_layer_it_came_from() -> None:
    layers = [{"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}]
    merged = merge(located(layer, Source(f"layer{n}")).data for n, layer in enumerate(layers))
    assert merged["a"].data["x"].source == Source("layer0")
    assert merged["a"].data["y"].source == Source("layer1")


def test_another_class_drops_the_keywords_of_the_old_one() -> None:
    lower = {"optimizer": "deepmind_rmsprop", "optimizer_kwargs": {"decay": 0.95}, "gamma": 0.9}
    assert layered(lower, {"optimizer": "adam"}) == {"optimizer": "adam", "gamma": 0.9}
    assert layered(lower, {"optimizer": "adam", "optimizer_kwargs": {"eps": 1}})["optimizer_kwargs"] == {"eps": 1}


def test_the_same_class_named_again_keeps_its_keywords() -> None:
    lower = {"optimizer": "adam", "optimizer_kwargs": {"eps": 1}}
    assert layered(lower, {"optimizer": "adam"}) == lower


def test_another_torso_inside_the_policy_keeps_the_head() -> None:
    lower = {"policy_kwargs": {"torso": "nature", "torso_kwargs": {"bias": 0.1}, "head": "linear"}}
    assert layered(lower, {"policy_kwargs": {"torso": "nips"}}) == {
        "policy_kwargs": {"torso": "nips", "head": "linear"}
    }


def test_another_schedule_drops_the_arguments_of_the_old_one() -> None:
    lower = {"exploration": {"schedule": "linear", "start": 1.0, "end": 0.1, "agent_steps": 10}}
    upper = {"exploration": {"schedule": "exponential", "start": 1.0, "end": 0.01, "rate": 3e-5}}
    assert layered(lower, upper) == upper


def test_a_length_in_agent_steps_and_one_as_a_fraction_replace_each_other() -> None:
    steps = {"exploration": {"schedule": "linear", "start": 1.0, "end": 0.1, "agent_steps": 10}}
    shorter = {"exploration": {"schedule": "linear", "start": 1.0, "end": 0.1, "fraction": 0.5}}
    assert layered(steps, {"exploration": {"fraction": 0.5}}) == shorter
    assert layered(shorter, {"exploration": {"agent_steps": 10}}) == steps


def naive(lower: Any, upper: Any) -> Any:
    if isinstance(lower, dict) and isinstance(upper, dict):
        return {key: naive(lower[key], upper[key]) if key in lower and key in upper else {**lower, **upper}[key]
                for key in {**lower, **upper}}  # fmt: skip
    return upper


trees = st.recursive(st.integers(0, 3), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3))
layers_of_trees = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


@settings(max_examples=100, deadline=None)
@given(layers_of_trees, layers_of_trees, layers_of_trees)
def test_without_class_names_it_is_a_plain_deep_merge(first: Any, second: Any, third: Any) -> None:
    assert layered(first, second, third) == naive(naive(first, second), third)
