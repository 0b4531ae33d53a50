"""Components by name in Python: what a recipe entry becomes, without a recipe."""

from __future__ import annotations

from typing import Any

from guerdon import registry
from guerdon.component import Component
from guerdon.component import build as build_component


def build(name: str, /, **params: Any) -> Component:
    """A method by name, alias or preset, with hyper-parameters chosen; call it with a mapping of signals.

    Example:
        >>> import torch
        >>> rloo = build("rloo")
        >>> rloo({"reward": torch.tensor([1.0, 0.0]), "group_id": torch.tensor([0, 0]),
        ...       "mask": torch.ones(2, 1, dtype=torch.bool)})[:, 0].tolist()
        [1.0, -1.0]
    """
    return build_component(registry.resolve(name), params, where=name)
