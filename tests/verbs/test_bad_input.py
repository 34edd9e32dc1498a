"""A user's mistakes: each is one line and exit code 2, and leaves nothing half-written."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import complaints
import pytest
from complaints import Verb

from dqn_zoo_ext.enjoy import main as enjoy
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.record_video import main as record_video
from dqn_zoo_ext.train import main as train

SPACE_INVADERS = "--env SpaceInvadersNoFrameskip-v4"
SCREENS = f"{SPACE_INVADERS} -params preprocessing_kwargs"
IMPALA = "-params policy_kwargs.torso:impala policy_kwargs.torso_kwargs"
PRIORITIZED = f"{SPACE_INVADERS} -params replay_buffer_class:prioritized_ring"


def complaint(verb: Verb, words: str, capsys: pytest.CaptureFixture[str]) -> str:
    return complaints.complaint(verb, words.split(), capsys)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--env SpaceInvadresNoFrameskip-v4", "did you mean 'SpaceInvadersNoFrameskip-v4'"),
        ("--env CartPoel-v1", "did you mean 'CartPole-v1'"),
        ("--env SpaceInvaders-v4", "SpaceInvadersNoFrameskip-v4"),
        ("--env ALE/Combat-v5", "ombat"),
        (f"--algo duoble_dqn {SPACE_INVADERS}", "unknown algorithm 'duoble_dqn'; did you mean 'double_dqn'"),
        (f"{SPACE_INVADERS} -params learning_start:500", "-params: unknown key 'learning_start'"),
        (f"{SPACE_INVADERS} -params learning_start:500", "did you mean 'learning_starts'"),
        (f"{SPACE_INVADERS} -params learning_rate:abc", "-params: learning_rate"),
        (f"{SPACE_INVADERS} -params learning_rate:-1e-4", "learning_rate"),
        (f"{SPACE_INVADERS} -params gamma:1.5", "gamma"),
        (f"{SPACE_INVADERS} -params policy_kwargs.torso:natur", "did you mean 'nature'"),
        (f"{SPACE_INVADERS} -params policy_kwargs.activation:rellu", "must be 'relu', 'elu', 'tanh'"),
        (f"{SPACE_INVADERS} -params eval_protocol:nature", "-params: unknown evaluation protocol 'nature'"),
        (f"{PRIORITIZED} replay_buffer_kwargs.alpha:1.5", "replay_buffer_kwargs.alpha: must be at most 1, not 1.5"),
        (
            f"{PRIORITIZED} replay_buffer_kwargs.beta.schedule:linaer",
            "unknown schedule 'linaer'; did you mean 'linear'",
        ),
        (f"{PRIORITIZED} replay_buffer_kwargs.law:ranks", "unknown law 'ranks'; did you mean 'rank'"),
        (f"{SPACE_INVADERS} -params batch_size", "'batch_size' is not of the form key:value"),
        (f"{SCREENS}.screen_size:20", "-params: cannot build 'dqn' for SpaceInvadersNoFrameskip-v4: a screen of (20,"),
        (f"{SCREENS}.screen_size:20", "is too small for Nature, which needs 36 x 36 pixels or more"),
        (f"{SCREENS}.screen_size:[84,84,84]", "must be a whole number, [height, width] or null, not [84, 84, 84]"),
        (f"{SCREENS}.screen_size:[84,0]", "must be 1 to 2048 pixels a side, not [84, 0]"),
        (f"{SCREENS}.crop_rows:[34,211]", "rows 0 to 210, and 'from' must be below 'until', not [34, 211]"),
        (f"{SCREENS}.crop_rows:[34,211]", "did you mean [34, 210]?"),
        (f"{SCREENS}.crop_columns:[0,161]", "preprocessing_kwargs.crop_columns: a screen has columns 0 to 160"),
        (f"{SCREENS}.crop_rows:[90,90]", "not [90, 90]; did you mean [0, 210]?"),
        (f"{SCREENS}.crop_rows:90", "must be [from, until], two whole numbers, or null, not 90"),
        (f"{SCREENS}.subsample:161", "subsample: every 161-th pixel leaves nothing to choose among the 160 columns"),
        (f"{SCREENS}.crop_rows:[9,18] preprocessing_kwargs.subsample:10", "the 9 rows that there are; it may be 1 to"),
        (f"{SCREENS}.colour:luminence", "unknown name 'luminence'; did you mean 'luminance'?"),
        (f"{SCREENS}.resize:bilinaer", "kwargs.resize: unknown name 'bilinaer'; did you mean 'bilinear'?"),
        (f"{SCREENS}.stack_start:first", "unknown name 'first'; choose one of repeat, zeros"),
        (f"{SCREENS}.end_frame:[1]", "end_frame: unknown name [1]"),
        (f"{SCREENS}.color:rgb", "unknown keyword 'color' of preprocessing 'atari'; did you mean 'colour'?"),
        (f"{SCREENS}.skip_after_life_loss:-1", "skip_after_life_loss: must be at least 0, not -1"),
        (f"{SCREENS}.screen_size:[5,80]", "too small"),
        (f"{SCREENS}.screen_size:[11,80] preprocessing_kwargs.colour:rgb", "11 x 80 pixels are smaller than their"),
        (f"{SCREENS}.colour:rgb preprocessing:sb3_atari", "'sb3_atari' cannot do colour: 'rgb'; use 'atari'"),
        (f"{SCREENS}.screen_size:[84,80] preprocessing:sb3_atari", "cannot do screen_size: [84, 80]; use 'atari'"),
        (f"{SCREENS}.skip_after_life_loss:30 preprocessing:sb3_atari", "cannot do skip_after_life_loss: 30; use"),
        (f"{SPACE_INVADERS} -params replay_buffer_kwargs.planes:3", "unknown keyword 'planes' of replay buffer"),
        (f"{SPACE_INVADERS} -conf nowhere.yml", "nowhere.yml"),
        (f"{SPACE_INVADERS} --log-foldr runs", "unknown option '--log-foldr'; did you mean '--log-folder'"),
        (f"{SPACE_INVADERS} --eval-episodes 0", "--eval-episodes: must be at least 1, not 0"),
        (f"{SPACE_INVADERS} -n 0", "n_timesteps"),
        (f"{SPACE_INVADERS} -n -5", "n_timesteps"),
        (f"{SPACE_INVADERS} --device cuda:99", "(leave --device out to take what is there)"),
        (f"{SPACE_INVADERS} -n many", "-n/--n-timesteps: must be a whole number, not 'many'"),
        (f"{SPACE_INVADERS} --device abacus", "--device: cannot use 'abacus'"),
        (f"{SPACE_INVADERS} --gym-packages not_there", "--gym-packages: cannot import 'not_there'"),
        (
            f"{SPACE_INVADERS} --gym-packages ..mine",
            "--gym-packages: '..mine' is not the name of a module, such as my_",
        ),
        (f"{SPACE_INVADERS} --gym-packages envs/mine", "--gym-packages: 'envs/mine' is not the name of a module, such"),
        (f"{SPACE_INVADERS} -i nowhere.zip", "--trained-agent: no file 'nowhere.zip'"),
        (f"{SPACE_INVADERS} --seed 99999999999", "--seed must be below 2**31"),
        (f"{SPACE_INVADERS} --env-kwargs frameskip:4", "frame_skip"),
        ("--env CartPole-v1 -params preprocessing:atari", "is for Atari"),
        ("--env CartPole-v1 -params preprocessing_kwargs.colour:rgb", "of preprocessing 'none', which takes none"),
        ("--env CartPole-v1 -params policy:CnnPolicy", "channels, height, width"),
        ("--env CartPole-v1 -params policy_kwargs.torso:impala", "(channels, height, width), got (4,)"),
        (f"{SPACE_INVADERS} {IMPALA}.width:0", "policy_kwargs.torso_kwargs.width: must be at least 1, not 0"),
        (f"{SPACE_INVADERS} {IMPALA}.pooling:12", "a screen of (84, 84) is too small for Impala"),
        (f"{SPACE_INVADERS} {IMPALA}.normalization:batch", "must be 'none' or 'spectral', not 'batch'"),
        ("--env Blackjack-v1", "its observations must be one of Box, Discrete, MultiDiscrete, MultiBinary, or a Dict"),
        ("--env CartPole-v1 --log-interval 0", "--log-interval must be at least 1, or -1 for the default, or -2 for"),
        ("--env CartPole-v1 --n-eval-envs 1000000000000", "--n-eval-envs: must be at most 4096, not 1000000000000"),
        ("--env CartPole-v1 -params frame_stack:1000000000000", "-params: frame_stack: must be at most 100, not 1000"),
        ("--env Pendulum-v1", "needs discrete actions, and the environment has Box("),
        (
            "--env CartPole-v1 --env-kwargs max_episode_steps:9",
            "--env-kwargs: env_kwargs.max_episode_steps: 9 is refused",
        ),
        ("--env CartPole-v1 --eval-env-kwargs max_episode_steps:9", "env_kwargs.max_episode_steps: 9 is refused"),
    ],
)
def test_train(words: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert expected in complaint(train, f"{words} -f {tmp_path}/logs --verbose 0", capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_key_in_a_file_is_named_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yml"
    file.write_text("batch_size: 32\nlearning_rat: 1e-4\n")
    line = complaint(train, f"{SPACE_INVADERS} -conf {file} -f {tmp_path}/logs", capsys)
    assert line == f"{file}:2: unknown key 'learning_rat' for algorithm 'dqn'; did you mean 'learning_rate'?"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("line", "complaint_"),
    [
        ("  crop_rows: [30, 300]", "preprocessing_kwargs.crop_rows: a screen has rows 0 to 210"),
        ("  screen_size: 12", "cannot build 'dqn' for SpaceInvadersNoFrameskip-v4: a screen of (12, 12) is too small"),
        ("  subsample: 170", "preprocessing_kwargs: subsample: every 170-th pixel leaves nothing"),
        ("  colour: gray", "preprocessing_kwargs.colour: unknown name 'gray'; choose one of luminance, luminance_int8"),
    ],
)
def test_a_screen_that_cannot_be_is_named_with_its_line(
    line: str, complaint_: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yml"
    file.write_text(f"batch_size: 32\npreprocessing_kwargs:\n{line}\n")
    assert complaint(train, f"{SPACE_INVADERS} -conf {file} -f {tmp_path}/logs --verbose 0", capsys).startswith(
        f"{file}:3: {complaint_}"
    )
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.yml").write_bytes(b"\xff\xfe\x00\x81")
    assert "mine.yml" in complaint(train, f"{SPACE_INVADERS} -conf {tmp_path}/mine.yml -f {tmp_path}/logs", capsys)
    assert "Is a directory" in complaint(train, f"{SPACE_INVADERS} -conf {tmp_path} -f {tmp_path}/logs", capsys)
    assert not (tmp_path / "logs").exists()


def test_a_log_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_text("a file in the way")
    line = complaint(train, f"{SPACE_INVADERS} -f {tmp_path}/logs", capsys)
    assert "cannot make a run folder in log folder" in line
    assert (tmp_path / "logs").read_text() == "a file in the way"


@pytest.fixture
def cut_in_half(logs: Path, tmp_path: Path) -> Path:
    """A copy of the CartPole run whose agent file ends in the middle."""
    source, copy = logs / "double_dqn" / "CartPole-v1_1", tmp_path / "double_dqn" / "CartPole-v1_1"
    (copy / "CartPole-v1").mkdir(parents=True)
    (copy / "CartPole-v1" / "config.yml").write_bytes((source / "CartPole-v1" / "config.yml").read_bytes())
    agent = (source / "CartPole-v1.zip").read_bytes()
    (copy / "CartPole-v1.zip").write_bytes(agent[: len(agent) // 2])
    return tmp_path


@pytest.mark.parametrize("verb", [evaluate, enjoy, record_video])
def test_an_agent_file_cut_in_half(
    verb: Verb, cut_in_half: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # where there is no display, `enjoy` would say only that
    words = f"--algo double_dqn --env CartPole-v1 -f {cut_in_half}"
    before = sorted(cut_in_half.rglob("*"))
    assert "CartPole-v1.zip is cut short or damaged" in complaint(verb, words, capsys)
    assert sorted(cut_in_half.rglob("*")) == before


def test_going_on_from_an_agent_file_cut_in_half(cut_in_half: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent = cut_in_half / "double_dqn" / "CartPole-v1_1" / "CartPole-v1.zip"
    words = f"--algo double_dqn --env CartPole-v1 -i {agent} -f {cut_in_half / 'new'}"
    assert "is cut short or damaged" in complaint(train, words, capsys)
    assert not (cut_in_half / "new").exists()


def test_going_on_from_an_agent_of_another_shape(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = logs / "dqn" / "PongNoFrameskip-v4_1" / "PongNoFrameskip-v4.zip"
    words = f"--algo dqn --env CartPole-v1 -i {agent} -f {tmp_path}/new"
    assert "does not fit the configuration" in complaint(train, words, capsys)
    assert not (tmp_path / "new").exists()


def of_a_stranger(logs: Path, tmp_path: Path, env: str, env_kwargs: str) -> str:
    """Words that name a run of `env` whose agent is the one on CartPole."""
    source, run = logs / "double_dqn" / "CartPole-v1_1", tmp_path / "double_dqn" / f"{env}_1"
    (run / env).mkdir(parents=True)
    config = (source / "CartPole-v1" / "config.yml").read_text()
    assert "env_kwargs: {}" in config
    (run / env / "config.yml").write_text(config.replace("env_kwargs: {}", f"env_kwargs: {env_kwargs}"))
    (run / f"{env}.zip").write_bytes((source / "CartPole-v1.zip").read_bytes())
    return f"--algo double_dqn --env {env} -f {tmp_path}"


@pytest.mark.parametrize("verb", [evaluate, enjoy, record_video])
@pytest.mark.parametrize(
    ("keyword", "instead"),
    [
        ("max_episode_steps: 1000000000", "register one of your own with that limit"),
        ("max_episode_steps: -1", "register one of your own with that limit"),
        ("disable_env_checker: true", "leave it out"),
        ("render_mode: 'human'", "see the agent with enjoy or record_video"),
    ],
)
def test_an_agent_whose_environment_is_another_one(
    verb: Verb,
    keyword: str,
    instead: str,
    logs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A score would stand under the name of a protocol, and mean something else; or no game would ever end."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    line = complaint(verb, of_a_stranger(logs, tmp_path, "CartPole-v1", f"{{{keyword}}}"), capsys)
    assert re.match(rf"\S+/CartPole-v1/config\.yml:\d+: env_kwargs\.{keyword} is refused: ", line)
    assert line.endswith(instead)


@pytest.mark.parametrize("verb", [evaluate, enjoy, record_video])
@pytest.mark.parametrize(
    ("env", "env_kwargs", "actions"),
    [
        ("Pendulum-v1", "{}", "Box(-2.0, 2.0, (1,), float32)"),
        ("LunarLander-v3", "{continuous: true}", "Box(-1.0, 1.0, "),
    ],
)
def test_an_agent_whose_actions_are_not_discrete(
    verb: Verb,
    env: str,
    env_kwargs: str,
    actions: str,
    logs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    line = complaint(verb, of_a_stranger(logs, tmp_path, env, env_kwargs), capsys)
    assert f"{env}.zip: it needs discrete actions, and its '{env}' has {actions}" in line


@pytest.mark.parametrize("verb", [evaluate, enjoy, record_video])
def test_a_run_that_is_not_there(verb: Verb, logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there are runs 1" in complaint(verb, f"--algo dqn --env Pong -f {logs} --exp-id 7", capsys)
    assert "PongNoFrameskip-v4" in complaint(verb, f"--algo dqn --env ALE/Pong-v5 -f {logs}", capsys)
    assert "there is no such folder" in complaint(verb, f"--algo dqn --env Pong -f {tmp_path}/none", capsys)
    assert "no agent 'rl_model_7_steps.zip'" in complaint(verb, f"--env Pong -f {logs} --load-checkpoint 7", capsys)
    assert "unknown evaluation protocol" in complaint(verb, f"--env Pong -f {logs} --protocol natur-2015", capsys)


@pytest.mark.parametrize("verb", [evaluate, enjoy, record_video])
@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("--load-best --load-last-checkpoint", "--load-best and --load-last-checkpoint"),
        ("--load-checkpoint 0 --load-best", "--load-best and --load-checkpoint"),
    ],
)
def test_two_agents_asked_for_at_once(
    verb: Verb, words: str, named: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = complaint(verb, f"--env Pong -f {logs} {words}", capsys)
    assert line == f"{named} are different agents of a run; choose one"


@pytest.mark.parametrize("verb", [evaluate, enjoy, record_video])
@pytest.mark.parametrize("kept", [16, 40, 60, 200])
def test_a_configuration_of_ours_that_was_cut(
    verb: Verb, kept: int, logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(logs / "double_dqn", tmp_path / "double_dqn")
    config = tmp_path / "double_dqn" / "CartPole-v1_1" / "CartPole-v1" / "config.yml"
    config.write_bytes(config.read_bytes()[:kept])
    line = complaint(verb, f"--algo double_dqn --env CartPole-v1 -f {tmp_path}", capsys)
    cut = "is cut short or damaged: a run writes every value into it, and there is none for '"
    assert re.match(rf"{config}( {cut}|:\d+: not valid YAML: )", line)


@pytest.mark.parametrize("verb", [evaluate, enjoy, record_video])
def test_an_agent_is_not_asked_for_by_its_preset(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    said = complaint(verb, "--preset pong-2019", capsys)
    assert "unknown option '--preset'; a preset's agents are found by --algo and --env" in said


def test_a_video_that_cannot_be_written(logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    words = f"--algo double_dqn --env CartPole-v1 -f {logs} -o {tmp_path}/file -n 5"
    assert "cannot write to folder" in complaint(record_video, words, capsys)


def test_a_view_that_an_agent_of_numbers_does_not_have(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"--algo double_dqn --env CartPole-v1 -f {logs} -o {tmp_path}/videos -n 5 --view attention"
    assert "--view attention is for agents that see screens; choose screen" in complaint(record_video, words, capsys)
    assert "--view: invalid choice: 'atention'" in complaint(record_video, words[:-9] + "atention", capsys)
    assert not list(tmp_path.rglob("*.mp4"))


def test_enjoy_without_a_display_says_what_to_do(
    logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    assert "use --no-render" in complaint(enjoy, f"--env Pong -f {logs}", capsys)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tarin"], "error: unknown verb 'tarin'; did you mean 'train'?"),
        (["train", "--env", "Pnog"], "did you mean 'Pong"),
    ],
)
def test_the_console_script_in_a_process_of_its_own(words: list[str], expected: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dqn_zoo_ext", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
