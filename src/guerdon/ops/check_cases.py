"""Assertions of a test file as input and expected value, where they say no more than that."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
_MAX, _MAX_POWER = 1_000_000_000, 10


class NotConstantError(ValueError):
    """An expression is no constant."""


@dataclass(frozen=True)
class Converted:
    """Cases with ``args``, ``kwargs`` and ``expected`` as Python literals, and why other statements have none.

    The cases say the same as the assertions only where ``left`` is empty.
    """

    cases: tuple[Mapping[str, str], ...]
    left: tuple[str, ...]


def cases_of(source: str, entry: str = "") -> Converted:
    """Read ``assert candidate(...) == value`` of the function ``check``, or of the module for ``entry``.

    Args:
        source: the test file.
        entry: the function's name; without it, the parameter of ``check``.

    Returns:
        A case per assertion that compares one call with a constant by ``==`` or ``is``; every other statement is
        named with its line. ``assert True`` is passed over.

    Raises:
        SyntaxError: the file is no Python.

    Example:
        >>> found = cases_of("def check(f):\\n    assert f([1], k=2) == 3 * 4\\n    assert abs(f(0) - 1) < 1e-6")
        >>> found.cases
        ({'args': '([1],)', 'kwargs': "{'k': 2}", 'expected': '12'},)
        >>> found.left
        ('line 3: compares by Lt, not by ==',)
    """
    tree = ast.parse(source)
    check = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "check" and n.args.args), None)
    body, names = (check.body, {check.args.args[0].arg}) if check else (tree.body, set())
    names |= {entry} - {""}
    cases: list[Mapping[str, str]] = []
    left: list[str] = []
    for node in body:
        idle = isinstance(node, (ast.Assign, ast.Expr)) and isinstance(node.value, (ast.Constant, ast.Dict))
        if idle or (isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant) and node.test.value):
            continue
        try:
            cases.append(_case(node, names))
        except NotConstantError as error:
            left.append(f"line {node.lineno}: {error}")
    return Converted(tuple(cases), tuple(left))


def _case(node: ast.stmt, names: set[str]) -> Mapping[str, str]:
    if not isinstance(node, ast.Assert):
        raise NotConstantError(f"a statement ({type(node).__name__}), not an assertion")
    test = node.test
    if not isinstance(test, ast.Compare):
        raise NotConstantError("asks whether a value is true, not which one it is")
    kinds = [type(o).__name__ for o in test.ops]
    if kinds not in (["Eq"], ["Is"]):
        raise NotConstantError(f"compares by {', '.join(kinds)}, not by ==")
    call, expected = test.left, test.comparators[0]
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names):
        raise NotConstantError("does more with the result than compare it")
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        raise NotConstantError("unpacks its arguments")
    return {
        "args": repr(tuple(_constant(a) for a in call.args)),
        "kwargs": repr({k.arg: _constant(k.value) for k in call.keywords}),
        "expected": repr(_constant(expected)),
    }


def _size(value: Any) -> float:
    if isinstance(value, (str, bytes, list, tuple)):
        return 10_000 * len(value)  # text may be repeated a few thousand times, numbers may be large
    return abs(value) if isinstance(value, (int, float)) else 1


def _constant(node: ast.expr) -> Any:
    """The value of literals and of arithmetic on them."""
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _constant(node.left), _constant(node.right)
        large = isinstance(node.op, ast.Mult) and _size(left) * _size(right) > _MAX
        if large or (isinstance(node.op, ast.Pow) and right not in range(_MAX_POWER)):
            raise NotConstantError("a constant too large")
        try:
            return _OPERATORS[type(node.op)](left, right)
        except (TypeError, ArithmeticError) as error:
            raise NotConstantError(f"no constant: {error}") from None
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        if isinstance(node, (ast.List, ast.Tuple)):
            values = [_constant(e) for e in node.elts]
            return values if isinstance(node, ast.List) else tuple(values)
        raise NotConstantError(f"no constant: {ast.unparse(node)[:60]}") from None
