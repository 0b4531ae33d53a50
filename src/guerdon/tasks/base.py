"""What every task hands over, and the few tools tasks share: lazy sequences, coordinate seeds, a split by prompt."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from guerdon.errors import DataError
from guerdon.records import Task


@dataclass(frozen=True)
class TaskData:
    """Prompts to train on and to evaluate on, and how their answers are read and rewarded.

    Args:
        train: tasks to sample from; may be lazy.
        evaluation: held-out tasks, no prompt of which is in ``train``; may be empty.
        answer_format: how the final answer is cut from a completion, an ``extract`` of the provider ``answer``.
        stop: texts that end a completion; empty where only the end-of-text token does.
        reward: default reward entries of a recipe.
        max_new_tokens: enough for every demonstration with a character tokenizer, end-of-text token included.
        characters: every character of prompts, demonstrations and gold answers, sorted.
        notes: what the reader of the data should know, such as rows that were left out.
        chains: where it is known, the base distribution of the completions: per question (``fields["question"]``),
            the probability of every symbol at every position. A table policy starts from it.

    Raises:
        DataError: there is nothing to train on.
    """

    train: Sequence[Task]
    evaluation: Sequence[Task]
    answer_format: str
    stop: tuple[str, ...] = ()
    reward: tuple[dict[str, Any], ...] = ({"use": "answer_equal"},)
    max_new_tokens: int = 64
    characters: str = ""
    notes: tuple[str, ...] = ()
    chains: Mapping[str, tuple[Mapping[str, float], ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.train):
            raise DataError("no task to train on", where="task", seen="0 tasks", fix="raise the size or lower held_out")


class Lazy(Sequence[Task]):
    """Tasks made when they are asked for; the same index always gives the same task.

    Example:
        >>> tasks = Lazy(3, lambda i: Task(str(i), f"{i}+{i}="))
        >>> tasks[-1].prompt, [t.id for t in tasks[1:]]
        ('2+2=', ['1', '2'])
    """

    def __init__(self, size: int, make: Callable[[int], Task]):
        self._size, self._make = size, make

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Task]: ...
    def __getitem__(self, index: int | slice) -> Task | Sequence[Task]:
        if isinstance(index, slice):
            return [self._make(i) for i in range(*index.indices(self._size))]
        if not -self._size <= index < self._size:
            raise IndexError(index)
        return self._make(index % self._size)


def rank(*coordinates: object) -> int:
    """A 64-bit number that depends on nothing but its coordinates, on every machine.

    Example:
        >>> rank(0, "train", 7) == rank(0, "train", 7) != rank(0, "train", 8)
        True
    """
    text = "\x1f".join(str(c) for c in coordinates)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def generator(*coordinates: object) -> random.Random:
    """A private generator seeded by its coordinates."""
    return random.Random(rank(*coordinates))


def split_by_prompt(tasks: Sequence[Task], share: float, seed: int) -> tuple[list[Task], list[Task]]:
    """Part tasks into train and evaluation so that no prompt is in both; order is kept.

    Args:
        tasks: all tasks, prompts may repeat.
        share: of the distinct prompts, held out; any share above 0 holds out one where there are two prompts or more.
        seed: chooses which.

    Example:
        >>> parts = split_by_prompt([Task(str(i), f"{i % 4}") for i in range(8)], 0.25, seed=0)
        >>> [len(p) for p in parts]
        [6, 2]
    """
    prompts = sorted({t.prompt for t in tasks}, key=lambda p: (rank(seed, "held out", p), p))
    count = round(share * len(prompts))
    if share > 0 and len(prompts) > 1:
        count = max(1, min(count, len(prompts) - 1))
    held = set(prompts[:count])
    return [t for t in tasks if t.prompt not in held], [t for t in tasks if t.prompt in held]


def characters_of(tasks: Iterable[Task]) -> str:
    """Every character of the tasks' prompts, demonstrations and gold answers, sorted."""
    seen: set[str] = set()
    for task in tasks:
        seen.update(task.prompt, task.demonstration or "", *_texts(task.gold))
    return "".join(sorted(seen))


def _texts(gold: Any) -> Iterable[str]:
    if isinstance(gold, Mapping):
        return [text for value in gold.values() for text in _texts(value)]
    if isinstance(gold, (list, tuple)):
        return [text for value in gold for text in _texts(value)]
    return [] if gold is None else [str(gold)]
