"""A look at a run before it starts: what it will do, what it needs, and what would silently go wrong."""

from dqn_zoo_ext.experiment.doctor.diagnosis import Diagnosis, diagnose, refuse
from dqn_zoo_ext.experiment.doctor.findings import Finding
from dqn_zoo_ext.experiment.doctor.tables import brief_lines, print_report

__all__ = ["Diagnosis", "Finding", "brief_lines", "diagnose", "print_report", "refuse"]
