"""How often the samples of a prompt succeed."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.method import method
from guerdon.ops.groups import groups


@method(scope="group", writes=("pass_rate",), traits=("whole_group",))
def pass_rate(
    is_correct: Bool[Tensor, " batch"],
    group_id: Int[Tensor, " batch"],
    reward: Float[Tensor, " batch"] | None = None,
) -> Float[Tensor, " batch"]:
    """Share of the scored samples of a prompt that the verifier accepts.

    Args:
        is_correct: the verifier accepts the row.
        group_id: rows of one prompt share it.
        reward: NaN marks rows that were not scored; they are left out. Without it every row counts.

    Returns:
        In [0, 1], the same on all rows of a group, also the unscored ones; NaN where no row of the group was scored.

    Example:
        >>> ok = torch.tensor([True, False, False, True])
        >>> r = torch.tensor([1.0, 0.0, float("nan"), 1.0])
        >>> pass_rate(ok, torch.tensor([5, 5, 5, 2]), r).tolist()
        [0.5, 0.5, 0.5, 1.0]
    """
    kind = torch.get_default_dtype() if reward is None else reward.dtype
    passed = is_correct.to(kind)
    g = groups(group_id, passed if reward is None else reward)
    return g.spread(g.mean(passed))
