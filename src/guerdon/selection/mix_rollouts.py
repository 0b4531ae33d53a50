"""Rows of a second pass in the place of some of the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.groups import groups


@method(
    paper=Paper(
        "arXiv:2510.08141", "Arbitrary Entropy Policy Optimization: Entropy Is Controllable in Reinforcement "
        "Fine-tuning", "entropy/aepo-arbitrary",
    ),
    scope="rollout_batch",
    tags=("entropy control",),
    traits=("seeded",),
    settings={"last": {"metric": "entropy"}},
    default_source="code",
    sources={"positive_by": "ours", "order": "ours", "base": "ours"},
)  # fmt: skip
def mix_rollouts(
    reward: Float[Tensor, " batch"],
    group_id: Int[Tensor, " batch"],
    source: Sequence[str],
    rng: Generator,
    last: Float[Tensor, ""] | None = None,
    *,
    limit: int = 60,
    min_advantage: float = 0.05,
    positive_by: Literal["advantage", "reward"] = "advantage",
    target: float = 0.5,
    halve_above_target: bool = True,
    initial_entropy: float = 0.0,
    order: Literal["first", "random"] = "first",
    base: str = "base",
) -> Bool[Tensor, " batch"]:
    r"""Let positive rows of the other passes replace as many rows of the base pass.

    .. math:: m = \min(K, |\{i \notin base : a_i > c\}|),\qquad m \leftarrow \lfloor m / 2 \rfloor
              \ \text{if}\ H_{prev} > H^*

    Args:
        reward: one score per row, any unit; NaN = not scored, and never positive.
        group_id: rows of one prompt in one pass share it.
        source: pass that made the row.
        rng: chooses where ``order`` is ``random``.
        last: mean entropy over the previous batch, nats per decision.
        limit: most rows :math:`K` that are replaced.
        min_advantage: :math:`c`; a row above it is positive.
        positive_by: what is compared with :math:`c`: the reward standardised in its group, which finds nothing once
            whole groups are right, or the reward itself.
        target: entropy :math:`H^*` above which half as many rows are replaced, nats.
        halve_above_target: whether it does.
        initial_entropy: taken for the entropy before the first batch.
        order: take and replace the ``first`` rows, or ``random`` ones.
        base: source of the rows that are replaced.

    Returns:
        ``keep`` over rows; as many rows stay as the base pass has. Without a positive row these are the base rows;
        without a base row there is nothing to replace, and every row stays.

    Raises:
        RecipeError: a negative ``limit``.

    Example:
        >>> r, g = torch.tensor([1.0, 0.0, 1.0, 0.0]), torch.tensor([0, 0, 1, 1])
        >>> mix_rollouts(r, g, ["base", "base", "hot", "hot"], torch.Generator()).tolist()
        [False, True, True, False]

    Source: the authors' released trainer.
    Differs: no positive row leaves the base batch as it is, where the release stops with an error. Rows are replaced
        before the advantage, so a group that loses some of its rows takes its baseline over the others; with
        ``order="first"`` that is at most one group.
    """
    first = [i for i, s in enumerate(source) if s == base]
    if limit < 0:
        raise RecipeError("a number of rows", where="mix_rollouts.limit", seen=limit, allowed="0 or more")
    if not first:
        return torch.ones(len(source), dtype=torch.bool, device=reward.device)
    value = reward
    if positive_by == "advantage":
        g = groups(group_id, reward)
        value = (reward - g.spread(g.mean(reward))) / (g.spread(g.std(reward)).nan_to_num(0.0) + 1e-6)
    chosen = {i for i, v in enumerate(value.tolist()) if v > min_advantage} - set(first)
    others = sorted(chosen)
    count = min(limit, len(others), len(first))
    if halve_above_target and (initial_entropy if last is None else float(last)) > target:
        count //= 2
    keep = torch.zeros(len(source), dtype=torch.bool)
    keep[torch.tensor(first)] = True
    keep[torch.tensor(_some(first, count, order, rng), dtype=torch.long)] = False
    keep[torch.tensor(_some(others, count, order, rng), dtype=torch.long)] = True
    return keep.to(reward.device)


def _some(rows: list[int], count: int, order: str, rng: Generator) -> list[int]:
    if order == "first":
        return rows[:count]
    return [rows[i] for i in torch.randperm(len(rows), generator=rng, device=rng.device)[:count].tolist()]
