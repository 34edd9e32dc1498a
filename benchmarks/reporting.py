"""What the benchmarks share: their options, and a result that says where, how and of which commit it was made."""

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dqn_zoo_ext  # isort: skip  # noqa: F401  # before PyTorch, as in the commands
import torch
from stable_baselines3.common.utils import get_device

from dqn_zoo_ext.cli.values import check_device, whole_number
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.atomic import write_atomically
from dqn_zoo_ext.storage.results import Machine

__all__ = ["commit", "device_name", "machine", "parser_of", "positive", "publish", "whole_number"]
HERE = Path(__file__).resolve().parent


def parser_of(benchmark: str, about: str | None) -> argparse.ArgumentParser:
    """A parser with the option that all have. benchmark: the program's name; about: its docstring."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path("benchmarks/results") / f"{benchmark}.json"
    parser.add_argument("--output", type=Path, default=default, help=f"the file of results (default: {default})")
    return parser


def positive(text: str) -> float:
    """An argparse type: finite numbers above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be more than 0, not {text}")
    return number


def device_name(text: str) -> str:
    """An argparse type: a device that PyTorch can use."""
    try:
        return str(get_device(check_device(text)))
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("--device: ")) from None


def machine(device: str = "cpu") -> dict[str, Any]:
    """Where this process runs. device: where its networks are."""
    named = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    threads = {"torch_threads": torch.get_num_threads(), "torch": torch.__version__}
    return {**asdict(Machine.here()), "device": named, **threads}


def command() -> str:
    """As it was typed, from the repository's root."""
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])


def commit() -> str:
    """Of the working tree."""
    words = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=HERE).stdout.strip()


def publish(benchmark: str, found: Mapping[str, Any], output: Path | None, device: str = "cpu") -> None:
    """Write the result, where somebody wants a file, and print it as one line."""
    result = {
        "benchmark": benchmark,
        **found,
        "machine": machine(device),
        "command": command(),
        "commit": commit(),
    }
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(output, json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
