"""Tasks from a file: JSONL, JSON, parquet, or a data set in the Hugging Face layout."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from guerdon.errors import RecipeError, UnknownNameError
from guerdon.method import Preset, method
from guerdon.ops.answers import FORMATS, Extract, number_of
from guerdon.tasks._columns import Reader
from guerdon.tasks.base import TaskData, characters_of, rank, split_by_prompt


@method(
    kind="task",
    default_source="ours",
    tags=("files",),
    presets=tuple(
        Preset(name, params={"format": name}, note=f"dataset of format {name}")
        for name in ("jsonl", "parquet", "huggingface")
    ),
)
@dataclass(frozen=True, kw_only=True)
class Dataset:
    r"""Tasks read from a file, a folder or a data set of the hub.

    .. math:: \text{row} \to (prompt, gold, demonstration, \ldots),\qquad
              \text{evaluation} = \text{the } \lfloor share \cdot n \rceil \text{ prompts of lowest hash}

    Args:
        path: file, folder (``save_to_disk`` or data files) or, with ``format: huggingface``, ``owner/name`` of the hub.
        format: ``jsonl``, ``json`` (one list), ``parquet``, ``huggingface``; None reads it from the name.
        split: split of a Hugging Face data set; None for ``train``.
        subset: configuration of a Hugging Face data set.
        fields: column of each part of a task: ``prompt``, ``gold``, ``demonstration``, ``id``, ``domain``; any other
            key becomes an entry of the task's ``fields``. Parts without an entry are read from the column of their
            own name, where there is one.
        template: Jinja text that makes the prompt from the columns, ``"Q: {{ question }}\nA:"``; runs in a sandbox.
        gold_format: how the gold answer is cut from its column (``hash`` for GSM8K's ``#### N``); None takes it all.
        gold_pattern: regular expression with one group, instead of ``gold_format``; the last match counts.
        answer_format: how a completion states its answer.
        held_out: share of the distinct prompts kept for evaluation, at least 0 and below 1; unused with ``evaluation``.
        evaluation: another source of the same layout to evaluate on; prompts it shares with the training data are
            taken out of the training data and noted.
        evaluation_split: split of ``evaluation``, or of ``path`` when only this is given.
        limit: training tasks kept, after shuffling.
        shuffle: whether training tasks are put in an order drawn from ``seed``.
        seed: of the order and of the held-out prompts.
        bad_rows: ``stop`` raises for the first bad row and counts the others; ``skip`` leaves them out and notes them.
        max_new_tokens: length of a completion.

    Raises:
        DataError: the source or a row of it is wrong; says file, line, field, value and fix.
        RecipeError: the template, the pattern or a number is wrong.
        UnknownNameError: an unknown format.
        MachineError: the package for this format is not installed.

    Example:
        >>> import json, pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> file = pathlib.Path(folder.name, "sums.jsonl")
        >>> rows = [{"question": f"{i}+1", "answer": f"one more\n#### {i + 1}"} for i in range(4)]
        >>> _ = file.write_text("\n".join(json.dumps(r) for r in rows) + "\n")
        >>> task = Dataset(path=str(file), fields={"prompt": "question", "gold": "answer"}, gold_format="hash")
        >>> data = task.load()
        >>> len(data.train), len(data.evaluation), sorted(t.gold for t in [*data.train, *data.evaluation])
        (3, 1, ['1', '2', '3', '4'])
        >>> folder.cleanup()

    Source: the layouts in common use: prompt and answer columns, chat messages as a prompt, GSM8K's answer line.
    Differs: nothing.
    """

    path: str
    format: Literal["jsonl", "json", "parquet", "huggingface"] | None = None
    split: str | None = None
    subset: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    template: str | None = None
    gold_format: Extract | None = None
    gold_pattern: str | None = None
    answer_format: Extract = "text"
    held_out: float = 0.1
    evaluation: str | None = None
    evaluation_split: str | None = None
    limit: int | None = None
    shuffle: bool = True
    seed: int = 0
    bad_rows: Literal["stop", "skip"] = "stop"
    max_new_tokens: int = 256

    def load(self) -> TaskData:
        """Read, check and part the rows."""
        self._check()
        read = Reader(self)
        tasks, notes = read.tasks(self.path, self.split)
        if self.evaluation is None and self.evaluation_split is None:
            train, evaluation = split_by_prompt(tasks, self.held_out, self.seed)
        else:
            evaluation, more = read.tasks(self.evaluation or self.path, self.evaluation_split)
            held = {t.prompt for t in evaluation}
            train = [t for t in tasks if t.prompt not in held]
            notes += more
            if len(train) < len(tasks):
                notes.append(f"{len(tasks) - len(train)} training tasks left out: their prompts are in the evaluation")
        if self.shuffle:
            train.sort(key=lambda t: rank(self.seed, "order", t.id))
        train = train[: self.limit]
        golds = [t.gold for t in (*train, *evaluation) if t.gold is not None]
        numbers = bool(golds) and all(isinstance(g, str) and number_of(g) is not None for g in golds)
        return TaskData(
            train=train,
            evaluation=evaluation,
            answer_format=self.answer_format,
            reward=({"use": "answer_equal", "normalise": "number" if numbers else "text"},),
            max_new_tokens=self.max_new_tokens,
            characters=characters_of((*train, *evaluation)),
            notes=tuple(notes),
        )

    def _check(self) -> None:
        for name in (self.answer_format, self.gold_format):
            if name is not None and name not in FORMATS:
                raise UnknownNameError("answer format", name, FORMATS, where="task")
        if not (math.isfinite(self.held_out) and 0 <= self.held_out < 1):
            raise RecipeError("held_out is a share", where="task.held_out", seen=self.held_out, allowed="0 to below 1")
        if self.limit is not None and self.limit < 1:
            raise RecipeError("limit is a number of tasks", where="task.limit", seen=self.limit, allowed="at least 1")
        if self.gold_pattern is not None and self.gold_format is not None:
            raise RecipeError(
                "gold_pattern and gold_format exclude each other",
                where="task.gold_pattern",
                fix="leave one of them out",
            )
