"""Built-in sums, differences and products, with or without the written calculation."""

from __future__ import annotations

import functools
import random
import re
from dataclasses import dataclass
from typing import Literal

from guerdon.errors import RecipeError
from guerdon.method import method
from guerdon.records import Task
from guerdon.tasks.base import Lazy, TaskData, generator, rank

SIGNS = {"add": "+", "sub": "-", "mul": "*"}
HELD_SHARE = 0.1  # of the problems of a level; the rest is never evaluated on


@method(kind="task", default_source="ours", tags=("built in", "arithmetic"))
@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    r"""Whole-number sums, differences and products of one or several lengths.

    .. math:: a \circ b,\qquad a, b \in [10^{d-1}, 10^d)\ \text{(from 0 where d is 1)},\quad \circ \in \{+, -, \times\}

    A level is an operation and a number of digits (``add-2``); it is the ``domain`` of its tasks. A problem and its
    mirror (3+4, 4+3) are either both trained on or both held out. Differences are never negative.

    Args:
        operations: any of ``add``, ``sub``, ``mul``.
        digits: length of both operands: a number, a list, or a range written ``"1-3"``; 1 to 9.
        style: ``answer``: the demonstration is the result; ``chain``: the written calculation, lowest digit first with
            carries (``7+5=12``, ``4+8+1=13``), products by digit, then a line ``A: 132``; ``tags``: the same
            calculation in ``<think>`` and the result in ``<answer>``.
        size: tasks to train on, made when asked for; small levels repeat.
        held_out: tasks to evaluate on, all different; fewer where the levels are small.
        seed: another seed, other tasks.

    Raises:
        RecipeError: no operation, digits outside 1 to 9, or a size below 1.

    Example:
        >>> data = Arithmetic(digits=2, style="chain", seed=1).load()
        >>> print(data.train[0].prompt + data.train[0].demonstration)
        78+91=
        8+1=9
        7+9=16
        A: 169

    Source: a standard exercise for small models; nothing is taken from a data set.
    Differs: nothing.
    """

    operations: tuple[Literal["add", "sub", "mul"], ...] = ("add",)
    digits: int | tuple[int, ...] | str = (1, 2)
    style: Literal["answer", "chain", "tags"] = "answer"
    size: int = 4000
    held_out: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.operations or set(self.operations) - set(SIGNS):
            raise RecipeError(
                "arithmetic needs operations", where="task.operations", seen=self.operations, allowed=list(SIGNS)
            )
        if self.size < 1 or self.held_out < 0:
            raise RecipeError(
                "a task needs a positive size", where="task.size", seen=f"size {self.size}, held_out {self.held_out}",
                allowed="size at least 1, held_out at least 0",
            )  # fmt: skip
        self.lengths()

    def lengths(self) -> tuple[int, ...]:
        """The numbers of digits as a tuple.

        Example:
            >>> Arithmetic(digits="1-3").lengths()
            (1, 2, 3)
        """
        if isinstance(self.digits, str):
            match = re.fullmatch(r"\s*(\d)\s*(?:-\s*(\d)\s*)?", self.digits)
            found = tuple(range(int(match[1]), int(match[2] or match[1]) + 1)) if match else ()
        else:
            found = (self.digits,) if isinstance(self.digits, int) else tuple(self.digits)
        if not found or not all(1 <= d <= 9 for d in found):
            raise RecipeError(
                "operands have 1 to 9 digits", where="task.digits", seen=self.digits, allowed="2, [1, 2] or '1-3'"
            )
        return found

    def load(self) -> TaskData:
        """The tasks; evaluation is made at once, training tasks when they are asked for."""
        levels = [(op, d) for op in self.operations for d in self.lengths()]
        held = _Held(self.seed, frozenset(p for op in self.operations for p in _small_held(self.seed, op)))
        chars = set("0123456789=" + "".join(SIGNS[op] for op in self.operations))
        if self.style != "answer":
            chars |= set(_shown(self.style, "\n", "")) | ({"+"} if "mul" in self.operations else set())
        return TaskData(
            train=Lazy(self.size, functools.partial(self._train, levels, held)),
            evaluation=self._evaluation(levels, held),
            answer_format={"answer": "text", "chain": "answer_line", "tags": "tag"}[self.style],
            reward=({"use": "answer_equal", "normalise": "number"},),
            max_new_tokens=max(_longest(op, d, self.style) for op, d in levels) + 1,
            characters="".join(sorted(chars)),
        )

    def _train(self, levels: list[tuple[str, int]], held: _Held, index: int) -> Task:
        rng = generator(self.seed, "arithmetic", "train", index)
        op, d = levels[rng.randrange(len(levels))]
        while True:
            a, b = _draw(op, d, rng)
            if not held(op, d, a, b):
                return self._task(f"train:{index}", op, d, a, b)

    def _evaluation(self, levels: list[tuple[str, int]], held: _Held) -> list[Task]:
        found: list[Task] = []
        for number, (op, d) in enumerate(levels):
            wanted = self.held_out * (number + 1) // len(levels) - self.held_out * number // len(levels)
            rng = generator(self.seed, "arithmetic", "evaluation", op, d)
            seen: set[tuple[int, int]] = set()
            for _ in range(100 * wanted):  # a tenth of the draws is held out, so this only ends small levels early
                a, b = _draw(op, d, rng)
                if len(seen) < wanted and (a, b) not in seen and held(op, d, a, b):
                    seen.add((a, b))
                    found.append(self._task(f"evaluation:{len(found)}", op, d, a, b))
        return found

    def _task(self, key: str, op: str, d: int, a: int, b: int) -> Task:
        result = str({"add": a + b, "sub": a - b, "mul": a * b}[op])
        shown = result if self.style == "answer" else _shown(self.style, chain(op, a, b), result)
        return Task(f"arithmetic:{key}", f"{a}{SIGNS[op]}{b}=", gold=result, demonstration=shown, domain=f"{op}-{d}")


@dataclass(frozen=True)
class _Held:
    """Whether a problem is held out; one-digit levels are so small that a list is needed to hold out any for sure."""

    seed: int
    small: frozenset[tuple[str, int, int]]

    def __call__(self, op: str, d: int, a: int, b: int) -> bool:
        low, high = sorted((a, b))
        if d == 1:
            return (op, low, high) in self.small
        return rank(self.seed, "held out", op, low, high) < HELD_SHARE * 2**64


def _small_held(seed: int, op: str) -> list[tuple[str, int, int]]:
    problems = [(op, low, high) for high in range(10) for low in range(high + 1)]
    problems.sort(key=lambda p: rank(seed, "held out", *p))
    return problems[: round(HELD_SHARE * len(problems))]


def _draw(op: str, d: int, rng: random.Random) -> tuple[int, int]:
    low = 10 ** (d - 1) if d > 1 else 0
    a, b = rng.randrange(low, 10**d), rng.randrange(low, 10**d)
    return (max(a, b), min(a, b)) if op == "sub" else (a, b)


def _longest(op: str, d: int, style: str) -> int:
    """Characters of the longest demonstration of a level, from above."""
    result = 2 * d if op == "mul" else d + 1
    if style == "answer":
        return result
    # one line per digit: 19-9-1=9, or 9+9+1=19; products have a line per digit and per partial sum
    lines = d * (4 * d + 4) + (d - 1) * (6 * d + 3) if op == "mul" else d * 9
    return lines - 1 + len(_shown(style, "", "")) + result


def _shown(style: str, steps: str, result: str) -> str:
    return f"<think>{steps}</think><answer>{result}</answer>" if style == "tags" else f"\n{steps}\nA: {result}"


def chain(op: str, a: int, b: int) -> str:
    """The written calculation, one step per line.

    Example:
        >>> chain("add", 47, 85).split(), chain("sub", 82, 47).split()
        (['7+5=12', '4+8+1=13'], ['12-7=5', '8-4-1=3'])
        >>> chain("mul", 47, 85).split()
        ['47*5=235', '47*80=3760', '235+3760=3995']
    """
    if op == "mul":
        return _product_chain(a, b)
    lines, carry = [], 0
    while a or b or not lines:
        (a, x), (b, y) = divmod(a, 10), divmod(b, 10)
        tail = ("+1" if op == "add" else "-1") if carry else ""
        if op == "add":
            total = x + y + carry
            lines.append(f"{x}+{y}{tail}={total}")
            carry = total // 10
        else:
            borrow = int(x < y + carry)
            lines.append(f"{x + 10 * borrow}-{y}{tail}={x + 10 * borrow - y - carry}")
            carry = borrow
    return "\n".join(lines)


def _product_chain(a: int, b: int) -> str:
    lines, total = [], None
    for place, digit in enumerate(reversed(str(b))):
        part = int(digit) * 10**place
        lines.append(f"{a}*{part}={a * part}")
        if total is not None:
            lines.append(f"{total}+{a * part}={total + a * part}")
        total = a * part + (total or 0)
    return "\n".join(lines)
