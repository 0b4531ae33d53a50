"""Weights between a module and a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from guerdon.errors import RunError


def tensors_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers of a module by name, for a checkpoint."""
    return {k: v.detach() for k, v in module.state_dict().items()}


def load_into(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor], where: Path) -> None:
    """Put tensors of a checkpoint into a module.

    Raises:
        RunError: they belong to another model.
    """
    own = module.state_dict()
    if set(own) != set(tensors):
        raise RunError(
            "the checkpoint belongs to another model", where=str(where), seen=sorted(set(own) ^ set(tensors))[:5],
            fix="resume with the recipe of this run",
        )  # fmt: skip
    module.load_state_dict(dict(tensors))
