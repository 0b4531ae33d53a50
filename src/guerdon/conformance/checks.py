"""The list of properties: a name, the function that tries one input, and what the function needs.

A property returns None, raises :class:`PropertyError` with the reason, or raises :class:`NotApplicable` where the
card says that it has nothing to prove.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from guerdon.conformance import document, gradient, invariance, memory, outcome, verdicts


@dataclass(frozen=True)
class Check:
    """One property; ``calls`` is False when it looks at the card alone, ``unscored`` asks for NaN rewards."""

    name: str
    prove: Callable[..., Any]
    calls: bool = True

    @property
    def about(self) -> str:
        """What holds, in one sentence."""
        return (self.prove.__doc__ or "").split("\n")[0]


CHECKS: tuple[Check, ...] = (
    Check("documentation", document.documentation, calls=False),
    Check("example", document.example, calls=False),
    Check("picklable", memory.picklable, calls=False),
    Check("contract", outcome.contract),
    Check("optional_inputs", outcome.optional),
    Check("inputs_kept", memory.inputs_kept),
    Check("deterministic", memory.deterministic),
    Check("padding", invariance.padding),
    Check("masking", invariance.masking),
    Check("row_order", invariance.row_order),
    Check("group_labels", invariance.group_labels),
    Check("micro_batch", invariance.micro_batch),
    Check("shift_invariant", invariance.shift),
    Check("scale_invariant", invariance.scale),
    Check("one_sample", outcome.one_sample),
    Check("all_equal", outcome.all_equal),
    Check("all_masked", outcome.all_masked),
    Check("unscored_row", outcome.unscored_row),
    Check("all_unscored", outcome.all_unscored),
    Check("empty_answer", verdicts.empty_answer),
    Check("faults", verdicts.faults),
    Check("precision", outcome.precision),
    Check("gradients", gradient.gradients),
    Check("zero_without_advantage", gradient.idle_rows),
    Check("state", memory.state),
    Check("reduces_to", invariance.reduces),
)
BY_NAME: dict[str, Check] = {c.name: c for c in CHECKS}
