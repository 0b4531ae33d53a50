"""Running the properties on a method: draw inputs, find a failure, make its input small."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from guerdon.conformance.case import Case, NotApplicable, PropertyError
from guerdon.conformance.checks import BY_NAME, CHECKS, Check
from guerdon.conformance.subject import Subject, subject
from guerdon.conformance.values import SMALL, Sizes
from guerdon.errors import DataError, UnknownNameError
from guerdon.method import Method
from guerdon.signals import SIGNALS

_SHRINK_CALLS = 300


@dataclass(frozen=True)
class Result:
    """What one property said: passed, failed or skipped, the reason, and the smallest failing input."""

    check: str
    status: Literal["passed", "failed", "skipped"]
    reason: str = ""
    case: Case | None = None
    names: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """Plain data for ``--json``."""
        given = self.case.data(self.names) if self.case else None
        return {"check": self.check, "status": self.status, "reason": self.reason, "input": given}

    def text(self) -> str:
        """Lines for the terminal; a failure shows its input as code to paste."""
        line = f"{self.status:8}{self.check}" + (f": {self.reason}" if self.reason else "")
        if self.case is None:
            return line
        shown = self.case.show(self.names)
        return line + ("\n  smallest failing input:\n" + _indent(shown) if shown else "")


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def applicable(method: Method) -> list[Check]:
    """Properties that can say something about a method, from its card alone.

    Example:
        >>> from guerdon import registry
        >>> [c.name for c in applicable(registry.get("grpo"))][:3]
        ['documentation', 'example', 'picklable']
    """
    ready = subject(method)
    return [check for check in CHECKS if not check.calls or not ready.problem]


def run(
    method: Method, *, seed: int = 0, cases: int = 4, only: Iterable[str] = (), params: Mapping[str, Any] | None = None
) -> list[Result]:
    """Every property on ``cases`` random inputs, small ones first.

    Args:
        method: a registered method.
        seed: start of the random inputs; the same seed gives the same inputs on every machine.
        cases: inputs per property.
        only: names of properties; all of them when empty.
        params: hyper-parameters that win over defaults, such as those of a preset.

    Returns:
        One result per property, in the order of the list.

    Raises:
        UnknownNameError: ``only`` names no known property.

    Example:
        >>> from guerdon import registry
        >>> {r.status for r in run(registry.get("grpo"), cases=1, only=["row_order", "one_sample"])}
        {'passed'}
    """
    wanted = list(only) or list(BY_NAME)
    for name in wanted:
        if name not in BY_NAME:
            raise UnknownNameError("property", name, BY_NAME)
    ready = subject(method, params)
    return [prove(ready, BY_NAME[name], seed=seed, cases=cases) for name in wanted]


def prove(ready: Subject, check: Check, *, seed: int = 0, cases: int = 4) -> Result:
    """One property on a prepared method."""
    if not check.calls:
        return _once(ready, check)
    if ready.problem:
        return Result(check.name, "skipped", ready.problem)
    reasons: list[str] = []
    for k in range(cases):
        sizes = SMALL if k < (cases + 1) // 2 else Sizes()
        case = ready.draw(sizes, seed + 1000 * k + k)
        try:
            _attempt(ready, check, case)
        except NotApplicable as error:
            reasons.append(str(error))
        except Exception as error:  # whatever a method raises on a valid input is a finding
            if _unreadable(ready, error):
                reasons.append(f"random text is no valid input: {error}".replace("\n", " "))
                continue
            small, last = _shrink(ready, check, case, error)
            if isinstance(last, PropertyError):
                small = last.case = last.case or small
            return Result(check.name, "failed", _describe(last), small, _shown(ready, check, small))
    if len(reasons) == cases:
        return Result(check.name, "skipped", reasons[0])
    return Result(check.name, "passed")


def _once(ready: Subject, check: Check) -> Result:
    try:
        check.prove(ready)
    except NotApplicable as error:
        return Result(check.name, "skipped", str(error))
    except Exception as error:
        return Result(check.name, "failed", _describe(error))
    return Result(check.name, "passed")


def _attempt(ready: Subject, check: Check, case: Case) -> None:
    with warnings.catch_warnings():
        # statistics of one row warn in torch; the result is what counts here
        warnings.simplefilter("ignore")
        check.prove(ready, case)


def _unreadable(ready: Subject, error: Exception) -> bool:
    """Whether a method that reads text or records refuses what was drawn for it, in its own words."""
    reads = any(SIGNALS[n].dtype in ("str", "record") for n in ready.names)
    return reads and isinstance(error, DataError)


def _shown(ready: Subject, check: Check, case: Case) -> tuple[str, ...]:
    """The inputs of the method, and the masks that decide which values count."""
    masks = [n for n in case.signals if n.endswith("mask") and n not in ready.names]
    return (*ready.names, *masks)


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, PropertyError) else f"raised {type(error).__name__}: {error}"


def _shrink(ready: Subject, check: Check, case: Case, error: Exception) -> tuple[Case, Exception]:
    """Greedy: take any smaller case that fails in the same way, until none does."""
    left, found = _SHRINK_CALLS, True
    while found and left > 0:
        found = False
        for candidate in case.smaller():
            left -= 1
            if left <= 0:
                break
            try:
                _attempt(ready, check, candidate)
            except NotApplicable:
                continue
            except Exception as other:
                if type(other) is type(error) and _kind(other) == _kind(error):
                    case, error, found = candidate, other, True
                    break
    return case, error


def _kind(error: Exception) -> str:
    """The first words, which do not name numbers or places."""
    return " ".join(str(error).split(":")[0].split()[:4])
