"""A price on long completions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guerdon.errors import RecipeError
from guerdon.method import Paper, Preset, method


@method(
    paper=(
        Paper("arXiv:2502.18770", "Reward Shaping to Mitigate Reward Hacking in RLHF", "rewards/par"),
        Paper("arXiv:2503.14476", "DAPO: An Open-Source LLM Reinforcement Learning System", "advantage/baselines"),
        Paper("arXiv:2310.16763", "SuperHF: Supervised Iterative Learning from Human Feedback", "preference/superhf"),
    ),
    tags=("length",),
    presets=(
        Preset(
            "overlong", params={"max_length": 20480, "buffer": 4096, "factor": 1.0},
            note="DAPO: give max_length (and buffer) of your run; floor: -1 for the bounded form",
        ),
        Preset("log_length", params={"form": "log", "unit": "char"}, note="SuperHF: give slope"),
    ),
    sources={
        "form": "code", "threshold": "code", "slope": "code", "floor": "code", "unit": "code", "max_length": "paper",
        "buffer": "paper", "factor": "paper",
    },
)  # fmt: skip
def length_penalty(
    length: Int[Tensor, " batch"],
    completion: Sequence[str] | None = None,
    *,
    form: Literal["excess", "log"] = "excess",
    threshold: float = 300.0,
    slope: float = 0.01,
    floor: float | None = None,
    unit: Literal["token", "char"] = "token",
    max_length: int | None = None,
    buffer: float = 4096.0,
    factor: float = 1.0,
) -> Float[Tensor, " batch"]:
    r"""Nothing up to a threshold, then a constant price per token; or a price on the logarithm of the length.

    .. math:: R_i = -s \max(L_i - L_0,\, 0)\qquad\text{or}\qquad R_i = -s \ln L_i

    With ``max_length`` the excess form is DAPO's soft overlong punishment: it starts ``buffer`` before the limit,
    :math:`L_0 = L_{max} - \text{buffer}`, and reaches ``factor`` at the limit, :math:`s = \text{factor}/\text{buffer}`.

    Args:
        length: valid decisions of the row.
        completion: the text; needed for ``unit="char"``.
        form: ``excess`` or ``log`` (0 for an empty row).
        threshold: length that is still free, in units; ignored with ``max_length``.
        slope: price per unit (or per e-fold), 0 or more; ignored with ``max_length``.
        floor: the penalty is never lower than this; None for no bound.
        unit: count tokens, or characters of the completion.
        max_length: token limit of the run, None for threshold and slope.
        buffer: length of the ramp before the limit, above 0.
        factor: penalty at the limit.

    Returns:
        The penalty of each row, 0 or negative, to be added to the reward.

    Raises:
        RecipeError: characters without ``completion``, or a buffer that is not between 0 and ``max_length``.

    Example:
        >>> import torch
        >>> n = torch.tensor([10, 80, 90, 100, 120])
        >>> length_penalty(n, max_length=100, buffer=20).tolist()
        [0.0, 0.0, -0.5, -1.0, -2.0]

    Source: Fu et al. 2025 (released shaper: 0.01 per token above 300); Yu et al. 2025, soft overlong punishment;
        Mukobi et al. 2023, the logarithm of the characters.
    Differs: DAPO's paper bounds the penalty at -factor past the limit, verl does not; ``floor`` chooses.
    """
    if unit == "char":
        if completion is None:
            raise RecipeError("unit: char needs the signal completion", where="length_penalty.unit", seen=unit)
        size = torch.tensor([len(text) for text in completion], device=length.device)
    else:
        size = length
    size = size.to(torch.get_default_dtype())
    if max_length is not None:
        if not 0 < buffer <= max_length:
            raise RecipeError(
                "the ramp must fit before the limit", where="length_penalty.buffer", seen=buffer,
                allowed=f"above 0, up to {max_length}",
            )  # fmt: skip
        threshold, slope = max_length - buffer, factor / buffer
    over = size.clamp_min(1.0).log() if form == "log" else (size - threshold).clamp_min(0.0)
    penalty = 0.0 - slope * over
    return penalty if floor is None else penalty.clamp_min(floor)
