"""A price on saying the same thing again: repeated n-grams, or repeated actions."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.records import Turn


@method(
    paper=(
        Paper("arXiv:2502.03373", "Demystifying Long Chain-of-Thought Reasoning in LLMs", "rewards/verifiers-baseline",
              where="n-gram repetition penalty"),
        Paper("arXiv:2505.24164", "Mixed-R1: Unified Reward Perspective For Reasoning Capability in Multimodal "
              "Large Language Models", "rewards/mixed-r1", where="what similarity alone does not punish"),
        Paper("", "TableGPT-R1: Advancing Tabular Reasoning Through Reinforcement Learning", "agentic/tablegpt-r1",
              where="repetition of action patterns"),
    ),
    tags=("repetition",),
    sources={"n": "ours", "unit": "ours", "form": "code", "limit": "ours", "penalty": "code"},
)  # fmt: skip
def repetition(
    completion: Sequence[str | None],
    turns: Sequence[Sequence[Turn]] | None = None,
    tokens: Int[Tensor, "batch time"] | None = None,
    mask: Bool[Tensor, "batch time"] | None = None,
    *,
    n: int = 3,
    unit: Literal["word", "char", "line", "token", "action"] = "word",
    form: Literal["share", "count"] = "share",
    limit: float = 10.0,
    penalty: float = -1.0,
) -> Float[Tensor, " batch"]:
    r"""Charge the share, or the number, of n-grams that were there before.

    .. math:: R_i = p\left(1 - \frac{|\mathrm{set}(G_i)|}{|G_i|}\right)
              \qquad\text{or}\qquad R_i = p\,\min\left(\frac{|G_i| - |\mathrm{set}(G_i)|}{c},\, 1\right)

    Args:
        completion: generated text.
        turns: turns with their tool calls, needed for ``unit="action"``.
        tokens, mask: decisions of the policy, needed for ``unit="token"``.
        n: length of an n-gram, at least 1.
        unit: what an n-gram is made of: words, characters, lines with text, tokens, or tool calls by name and
            arguments.
        form: ``share`` of the n-grams :math:`G_i`, or ``count`` up to ``limit``.
        limit: number of repeats :math:`c` that costs the whole penalty.
        penalty: :math:`p`, 0 or negative.

    Returns:
        The penalty per row, 0 for a text shorter than ``n``.

    Raises:
        RecipeError: ``n`` below 1, ``limit`` not above 0, a positive penalty, or a unit whose signal is missing.

    Example:
        >>> repetition(["a b a b a b", "a b c", "a"], n=2).tolist()
        [-0.6000000238418579, 0.0, 0.0]

    Source: Yeo et al. 2025, the penalty that TRL carries with n-grams of tokens; TableGPT-R1 for actions.
    Differs: the count form and its limit are this library's; TableGPT-R1 publishes no weights.
    """
    for label, wrong in (("n", n < 1), ("limit", limit <= 0), ("penalty", penalty > 0)):
        if wrong:
            raise RecipeError("out of range", where=f"repetition.{label}", seen=(n, limit, penalty),
                              allowed="n at least 1, limit above 0, penalty at most 0")  # fmt: skip
    rows = _units(completion, turns, tokens, mask, unit)
    return torch.tensor([0.0 + penalty * _repeated(r, n, form, limit) for r in rows], dtype=torch.get_default_dtype())


def _units(
    completion: Sequence[str | None], turns: Sequence[Sequence[Turn]] | None, tokens: Tensor | None,
    mask: Tensor | None, unit: str,
) -> list[Sequence[Hashable]]:  # fmt: skip
    texts = [c or "" for c in completion]
    if unit == "word":
        return [t.split() for t in texts]
    if unit == "char":
        return list(texts)
    if unit == "line":
        return [[line.strip() for line in t.splitlines() if line.strip()] for t in texts]
    if unit == "token" and tokens is not None and mask is not None:
        return [row[keep].tolist() for row, keep in zip(tokens, mask, strict=True)]
    if unit == "action" and turns is not None:
        return [[_action(c.name, c.arguments) for t in row for c in t.calls] for row in turns]
    needed = "tokens and mask" if unit == "token" else "turns"
    raise RecipeError(f"unit: {unit} needs {needed}", where="repetition.unit", seen=unit)


def _action(name: str, arguments: object) -> tuple[str, str]:
    return name, json.dumps(arguments, sort_keys=True, default=str)


def _repeated(units: Sequence[Hashable], n: int, form: str, limit: float) -> float:
    grams = [tuple(units[i : i + n]) for i in range(len(units) - n + 1)]
    again = len(grams) - len(set(grams))
    if not again:
        return 0.0
    return again / len(grams) if form == "share" else min(again / limit, 1.0)
