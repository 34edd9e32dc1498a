"""Videos of games: how their pictures come about, and how they are written."""

from dqn_zoo_ext.evaluation.recording import record_game
from dqn_zoo_ext.storage.video_file import write_gif, write_mp4

__all__ = ["record_game", "write_gif", "write_mp4"]
