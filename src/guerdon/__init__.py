"""guerdon: design a reward, train a policy against it, and know whether the policy earned it or gamed it.

Three levels are public: functions (``guerdon.advantages.rloo``), components built from a name and hyper-parameters
(``guerdon.build("rloo")``), and whole runs (``guerdon.train("quickstart")``). ``guerdon.score(rows, "answer_equal")``
scores what any model wrote, and ``guerdon.adapters`` takes rewards to other trainers. Nothing heavy is imported until
used.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_LAZY = {
    "method": "guerdon.method",
    "Paper": "guerdon.method",
    "Policy": "guerdon.method",
    "Preset": "guerdon.method",
    "Recipe": "guerdon.recipe",
    "load": "guerdon.recipe",
    "train": "guerdon.engines.native.run",
    "resume": "guerdon.engines.native.run",
    "Callback": "guerdon.engines.callbacks",
    "build": "guerdon.api",
    "reward": "guerdon.grading.api",
    "score": "guerdon.grading.api",
}
_PACKAGES = ("advantages", "objectives", "shaping", "selection", "rewards", "providers", "tasks", "ops", "records",
             "report", "errors", "signals", "registry", "adapters")  # fmt: skip
__all__ = [*_LAZY, *_PACKAGES]  # pyright: ignore[reportUnsupportedDunderAll]

if TYPE_CHECKING:
    from guerdon.api import build as build
    from guerdon.engines.callbacks import Callback as Callback
    from guerdon.engines.native.run import resume as resume
    from guerdon.engines.native.run import train as train
    from guerdon.grading.api import reward as reward
    from guerdon.grading.api import score as score
    from guerdon.method import Paper as Paper
    from guerdon.method import Policy as Policy
    from guerdon.method import Preset as Preset
    from guerdon.method import method as method
    from guerdon.recipe import Recipe as Recipe
    from guerdon.recipe import load as load


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _PACKAGES:
        return importlib.import_module(f"guerdon.{name}")
    raise AttributeError(f"module 'guerdon' has no attribute {name!r}")


if os.environ.get("GUERDON_CHECK") == "1":
    importlib.import_module("guerdon.checked").check_shapes()
