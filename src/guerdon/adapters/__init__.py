"""Rewards by name in the shape other packages call them: TRL, verl, inspect. Those packages are not imported here."""

from __future__ import annotations

from guerdon.adapters._inspect import inspect
from guerdon.adapters._trl import trl
from guerdon.adapters._verl import verl, verl_batch

__all__ = ["inspect", "trl", "verl", "verl_batch"]
