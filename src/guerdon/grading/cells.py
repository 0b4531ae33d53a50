"""One value of a row as a method wants it: found by a dotted path, checked, and collated with those of other rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from guerdon.errors import DataError, RecipeError
from guerdon.ops.answers import extract_answer
from guerdon.records import Task, ToolCall, Turn
from guerdon.signals import signal

COMPUTED = ("@chars", "@words")  # columns made from the completion, where a file has no length
_MISSING = object()
Cell = Callable[[Any], Any]


def pick(row: Mapping[str, Any], path: str) -> Any:
    """The value at a column, or inside one: ``meta.answer``, ``samples.0.text``.

    Raises:
        DataError: there is none.

    Example:
        >>> pick({"meta": {"answer": ["4", "5"]}}, "meta.answer.1")
        '5'
    """
    if path in row:
        return row[path]
    here: Any = row
    for part in path.split("."):
        if isinstance(here, Mapping):
            here = here.get(part, _MISSING)
        elif isinstance(here, Sequence) and not isinstance(here, str) and part.isdigit():
            here = here[int(part)] if int(part) < len(here) else _MISSING
        else:
            here = _MISSING
        if here is _MISSING:
            raise DataError(f"column {path!r} is missing", seen=sorted(map(str, row)))
    return here


def reader(name: str) -> Cell:
    """How a cell of a signal is read; the cell itself raises DataError where a value does not fit.

    Raises:
        RecipeError: values of this signal cannot come from a file.
    """
    found = signal(name)
    if name in _SPECIAL:
        return _SPECIAL[name]
    if ("batch",) in found.axes and found.dtype in _PLAIN:
        return _PLAIN[found.dtype]
    if ("batch", "time") in found.axes and found.dtype in ("int", "float", "bool"):
        return _series
    raise RecipeError(
        f"the signal {name!r} cannot be read from a column", seen=f"{found.dtype} [{found.shape}]",
        allowed="text, numbers and flags per row, numbers per decision, task, turns, tool_calls",
    )  # fmt: skip


def cut_gold(form: str) -> Cell:
    """Gold answers that stand at the end of a worked solution: only the answer is kept.

    Example:
        >>> cut_gold("hash")("2 + 2 = 4\\n#### 4")
        '4'
    """

    def cell(value: Any) -> Any:
        read = _gold(value)
        if isinstance(read, tuple):
            return tuple(cell(v) for v in read)
        if not isinstance(read, str):
            return read
        found = extract_answer(read, form)
        if not found:
            raise DataError(f"no answer of format {form} in it", seen=read[-80:])
        return found

    return cell


def collate(name: str, cells: Sequence[Any]) -> Any:
    """The cells of a batch as one signal: a tensor for numbers, padded where rows have many, else a list."""
    found = signal(name)
    if name in _SPECIAL or found.dtype not in ("int", "float", "bool"):
        return list(cells)
    kind = {"int": torch.long, "bool": torch.bool}.get(found.dtype, torch.get_default_dtype())
    if cells and isinstance(cells[0], tuple):
        width = max(len(c) for c in cells)
        return torch.tensor([[*c, *[0] * (width - len(c))] for c in cells], dtype=kind).reshape(len(cells), width)
    return torch.tensor(cells, dtype=kind)


def text(value: Any) -> str:
    """Text, or the text of chat messages: what the assistant wrote, or all of it where nobody did."""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and value and all(isinstance(m, Mapping) and "role" in m for m in value):
        own = [m for m in value if m["role"] == "assistant"] or value
        return "\n".join(_content(m.get("content")) for m in own)
    raise DataError("not text", seen=_show(value), allowed="text, or a list of chat messages")


def _content(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "".join(str(p.get("text", "")) for p in value if isinstance(p, Mapping))
    return "" if value is None else str(value)


def _prompt(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        if all(isinstance(m, Mapping) and "role" in m for m in value):
            return "\n".join(_content(m.get("content")) for m in value)
    return text(value)


def _gold(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(v if isinstance(v, (Mapping, list)) or v is None else _gold(v) for v in value)
    if isinstance(value, bool):
        raise DataError("no answer", seen=value, allowed="text, number, list, object or null", fix="write it as text")
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError("a gold answer must be finite", seen=value)
    return str(value) if isinstance(value, (int, float)) else value


def _maybe_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise DataError("not text", seen=_show(value), allowed="text, number or null")


def _whole(value: Any) -> int:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not number or int(value) != value:
        raise DataError("not a whole number", seen=_show(value))
    return int(value)


def _float(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DataError("not a number", seen=_show(value))
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise DataError("neither true nor false", seen=_show(value))
    return value


def _series(value: Any) -> tuple[float, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DataError("not a list of numbers", seen=_show(value))
    return tuple(float(v) if isinstance(v, bool) else _float(v) for v in value)


def _task(value: Any) -> Any:
    if isinstance(value, (Task, Mapping)):
        return value
    raise DataError("not an object with the fields of a task", seen=_show(value))


def _turns(value: Any) -> tuple[Turn, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DataError("not a list of turns", seen=_show(value), allowed='[{"role": …, "content": …}]')
    out = []
    for turn in value:
        if not (isinstance(turn, Turn) or (isinstance(turn, Mapping) and isinstance(turn.get("role"), str))):
            raise DataError("not a turn", seen=_show(turn), allowed='{"role": …, "content": …}')
        out.append(turn if isinstance(turn, Turn) else Turn(turn["role"], _content(turn.get("content"))))
    return tuple(out)


def _calls(value: Any) -> tuple[ToolCall, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DataError("not a list of tool calls", seen=_show(value), allowed='[{"name": …, "arguments": {…}}]')
    out = []
    for call in value:
        if isinstance(call, Mapping) and isinstance(call.get("name"), str):
            arguments = call.get("arguments") or {}
            call = ToolCall(call["name"], arguments, int(call.get("turn", 0)), call.get("output"), call.get("ok"))
        if not isinstance(call, ToolCall) or not isinstance(call.arguments, Mapping):
            raise DataError("not a tool call", seen=_show(call), allowed='{"name": …, "arguments": {…}}')
        out.append(call)
    return tuple(out)


def _show(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:79] + "…"


_SPECIAL: dict[str, Cell] = {
    "completion": text, "prompt": _prompt, "gold": _gold, "task": _task, "turns": _turns, "tool_calls": _calls,
}  # fmt: skip
_PLAIN: dict[str, Cell] = {"str": _maybe_text, "int": _whole, "float": _float, "bool": _flag}
