"""What a run can be given to do besides learning. Stable-Baselines3 callbacks; those with a name can stand in YAML."""

if __name__ != "dqn_zoo_ext.callbacks":
    # under two names every class here would exist twice, and isinstance would fail in silence
    raise ImportError("import dqn_zoo_ext.callbacks, not the folder that it is kept in")

from dqn_zoo_ext.callbacks.action_histogram import ActionHistogram
from dqn_zoo_ext.callbacks.agent_files import AgentFiles
from dqn_zoo_ext.callbacks.evaluation import ProtocolEvaluation
from dqn_zoo_ext.callbacks.exact_checkpoint import ExactCheckpoint, Stopped
from dqn_zoo_ext.callbacks.health import HealthWarnings
from dqn_zoo_ext.callbacks.hub_upload import HubUpload
from dqn_zoo_ext.callbacks.pace import Pace
from dqn_zoo_ext.callbacks.progress import Progress
from dqn_zoo_ext.callbacks.q_values import QValues
from dqn_zoo_ext.callbacks.stop_at_score import StopAtScore
from dqn_zoo_ext.callbacks.throughput import Throughput
from dqn_zoo_ext.callbacks.trace import Trace

__all__ = [
    "ActionHistogram",
    "AgentFiles",
    "ExactCheckpoint",
    "HealthWarnings",
    "HubUpload",
    "Pace",
    "Progress",
    "ProtocolEvaluation",
    "QValues",
    "StopAtScore",
    "Stopped",
    "Throughput",
    "Trace",
]
