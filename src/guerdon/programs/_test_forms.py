"""The few forms of pytest that test files of programming tasks use, without pytest.

``raises``, ``approx``, ``mark.parametrize``, ``param`` and ``fail``; everything else is refused by name, so that a
test file is run as it was meant or not at all.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any


class UnsupportedError(BaseException):
    """The test file uses a form that is not supported here; our side is at fault, not the program.

    No ``Exception``, so that neither ``raises(Exception)`` nor an ``except`` of the test file swallows it.
    """


class CandidateError(Exception):
    """The program raised an exception that is no builtin; ``name`` is the name of its class."""

    def __init__(self, name: str, text: str):
        super().__init__(text)
        self.name = name


class Raises:
    """``with raises(E, match=...) as info``: the body must raise one of the named exceptions."""

    def __init__(self, expected: Any, match: str | None):
        self._expected = expected if isinstance(expected, tuple) else (expected,)
        self._match = match
        self.value: Any = None

    @property
    def type(self) -> Any:
        """The class of what was raised."""
        return type(self.value)

    def __enter__(self) -> Raises:
        return self

    def __exit__(self, kind: Any, value: BaseException | None, trace: Any) -> bool:
        names = ", ".join(getattr(e, "__name__", str(e)) for e in self._expected)
        if value is None:
            raise AssertionError(f"did not raise {names}")
        if not any(_is_kind(value, e) for e in self._expected):
            return False
        self.value = value
        if self._match is not None and not re.search(self._match, str(value)):
            raise AssertionError(f"{names} was raised with another message: {str(value)[:200]!r}")
        return True


def _is_kind(value: BaseException, expected: Any) -> bool:
    if isinstance(expected, type):
        return isinstance(value, expected)
    # a name imported from the program: its own exceptions cross the border by name alone
    return isinstance(value, CandidateError) and value.name == getattr(expected, "__name__", None)


class Approx:
    """A number, or a sequence or mapping of numbers, equal within a tolerance."""

    def __init__(self, expected: Any, rel: float | None, abs_: float | None, nan_ok: bool):
        self._expected, self._rel, self._abs, self._nan_ok = expected, rel, abs_, nan_ok

    def __eq__(self, actual: object) -> bool:
        return self._close(actual, self._expected)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"approx({self._expected!r})"

    def _close(self, a: Any, e: Any) -> bool:
        if isinstance(e, dict):
            return isinstance(a, dict) and a.keys() == e.keys() and all(self._close(a[k], e[k]) for k in e)
        if isinstance(e, (list, tuple)):
            fits = type(a) is type(e) and len(a) == len(e)
            return fits and all(self._close(x, y) for x, y in zip(a, e, strict=True))
        numbers = (int, float, complex)
        if isinstance(e, bool) or not isinstance(e, numbers) or isinstance(a, bool) or not isinstance(a, numbers):
            return type(a) is type(e) and a == e
        if a == e:
            return True
        if e != e:
            return self._nan_ok and a != a
        if math.isinf(abs(e)):
            return False
        # pytest's rule: an absolute tolerance given alone switches the relative one off
        relative = self._rel if self._rel is not None else (0.0 if self._abs is not None else 1e-6)
        absolute = self._abs if self._abs is not None else 1e-12
        return abs(a - e) <= max(relative * abs(e), absolute)


class Param:
    """One row of ``parametrize`` made by ``param``."""

    def __init__(self, values: tuple[Any, ...]):
        self.values = values


class Mark:
    """``pytest.mark``: only ``parametrize`` is known."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnsupportedError(f"pytest.mark.{name} is not supported (only parametrize is)")

    def parametrize(self, names: str | Sequence[str], rows: Any, ids: Any = None) -> Callable[[Any], Any]:
        """Remember the rows on the function; decorators nearer to it vary slowest, as in pytest."""
        keys = [n.strip() for n in names.split(",") if n.strip()] if isinstance(names, str) else list(names)
        cases = []
        for row in rows:
            values = row.values if isinstance(row, Param) else row if len(keys) > 1 else (row,)
            if len(values) != len(keys):
                raise UnsupportedError(f"parametrize has {len(keys)} names and a row of {len(values)} values")
            cases.append(dict(zip(keys, values, strict=True)))

        def mark(function: Any) -> Any:
            function.guerdon_cases = [
                {**old, **new} for old, new in itertools.product(getattr(function, "guerdon_cases", [{}]), cases)
            ]
            return function

        return mark


class Forms:
    """What ``import pytest`` gives to a test file."""

    def __init__(self) -> None:
        self.mark = Mark()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnsupportedError(f"pytest.{name} is not supported (raises, approx, param, fail and mark.parametrize are)")

    def raises(self, expected: Any, *args: Any, match: str | None = None) -> Any:
        """As a context, or called with a function and its arguments."""
        context = Raises(expected, match)
        if not args:
            return context
        with context:
            args[0](*args[1:])
        return context

    def approx(self, expected: Any, rel: float | None = None, abs: float | None = None, nan_ok: bool = False) -> Approx:
        """Equal within the larger of ``rel * |expected|`` (1e-6) and ``abs`` (1e-12)."""
        return Approx(expected, rel, abs, nan_ok)

    def param(self, *values: Any, id: str | None = None) -> Param:
        """A row of ``parametrize``."""
        return Param(values)

    def fail(self, reason: str = "") -> None:
        """Fail the test."""
        raise AssertionError(reason)
