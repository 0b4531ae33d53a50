"""How far random labels mislead a group: the advantage that right samples lose."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from guerdon.errors import DataError, RecipeError
from guerdon.method import Paper, method


@dataclass(frozen=True)
class Misalignment:
    """Per group: the ``mass`` of advantage that right samples have under true labels, and what random labels take.

    ``mean`` and ``variance`` are those of the loss of mass over the draw of labels. All are in units of the reward,
    0 where all samples of a group are right or all wrong, and largest at a half.
    """

    mass: Float[Tensor, " item"]
    mean: Float[Tensor, " item"]
    variance: Float[Tensor, " item"]


@method(
    paper=Paper("arXiv:2512.16912", "Exploration vs Exploitation: Rethinking RLVR through Clipping, Entropy, and "
                "Spurious Reward", "entropy/clipping-spurious", where="reward misalignment"),
    kind="solver",
    tags=("spurious reward",),
)  # fmt: skip
def reward_misalignment(correct: Int[Tensor, " item"], size: Int[Tensor, " item"], *, p: float = 0.5) -> Misalignment:
    r"""Mean and variance of the advantage mass that right samples lose when labels are coins.

    .. math:: \Delta = \frac{g\,n_i + f\,n_c}{G},\quad f \sim \mathrm{Bin}(n_i, p),\ g \sim \mathrm{Bin}(n_c, 1-p),
              \qquad E\,\Delta = \frac{n_c n_i}{G},\quad \mathrm{Var}\,\Delta = p\,(1-p)\,\frac{n_c n_i}{G}

    Args:
        correct: right samples :math:`n_c` of each group; :math:`n_i = G - n_c` are wrong.
        size: samples :math:`G` of each group, at least 1.
        p: probability of a random label to be 1, in [0, 1]; ``f`` wrong samples get it, ``g`` right ones do not.

    Returns:
        The mass under true labels, and mean and variance of its loss.

    Raises:
        DataError: a group without samples, or with more right ones than samples.
        RecipeError: the probability is outside [0, 1].

    Example:
        >>> import torch
        >>> found = reward_misalignment(torch.tensor([2, 8, 14]), torch.tensor([16, 16, 16]))
        >>> found.mean.tolist(), found.variance.tolist()
        ([1.75, 4.0, 1.75], [0.4375, 1.0, 0.4375])

    Source: the model of the study of spurious rewards: random labels take on average all of the mass, whatever their
        rate, and there is least to take, and least noise, where nearly all samples are right.
    Differs: any label rate ``p``; the study takes a half. Advantages are centred, not divided by their deviation.
    """
    if not 0.0 <= p <= 1.0:
        raise RecipeError("a probability lies in [0, 1]", where="reward_misalignment.p", seen=p)
    bad = (size < 1) | (correct < 0) | (correct > size)
    if bool(bad.any()):
        at = int(bad.nonzero()[0, 0])
        raise DataError(
            "a group has at least one sample and at most all of them right", where=f"reward_misalignment, group {at}",
            seen=(int(correct[at]), int(size[at])),
        )  # fmt: skip
    right, whole = correct.double(), size.double()
    mass = right * (whole - right) / whole
    return Misalignment(mass, mass.clone(), p * (1.0 - p) * mass)
