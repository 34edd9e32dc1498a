"""Everything that a name in YAML or on the command line can stand for, made known to the registry."""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.callbacks
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # importing these registers what they hold
from dqn_zoo_ext import registry
from dqn_zoo_ext.errors import UserError


def load_plug_ins(modules: Sequence[str]) -> None:
    """Register our own, those of installed packages, and those of `modules`, which are imported by name.

    UserError if one of them cannot be imported, is not Python, or takes a name that there is already.
    """
    registry.load_plugins()
    here = str(Path.cwd())
    if modules and here not in sys.path:
        sys.path.insert(0, here)  # as `python -m` has it
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise UserError(f"--gym-packages: cannot import '{module}': {error}") from error
        except SyntaxError as error:
            where = f"{Path(error.filename or module).name}:{error.lineno or 1}"
            raise UserError(f"--gym-packages: {where}: {type(error).__name__}: {error.msg}") from error
        except registry.NameTaken as error:
            raise UserError(f"--gym-packages: {module}: {error}") from error
    dqn_zoo_ext.algorithms.join_rl_zoo()
