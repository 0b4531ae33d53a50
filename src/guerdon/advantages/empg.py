"""Advantages of steps scaled by how certain the policy was."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, method
from guerdon.ops.masked import zeroed


@method(
    paper=Paper(
        "arXiv:2509.09265",
        "Harnessing Uncertainty: Entropy-Modulated Policy Gradients for Long-Horizon LLM Agents",
        "advantage/empg", where="eqs. 7 to 12",
    ),
    scope="rollout_batch",
    tags=("entropy control", "multi-step"),
    golden="empg",
    sources={"k": "code", "k_future": "code", "zeta": "code", "eps": "code", "center": "paper",
             "clip_quantile": "ours"},
)  # fmt: skip
def empg(
    advantage: Float[Tensor, "batch time"],
    old_entropy: Float[Tensor, "batch time"],
    step_id: Int[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    reward: Float[Tensor, " batch"] | None = None,
    *,
    k: float = 1.0,
    k_future: float = 1.0,
    zeta: float = 0.1,
    center: bool = True,
    clip_quantile: float = 0.0,
    eps: float = 1e-8,
) -> Float[Tensor, "batch time"]:
    r"""Certain steps get more of the advantage, uncertain ones less, and leading to a certain step is paid.

    .. math:: \tilde H_s = \frac{H_s - \min H}{\max H - \min H + \epsilon},\quad
              g_s = \frac{e^{-k \tilde H_s}}{\mathrm{mean}(e^{-k \tilde H}) + \epsilon},\quad
              A'_s = A\, g_s + \zeta\, e^{-k' \tilde H_{s+1}} - \mathrm{mean}(A')

    :math:`H_s` is the mean entropy of a step's decisions; minimum, maximum and means are over all steps of the batch,
    each counted once. The gradient of a softmax policy grows with its entropy: without the scale, steps that guess
    would be moved most. A certain step of a failed row is pushed down harder too.

    Args:
        advantage: from an estimator such as ``grpo``.
        old_entropy: entropy of the sampling policy at each decision, nats.
        step_id: step of each decision, -1 outside all steps (provider ``segment_text``).
        mask: the policy's own decisions.
        reward: where given, rows whose reward is NaN were not scored: they are no steps and get 0.
        k: how strongly certainty scales, 0 or more; 0 for not at all.
        k_future: how fast the bonus falls with the entropy of the next step, 0 or more.
        zeta: bonus for a next step without any entropy, units of the advantage; the last step of a row has none.
        center: subtract the mean over the steps at the end.
        clip_quantile: entropies beyond this quantile and its mirror are moved to it before the minimum and maximum
            are taken, 0 to below 0.5; 0 for none, as published.
        eps: added to both denominators.

    Returns:
        The modulated advantage on the decisions of steps; decisions outside all steps keep theirs; 0 outside the mask.

    Raises:
        RecipeError: ``clip_quantile`` is not in [0, 0.5).

    Example:
        >>> a, m = torch.tensor([[1.0, 1.0], [-1.0, -1.0]]), torch.ones(2, 2, dtype=torch.bool)
        >>> h, steps = torch.tensor([[0.2, 1.0], [0.2, 1.0]]), torch.tensor([[0, 1], [0, 1]])
        >>> [[round(v, 3) for v in row] for row in empg(a, h, steps, m, zeta=0.0).tolist()]
        [[1.462, 0.538], [-1.462, -0.538]]

    Source: the equations and pseudo-code of the authors' project page; no repository was found.
    Differs: with ``k=0, zeta=0`` the mean is still subtracted; only ``center=False`` leaves the advantage as it is.
        The page subtracts the mean also outside the steps, where the loss is masked.
    """
    if not 0.0 <= clip_quantile < 0.5:
        raise RecipeError("a quantile", where="empg.clip_quantile", seen=clip_quantile, allowed="[0, 0.5)")
    mask = mask if reward is None else mask & ~torch.isnan(reward)[:, None]
    base, inside = zeroed(advantage, mask), mask & (step_id >= 0)
    if not bool(inside.any()):
        return base
    row, _ = inside.nonzero(as_tuple=True)
    steps, step, size = torch.unique(
        torch.stack([row, step_id[inside]], 1), dim=0, return_inverse=True, return_counts=True
    )
    entropy = base.new_zeros(len(steps)).index_add_(0, step, old_entropy[inside].to(base.dtype)) / size
    if clip_quantile:
        entropy = entropy.clamp(torch.quantile(entropy, clip_quantile), torch.quantile(entropy, 1 - clip_quantile))
    level = (entropy - entropy.min()) / (entropy.max() - entropy.min() + eps)
    scale = torch.exp(-k * level)
    scale = scale / (scale.mean() + eps)
    # steps are sorted by row and number: the next one of a row is the next in the list
    last = torch.cat([steps[1:, 0] != steps[:-1, 0], steps.new_ones(1, dtype=torch.bool)])
    bonus = (zeta * torch.exp(-k_future * level.roll(-1))).masked_fill(last, 0.0)
    changed = base[inside] * scale[step] + bonus[step]
    if center:
        # a step has the value of its first decision
        first = torch.full_like(size, len(step)).scatter_reduce_(
            0, step, torch.arange(len(step), device=step.device), "amin"
        )
        changed = changed - changed[first].mean()
    out = base.clone()
    out[inside] = changed
    return out
