"""A policy that is a table: one row of logits per question and position, started exactly at the task's base policy.

It goes through the same sampling, scoring and update code as a language model, in milliseconds. What a method does to
probabilities, support and entropy can be seen on it without a network in between.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import DynamicCache

from guerdon.engines.native.policy import Policy
from guerdon.errors import RecipeError
from guerdon.records import Task

Chains = Mapping[str, Sequence[Mapping[str, float]]]
NEVER = -1e4  # logit of a token that cannot stand here: probability 0 in every precision, and no NaN in entropies


class Places(nn.Module):
    """What a critic of a table sees: one state per question and position, as one-hot vectors."""

    def __init__(self, questions: int, positions: int, first: int):
        super().__init__()
        self.questions, self.positions, self.first = questions, positions, first
        self.config = SimpleNamespace(hidden_size=questions * positions)

    def forward(
        self, input_ids: Tensor, position_ids: Tensor, attention_mask: Tensor | None = None, use_cache: bool = False
    ) -> SimpleNamespace:
        """The state at every place of every row."""
        question = (input_ids[:, :1] - self.first).clamp(0, self.questions - 1)
        state = question * self.positions + position_ids.clamp(0, self.positions - 1)
        return SimpleNamespace(last_hidden_state=nn.functional.one_hot(state, self.config.hidden_size).float())


class Table(nn.Module):
    """Logits ``[questions, positions, 2 x symbols]``; the second half of the vocabulary ends the completion.

    A sequence is one id for the question, then one id per decision. The position decides which logits count, so the
    decisions of a completion are independent given the question.
    """

    def __init__(self, start: Tensor):
        super().__init__()
        self.logits = nn.Parameter(start.clone())
        self.possible: Tensor
        self.register_buffer("possible", start > NEVER)
        self.base_model = Places(start.shape[0], start.shape[1], start.shape[2])
        self.config = SimpleNamespace(max_position_embeddings=1 << 20, hidden_size=1)

    def forward(
        self, input_ids: Tensor, position_ids: Tensor, attention_mask: Tensor | None = None,
        past_key_values: Any = None, use_cache: bool = False,
    ) -> SimpleNamespace:  # fmt: skip
        """Logits of the next decision at every place of every row."""
        if past_key_values is None:
            question = input_ids[:, :1] - self.logits.shape[2]
        else:
            question = past_key_values.layers[0].keys[:, 0, :1, 0].long()
        place = position_ids.clamp(0, self.logits.shape[1] - 1)
        found = self.logits[question.clamp_min(0), place]
        logits = torch.where(self.possible[question.clamp_min(0), place], found, NEVER)
        cache = None
        if use_cache and past_key_values is None:
            cache = DynamicCache()
            seen = question[:, None, :, None].to(self.logits.dtype)
            cache.update(seen, seen, 0)
        return SimpleNamespace(logits=logits, past_key_values=cache)


class TablePolicy(Policy):
    """A table with its questions and symbols; ``tokenizer`` is the table's own."""

    def encode(self, task: Task) -> list[int]:
        """The id of the task's question."""
        return [self.tokenizer.question(task)]

    def decode(self, tokens: Sequence[int]) -> str:
        """The symbols of a completion, joined."""
        return "".join(self.token_text(tokens))

    def token_text(self, tokens: Sequence[int]) -> list[str]:
        """The symbol of each token."""
        symbols = self.tokenizer.symbols
        return [symbols[t % len(symbols)] if t < 2 * len(symbols) else "" for t in tokens]

    def save(self, folder: Path) -> None:
        """Write the probabilities of every question as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        prob = torch.softmax(self.model.logits.detach(), -1).cpu()
        symbols = self.tokenizer.symbols
        table = {
            question: [
                {symbols[i % len(symbols)]: float(p) for i, p in enumerate(row) if p > 0}
                for row, here in zip(prob[k].tolist(), self.model.possible[k].any(-1).tolist(), strict=True) if here
            ]
            for k, question in enumerate(self.tokenizer.questions)
        }  # fmt: skip
        (folder / "table.json").write_text(json.dumps(table, indent=1), "utf-8")


class _Names:
    """Questions and symbols as ids: symbols, symbols that end, a pad, then the questions."""

    def __init__(self, chains: Chains):
        self.questions = tuple(chains)
        self.symbols = tuple(dict.fromkeys(s for chain in chains.values() for place in chain for s in place))
        self._place = {q: 2 * len(self.symbols) + i for i, q in enumerate(self.questions)}

    def question(self, task: Task) -> int:
        """The id of a task's question."""
        return self._place[task.fields["question"]]


def build(chains: Chains) -> TablePolicy:
    """The table policy of a task that says its base distribution.

    Args:
        chains: per question, the base probability of every symbol at every position.

    Raises:
        RecipeError: the task says none.

    Example:
        >>> policy = build({"A": [{"x": 0.5, "y": 0.5}, {"z": 1.0}]})
        >>> policy.encode(Task("1", "A:", fields={"question": "A"})), policy.end_ids, policy.decode([0, 5])
        ([6], (3, 4, 5), 'xz')
    """
    if not chains:
        raise RecipeError(
            "this task has no base distribution to start a table from", where="policy.use", seen="table",
            allowed="tasks of known distribution, such as exploration", fix="policy.use: tiny",
        )  # fmt: skip
    names = _Names(chains)
    index = {s: i for i, s in enumerate(names.symbols)}
    width = len(names.symbols)
    start = torch.full((len(chains), max(len(c) for c in chains.values()), 2 * width), NEVER)
    for k, chain in enumerate(chains.values()):
        for t, place in enumerate(chain):
            shift = width if t + 1 == len(chain) else 0
            for symbol, p in place.items():
                start[k, t, index[symbol] + shift] = math.log(p)
    ends = tuple(range(width, 2 * width))
    cpu = torch.device("cpu")
    return TablePolicy(
        Table(start), names, cpu, torch.float32, 0, ends, 1 << 20, fused=False, packable=False, chat=False
    )
