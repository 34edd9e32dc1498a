"""Mistakes of a user: each one line, with file and line, the rule, the value and the nearest valid name."""

from pathlib import Path

import pytest

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext import registry
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.config.overrides import parse_params
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError

PONG = resolve("PongNoFrameskip-v4")


class Talkative:
    """A callback with a keyword."""

    def __init__(self, words: int = 3) -> None:
        self.words = words


NOT_A_SCHEDULE = (
    "is not a schedule; write a number (1e-4), lin_1e-4, or {schedule: linear, start: 1e-4, end: 0, fraction: 1}"
)
TWO_LENGTHS = "both exploration.agent_steps and exploration.fraction are given; a schedule has one length"

IN_A_FILE = [
    ("learning_start: 5", "unknown key 'learning_start' for algorithm 'dqn'; did you mean 'learning_starts'?"),
    ("zzz: 5", "unknown key 'zzz' for algorithm 'dqn'"),
    ("colour: rgb", "unknown key 'colour' for algorithm 'dqn'; did you mean 'preprocessing_kwargs.colour'?"),
    ("color: rgb", "unknown key 'color' for algorithm 'dqn'; did you mean 'preprocessing_kwargs.colour'?"),
    ("learning_rate: abc", f"learning_rate: 'abc' {NOT_A_SCHEDULE}"),
    ("learning_rate: '1e-4'", f"learning_rate: '1e-4' {NOT_A_SCHEDULE}"),
    ("learning_rate: [1e-4]", f"learning_rate: [0.0001] {NOT_A_SCHEDULE}"),
    ("learning_rate: true", f"learning_rate: true {NOT_A_SCHEDULE}"),
    ("learning_rate: cos_1e-4", "learning_rate: unknown schedule 'cos_1e-4'; did you mean 'lin_1e-4'?"),
    ("learning_rate: lin_fast", f"learning_rate: 'lin_fast' {NOT_A_SCHEDULE}"),
    ("learning_rate: -1e-4", "learning_rate.value: must be at least 0, not -0.0001"),
    ("learning_rate: .nan", "learning_rate.value: must be a finite number"),
    ("learning_rate: .inf", "learning_rate.value: must be a finite number"),
    ("learning_rate: {schedule: linaer, start: 1, end: 0}", "unknown schedule 'linaer'; did you mean 'linear'?"),
    ("learning_rate: {schedule: linear, start: 1}", "schedule 'linear' needs 'end'"),
    ("exploration: {strat: 1.0}", "unknown keyword 'strat' of schedule 'linear'; did you mean 'start'?"),
    ("exploration: {end: 1.5}", "exploration.end: must be in [0, 1], not 1.5"),
    ("exploration: {end: low}", "exploration.end: must be a number, not 'low'"),
    ("exploration: {fraction: 2}", "exploration.fraction: must be at most 1, not 2"),
    ("exploration: {agent_steps: 0}", "exploration.agent_steps: must be at least 1, not 0"),
    ("exploration: {agent_steps: 1.5}", "exploration.agent_steps: must be a whole number, not 1.5"),
    ("exploration: {agent_steps: 5, fraction: 0.1}", TWO_LENGTHS),
    ("exploration: {schedule: piecewise, points: [[0, 1], [9, 2]]}", "exploration.points: must be in [0, 1], not 2"),
    (
        "exploration: {schedule: piecewise, points: [[5, 1], [5, 0]]}",
        "exploration: a piecewise schedule needs points with rising positions, got positions [5, 5]",
    ),
    ("exploration: {schedule: 3}", "exploration: needs 'schedule', the name of one, e.g. linear"),
    ("gamma: 1.01", "gamma: must be at most 1, not 1.01"),
    ("gamma: '0.9'", "gamma: must be a number, not '0.9'"),
    ("gamma: .nan", "gamma: must be a finite number, not NaN"),
    ("tau: 0", "tau: must be above 0, not 0"),
    ("batch_size: 32.5", "batch_size: must be a whole number, not 32.5"),
    ("batch_size: '32'", "batch_size: must be a whole number, not '32'"),
    ("batch_size: true", "batch_size: must be a whole number, not true"),
    ("batch_size:", "batch_size: must be a whole number, not null"),
    ("n_envs: 0", "n_envs: must be at least 1, not 0"),
    ("n_envs: 4097", "n_envs: must be at most 4096, not 4097"),
    ("frame_stack: 101", "frame_stack: must be at most 100, not 101"),
    ("batch_size: 1000001", "batch_size: must be at most 1000000, not 1000001"),
    ("n_timesteps: 1000000000001", "n_timesteps: must be at most 1000000000000, not 1000000000001"),
    ("learning_starts: -1", "learning_starts: must be at least 0, not -1"),
    ("gradient_steps: 0", "gradient_steps: must be at least 1, or -1 for as many as transitions, not 0"),
    ("gradient_steps: -2", "gradient_steps: must be at least 1, or -1 for as many as transitions, not -2"),
    ("max_grad_norm: 0", "max_grad_norm: must be above 0, not 0"),
    (
        "train_freq: [1, episode]",
        'train_freq: must be a whole number of transitions, or [number, step], not [1, "episode"]: episodes that '
        "differ in length would give each transition another share of updates",
    ),
    ("train_freq: [0, step]", "train_freq: must be at least 1, not 0"),
    ("train_freq: [{x: 4}, step]", 'train_freq: must be a whole number, not {"x": 4}'),
    ("train_freq: [4.5, step]", "train_freq: must be a whole number, not 4.5"),
    ("eval_protocol: natur-2015", "unknown evaluation protocol 'natur-2015'; did you mean 'nature-2015'?"),
    ("eval_protocol: 3", "eval_protocol: must be a name, not 3"),
    (
        "env_kwargs: {foo: 3}",
        "unknown keyword 'foo' of Atari's environments; choose one of full_action_space, repeat_action_probability",
    ),
    ("env_kwargs: {full_action_space: 1}", "env_kwargs.full_action_space: must be true or false, not 1"),
    ("env_kwargs: {repeat_action_probability: 2}", "env_kwargs.repeat_action_probability: must be at most 1, not 2"),
    (
        "env_kwargs: {frameskip: 4}",
        "env_kwargs.frameskip would skip frames twice; use preprocessing_kwargs.frame_skip",
    ),
    ("target_update_unit: frames", "target_update_unit: must be 'agent_steps' or 'updates', not 'frames'"),
    ("exploration_begins: later", "exploration_begins: must be 'start' or 'learning_starts', not 'later'"),
    ("optimizer: deepmind_rmsporp", "unknown optimizer 'deepmind_rmsporp'; did you mean 'deepmind_rmsprop'?"),
    ("optimizer: 3", "optimizer: must be a name, not 3"),
    (
        "optimizer_kwargs: {epsilon: 1.0}",
        "unknown keyword 'epsilon' of optimizer 'deepmind_rmsprop'; did you mean 'eps'?",
    ),
    (
        "optimizer_kwargs: {lr: 1.0}",
        "unknown keyword 'lr' of optimizer 'deepmind_rmsprop'; choose one of compiled_after, decay, eps",
    ),
    ("optimizer_kwargs: {decay: 1.0}", "optimizer_kwargs.decay: must be below 1, not 1.0"),
    ("optimizer_kwargs: {eps: tiny}", "optimizer_kwargs.eps: must be a number, not 'tiny'"),
    ("optimizer_kwargs: 3", "optimizer_kwargs: must be a mapping, not 3"),
    ("loss: hubert", "unknown loss 'hubert'; did you mean 'huber'?"),
    ("policy: CnnPolice", "unknown policy 'CnnPolice'; did you mean 'CnnPolicy'?"),
    ("policy_kwargs: {torsoo: nips}", "unknown keyword 'torsoo' of policy 'CnnPolicy'; did you mean 'torso'?"),
    ("policy_kwargs: {torso: natur}", "unknown torso 'natur'; did you mean 'nature'?"),
    ("policy_kwargs: {torso: 7}", "policy_kwargs.torso: must be a name, not 7"),
    ("policy_kwargs: {head: liner}", "unknown head 'liner'; did you mean 'linear'?"),
    (
        "policy_kwargs: {torso_kwargs: {feature_dim: 5}}",
        "unknown keyword 'feature_dim' of torso 'nature'; did you mean 'features_dim'?",
    ),
    (
        "policy_kwargs: {torso_kwargs: {features_dim: 0}}",
        "policy_kwargs.torso_kwargs.features_dim: must be at least 1, not 0",
    ),
    ("policy_kwargs: {net_arch: 64}", "policy_kwargs.net_arch: must be a list, not 64"),
    (
        "policy_kwargs: {optimizer_class: Adam}",
        "unknown keyword 'optimizer_class' of policy 'CnnPolicy'; choose one of activation, distribution, "
        "distribution_kwargs, head, head_kwargs, layer, layer_kwargs, net_arch, normalize_images, torso, torso_kwargs",
    ),
    ("replay_buffer_class: ring", "unknown replay buffer 'ring'; did you mean 'repeating'?"),
    (
        "replay_buffer_kwargs: {buffer_size: 5}",
        "unknown keyword 'buffer_size' of replay buffer 'frame_ring'; choose one of end_copies, storage",
    ),
    ("preprocessing: atarii", "unknown preprocessing 'atarii'; did you mean 'atari'?"),
    ("preprocessing_kwargs: {noop: 3}", "unknown keyword 'noop' of preprocessing 'atari'; did you mean 'noop_max'?"),
    ("preprocessing_kwargs: {clip_reward: 1}", "preprocessing_kwargs.clip_reward: must be true or false, not 1"),
    ("callback: talkativ", "unknown callback 'talkativ'; did you mean 'talkative'?"),
    ("callback: [{talkative: {wrods: 1}}]", "unknown keyword 'wrods' of callback 'talkative'; did you mean 'words'?"),
    ("callback: [{talkative: {words: many}}]", "callback.words: must be a whole number, not 'many'"),
    (
        "callback: [{talkative: {}, other: {}}]",
        'callback: must be a name or {name: keywords}, not {"talkative": {}, "other": {}}',
    ),
    (
        "callback: [{talkative: 3}]",
        "callback: the keywords of 'talkative' must be a mapping, not 3; did you mean {talkative: {words: 3}}?",
    ),
    ("reward: sing", "unknown reward 'sing'; did you mean 'sign'?"),
    ("reward: [{at_edn: {reward: 1}}]", "unknown reward 'at_edn'; did you mean 'at_end'?"),
    ("reward: [sign, {at_end: {rewrad: 1}}]", "unknown keyword 'rewrad' of reward 'at_end'; did you mean 'reward'?"),
    (
        "reward: [{at_end: -5}]",
        "reward: the keywords of 'at_end' must be a mapping, not -5; did you mean {at_end: {reward: -5}}?",
    ),
    ("reward: [at_end]", "reward 'at_end' needs 'reward'"),
    ("reward: [{at_end: {reward: low}}]", "reward.reward: must be a number, not 'low'"),
    ("reward: [{at_end: {reward: .nan}}]", "reward.reward: must be a finite number"),
    ("reward: [{scaled: {factor: 0}}]", "reward.factor: must be above 0, not 0"),
    ("reward: [{clip: {low: 2}}]", "reward: low must be below high, not 2 and 1"),
    ("reward: [{clip: 3}]", "reward: the keywords of 'clip' must be a mapping, not 3"),
    ("reward: [{clip: {}, sign: {}}]", 'reward: must be a name or {name: keywords}, not {"clip": {}, "sign": {}}'),
    ("reward: null", "reward: must be a list, not null"),
    (
        "replay_buffer_kwargs: {end_copies: 0}",
        "replay_buffer_kwargs.end_copies: must be at least 1, not 0",
    ),
    ("dqn: 3", "dqn: the section of an algorithm must be a mapping"),
    ("double_dqn: 3", "double_dqn: the section of an algorithm must be a mapping"),
    (
        "game: {lives: 9}",
        "game: not what hyperparams/atari/pong.yml says; facts on a game are no settings, so leave this block out",
    ),
    (
        "search: {inherit: double_dqn}",
        "search.inherit is for an algorithm's own file; the block of a -conf file lies over that one without it",
    ),
    ("n_timesteps: 1e30", "n_timesteps: must be a whole number, not 1e+30"),
    ("policy_kwargs: {net_arch: [1e30]}", "policy_kwargs.net_arch: must be a whole number, not 1e+30"),
    ("exploration: {end: 99999999999999999999}", "99999999999999999999 has more than the 64 bits of a whole number"),
    (
        'optimizer: "ad\\nam"',
        "unknown optimizer 'ad am'; did you mean 'adam'?",
    ),
    (
        'loss: "\\e[31mhuber"',
        "unknown loss '\\x1b[31mhuber'; did you mean 'huber'?",
    ),
    ('learning_rate: "cos\\n_1e-4"', "learning_rate: unknown schedule 'cos _1e-4'; did you mean 'lin_1e-4'?"),
    ("callback: null", "callback: must be a list, not null"),
    ("search: 3", "search: must be a mapping"),
    ("complete: maybe", "complete: must be true or false"),
]


@pytest.fixture(autouse=True)
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.callbacks, "_entries", {"talkative": Talkative})


@pytest.mark.parametrize(("line", "message"), IN_A_FILE, ids=[line for line, _ in IN_A_FILE])
def test_in_a_file(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(f"# mine\nn_steps: 2\n{line}\n")
    with pytest.raises(UserError) as caught:
        load("dqn", PONG, conf_file=path)
    assert str(caught.value) == f"{path}:3: {message}"


@pytest.mark.parametrize(
    ("keyword", "instead"),
    [
        (
            "max_episode_steps: 1000000000",
            "how long a game lasts is part of the environment; register one of your own with that limit",
        ),
        ("disable_env_checker: true", "gymnasium's checker is no part of a game; leave it out"),
        (
            "render_mode: 'human'",
            "pictures are no part of a game; leave it out, and see the agent with enjoy or record_video",
        ),
    ],
)
def test_what_is_gymnasiums_own(tmp_path: Path, keyword: str, instead: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(f"env_kwargs:\n  sutton_barto_reward: true\n  {keyword}\n")
    with pytest.raises(UserError) as caught:
        load("dqn", resolve("CartPole-v1"), conf_file=path)
    assert str(caught.value) == f"{path}:3: env_kwargs.{keyword} is refused: {instead}"


LINEAR = "{schedule: linear, start: 0.4, end: 1, fraction: 1}"


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ("alpha: 1.5", "replay_buffer_kwargs.alpha: must be at most 1, not 1.5"),
        ("alpha: much", "replay_buffer_kwargs.alpha: must be a number, not 'much'"),
        ("alhpa: 1", "unknown keyword 'alhpa' of replay buffer 'prioritized_ring'; did you mean 'alpha'?"),
        ("n_steps: 1", "unknown keyword 'n_steps' of replay buffer 'prioritized_ring'"),
        ("uniform_share: -1", "replay_buffer_kwargs.uniform_share: must be at least 0, not -1"),
        ("priority_floor: 0", "replay_buffer_kwargs.priority_floor: must be above 0, not 0"),
        ("updates_per_sorting: 0", "replay_buffer_kwargs.updates_per_sorting: must be at least 1, not 0"),
        (
            "end_copies: 2",
            "replay_buffer_kwargs: end_copies is for frame_ring: prioritized_ring draws by priority, a law of its own",
        ),
        ("law: ranks", "replay_buffer_kwargs.law: unknown law 'ranks'; did you mean 'rank'?"),
        ("law: 3", "replay_buffer_kwargs.law: must be a name, not 3"),
        ("beta: 2", "replay_buffer_kwargs.beta: must be in [0, 1], not 2"),
        ("beta: much", "replay_buffer_kwargs.beta: must be a number, not 'much'"),
        ("beta: true", "replay_buffer_kwargs.beta: must be a number, not true"),
        ("beta: {start: 0.4}", "replay_buffer_kwargs.beta: needs 'schedule', the name of one, e.g. linear"),
        ("beta: {schedule: linaer}", "replay_buffer_kwargs.beta: unknown schedule 'linaer'; did you mean 'linear'?"),
        ("beta: {schedule: linear, end: 1}", "replay_buffer_kwargs.beta: schedule 'linear' needs 'start'"),
        (f"beta: {LINEAR.replace('end: 1', 'end: 3')}", "replay_buffer_kwargs.beta: must be in [0, 1], not 3"),
        (
            f"beta: {LINEAR.replace('fraction: 1', 'fraction: 2')}",
            "replay_buffer_kwargs.beta: fraction: must be at most 1",
        ),
    ],
)
def test_in_the_keywords_of_prioritized_replay(tmp_path: Path, keywords: str, message: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(f"replay_buffer_class: prioritized_ring\nreplay_buffer_kwargs: {{{keywords}}}\n")
    with pytest.raises(UserError) as caught:
        load("dqn", PONG, conf_file=path)
    assert str(caught.value).startswith(f"{path}:2: {message}")


@pytest.mark.parametrize("keywords", ["", "law: rank, alpha: 0.7, beta: 0.5", f"beta: {LINEAR}, uniform_share: 0"])
def test_keywords_of_prioritized_replay(tmp_path: Path, keywords: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(f"replay_buffer_class: prioritized_ring\nreplay_buffer_kwargs: {{{keywords}}}\n")
    assert load("dqn", PONG, conf_file=path).hyperparameters.replay_buffer_class == "prioritized_ring"


def test_in_the_section_of_the_algorithm(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text("double_dqn:\n  gama: 2\ndqn:\n  gamma: 2\n")
    with pytest.raises(UserError) as caught:
        load("dqn", PONG, conf_file=path)
    assert str(caught.value) == f"{path}:4: gamma: must be at most 1, not 2"
    with pytest.raises(UserError) as caught:
        load("double_dqn", PONG, conf_file=path)
    assert str(caught.value) == f"{path}:2: unknown key 'gama' for algorithm 'double_dqn'; did you mean 'gamma'?"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gama:0.9"], "-params: unknown key 'gama' for algorithm 'dqn'; did you mean 'gamma'?"),
        (["gamma"], "-params: 'gamma' is not of the form key:value, e.g. learning_rate:1e-4"),
        (["gam\nma"], "-params: 'gam ma' is not of the form key:value, e.g. learning_rate:1e-4"),
        (["gam\nma:1"], "-params: a key must be a plain name, got 'gam\\nma'"),
        (
            ["gamma:", "0.5"],
            "-params: '0.5' is not of the form key:value; without the space it is gamma:0.5",
        ),
        ([":3"], "-params: ':3' is not of the form key:value, e.g. learning_rate:1e-4"),
        (["gamma:0.9", "gamma:0.8"], "-params: 'gamma' is given twice"),
        (["gamma:high"], "-params: gamma: must be a number, not 'high'"),
        (
            ["env_kwargs.foo:3"],
            "-params: unknown keyword 'foo' of Atari's environments; choose one of full_action_space, "
            "repeat_action_probability",
        ),
        (["gamma:"], "-params: gamma: must be a number, not null"),
        (["gamma:[1"], "-params: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        (
            ["gamma:!!python/name:os.system"],
            "-params: tag '!!python/name:os.system' is refused: a configuration is plain data",
        ),
        (["learning_rate:abc"], f"-params: learning_rate: 'abc' {NOT_A_SCHEDULE}"),
        (["exploration.fraction:0.1", "exploration.agent_steps:5"], f"-params: {TWO_LENGTHS}"),
        (["exploration.ende:0.1"], "-params: unknown keyword 'ende' of schedule 'linear'; did you mean 'end'?"),
        (
            ["exploration:0.5", "exploration.end:0.1"],
            "-params: 'exploration.end' goes into a value that is given whole beside it",
        ),
        (
            ["policy_kwargs.torso:nips", "policy_kwargs:{torso: nature}"],
            "-params: 'policy_kwargs.torso' is given twice",
        ),
        (["gamma..x:1"], '-params: gamma: must be a number, not {"": {"x": 1}}'),
        (["n_steps:1001"], "-params: n_steps: must be at most 1000, not 1001"),
        (["n_timesteps:1e30x"], "-params: n_timesteps: must be a whole number, not '1e30x'"),
        (
            ["policy_kwargs:dict(net_arch=[1"],
            "-params: policy_kwargs: 'dict(net_arch=[1' is not a mapping of literals; classes are given by "
            "their registered names, e.g. {net_arch: [256, 256], activation: relu}",
        ),
    ],
)
def test_on_the_command_line(words: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        load("dqn", PONG, overrides=parse_params(words))
    assert str(caught.value) == message


def test_an_unknown_algorithm() -> None:
    with pytest.raises(UserError) as caught:
        load("double_dqm", PONG)
    assert str(caught.value) == "unknown algorithm 'double_dqm'; did you mean 'double_dqn'?"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load("dqn", PONG, conf_file=tmp_path / "none.yml")
    assert str(caught.value) == f"{tmp_path / 'none.yml'}: cannot be read: No such file or directory"
