"""Everything that a name in YAML or on the command line can stand for, made known to the registry."""

import importlib
import re
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
from dqn_zoo_ext.keywords import one_line

_NAME = re.compile(r"[^./\\]+(\.[^./\\]+)*")


def load_plug_ins(modules: Sequence[str]) -> None:
    """Register our own, those of installed packages, and those of `modules`, which are imported by name.

    UserError if one of them is no module's name, cannot be imported, is not Python, or takes a name that there is
    already.
    """
    for module in modules:
        _refuse_what_is_no_name(module)
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


def _refuse_what_is_no_name(module: str) -> None:
    """Before anything is imported: of ``mine.py`` Python would import ``mine``, and then look for ``py`` in it."""
    path = Path(module)
    if path.suffix == ".py" and _NAME.fullmatch(path.stem):
        elsewhere = "" if path.parent == Path() else f"; go to {one_line(str(path.parent))!r} first"
        raise UserError(
            f"--gym-packages: {one_line(module)!r} is a file; give its module's name, {path.stem}, without .py, which "
            f"is looked for in the current folder{elsewhere}"
        )
    if not _NAME.fullmatch(module):
        raise UserError(
            f"--gym-packages: {one_line(module)!r} is not the name of a module, such as my_envs for my_envs.py in the "
            "current folder, or my_package.envs"
        )
