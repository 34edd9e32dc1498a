"""Whether what is done now is being written down, for others than the PyTorch that runs here."""

import torch


def is_traced() -> bool:
    """Whether PyTorch writes down what is done, to compile or to export it."""
    return is_recorded_by_torchscript() or torch.compiler.is_compiling()


def is_recorded_by_torchscript() -> bool:
    """Whether by TorchScript's tracer, for which a size is no plain number: one must not depend on it."""
    return torch._C._get_tracing_state() is not None
