"""Runs a trusted test file against a program nobody trusts, which stays in the sandbox.

The names the file imports from the program are proxies: a call sends plain arguments to a sandbox session, and a plain
value comes back. Every assertion is decided here, on plain values, so an expected value never meets the program.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import random
import resource
import secrets
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from guerdon.errors import MethodError
from guerdon.programs._test_forms import CandidateError, Forms, UnsupportedError
from guerdon.programs._test_items import ITEM, Plan, plan
from guerdon.runtime.sandbox.channel import default_sandbox
from guerdon.runtime.sandbox.protocol import Limits
from guerdon.runtime.sandbox.text import shown

MAX_CALLS, MAX_STOPS, REASON = 20_000, 3, 300


class Answer(Protocol):
    """What one call of the program gave: ``outcome`` is ``returned``, ``raised`` or why there is no value."""

    @property
    def outcome(self) -> str:
        """How the call ended."""
        ...

    @property
    def value(self) -> Any:
        """The plain value of a call that returned."""
        ...

    @property
    def error(self) -> str:
        """Why there is no value."""
        ...


Ask = Callable[[str, Sequence[Any], Mapping[str, Any]], Answer]


class StoppedError(BaseException):
    """The program gave no value (over its time, crashed, no plain value); no test may catch it."""


class UnavailableError(BaseException):
    """Nothing healthy could run the program; our side is at fault."""


@dataclass
class _Run:
    """What is known so far about one test file."""

    ask: Ask
    outcomes: dict[str, tuple[bool, str]] = field(default_factory=dict)
    problem: str = ""
    calls: int = 0
    stops: int = 0

    @contextlib.contextmanager
    def item(self, name: str) -> Iterator[None]:
        """One test: whatever its body raises is its outcome."""
        try:
            yield
        except (UnsupportedError, UnavailableError) as error:
            self.problem = self.problem or str(error)
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.outcomes[name] = (False, _reason(error))
        else:
            # a statement inside a loop runs several times: all of them must pass
            self.outcomes.setdefault(name, (True, ""))

    def call(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Send one call to the program; its value, or the exception it raised."""
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise StoppedError(f"the tests call the program more than {MAX_CALLS} times")
        if self.stops >= MAX_STOPS:
            raise StoppedError(f"not called after {MAX_STOPS} calls without an answer")
        answer = self.ask(name, args, kwargs)
        outcome = str(answer.outcome)
        if outcome == "returned":
            return answer.value
        if outcome == "raised":
            raise _raised(answer.error)
        if outcome not in ("not_plain", "too_large"):
            self.stops += 1
        raise StoppedError(f"{outcome.replace('_', ' ')}: {answer.error}".removesuffix(": "))


@dataclass(frozen=True)
class _NoAnswer:
    """The answer of a program that was not asked."""

    outcome: str
    error: str
    value: Any = None


def run(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Run a test file against a program in the sandbox of this machine.

    Args:
        payload: ``source`` of the program, ``file``, ``entry``, ``module``, ``preamble``, ``in_place``; ``seconds`` of
            one call, ``total`` of all of them, and ``memory_mb`` of the program.

    Returns:
        What :func:`grade` returns, and ``loaded``: whether the program could be executed at all.
    """
    probe = f"loaded_{secrets.token_hex(8)}"
    # without a name of its own, a program that raises while it loads would pass every test that expects an exception
    source = f"{payload['source']}\n\ndef {probe}():\n    return True\n"
    limits = Limits(seconds=payload["seconds"], memory_mb=payload["memory_mb"])
    left = [float(payload["total"])]
    # the sandbox's warm process outlives this call and must not inherit its limit; the pool itself measures the time
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
    with default_sandbox().session(source, limits=limits) as session:
        first = session.call(probe)
        loaded = first.outcome == "returned"

        def ask(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Answer:
            if not loaded:
                return _NoAnswer("does not load", first.error or str(first.outcome))
            if left[0] <= 0:
                return _NoAnswer("timeout", f"the calls took more than {payload['total']:g} s together")
            try:
                found = session.call(name, args, kwargs, arguments=payload["in_place"])
            except MethodError as error:
                raise UnsupportedError(f"the tests pass a value that is no plain data: {error.what}") from None
            if found.outcome == "unavailable":
                raise UnavailableError(f"no sandbox: {found.error}")
            left[0] -= found.seconds
            for old, new in zip(args, found.args or (), strict=False):
                _changed(old, new)
            return found

        if first.outcome == "unavailable":
            return {"items": [], "problem": f"no sandbox: {first.error}", "loaded": False}
        entries = [payload["entry"]] if payload["entry"] else []
        graded = grade(
            payload["file"], ask, entries=entries, module=payload["module"], helpers=payload["preamble"]
        )  # fmt: skip
    return {**graded, "loaded": loaded}


def _changed(old: Any, new: Any) -> None:
    """Give an argument of the test the content it has after the call."""
    if type(old) is not type(new):
        return
    if isinstance(old, list):
        old[:] = new
    elif isinstance(old, (dict, set)):
        old.clear()
        old.update(new)


def grade(
    source: str, ask: Ask, *, entries: Sequence[str], module: str = "solution", helpers: str = "", seed: int = 0
) -> dict[str, Any]:
    """Run a test file.

    Args:
        source: the test file.
        ask: calls the program.
        entries: names of the program that the file uses without importing them; the first is given to ``check``.
        module: the name the file imports the program from.
        helpers: trusted code that runs before the file, for what its tests use besides.
        seed: of ``random`` while the file runs, so that tests with random inputs are the same for every program.

    Returns:
        ``items``, a list of ``[name, passed, reason]``, and ``problem``, not empty where our side is at fault.
    """
    run = _Run(ask)
    state = random.getstate()
    random.seed(seed)
    try:
        with contextlib.redirect_stdout(_Nowhere()), contextlib.redirect_stderr(_Nowhere()):
            _run(run, plan(source), entries, module, helpers)
    except (UnsupportedError, UnavailableError) as error:
        run.problem = run.problem or str(error)
    finally:
        random.setstate(state)
    items = [[name, passed, reason] for name, (passed, reason) in run.outcomes.items()]
    if not run.problem and not items:
        run.problem = "the test file holds no test"
    if not run.problem and not run.calls and all(passed for _, passed, _ in items):
        run.problem = "the tests never call the program"
    return {"items": items, "problem": run.problem}


def _run(run: _Run, tests: Plan, entries: Sequence[str], module: str, helpers: str) -> None:
    names = {"__name__": "tests", "__builtins__": _builtins(run, module)}
    if helpers:
        _checked("the helpers", lambda: exec(compile(helpers, "helpers", "exec"), names))
    names |= {name: _proxy(run, name) for name in entries}
    names[ITEM] = lambda k: run.item(tests.statements[k])
    broken = ""
    for statement in tests.module:
        try:
            exec(compile(ast.Module([statement], []), "tests", "exec"), names)
        except Exception as error:
            # what follows may lean on it: definitions still run, so that every program is given the same tests
            broken = broken or f"line {statement.lineno}: {_reason(error)}"
        except StoppedError as error:
            broken = broken or f"line {statement.lineno}: {error}"
    if tests.check:
        broken = _checked_body(names, entries, broken)
    for name in dict.fromkeys(tests.tests):
        _test(run, names, name, broken)
    found = {name: run.outcomes.pop(name, (False, broken or "not reached")) for name in tests.statements}
    run.outcomes = {**found, **run.outcomes}
    if broken and run.outcomes and all(passed for passed, _ in run.outcomes.values()):
        # what failed stands after the last item: the file as a whole did not pass, so its last item did not
        run.outcomes[[*run.outcomes][-1]] = (False, broken)


def _checked_body(names: dict[str, Any], entries: Sequence[str], broken: str) -> str:
    if not entries:
        raise UnsupportedError("check needs the name of the program's function: give the tests an entry")
    try:
        names["check"](names[entries[0]])
    except (Exception, StoppedError) as error:
        return broken or f"check: {_reason(error)}"
    return broken


def _test(run: _Run, names: dict[str, Any], name: str, broken: str) -> None:
    function = names.get(name)
    if not isinstance(function, types.FunctionType):
        run.outcomes[name] = (False, broken or "not defined")
        return
    cases = getattr(function, "guerdon_cases", [{}])
    code = function.__code__
    needed = set(code.co_varnames[: code.co_argcount - len(function.__defaults__ or ())])
    for k, case in enumerate(cases):
        if not needed <= set(case):
            raise UnsupportedError(f"{name} asks for {sorted(needed - set(case))}; fixtures are not supported")
        label = name if cases == [{}] else f"{name}[{k}]"
        if broken:
            run.outcomes[label] = (False, broken)
            continue
        with run.item(label):
            function(**case)


def _builtins(run: _Run, module: str) -> dict[str, Any]:
    """Builtins whose import knows the program and the few forms of pytest; the rest is imported as ever."""
    forms, program = Forms(), _Module(run, module)

    def load(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if name == module:
            if fromlist and "*" in fromlist:
                raise UnsupportedError(f"from {module} import * is not supported: name what the tests use")
            return program
        if name == "pytest":
            return forms
        if name.split(".")[0] == "unittest" and name != "unittest.mock":
            raise UnsupportedError("unittest is not supported: write tests as functions")
        try:
            return builtins.__import__(name, globals, locals, fromlist, level)
        except ImportError as error:
            raise UnsupportedError(f"the test file needs a module that is missing here: {error}") from None

    return {**vars(builtins), "__import__": load}


class _Module:
    """The program as a module: every name in it is a proxy."""

    def __init__(self, run: _Run, name: str):
        self._run, self.__name__ = run, name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _proxy(self._run, name)


def _proxy(run: _Run, name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return run.call(name, args, kwargs)

    call.__name__ = call.__qualname__ = name
    return call


def _raised(error: str) -> Exception:
    """An exception of the program as one of ours: builtins by name, others as :class:`CandidateError`."""
    name, _, text = error.partition(": ")
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        with contextlib.suppress(TypeError):  # a few builtins need more than a text
            return kind(text)
    return CandidateError(name, text)


def _checked(what: str, call: Callable[[], Any]) -> None:
    try:
        call()
    except Exception as error:
        raise UnsupportedError(f"{what} of the tests raised {type(error).__name__}: {error}") from None


def _reason(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # a test's message may hold an int of more digits than Python writes
        text = ""
    if isinstance(error, StoppedError):
        said = text
    elif isinstance(error, AssertionError):
        said = f"assertion failed: {text}" if text else "assertion failed"
    else:
        name = error.name if isinstance(error, CandidateError) else type(error).__name__
        said = f"{name}: {text}"
    return shown(said, REASON)  # values of the program may stand in it: controls, directions, lone surrogates


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)
