"""The procedural data sets of reasoning-gym, scored by their own scorers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guerdon.errors import DataError, MachineError, RecipeError, UnknownNameError
from guerdon.method import Paper, method
from guerdon.ops.answers import Extract, format_answer
from guerdon.records import Task
from guerdon.tasks.base import TaskData, characters_of, split_by_prompt


@method(
    paper=Paper(
        "arXiv:2505.24760", "REASONING GYM: Reasoning Environments for Reinforcement Learning with Verifiable Rewards",
        "rewards/verifiers-baseline",
    ),
    kind="task",
    name="reasoning_gym",
    default_source="ours",
    tags=("procedural",),
)  # fmt: skip
@dataclass(frozen=True, kw_only=True)
class ReasoningGym:
    r"""A data set of reasoning-gym by name, such as ``chain_sum``.

    .. math:: entry_i = G_{dataset}(config, seed, i)

    All entries are generated at ``load`` (milliseconds each for most data sets, up to a second for some), because
    small configurations repeat questions and a repeated question must be on one side of the split.

    Args:
        dataset: name of the data set; a recipe may write ``use: reasoning_gym/chain_sum``.
        size: tasks to train on.
        held_out: tasks to evaluate on; both counts are exact where no question repeats.
        seed: seed of the data set.
        config: further settings of the data set, such as ``{min_digits: 2}``.
        answer_format: how a completion states its answer; demonstrations follow it.
        instruction: text put after every question.
        max_new_tokens: length of a completion; None for the longest demonstration and a little more.

    Raises:
        MachineError: the package reasoning-gym is not installed.
        UnknownNameError: no such data set, or no such setting of it.
        RecipeError: the data set refuses the settings, or a size is out of range.
        DataError: the data set breaks off while generating.

    Example:
        >>> data = ReasoningGym(dataset="chain_sum", size=20, held_out=5, config={"min_terms": 2}).load()
        >>> len(data.train), len(data.evaluation), data.reward
        (20, 5, ({'use': 'task_oracle'},))

    Source: Stojanovski et al. 2025, package reasoning-gym.
    Differs: held-out entries come from the same generator and seed, parted by question. A data set without a single
        right answer has neither gold answers nor demonstrations, so a policy cannot be warmed up on it.
    """

    dataset: str
    size: int = 1000
    held_out: int = 200
    seed: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)
    answer_format: Extract = "text"
    instruction: str = ""
    max_new_tokens: int | None = None

    def load(self) -> TaskData:
        """Generate every entry and part them by question."""
        if self.size < 1 or self.held_out < 0:
            raise RecipeError(
                "a task needs a positive size", where="task", seen=f"size {self.size}, held_out {self.held_out}",
                allowed="size at least 1, held_out at least 0",
            )  # fmt: skip
        total = self.size + self.held_out
        source = self._source(total)
        tasks = []
        for index in range(total):
            try:
                entry = source[index]
            except Exception as error:
                raise DataError(
                    f"the data set broke off: {type(error).__name__}: {error}",
                    where=f"reasoning_gym/{self.dataset} entry {index}", fix="another seed or other settings",
                ) from error  # fmt: skip
            tasks.append(self._task(index, entry))
        train, evaluation = split_by_prompt(tasks, self.held_out / total, self.seed)
        longest = max(len(t.demonstration or "") for t in tasks)
        return TaskData(
            train=train,
            evaluation=evaluation,
            answer_format=self.answer_format,
            reward=({"use": "task_oracle"},),
            max_new_tokens=self.max_new_tokens or (longest + 8 if longest else 64),
            characters=characters_of(tasks),
        )

    def _source(self, total: int) -> Any:
        try:
            import reasoning_gym
            from reasoning_gym.factory import DATASETS
        except ImportError as error:
            raise MachineError(
                "the package reasoning-gym is not installed", where="task: reasoning_gym", seen=str(error),
                fix="pip install 'guerdon[tasks]'",
            ) from error  # fmt: skip
        if self.dataset not in DATASETS:
            raise UnknownNameError("reasoning-gym data set", self.dataset, DATASETS, where="task.dataset")
        known = [f.name for f in dataclasses.fields(DATASETS[self.dataset][1]) if f.name not in ("seed", "size")]
        for key in self.config:
            if key not in known:
                raise UnknownNameError(f"setting of {self.dataset}", key, known, where="task.config")
        try:
            return reasoning_gym.create_dataset(self.dataset, **self.config, seed=self.seed, size=total)
        except Exception as error:
            raise RecipeError(
                f"{self.dataset} refuses its settings: {error or type(error).__name__}", where="task.config",
                seen=dict(self.config), allowed=known,
            ) from error  # fmt: skip

    def _task(self, index: int, entry: Mapping[str, Any]) -> Task:
        gold = entry["answer"] if isinstance(entry["answer"], str) else None
        return Task(
            id=f"reasoning_gym:{self.dataset}:{self.seed}:{index}",
            prompt=entry["question"] + self.instruction,
            gold=gold,
            demonstration=None if gold is None else format_answer(gold, self.answer_format),
            domain=self.dataset,
            fields={"reasoning_gym": {"dataset": self.dataset, "config": dict(self.config), "entry": entry}},
        )
