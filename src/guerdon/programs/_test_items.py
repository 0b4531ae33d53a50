"""A test file as a list of items: what counts as one test, and the syntax tree that reports each of them.

An item is a test function (times its rows of ``parametrize``), or a statement of the module or of ``check`` that
holds an assertion. So a check of ten assertions gives ten outcomes, and a failed one does not hide the next.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from guerdon.programs._test_forms import UnsupportedError

ITEM = "__guerdon_item__"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Plan:
    """Statements of the module to run in order, the names of the items inside them, and the test functions."""

    module: tuple[ast.stmt, ...]
    statements: tuple[str, ...]
    tests: tuple[str, ...]
    check: bool


def plan(source: str) -> Plan:
    """Read a test file.

    Raises:
        UnsupportedError: it is no Python, or uses a form that is not supported.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnsupportedError(f"the test file is no Python: {error}") from None
    asserting = {
        node.name for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and any(isinstance(n, ast.Assert) for n in ast.walk(node))
    }  # fmt: skip
    names: list[str] = []
    tests: list[str] = []
    body: list[ast.stmt] = []
    check = False
    for node in tree.body:
        _refuse(node)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            tests.append(node.name)
        elif isinstance(node, ast.FunctionDef) and node.name == "check":
            if len(node.args.args) != 1:
                raise UnsupportedError("check must take the program's function and nothing else")
            check = True
            node.body = _marked(node.body, names, asserting, "check line", whole="check")
        elif _calls(node, {"check", *(n for n in asserting if n.startswith("test"))}):
            continue  # the file runs its own tests at its end; they run once
        else:
            body += _marked([node], names, asserting, "line")
            continue
        body.append(node)
    return Plan(tuple(body), tuple(names), tuple(tests), check)


def _marked(body: list[ast.stmt], names: list[str], asserting: set[str], word: str, whole: str = "") -> list[ast.stmt]:
    """Wrap every statement that is an item so that its outcome is reported; ``whole`` where there is none."""
    chosen = [node for node in body if _is_item(node, asserting)]
    if not chosen and whole:
        return [_wrapped(body, names, whole)]
    return [_wrapped([node], names, f"{word} {node.lineno}") if node in chosen else node for node in body]


def _wrapped(body: list[ast.stmt], names: list[str], name: str) -> ast.With:
    names.append(name)
    call = ast.Call(ast.Name(ITEM, ast.Load()), [ast.Constant(len(names) - 1)], [])
    return ast.fix_missing_locations(ast.copy_location(ast.With([ast.withitem(call)], body), body[0]))


def _is_item(node: ast.stmt, asserting: set[str]) -> bool:
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return False
    if isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant) and node.test.value:
        return False  # "assert True" says nothing about a program
    return _calls(node, asserting) or any(isinstance(n, ast.Assert) for n in _outside_functions(node))


def _outside_functions(node: ast.AST) -> list[ast.AST]:
    found = [node]
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _FUNCTIONS):
            found += _outside_functions(child)
    return found


def _calls(node: ast.stmt, names: set[str]) -> bool:
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names


def _refuse(node: ast.stmt) -> None:
    if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test"):
        raise UnsupportedError(f"{node.name} is asynchronous, which is not supported")
    if isinstance(node, ast.ClassDef):
        bases = [ast.unparse(b) for b in node.bases]
        if node.name.startswith("Test") or any("TestCase" in b for b in bases):
            raise UnsupportedError(f"the class {node.name} holds tests; write them as functions")
