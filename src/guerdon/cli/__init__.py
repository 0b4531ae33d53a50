"""The command line. This module imports nothing heavy: a command's module is loaded when the command runs."""

from __future__ import annotations

import importlib
import inspect
import json as _json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from guerdon.errors import GuerdonError, MachineError, UnknownNameError


class Command(NamedTuple):
    """Where a command lives, its line in ``--help``, and its place there."""

    target: str
    text: str
    group: str


# the one source of the names and lines of ``guerdon --help``, the commands' own help and the docs
COMMANDS: dict[str, Command] = {
    "train": Command("guerdon.cli.train:train", "train a policy as a recipe says", "runs"),
    "resume": Command("guerdon.cli.resume:resume", "continue a stopped run where it was", "runs"),
    "compare": Command("guerdon.cli.compare:compare", "compare runs, or variants of a recipe over seeds", "runs"),
    "score": Command("guerdon.cli.score:score", "score the rows of a file with rewards by name", "runs"),
    "rescore": Command("guerdon.cli.rescore:rescore", "apply rewards to the stored rollouts of a run", "runs"),
    "report": Command("guerdon.cli.report:report", "write one HTML page about one or more runs", "runs"),
    "claim": Command("guerdon.cli.claim:claim", "try the central sentence of a paper at laptop scale", "library"),
    "list": Command("guerdon.cli.listing:listing", "list methods, recipes, signals, tasks or stages", "library"),
    "show": Command("guerdon.cli.show:show", "everything about one method, preset, signal, recipe or stage", "library"),
    "cp": Command("guerdon.cli.cp:cp", "copy a shipped recipe to edit it", "library"),
    "new": Command("guerdon.cli.new:new", "write the source and the test file of a new method", "contribute"),
    "check": Command("guerdon.cli.check:check", "run the conformance checks on a method", "contribute"),
    "doctor": Command("guerdon.cli.doctor:doctor", "what this machine can do, and what is missing", "contribute"),
}
ABOUT = "Design a reward, train a policy against it, and know whether it was earned or gamed."
ENDING = """guerdon COMMAND --help says more. Most commands take --json, and --dry-run where they would do something.
--i-trust-this-code, on any command, runs programs of completions without the sandbox where there is none.
Exit codes: 0 fine, 1 a check found something, 2 wrong usage or data, 3 the machine, 130 interrupted."""
_QUICK = ("list", "show")
TRUST = "--i-trust-this-code"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are printed, not raised, unless ``GUERDON_DEBUG`` is set."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    if TRUST in tokens:
        tokens.remove(TRUST)
        os.environ["GUERDON_TRUST_CODE"] = "1"  # the runs that this command starts see it too
    try:
        return _dispatch(tokens)
    except BrokenPipeError:
        # the reader of a pipe left: what is still buffered must not raise again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except GuerdonError as error:
        return _failed(error, tokens)
    except ImportError as error:
        missing = MachineError(f"cannot import {error.name or 'a package'}: {error}", fix="guerdon doctor")
        return _failed(missing, tokens, error)
    except Exception as error:
        what = f"internal error: {type(error).__name__}: {error}"
        return _failed(MachineError(what, fix="GUERDON_DEBUG=1 shows the traceback; please report it"), tokens, error)


def _dispatch(tokens: list[str]) -> int:
    if not tokens or tokens in (["--help"], ["-h"], ["help"]):
        print(help_text())
        return 0
    if tokens == ["--version"]:
        from importlib.metadata import version

        print(version("guerdon"))
        return 0
    name = tokens[0]
    if name not in COMMANDS:
        raise UnknownNameError(
            "option" if name.startswith("-") else "command", name, [*COMMANDS, "--help", "--version"]
        )
    if name in _QUICK:
        function = _load(name)
        given = _simple(function, tokens[1:])
        if given is not None:
            return function(**given) or 0
    return _parsed(name, tokens)


def help_text() -> str:
    """The text of ``guerdon --help``."""
    lines = [f"Usage: guerdon COMMAND\n\n{ABOUT}"]
    width = max(map(len, COMMANDS))
    for group in dict.fromkeys(c.group for c in COMMANDS.values()):
        lines.append(f"\n{group}")
        lines += [f"  {name:<{width}}  {c.text}" for name, c in COMMANDS.items() if c.group == group]
    return "\n".join([*lines, "", ENDING])


def _load(name: str) -> Callable[..., int | None]:
    module, _, attr = COMMANDS[name].target.partition(":")
    return getattr(importlib.import_module(module), attr)


def _simple(function: Callable[..., Any], tokens: list[str]) -> dict[str, Any] | None:
    """Arguments of a command whose options are texts and switches; None hands the line to the full parser.

    The full parser takes longer to import than these commands take to answer.
    """
    parameters = inspect.signature(function).parameters
    places = [n for n, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    given: dict[str, Any] = {}
    rest = iter(tokens)
    for token in rest:
        if token.startswith("-"):
            name, equals, value = token.removeprefix("--").partition("=")
            name = name.replace("-", "_")
            if name not in parameters or name in given or name in places or not token.startswith("--"):
                return None
            if parameters[name].annotation == "bool":
                if equals:
                    return None
                given[name] = True
                continue
            value = value if equals else next(rest, "-")
            if value.startswith("-"):
                return None
            given[name] = value
        elif places:
            given[places.pop(0)] = token
        else:
            return None
    return None if any(parameters[p].default is inspect.Parameter.empty for p in places) else given


def _parsed(name: str, tokens: list[str]) -> int:
    import cyclopts

    app = cyclopts.App(
        name="guerdon", help=ABOUT, version_flags=(), result_action="return_value",
        default_parameter=cyclopts.Parameter(negative=()),
    )  # fmt: skip
    app.command(COMMANDS[name].target, name=name, help=f"{COMMANDS[name].text[0].upper()}{COMMANDS[name].text[1:]}.")
    try:
        return app(tokens, exit_on_error=False, print_error=False) or 0
    except cyclopts.CycloptsError as error:
        raise _usage(error, name) from None


def _usage(error: Any, name: str) -> GuerdonError:
    from guerdon.cli.output import UsageError

    options = [f"--{n.strip('_').replace('_', '-')}" for n, p in inspect.signature(_load(name)).parameters.items()
               if p.kind is p.KEYWORD_ONLY]  # fmt: skip
    unknown = [t for t in error.unused_tokens or () if t.startswith("-")]
    if unknown or type(error).__name__ == "UnknownOptionError":
        token = unknown[0] if unknown else error.token.keyword
        return UnknownNameError("option", token.partition("=")[0], options, where=f"guerdon {name}")
    return UsageError(" ".join(str(error).split()), where=f"guerdon {name}", fix=f"guerdon {name} --help")


def _failed(error: GuerdonError, tokens: list[str], cause: BaseException | None = None) -> int:
    if os.environ.get("GUERDON_DEBUG") == "1":
        raise cause or error
    sys.stdout.flush()
    if "--json" in tokens:
        from guerdon.cli.output import plain

        fields = {k: getattr(error, k) for k in ("what", "where", "seen", "allowed", "fix")}
        data = {"error": {"type": type(error).__name__, **fields}, "exit_code": error.exit_code}
        print(_json.dumps(plain(data), ensure_ascii=False), file=sys.stderr)
    else:
        print(f"error: {error}", file=sys.stderr)
    return error.exit_code
