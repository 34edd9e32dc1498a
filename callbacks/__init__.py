"""What a run can be given to do besides learning. Stable-Baselines3 callbacks; those with a name can stand in YAML."""

if __name__ != "dqn_zoo_ext.callbacks":
    # under two names every class here would exist twice, and isinstance would fail in silence
    raise ImportError("import dqn_zoo_ext.callbacks, not the folder that it is kept in")

from dqn_zoo_ext.callbacks.action_histogram import ActionHistogram
from dqn_zoo_ext.callbacks.agent_files import AgentFiles
from dqn_zoo_ext.callbacks.episode_files import EpisodeFiles
from dqn_zoo_ext.callbacks.evaluation import ProtocolEvaluation
from dqn_zoo_ext.callbacks.exact_checkpoint import ExactCheckpoint, Stopped
from dqn_zoo_ext.callbacks.health import HealthWarnings
from dqn_zoo_ext.callbacks.hub_upload import HubUpload
from dqn_zoo_ext.callbacks.lent import Borrower, FilmSet, Lent
from dqn_zoo_ext.callbacks.milestones import Milestones
from dqn_zoo_ext.callbacks.nan_guard import NanGuard
from dqn_zoo_ext.callbacks.pace import Pace
from dqn_zoo_ext.callbacks.progress import Progress
from dqn_zoo_ext.callbacks.q_values import QValues
from dqn_zoo_ext.callbacks.rungs import Rungs
from dqn_zoo_ext.callbacks.stop_at_score import StopAtScore
from dqn_zoo_ext.callbacks.throughput import Throughput
from dqn_zoo_ext.callbacks.trace import Trace
from dqn_zoo_ext.callbacks.trackers.mlflow import Mlflow
from dqn_zoo_ext.callbacks.trackers.trackio import Trackio
from dqn_zoo_ext.callbacks.trackers.weights_and_biases import WeightsAndBiases
from dqn_zoo_ext.callbacks.video import Video

__all__ = [
    "ActionHistogram",
    "AgentFiles",
    "Borrower",
    "EpisodeFiles",
    "ExactCheckpoint",
    "FilmSet",
    "HealthWarnings",
    "HubUpload",
    "Lent",
    "Milestones",
    "Mlflow",
    "NanGuard",
    "Pace",
    "Progress",
    "ProtocolEvaluation",
    "QValues",
    "Rungs",
    "StopAtScore",
    "Stopped",
    "Throughput",
    "Trace",
    "Trackio",
    "Video",
    "WeightsAndBiases",
]
