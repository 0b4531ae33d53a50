"""What ``guerdon check`` runs: the suite on a method given by name, dotted path or file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guerdon import registry
from guerdon.conformance.suite import Result, run
from guerdon.errors import GuerdonError, RecipeError, UnknownNameError
from guerdon.method import Method, registered


@dataclass(frozen=True)
class MethodReport:
    """Results of one method, in the order of the properties."""

    name: str
    stage: str
    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Whether no property failed."""
        return not any(r.status == "failed" for r in self.results)


@dataclass(frozen=True)
class Report:
    """Results of every method that was asked for."""

    methods: tuple[MethodReport, ...]
    seed: int
    cases: int

    @property
    def ok(self) -> bool:
        """Whether no property failed; decides the exit code."""
        return all(m.ok for m in self.methods)

    def text(self, *, skipped: bool = False) -> str:
        """Readable lines: every property, and for a failure the smallest failing input as code to paste."""
        lines = []
        for one in self.methods:
            counts = {s: sum(r.status == s for r in one.results) for s in ("passed", "failed", "skipped")}
            lines.append(f"{one.name} ({one.stage}): " + ", ".join(f"{n} {s}" for s, n in counts.items() if n))
            for result in one.results:
                if result.status != "skipped" or skipped:
                    lines += [f"  {line}" for line in result.text().splitlines()]
        return "\n".join(lines)

    def data(self) -> dict[str, Any]:
        """Plain data for ``--json``."""
        methods = [
            {"name": m.name, "stage": m.stage, "ok": m.ok, "results": [r.data() for r in m.results]}
            for m in self.methods
        ]
        return {"ok": self.ok, "seed": self.seed, "cases": self.cases, "methods": methods}


def check(
    target: str | Path, *, seed: int = 0, cases: int = 4, only: Iterable[str] = (), allow_code: bool = True
) -> Report:
    """Run the suite on a method.

    Args:
        target: a name, alias or preset; a dotted path ``package.module.function``; a Python file, whose methods
            are all checked; or the name of such a file in this folder.
        seed: start of the random inputs.
        cases: inputs per property.
        only: names of properties; all of them when empty.
        allow_code: whether a file or dotted path of the user may be imported.

    Returns:
        The report; ``ok`` is False when a property failed.

    Raises:
        UnknownNameError: no method has that name.
        RecipeError: the file or module cannot be imported, or holds no method.

    Example:
        >>> check("grpo", cases=1, only=["row_order"]).ok
        True
    """
    chosen = tuple(only)
    reports = []
    for found in resolve(target, allow_code=allow_code):
        method, preset = found.method, found.preset
        results = run(method, seed=seed, cases=cases, only=chosen, params=preset.params if preset else None)
        reports.append(MethodReport(preset.name if preset else method.card.name, method.card.stage, tuple(results)))
    return Report(tuple(reports), seed, cases)


def resolve(target: str | Path, *, allow_code: bool = True) -> list[registry.Resolved]:
    """What a name, dotted path or file stands for; a preset keeps its hyper-parameters."""
    text = str(target)
    if isinstance(target, Path) or text.endswith(".py"):
        return [registry.Resolved(m) for m in _from_file(Path(target), allow_code)]
    here = Path(f"{text}.py")
    try:
        return [registry.resolve(text, allow_code=allow_code, where="check")]
    except UnknownNameError:
        # the name of a method that was just written into this folder
        if text.isidentifier() and here.is_file():
            return [registry.Resolved(m) for m in _from_file(here, allow_code)]
        raise


def methods_of(target: str | Path, *, allow_code: bool = True) -> list[Method]:
    """Methods that a name, dotted path or file stands for."""
    return [found.method for found in resolve(target, allow_code=allow_code)]


def _from_file(path: Path, allow_code: bool) -> list[Method]:
    if not allow_code:
        raise RecipeError("importing a file is off", where=str(path), fix="add --allow-code if you trust this file")
    if not path.is_file():
        raise RecipeError("no such file", where="check", seen=str(path), fix="name a method or an existing .py file")
    inside = _shipped(path)
    name = inside or path.stem
    if inside:
        importlib.import_module(inside)
    else:
        _load(name, path)
    found = [m for m in registered().values() if m.card.module == name]
    if not found:
        raise RecipeError(
            "the file holds no method", where=str(path), fix="decorate a function with @method(stage='reward')"
        )
    return found


def _shipped(path: Path) -> str:
    """Module name of a file of the library itself, else empty."""
    root = Path(__file__).resolve().parents[1]
    full = path.resolve()
    if not full.is_relative_to(root):
        return ""
    return ".".join(("guerdon", *full.relative_to(root).with_suffix("").parts))


def _load(name: str, path: Path) -> None:
    known = sys.modules.get(name)
    if known is not None and (known.__spec__ is None or known.__spec__.origin != str(path.resolve())):
        raise RecipeError("a module of that name is already imported", where=str(path), seen=name,
                          fix="rename the file")  # fmt: skip
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise RecipeError("not a Python file", where=str(path))
    module = importlib.util.module_from_spec(spec)
    # registered under its name first: pickling and dataclasses look the module up there
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except GuerdonError:
        sys.modules.pop(name, None)
        raise
    except Exception as error:
        sys.modules.pop(name, None)
        raise RecipeError(f"cannot import the file: {type(error).__name__}: {error}", where=str(path)) from error
