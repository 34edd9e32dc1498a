"""A campaign's file: what it says, and its mistakes by file and line."""

from pathlib import Path

import pytest

import dqn_zoo_ext.algorithms  # noqa: F401  # registers what the files name
from dqn_zoo_ext.config.campaign_file import read_campaign_file
from dqn_zoo_ext.errors import UserError

FULL = """\
name: double-or-not
algos: [dqn, double_dqn]
envs: [CartPole-v1, Pong]
seeds: [1, 5]
conf: sub/other.yml
params: {n_timesteps: 2000, exploration.end: 0.1}
variants:
  plain: {}
  small_lr: {learning_rate: 1.0e-4}
"""


def test_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "file.yml"
    path.write_text(FULL)
    found = read_campaign_file(path)
    assert (found.name, found.algos, found.ablate, found.seeds) == (
        "double-or-not",
        ["dqn", "double_dqn"],
        None,
        [1, 5],
    )
    assert [env.gym_id for env in found.envs] == ["CartPole-v1", "PongNoFrameskip-v4"]
    assert found.conf == tmp_path / "sub" / "other.yml"
    assert {key: value.plain() for key, value in found.params.items()} == {"n_timesteps": 2000, "exploration.end": 0.1}
    assert list(found.variants) == ["plain", "small_lr"]
    assert found.variants["small_lr"]["learning_rate"].source.line == 9


def test_presets_bring_their_own_games(tmp_path: Path) -> None:
    path = tmp_path / "file.yml"
    path.write_text("presets: [nature_2015, nips-2013]\nparams: {n_timesteps: 10}\n")
    found = read_campaign_file(path)
    assert (found.presets, found.algos, found.envs) == (["nature-2015", "nips-2013"], (), ())
    path.write_text("params: {}\npresets: [natur-2015]\n")
    with pytest.raises(UserError, match=r"file.yml:2: presets: there is none called 'natur-2015'"):
        read_campaign_file(path)


def test_the_least_of_it(tmp_path: Path) -> None:
    path = tmp_path / "what-it-is-worth.yml"
    path.write_text("ablate: rainbow\nenvs: [CartPole-v1]\n")
    found = read_campaign_file(path)
    assert (found.name, found.ablate, found.algos) == ("what-it-is-worth", "rainbow", ())
    assert (list(found.seeds), found.conf, found.params, found.variants) == ([1, 2, 3], None, {}, {})


@pytest.mark.parametrize(
    ("was", "becomes", "expected"),
    [
        ("double_dqn]", "double_dqm]", "{file}:2: algos: unknown algorithm 'double_dqm'; did you mean 'double_dqn'?"),
        ("[dqn, double_dqn]", "[]", "{file}:2: algos: must be a list of at least one, not []"),
        ("[dqn, double_dqn]", "dqn", "{file}:2: algos: must be a list of at least one, not 'dqn'"),
        ("[dqn, double_dqn]", "[dqn, dqn]", "{file}:2: algos: dqn is given twice"),
        ("CartPole-v1", "CartPoel-v1", "{file}:3: envs: unknown environment 'CartPoel-v1'; did you mean 'CartPole-v1'"),
        (
            "[CartPole-v1, Pong]",
            "[pong, PongNoFrameskip-v4]",
            "{file}:3: envs: PongNoFrameskip-v4 is given twice, first as pong",
        ),
        ("[CartPole-v1, Pong]", "[Pong, Pong]", "{file}:3: envs: Pong is given twice"),
        ("[CartPole-v1, Pong]", "[]", "{file}:3: envs: must be a list of at least one"),
        ("[CartPole-v1, Pong]", "[[Pong]]", '{file}:3: envs: must be a name, not ["Pong"]'),
        ("[1, 5]", "[1, 1]", "{file}:4: seeds: 1 is given twice"),
        ("[1, 5]", "[]", "{file}:4: seeds: must be a list of at least one, not []"),
        ("[1, 5]", "[-1]", "{file}:4: seeds: must be whole numbers from 0 to 2**31 - 1, not -1"),
        ("[1, 5]", "[true]", "{file}:4: seeds: must be whole numbers"),
        ("seeds:", "seds:", "{file}:4: unknown key 'seds' of a campaign; did you mean 'seeds'?"),
        ("seeds: [1, 5]", "algos: [dqn]", "{file}:4: key 'algos' stands twice"),
        ("sub/other.yml", "[a]", '{file}:5: conf: must be a name, not ["a"]'),
        ("{n_timesteps: 2000, exploration.end: 0.1}", "[1]", "{file}:6: params: must be a mapping of hyperparameters"),
        ("  plain: {}\n  small_lr: {learning_rate: 1.0e-4}", "  {}", "{file}:7: variants: must name at least one"),
        ("{learning_rate: 1.0e-4}", "{}", "{file}:9: variants.small_lr: changes nothing, and so does 'plain'"),
        (
            "plain: {}",
            "plain: {learning_rate: 0.0001}",
            "{file}:9: variants.small_lr: changes what 'plain' changes",
        ),
        ("{learning_rate: 1.0e-4}", "1e-4", "{file}:9: variants.small_lr: must be a mapping of hyperparameters"),
        ("small_lr:", "a/b:", "{file}:9: variants: the name of a variant, 'a/b', must be of letters, digits"),
        ("double-or-not", "../up", "{file}:1: name: a folder is called so: it must be of letters, digits"),
        ("double-or-not", "7", "{file}:1: name: a folder is called so"),
        ("algos: [dqn, double_dqn]\n", "", "{file}: must say what to compare: either algos, ablate or presets"),
        ("algos: [dqn, double_dqn]", "presets: [nature-2015]", "{file}:5: conf: not beside presets"),
        ("name: double-or-not", "ablate: rainbow", "{file}: must say what to compare: either algos, ablate or presets"),
        ("algos: [dqn, double_dqn]", "ablate: rainbow", "{file}:7: variants: not beside ablate"),
        ("algos: [dqn, double_dqn]", "ablate: rainbo", "{file}:7: variants: not beside ablate"),
        ("envs: [CartPole-v1, Pong]\n", "", "{file}: must say on what: envs, e.g. "),
    ],
)
def test_a_mistake_is_named_by_file_and_line(was: str, becomes: str, expected: str, tmp_path: Path) -> None:
    assert was in FULL
    path = tmp_path / "file.yml"
    path.write_text(FULL.replace(was, becomes, 1))
    with pytest.raises(UserError) as raised:
        read_campaign_file(path)
    line = str(raised.value)
    assert line.startswith(expected.format(file=path)), line
    assert len(line.splitlines()) == 1


def test_no_file_and_no_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.yml: cannot be read: No such file"):
        read_campaign_file(tmp_path / "nowhere.yml")
    path = tmp_path / "two words.yml"
    path.write_text("ablate: rainbow\nenvs: [CartPole-v1]\n")
    with pytest.raises(UserError, match=r"two words\.yml: name: a folder is called so: .* not 'two words'"):
        read_campaign_file(path)
    path = tmp_path / "file.yml"
    path.write_text("ablate: rainbo\nenvs: [CartPole-v1]\n")
    with pytest.raises(UserError, match=r":1: ablate: unknown algorithm 'rainbo'; did you mean 'rainbow'\?"):
        read_campaign_file(path)
