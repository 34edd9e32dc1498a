"""Films of the agent while it learns, in the run's folder."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.callbacks.lent import FilmSet, Lent
from dqn_zoo_ext.callbacks.pace import Pace
from dqn_zoo_ext.callbacks.vital_signs import undisturbed
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.evaluation.recording import record_game
from dqn_zoo_ext.registry import register_callback
from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.atomic import plain_os_errors
from dqn_zoo_ext.storage.video_file import write_mp4

_NO_NAME = "greedy"


@register_callback("video")
class Video(BaseCallback):
    """Films a game every `every` agent steps, or after each training game (``episode``), as an H.264 mp4.

    The file is ``videos/agent_steps_00100000.mp4`` in the run's folder. In YAML:
    ``callback: [{video: {every: 100000, protocol: nature-2015}}]`` or ``callback: [{video: {every: episode}}]``.

    What is filmed is no game of the training: those have no pictures. It is one that the agent, as it is then, plays
    by `protocol` (by default that of the run's evaluations; ``greedy`` without a run) in an environment of its own,
    between two vector steps. With ``episode`` one is played after each game that ends in the first environment. All
    games begin from the same `seed`, so that films can be compared, and are cut after `max_agent_steps`: 1,800 are two
    minutes of Atari. The training waits for a film, and is not disturbed by it. A film that cannot be made is a line on
    the terminal.

    For a training without a run of ours: make_venv makes one environment with ``render_mode="rgb_array"``, closed after
    each film; folder is where the films go, by default ``videos`` in that of the model's logger.
    """

    def __init__(
        self,
        every: Annotated[int, Field(ge=1)] | Literal["episode"] = 100_000,
        protocol: str | None = None,
        seed: Annotated[int, Field(ge=0, lt=2**31)] = 0,
        max_agent_steps: Annotated[int, Field(ge=1)] = 1_800,
        make_venv: Callable[[], VecEnv] | None = None,
        folder: str | Path | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        super().__init__()
        self._of_each_game = every == "episode"
        self._pace = Pace(0 if isinstance(every, str) else every)
        self._protocol = protocol
        protocols.get(protocol or _NO_NAME)  # what does not exist is said before a training begins
        self._seed = seed
        self._max_agent_steps = max_agent_steps
        self._make_venv = make_venv
        self._folder = folder
        self._say = say
        self._lent: Lent | None = None
        self._goes_on = False
        self._game_over = False

    def borrow(self, lent: Lent) -> None:
        """Environments with pictures, the folder, and where lines go."""
        self._lent, self._say = lent, lent.say
        self._folder = self._folder or lent.folder / "videos"
        self._protocol = self._protocol or lent.configuration["eval_protocol"]

    def _on_training_start(self) -> None:
        if self._lent is None and self._make_venv is None:
            raise UserError("video: without a run there are no pictures; give make_venv, with render_mode='rgb_array'")
        if not self._goes_on:
            self._pace.begin(self.num_timesteps)
        self._goes_on = False

    def _on_rollout_start(self) -> None:
        if self._game_over or self._pace.is_due(self.num_timesteps):
            self.film()
            self._game_over = False
            self._pace.begin(self.num_timesteps)

    def _on_step(self) -> bool:
        self._game_over |= self._of_each_game and "episode" in self.locals["infos"][0]
        return True

    def _on_training_end(self) -> None:
        self._on_rollout_start()

    def state(self) -> State:
        """Whether a film is due, and which have been made."""
        return {"passed": self._pace.passed, "game_over": self._game_over}

    def load_state(self, state: State) -> None:
        """Go on from there."""
        self._goes_on = True
        self._pace.passed, self._game_over = state["passed"], state["game_over"]

    def film(self) -> None:
        """Play and film a game of the agent as it is now."""
        folder = Path(self._folder or Path(self.logger.dir or ".") / "videos")
        path = folder / f"agent_steps_{self.num_timesteps:08}.mp4"
        protocol = protocols.get(self._protocol or _NO_NAME)
        try:
            with plain_os_errors(f"cannot make {folder}"):
                folder.mkdir(parents=True, exist_ok=True)
            with undisturbed(self.model):  # by itself: a stop amid the game saves the generators as they are then
                film_set = self._set_up(protocol)
            with undisturbed(self.model):
                self._write(path, protocol, film_set)
        except UserError as error:  # a full disk, say: no reason to end a training
            self._say(f"warning: no video after {self.num_timesteps:,} agent steps: {error}")

    def _write(self, path: Path, protocol: Protocol, film_set: FilmSet) -> None:
        venv, pictures_per_second, scale = film_set
        before_step = self._lent.before_step if self._lent is not None else lambda: None
        with closing(venv):
            game = record_game(self.model.policy, venv, protocol, self._seed, max_agent_steps=self._max_agent_steps)
            pictures = (picture for picture in game if before_step() is None)
            write_mp4(pictures, path, fps=pictures_per_second, scale=scale)

    def _set_up(self, protocol: Protocol) -> FilmSet:
        if self._make_venv is None:
            assert self._lent is not None
            return self._lent.film_set(protocol, self._seed)
        venv = self._make_venv()
        return FilmSet(venv, float(str(venv.metadata.get("render_fps", 30))), scale=1)
