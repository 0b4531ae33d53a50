"""Every error guerdon raises: what is wrong, where, the value seen, the values allowed, and the fix.

GuerdonError                     exit code 2 unless stated
|- RecipeError (ValueError)      a recipe or an override is wrong
|- UnknownNameError (LookupError)a name is not known; the nearest ones are named
|- MethodError (TypeError)       a method breaks the contract of its stage
|- DataError (ValueError)        a data file, row or record is wrong
|- ModelError (ValueError)       a model or tokenizer cannot be used
|- NumericsError (ArithmeticError)  a reward, loss or gradient is not finite
|- RunError (RuntimeError)       a run folder is locked, torn or not what was asked
|- MachineError (RuntimeError)   exit code 3: disk full, missing package or system tool
`- Interrupted                   exit code 130: stopped by the user, progress saved
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GuerdonError(Exception):
    """Base of all errors; picklable, because the state is the constructor's arguments."""

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", seen: object = None, allowed: object = None, fix: str = ""):
        super().__init__(what)
        self.what, self.where, self.seen, self.allowed, self.fix = what, where, seen, allowed, fix

    def __reduce__(self):
        state = {"where": self.where, "seen": self.seen, "allowed": self.allowed, "fix": self.fix}
        return _rebuild, (type(self), self.what, state)

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.seen is not None:
            parts.append(f"  seen:    {_short(self.seen)}")
        if self.allowed is not None:
            parts.append(f"  allowed: {_short(self.allowed)}")
        if self.fix:
            parts.append(f"  fix:     {self.fix}")
        return "\n".join(parts)


def _rebuild(cls: type[GuerdonError], what: str, state: dict) -> GuerdonError:
    error = cls.__new__(cls)
    GuerdonError.__init__(error, what, **state)
    return error


def _short(value: object, limit: int = 400) -> str:
    if isinstance(value, (list, tuple, set, frozenset)):
        text = ", ".join(str(v) for v in value)
    else:
        text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


class RecipeError(GuerdonError, ValueError):
    """A recipe, an override or a hyper-parameter is wrong."""


class MethodError(GuerdonError, TypeError):
    """A method does not follow the contract of its stage."""


class DataError(GuerdonError, ValueError):
    """A data file, a row of it or a stored record is wrong."""


class ModelError(GuerdonError, ValueError):
    """A model directory or a tokenizer cannot be used as asked."""


class NumericsError(GuerdonError, ArithmeticError):
    """A reward, loss, gradient or parameter is not finite."""


class RunError(GuerdonError, RuntimeError):
    """A run folder is in use, torn, or not the run that was asked for."""


class MachineError(GuerdonError, RuntimeError):
    """The machine lacks something: space, a package, a system tool."""

    exit_code = 3


class Interrupted(GuerdonError):
    """The user stopped the run; what was done is saved."""

    exit_code = 130


class UnknownNameError(GuerdonError, LookupError):
    """A name is not known; carries the nearest known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str = "", fix: str = ""):
        names = sorted(known)
        close = nearest(name, names)
        hint = fix or (f"did you mean {' or '.join(repr(c) for c in close)}?" if close else f"choose a known {kind}")
        shown = names if len(names) <= 30 else [*close, "…"] if close else [*names[:30], "…"]
        super().__init__(f"unknown {kind} {name!r}", where=where, allowed=shown, fix=hint)
        self.kind, self.name, self.nearest = kind, name, close


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names closest in spelling, best first.

    Example:
        >>> nearest("gropo", ["grpo", "rloo", "gae"])
        ['grpo', 'rloo']
    """
    lowered = {k.lower(): k for k in known}
    hits = difflib.get_close_matches(name.lower(), lowered, n=count, cutoff=0.6)
    return [lowered[h] for h in hits]
