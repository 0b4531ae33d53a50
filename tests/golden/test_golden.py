"""Reference vectors of the authors' own code, run through the method whose card names the file.

A file ``<name>.json`` of the folder ``GUERDON_GOLDEN`` is answered by ``adapters/<name with - as _>.py``: ``run(case)``
returns our values under the names of the case's outputs, ``EXCLUDED`` lists what is not compared and why,
``TOLERANCE`` maps globs over output paths to ``(rtol, atol)``. A path is ``key.key[index]``; a glob that fits a key
covers everything below it.
"""

from __future__ import annotations

import fnmatch
import functools
import importlib.util
import json
import math
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guerdon import registry

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOLDER = (ROOT / os.environ.get("GUERDON_GOLDEN", "../shared/golden")).resolve()
FILES = sorted(FOLDER.glob("*.json")) if FOLDER.is_dir() else []
DEFAULT = (1e-6, 1e-9)
pytestmark = pytest.mark.golden


class ExcludedOutput(UserWarning):
    """An output of a reference vector that is not compared."""


def load(path: Path, name: str) -> ModuleType:
    """Import a file by its path; tests have no packages."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


# adapters import it by this name from wherever the tests were started
support = load(HERE / "support.py", "tests.golden.support")


def adapter_path(name: str) -> Path:
    """Where the adapter of a file of reference vectors must be."""
    return HERE / "adapters" / f"{name.replace('-', '_')}.py"


@functools.cache
def cases_of(path: Path) -> list[dict[str, Any]]:
    """Cases of a file."""
    return json.loads(path.read_text("utf-8"))["cases"]


def _parameters() -> Iterator[Any]:
    for path in FILES:
        if not adapter_path(path.stem).exists():
            yield pytest.param(path, 0, id=path.stem, marks=pytest.mark.skip(f"no method names {path.stem} yet"))
            continue
        for k, case in enumerate(cases_of(path)):
            yield pytest.param(path, k, id=f"{path.stem}-{case['name']}")
    if not FILES:
        why = f"no reference vectors in {FOLDER.name}: set GUERDON_GOLDEN to their folder"
        yield pytest.param(FOLDER, 0, id="none", marks=pytest.mark.skip(why))


@pytest.mark.parametrize(("path", "k"), list(_parameters()))
def test_case(path: Path, k: int) -> None:
    adapter = load(adapter_path(path.stem), f"golden_adapter_{path.stem.replace('-', '_')}")
    problems, excluded = judge(cases_of(path)[k], adapter)
    for line in excluded:
        warnings.warn(f"{path.stem}: {line}", ExcludedOutput, stacklevel=1)
    assert not problems, "\n".join(problems[:12])


def judge(case: Mapping[str, Any], adapter: ModuleType) -> tuple[list[str], list[str]]:
    """Problems of a case, and the outputs that were not compared with the reason."""
    found = adapter.run(case)
    compared: list[str] = []
    problems: list[str] = []
    used: dict[str, Any] = {}
    for name, wanted in case["outputs"].items():
        ours = found.get(name, _MISSING)
        for path, expected, value in _walk(name, wanted, ours, adapter.EXCLUDED, case, used):
            compared.append(path)
            difference = _differ(path, expected, value, adapter.TOLERANCE)
            if difference:
                problems.append(difference)
    excluded = [f"{path} is not compared: {e.reason}" for path, e in used.items()]
    covered = any(e.whole_case for e in used.values())
    if not compared and case["outputs"] and not covered:
        problems.append(f"{case['name']}: every output is excluded, so nothing is checked; {'; '.join(excluded)}")
    return problems, excluded


_MISSING = object()


def _walk(
    path: str, expected: Any, value: Any, exclusions: Sequence[Any], case: Mapping[str, Any], used: dict[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    for exclusion in exclusions:
        # the condition is asked only where the glob fits: it may read inputs that other cases do not have
        if fnmatch.fnmatchcase(path, exclusion.output) and exclusion.when(case):
            used[path] = exclusion
            return
    value = _plain(value)
    if isinstance(expected, Mapping) and isinstance(value, Mapping):
        for key, item in expected.items():
            yield from _walk(f"{path}.{key}", item, value.get(key, _MISSING), exclusions, case, used)
    elif isinstance(expected, list) and isinstance(value, list) and len(expected) == len(value):
        for i, (item, ours) in enumerate(zip(expected, value, strict=True)):
            yield from _walk(f"{path}[{i}]", item, ours, exclusions, case, used)
    else:
        yield path, expected, value


def _plain(value: Any) -> Any:
    if type(value).__module__.split(".")[0] in ("torch", "numpy"):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value


def _differ(path: str, expected: Any, value: Any, tolerances: Mapping[str, tuple[float, float]]) -> str:
    if value is _MISSING:
        return f"{path}: the adapter gives no value, expected {expected!r}"
    wanted, ours = _number(expected), _number(value)
    if wanted is None or ours is None:
        return "" if type(expected) is type(value) and expected == value else _say(path, expected, value)
    if math.isnan(wanted) or math.isnan(ours):
        return "" if math.isnan(wanted) and math.isnan(ours) else _say(path, expected, value)
    if math.isinf(wanted) or math.isinf(ours):
        return "" if wanted == ours else _say(path, expected, value)
    rtol, atol = next((t for glob, t in tolerances.items() if fnmatch.fnmatchcase(path, glob)), DEFAULT)
    gap = abs(wanted - ours)
    if gap <= atol + rtol * abs(wanted):
        return ""
    return f"{_say(path, expected, value)} (difference {gap:.3g}, rtol {rtol:g}, atol {atol:g})"


def _say(path: str, expected: Any, value: Any) -> str:
    return f"{path}: expected {expected!r}, ours {value!r}"


def _number(value: Any) -> float | None:
    """A number, also one that JSON can only hold as text."""
    if isinstance(value, (bool, int, float)):
        return float(value)
    return float(value) if value in ("nan", "inf", "-inf", "NaN", "Infinity", "-Infinity") else None


def test_every_file_on_a_card_has_an_adapter() -> None:
    named = {(g, m.card.name) for m in registry.load_all().values() for g in m.card.golden}
    missing = sorted(f"{name} names {file}" for file, name in named if not adapter_path(file).exists())
    assert missing == []


@pytest.mark.skipif(not FILES, reason="no folder of reference vectors")
def test_every_file_on_a_card_exists() -> None:
    named = {(g, m.card.name) for m in registry.load_all().values() for g in m.card.golden}
    missing = sorted(f"{name} names {file}" for file, name in named if not (FOLDER / f"{file}.json").exists())
    assert missing == []
