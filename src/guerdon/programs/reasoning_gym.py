"""The scorers of the data sets of reasoning-gym, which read hostile text and may hang on it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

try:
    import reasoning_gym
except ImportError as error:
    reasoning_gym, MISSING = None, str(error)

# they compare grids as tuples, and a grid that was stored as JSON comes back as lists: a right answer would look wrong
_GRIDS = ("arc_agi", "rearc")
_KEPT = 64


def score(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What ``score_answer`` of a data set says.

    Args:
        payload: ``dataset``, ``config``, ``entry`` and ``answer``.

    Returns:
        ``{"score": value}``, the value as the scorer gave it; or ``{"fault": why}`` when our side is at fault, or
        ``{"refused": why}`` when the scorer breaks on this answer but not on the right one; or ``{"missing": why}``.

    Example:
        >>> entry = {"question": "1 + 2 =", "answer": "3", "metadata": {}}
        >>> score({"dataset": "chain_sum", "config": {}, "entry": entry, "answer": "3"})
        {'score': 1.0}
    """
    if reasoning_gym is None:
        return {"missing": MISSING}
    name, entry = payload["dataset"], dict(payload["entry"])
    try:
        scorer = _scorer(name, json.dumps(payload["config"], sort_keys=True))
    except Exception as error:
        _pass_on(error)
        return {"fault": f"no scorer for {name!r}: {type(error).__name__}: {error}"}
    if name in _GRIDS:
        entry["metadata"] = _tuples(entry["metadata"])
    try:
        return {"score": float(scorer(payload["answer"], entry))}
    except Exception as error:
        _pass_on(error)
        why = f"the scorer raised {type(error).__name__}: {error}"
    return {"refused" if _works(scorer, entry) else "fault": why}


@functools.lru_cache(maxsize=_KEPT)
def _scorer(name: str, config: str) -> Callable[[Any, dict[str, Any]], float]:
    return reasoning_gym.create_dataset(name, **json.loads(config)).score_answer  # type: ignore[union-attr]


def _works(scorer: Callable[[Any, dict[str, Any]], float], entry: dict[str, Any]) -> bool:
    """Whether the scorer can read the right answer, so that another one is at fault when it cannot read that."""
    if not isinstance(entry.get("answer"), str):
        return False
    try:
        float(scorer(entry["answer"], entry))
    except Exception as error:
        _pass_on(error)
        return False
    return True


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(v) for v in value)
    return {k: _tuples(v) for k, v in value.items()} if isinstance(value, dict) else value


def _pass_on(error: Exception) -> None:
    """Exhaustion is for the pool to judge."""
    if isinstance(error, (MemoryError, RecursionError, SystemError)):
        raise error
