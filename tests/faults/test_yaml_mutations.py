"""Random mutations of valid YAML files: each one is a valid configuration or one line of error.

Never a traceback, a warning or a hang, and never a silent default: what comes out is held against a slow twin, which
reads the same files by itself (`yaml_twin`). The number of mutations in the long test can be set with
``DQN_ZOO_EXT_YAML_MUTATIONS``.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from yaml_mutations import mutated
from yaml_subjects import SHIPPED, SUBJECTS, Subject
from yaml_twin import LINE_BREAK, compose, disagreements, entries, is_rl_zoo, layers_beneath, says, text_of

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.config.__main__ import main
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.build import build_model, build_venv

LONG = int(os.environ.get("DQN_ZOO_EXT_YAML_MUTATIONS", "20000"))
MOST_SECONDS = 2.0  # of the processor; a load takes 0.005

Mutation = tuple[Subject, bytes]
mutations = st.sampled_from(SUBJECTS).flatmap(lambda subject: st.tuples(st.just(subject), mutated(subject.text)))
always_the_same = settings(derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Laid:
    """A mutated file where its user has it. shown: as messages call it; conf: what is given with -conf."""

    path: Path
    shown: str
    conf: Path | None


@dataclass(frozen=True)
class Bench:
    """A copy of the shipped files to mutate, and a count of what came of it."""

    root: Path
    outcomes: Counter[str] = field(default_factory=Counter)

    @contextlib.contextmanager
    def laid_out(self, subject: Subject, content: bytes) -> Iterator[Laid]:
        """The mutated file in its place, for a while."""
        conf = self.root / "conf.yml"
        if subject.takes_the_place_of is None:
            conf.write_bytes(content)
            yield Laid(conf, str(conf), conf)
            return
        shown = f"hyperparams/{subject.takes_the_place_of}"
        (self.root / shown).write_bytes(content)
        conf.write_text(subject.conf or "")
        try:
            yield Laid(self.root / shown, shown, conf if subject.conf else None)
        finally:
            shutil.copyfile(SHIPPED / subject.takes_the_place_of, self.root / shown)

    def check(self, subject: Subject, content: bytes) -> None:
        """One mutated file, loaded as its user would."""
        with self.laid_out(subject, content) as laid:
            found = load_in_silence(subject, laid)
            if isinstance(found, Configuration):
                self.outcomes["valid"] += 1
                check_configuration(found, subject, laid, self.root)
            else:
                self.outcomes["refused"] += 1
                check_message(found, laid, self.root)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("mutations")
    shutil.copytree(SHIPPED, root / "hyperparams")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("importlib.resources.files", lambda _: root)
        patch.chdir(root)
        yield Bench(root)


def load_in_silence(subject: Subject, laid: Laid) -> Configuration | str:
    """The configuration, or the message of the `UserError`. Nothing is printed, no warning given, no time lost."""
    out = io.StringIO()
    began = time.process_time()
    found: Configuration | str
    with warnings.catch_warnings(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        warnings.simplefilter("error")
        try:
            found = load(subject.algo, resolve(subject.env), conf_file=laid.conf)
        except UserError as error:
            found = str(error)
    assert time.process_time() - began < MOST_SECONDS
    assert out.getvalue() == ""
    return found


NO_LINE = re.compile(
    r": (the file is empty; write \{\} if|no value for '\w+', neither|read as an RL-Zoo file, as each)"
)
PYTHON = re.compile(
    r"<class|<function|object at 0x|Traceback|\w+Node\(|Located\(|Source\(|<unicode|\w+Error\b|instance"
)


def check_message(message: str, laid: Laid, root: Path) -> None:
    """One line, short, to be read by a person, that begins with the file and the line."""
    assert message.splitlines() == [message]
    assert message.isprintable()
    assert 20 < len(message.replace(str(root), "")) <= 360  # the longest lists the 17 keywords of a preprocessing
    assert not PYTHON.search(message)
    place = re.match(r"(?P<file>\S+\.yml)(:(?P<line>\d+))?: ", message)
    assert place is not None
    assert place["line"] is not None or NO_LINE.search(message)
    if place["file"] == laid.shown:
        lines = LINE_BREAK.split(laid.path.read_bytes().decode("utf-8", "replace"))
        assert 1 <= int(place["line"] or 1) <= len(lines)
    else:  # a file that was not touched no longer fits to what the mutated one says
        assert (root / place["file"]).exists()


def check_configuration(configuration: Configuration, subject: Subject, laid: Laid, root: Path) -> None:
    """Every value is what a file says, every word of the files counts, and the whole can be written and read again."""
    layers = layers_beneath(subject.algo, configuration.env, laid.conf, root)
    assert disagreements(configuration, layers) == []
    check_lines(configuration, laid)
    check_blocks(configuration, laid)
    again = root / "again.yml"
    again.write_text(to_yaml(configuration.as_plain_data()))
    repeated = load(subject.algo, configuration.env, conf_file=again)
    assert repr(repeated) == repr(configuration)
    assert repr(repeated.search) == repr(configuration.search)


def check_lines(configuration: Configuration, laid: Laid) -> None:
    """The line that a source names mentions the key."""
    lines = LINE_BREAK.split(text_of(laid.path))
    for key, source in configuration.sources.items():
        if source.file == laid.shown:
            line = lines[(source.line or 0) - 1]
            words = (*key.split("."), "exploration_", "env_wrapper", "\\")  # RL-Zoo's words, or a key in escapes
            assert any(word in line for word in words), (key, line)


def check_blocks(configuration: Configuration, laid: Laid) -> None:
    """What the file's blocks for a search and on the game say is there too."""
    document = compose(text_of(laid.path))
    if laid.path == laid.conf and is_rl_zoo(document):
        return
    for name, block in (("search", configuration.search), ("game", configuration.game)):
        for key, (node, _) in (entries(document[name][0]) if name in document else {}).items():
            if name == "search" and says(node, None):  # takes an inherited entry away
                assert key not in block
            else:
                assert key == "inherit" or says(node, block[key]), (name, key)


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_the_twin_agrees_with_every_file_before_it_is_mutated(subject: Subject, bench: Bench) -> None:
    bench.outcomes.clear()
    bench.check(subject, subject.text.encode())
    assert bench.outcomes == {"valid": 1}


def test_the_twin_sees_a_value_that_no_file_says(bench: Bench) -> None:
    subject = next(each for each in SUBJECTS if each.name == "ours for dqn")
    with bench.laid_out(subject, subject.text.encode()) as laid:
        layers = layers_beneath("dqn", resolve("Pong"), laid.conf, bench.root)
        for words, problem in [
            ({"gamma": 0.9}, f"gamma: source is -params, not {laid.shown}:22"),
            ({"tau": 0.5}, "tau: no file says it, but the source is -params"),
            ({"exploration": 0.1}, ": exploration.rate is said in vain"),
        ]:
            found = disagreements(load("dqn", resolve("Pong"), conf_file=laid.conf, overrides=words), layers)
            assert any(problem in each for each in found), found


def test_a_thousand_mutations(bench: Bench) -> None:
    bench.outcomes.clear()

    @settings(always_the_same, max_examples=1000)
    @given(mutations)
    def mutate(mutation: Mutation) -> None:
        bench.check(*mutation)

    mutate()
    assert bench.outcomes.total() >= 1000
    assert min(bench.outcomes.values()) >= 150  # neither all refused nor all taken


@pytest.mark.slow
def test_twenty_thousand_mutations(bench: Bench) -> None:
    bench.outcomes.clear()

    @settings(always_the_same, max_examples=LONG)
    @given(mutations)
    def mutate(mutation: Mutation) -> None:
        bench.check(*mutation)

    mutate()
    assert bench.outcomes.total() >= LONG


def test_the_verb_prints_a_table_or_one_line(bench: Bench) -> None:
    codes: Counter[int] = Counter()

    @settings(always_the_same, max_examples=100)
    @given(mutations)
    def mutate(mutation: Mutation) -> None:
        subject, content = mutation
        with bench.laid_out(subject, content) as laid:
            words = ["--algo", subject.algo, "--env", subject.env, *(["-conf", str(laid.conf)] if laid.conf else [])]
            code, out, err = run_the_verb(words)
            found = load_in_silence(subject, laid)
            codes[code] += 1
        if isinstance(found, Configuration):
            assert (code, err) == (0, "")
            searched = len(found.search) + 3 if found.search else 0
            assert len(out.splitlines()) == len(found.flat()) + 3 + searched
        else:
            assert (code, out, err) == (2, "", f"error: {found}\n")

    mutate()
    assert min(codes[0], codes[2]) >= 10


def run_the_verb(words: list[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr; what cannot be encoded is an error, as on a terminal."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as exit_:
        run_verb(main, words)
    for each in (out, err):
        each.seek(0)
    return int(exit_.value.code or 0), out.read(), err.read()


def test_the_verb_in_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text('gamma: 0.9\noptimizer: "\\UFFFFFFFF"\n')
    command = [sys.executable, "-m", "dqn_zoo_ext.config", "--env", "CartPole-v1", "-conf", "broken.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: broken.yml:2: not valid YAML: a number out of range\n"


SIZES = {"n_envs": 16, "frame_stack": 8, "n_steps": 100, "preprocessing_kwargs.screen_size": 200}
"""Sizes beyond which building costs more than a test may take; the replay's is set by the test."""
BUILT = [each for each in SUBJECTS if "CartPole" in each.env or "Invaders" in each.env or each.name.startswith("ours")]


def test_valid_mutations_are_built_or_refused_in_one_line(bench: Bench) -> None:
    outcomes: Counter[str] = Counter()
    some = st.sampled_from(BUILT).flatmap(lambda subject: st.tuples(st.just(subject), mutated(subject.text)))

    @settings(always_the_same, max_examples=30, suppress_health_check=list(HealthCheck))
    @given(some)
    def mutate(mutation: Mutation) -> None:
        subject, content = mutation
        with bench.laid_out(subject, content) as laid:
            found = load_in_silence(subject, laid)
            assume(isinstance(found, Configuration))
            configuration = load(
                subject.algo, resolve(subject.env), conf_file=laid.conf, overrides={"buffer_size": 1000}
            )
        flat = configuration.flat()
        assume(all(flat.get(key, 0) <= most for key, most in SIZES.items()))
        outcomes[build(configuration)] += 1

    mutate()
    assert outcomes["built"] >= 20


def build(configuration: Configuration) -> str:
    """Environments and model, as a run has them; what came of it."""
    message = ""
    try:
        venv = build_venv(configuration, configuration.hyperparameters.n_envs, seed=1)
        try:
            build_model(configuration, venv, seed=1, device="cpu")
        finally:
            venv.close()
    except UserError as error:
        message = str(error)
    assert len(message.splitlines()) <= 1
    return "refused" if message else "built"
