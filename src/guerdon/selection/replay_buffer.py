"""The policy's own good rows of the last steps, to be trained on again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.masked import masked_mean
from guerdon.records import ToolCall


@dataclass(frozen=True, eq=False)
class Stored:
    """What is needed to train on a row again: ids of prompt and completion, behaviour log-probs, and what it earned.

    ``step`` is the step that sampled it, ``row`` its place in that step's batch.
    """

    step: int
    row: int
    prompt: Tensor
    tokens: Tensor
    logp: Tensor
    advantage: Tensor
    reward: float

    def data(self) -> dict[str, Any]:
        """Plain data."""
        lists = {k: vars(self)[k].tolist() for k in ("prompt", "tokens", "logp", "advantage")}
        return {"step": self.step, "row": self.row, "reward": self.reward, **lists}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Stored:
        """Read what :meth:`data` wrote."""
        ids = {k: torch.tensor(data[k], dtype=torch.long) for k in ("prompt", "tokens")}
        numbers = {k: torch.tensor(data[k], dtype=torch.float32) for k in ("logp", "advantage")}
        return cls(data["step"], data["row"], reward=data["reward"], **ids, **numbers)


@method(
    paper=Paper(
        "arXiv:2509.22601",
        "Learn the Ropes, Then Trust the Wins: Self-imitation with Progressive Exploration for Agentic "
        "Reinforcement Learning",
        "advantage/spear",
    ),
    scope="rollout_batch",
    tags=("self-imitation", "tools"),
    default_source="code",
    sources={"capacity": "ours", "require_tool": "paper"},
)  # fmt: skip
@dataclass(kw_only=True)
class ReplayBuffer:
    r"""Stores rows that earned more than their baseline and hands out those that still do.

    .. math:: \text{store } i \iff \bar A_i > 0 \wedge \text{a tool was called},\qquad
              \text{replay } \min\big(2^{\lfloor \log_2 n \rfloor}, size\big) \text{ of } n = |\{\tilde A_i > 0\}|
              \text{ when } n > trigger \cdot size

    A filter that drops nothing. The engine stores rows after the advantages are known, asks for the advantage
    :math:`\tilde A` that stored rows have now (see ``replay_baseline``), and adds what is handed out to the batch with
    source ``replay``, for an objective entry with ``rows: [replay]``.

    Args:
        mask: the policy's own decisions; says how many rows there are.
        size: most rows that are replayed at once, at least 2.
        trigger: replay once more than this many times ``size`` rows are good, above 0.
        max_age: steps after which a row is dropped, at least 1.
        require_tool: store only rows that called a tool.
        capacity: rows that are held at most, the oldest go first; None for four times what triggers a replay.

    Returns:
        ``keep`` over rows, all True.

    Raises:
        RecipeError: a value out of range.

    Example:
        >>> buffer = ReplayBuffer(size=8, trigger=1.5)
        >>> buffer(torch.ones(2, 1, dtype=torch.bool)).tolist(), len(buffer.choose([1.0] * 13, torch.Generator()))
        ([True, True], 8)

    Source: the authors' trainer: positive mean advantage, age limit, power of two, emptied after use.
    Differs: the release trains on the replayed rows in optimiser steps of their own; here they join the step's batch
        as another loss. It holds everything of the last ``max_age`` steps; here the number of rows is bounded too.
    """

    size: int = 2048
    trigger: float = 1.5
    max_age: int = 10
    require_tool: bool = True
    capacity: int | None = None
    rows: list[Stored] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        limit = self.limit
        if not (self.size >= 2 and self.trigger > 0 and self.max_age >= 1 and limit > self.trigger * self.size):
            raise RecipeError(
                "sizes of a replay buffer", where="replay_buffer", allowed="size >= 2, trigger > 0, max_age >= 1, "
                "capacity above trigger * size", seen=(self.size, self.trigger, self.max_age, limit),
            )  # fmt: skip

    @property
    def limit(self) -> int:
        """Rows that are held at most."""
        return int(4 * self.trigger * self.size) + 1 if self.capacity is None else self.capacity

    def __call__(self, mask: Bool[Tensor, "batch time"]) -> Bool[Tensor, " batch"]:
        """All rows train."""
        return torch.ones(len(mask), dtype=torch.bool, device=mask.device)

    def worth(
        self, advantage: Float[Tensor, "batch time"], mask: Bool[Tensor, "batch time"], reward: Float[Tensor, " batch"],
        tool_calls: Sequence[Sequence[ToolCall]] | None,
    ) -> list[int]:  # fmt: skip
        """Rows to store: scored, of positive mean advantage and, if asked for, with a readable call of a tool."""
        good = (masked_mean(advantage, mask, 1) > 0) & ~torch.isnan(reward)
        found = good.nonzero()[:, 0].tolist()
        if not self.require_tool:
            return found
        return [i for i in found if tool_calls is not None and any(c.name for c in tool_calls[i])]

    def store(self, rows: Sequence[Stored], step: int) -> None:
        """Add rows of a step; those that are too old now, and beyond the capacity, go."""
        kept = [r for r in (*self.rows, *rows) if r.step > step - self.max_age]
        self.rows = kept[-self.limit :]

    def choose(self, advantage: Sequence[float], rng: Generator) -> list[int]:
        """Which stored rows are replayed, given what each is worth now; none before enough of them are good."""
        good = [i for i, a in enumerate(advantage) if a > 0]
        if len(good) < 2 or len(good) <= self.trigger * self.size:
            return []
        count = min(1 << (len(good).bit_length() - 1), self.size)
        return sorted(good[i] for i in torch.randperm(len(good), generator=rng)[:count].tolist())

    def clear(self) -> None:
        """Forget everything, after a replay."""
        self.rows = []

    def state_dict(self) -> dict[str, Any]:
        """The stored rows as plain data."""
        return {"rows": [r.data() for r in self.rows]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.rows = [Stored.from_data(r) for r in state["rows"]]
