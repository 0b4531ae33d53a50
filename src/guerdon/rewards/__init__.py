"""Rewards: rollouts to scores with a status."""

from __future__ import annotations

import importlib
from types import ModuleType

_FOLDERS = ("verifiers", "rules", "reference", "agentic")


def __getattr__(name: str) -> ModuleType:
    """A family of rewards, loaded when it is first asked for."""
    if name in _FOLDERS:
        return importlib.import_module(f"guerdon.rewards.{name}")
    raise AttributeError(f"module 'guerdon.rewards' has no attribute {name!r}")
