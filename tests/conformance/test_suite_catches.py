"""Broken on purpose: each toy method has one fault, and the property of that name must find it.

A suite that passes everything proves nothing; these methods are how we know that it can fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from guerdon.conformance.suite import Result, run
from guerdon.method import _LOCAL, Method, method
from guerdon.ops.groups import broadcast, groups

Row, Rows, Grid = Float[Tensor, " batch"], Int[Tensor, " batch"], Float[Tensor, "batch time"]


@pytest.fixture
def broken() -> Iterator[Callable[..., Method]]:
    """Register a toy under a name nobody uses, and forget it afterwards."""
    before = dict(_LOCAL)

    def register(target: Any, **card: Any) -> Method:
        card.setdefault("stage", "advantage")
        name = f"toy_{target.__name__.lower()}"
        method(name=name, **card)(target)
        return _LOCAL[name]

    yield register
    _LOCAL.clear()
    _LOCAL.update(before)


def failed(target: Method) -> dict[str, Result]:
    return {r.check: r for r in run(target) if r.status == "failed"}


def good(
    reward: Float[Tensor, " batch"], group_id: Int[Tensor, " batch"], mask: Bool[Tensor, "batch time"]
) -> Float[Tensor, "batch time"]:
    """Reward minus the group mean.

    Args:
        reward: score per row.
        group_id: rows of one prompt.
        mask: valid decisions.

    Returns:
        Advantage.

    Example:
        >>> m = torch.ones(2, 1, dtype=torch.bool)
        >>> good(torch.tensor([1.0, 0.0]), torch.tensor([4, 4]), m)[:, 0].tolist()
        [0.5, -0.5]

    Source: textbook.
    """
    g = groups(group_id, reward)
    row = reward - g.spread(g.mean(reward))
    return broadcast(torch.where(g.spread(g.count) < 2, torch.zeros_like(row), row), mask)


def test_a_right_method_has_every_property(broken) -> None:
    card = broken(good, scope="group", traits=("shift_invariant",))
    assert failed(card) == {}


def ignores_mask(reward: Row, mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Outside the mask too."""
    return reward.nan_to_num(0.0)[:, None].expand(mask.shape).clone()


def reads_masked(advantage: Float[Tensor, "batch time"], mask: Bool[Tensor, "batch time"]) -> Grid:
    """Centres by a mean over masked positions as well."""
    return torch.where(mask, advantage - advantage.mean(1, keepdim=True), torch.zeros_like(advantage))


def counts_padding(
    log_ratio: Float[Tensor, "batch time"], mask: Bool[Tensor, "batch time"]
) -> Float[Tensor, "batch time"]:
    """Divides by the width of the batch."""
    return torch.where(mask, log_ratio, torch.zeros_like(log_ratio)) / log_ratio.shape[1]


def mutates(reward: Row, mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Clamps its input in place."""
    return broadcast(reward.clamp_(-0.1, 0.1), mask)


def mutates_and_restores(reward: Row, mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Puts the same bits back, which still breaks a tensor shared with the graph."""
    kept = reward.clone()
    reward.zero_()
    reward.copy_(kept)
    return broadcast(reward, mask)


def global_random(reward: Row, mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Noise from the global stream."""
    return broadcast(reward + torch.randn_like(reward), mask)


def hard_float(reward: Row, mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Single precision whatever comes in."""
    return broadcast(reward.float(), mask)


class _Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return 2.0 * grads[0]


def wrong_gradient(log_ratio: Float[Tensor, "batch time"], advantage: Float[Tensor, "batch time"]) -> Grid:
    """Value right, gradient doubled."""
    return -advantage * _Doubled.apply(log_ratio)


def nan_gradient(log_ratio: Float[Tensor, "batch time"], advantage: Float[Tensor, "batch time"]) -> Grid:
    """The root of zero has no finite slope, and the other branch of a where does not hide it."""
    return torch.where(log_ratio > 0, log_ratio, torch.sqrt(log_ratio * 0.0)) * advantage


def scale_variant(reward: Row, mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Declared free of units, is not."""
    return broadcast(reward, mask)


def lone_baseline(reward: Row, group_id: Rows, mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """A group of one keeps its raw reward."""
    g = groups(group_id, reward)
    row = reward - g.spread(g.mean(reward))
    return broadcast(torch.where(g.spread(g.count) < 2, reward, row), mask)


def spreads_unscored(reward: Row, group_id: Rows, mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Counts a row without a score as a zero in the group mean."""
    clean = reward.nan_to_num(0.0)
    g = groups(group_id, clean)
    return broadcast(torch.where(reward.isnan(), reward, clean - g.spread(g.mean(clean))), mask)


def scores_unscored(reward: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """A shaping that turns what was never scored into 0."""
    return reward.nan_to_num(0.0)


def split_dependent(log_ratio: Float[Tensor, "batch time"], advantage: Float[Tensor, "batch time"]) -> Grid:
    """Normalises by the rows that happen to be in the micro-batch, and says it works row by row."""
    return -log_ratio * advantage / len(advantage)


def order_dependent(reward: Row, mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """The first row is the baseline."""
    return broadcast(reward - reward.nan_to_num(0.0)[:1], mask)


def label_dependent(reward: Row, group_id: Rows, mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Reads the number of a group."""
    return broadcast(reward * group_id.to(reward.dtype), mask)


def with_graph(logp: Float[Tensor, "batch time"], mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """An advantage that carries a gradient."""
    return torch.where(mask, logp, torch.zeros_like(logp))


def unmasked_nan(reward: Row, mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Divides by the length, which is 0 for an empty row."""
    return torch.where(mask, reward.nan_to_num(0.0)[:, None], 0.0) / (mask.sum() > 0).to(reward.dtype)


def needs_optional(reward: Row, mask: Bool[Tensor, "batch time"], length: Int[Tensor, " batch"] | None = None) -> Grid:
    """Uses what may be absent."""
    return broadcast(reward / (1 + length), mask)  # type: ignore[operator]


def negative_weight(log_ratio: Float[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """A weight below 0."""
    return log_ratio.detach()


def float_mask(log_ratio: Float[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """A mask that is not bool."""
    return (log_ratio.detach() > 0).to(log_ratio.dtype)


def not_grpo(reward: Row, group_id: Rows, mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Claims to be grpo without a scale."""
    return 1.01 * good(reward, group_id, mask)


def all_equal_explodes(reward: Row, group_id: Rows, mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Divides by a std of 0."""
    g = groups(group_id, reward)
    return broadcast((reward - g.spread(g.mean(reward))) / g.spread(g.std(reward, ddof=0)) + reward * 0, mask) + 1 / (
        reward[~reward.isnan()].var(correction=0)
    )


def wrong_example(reward: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Half of the reward.

    Example:
        >>> wrong_example(torch.tensor([1.0])).tolist()
        [1.0]
    """
    return reward * 0.5


def pays_idle(log_ratio: Float[Tensor, "batch time"], advantage: Float[Tensor, "batch time"]) -> Grid:
    """A loss that says it is 0 without advantage, and has an entropy-like term beside it."""
    return -log_ratio.exp() * advantage + 0.01 * log_ratio


OBJECTIVE = {"stage": "objective", "role": "token_loss"}
FAULTS: list[tuple[Callable[..., Any], str, dict[str, Any]]] = [
    (ignores_mask, "contract", {}),
    (reads_masked, "masking", {}),
    (counts_padding, "padding", OBJECTIVE),
    (mutates, "inputs_kept", {}),
    (mutates_and_restores, "inputs_kept", {}),
    (global_random, "deterministic", {}),
    (hard_float, "precision", {}),
    (wrong_gradient, "gradients", OBJECTIVE),
    (nan_gradient, "gradients", OBJECTIVE),
    (pays_idle, "zero_without_advantage", {**OBJECTIVE, "traits": ("zero_without_advantage",)}),
    (scale_variant, "scale_invariant", {"traits": ("scale_invariant",)}),
    (scale_variant, "shift_invariant", {"traits": ("shift_invariant",)}),
    (lone_baseline, "one_sample", {"scope": "group"}),
    (spreads_unscored, "unscored_row", {"scope": "group"}),
    (scores_unscored, "unscored_row", {"stage": "shaping"}),
    (split_dependent, "micro_batch", OBJECTIVE),
    (order_dependent, "row_order", {"scope": "rollout_batch"}),
    (label_dependent, "group_labels", {}),
    (with_graph, "contract", {}),
    (unmasked_nan, "all_masked", {}),
    (needs_optional, "optional_inputs", {}),
    (negative_weight, "contract", {"stage": "objective", "role": "weight"}),
    (float_mask, "contract", {"stage": "objective", "role": "mask"}),
    (not_grpo, "reduces_to", {"scope": "group", "reduces_to": "grpo(scale='none')"}),
    (all_equal_explodes, "all_equal", {"scope": "group"}),
    (wrong_example, "example", {"stage": "shaping"}),
    (wrong_example, "documentation", {"stage": "shaping"}),
]


@pytest.mark.parametrize(("target", "check", "card"), FAULTS, ids=[f"{t.__name__}-{c}" for t, c, _ in FAULTS])
def test_the_fault_is_found(broken, target, check: str, card: dict[str, Any]) -> None:
    found = failed(broken(target, **card))
    assert check in found, f"{target.__name__} passed {check}; failed: {list(found)}"


def test_a_local_function_cannot_travel(broken) -> None:
    def local(reward: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """Defined inside a function."""
        return reward

    assert "picklable" in failed(broken(local, stage="shaping"))


@dataclass(kw_only=True)
class Forgets:
    """Subtracts the mean of earlier rewards, and saves nothing."""

    decay: float = 0.5
    mean: float = field(default=0.0, init=False)

    def __call__(self, reward: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """Shaped reward."""
        out = reward - self.mean
        self.mean = self.decay * self.mean + (1 - self.decay) * reward.nanmean().item()
        return out

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing."""


@dataclass(kw_only=True)
class Remembers(Forgets):
    """The same, saved."""

    def state_dict(self) -> dict[str, Any]:
        """The mean."""
        return {"mean": self.mean}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The mean."""
        self.mean = state["mean"]


@dataclass(kw_only=True)
class SavesObject(Remembers):
    """Saves something that is no data."""

    def state_dict(self) -> dict[str, Any]:
        """A set."""
        return {"mean": self.mean, "seen": {1, 2}}


def test_lost_state_is_found(broken) -> None:
    assert "state" in failed(broken(Forgets, stage="shaping", scope="rollout_batch"))
    assert "state" in failed(broken(SavesObject, stage="shaping", scope="rollout_batch"))
    assert "state" not in failed(broken(Remembers, stage="shaping", scope="rollout_batch"))


def straight_through(log_ratio: Float[Tensor, "batch time"], advantage: Float[Tensor, "batch time"]) -> Grid:
    """A stop-gradient makes the slope of the value differ from the gradient on purpose: no fault."""
    ratio = log_ratio.exp()
    return -advantage * ratio.detach() * log_ratio


def test_a_stop_gradient_is_no_fault(broken) -> None:
    assert "gradients" not in failed(broken(straight_through, **OBJECTIVE))


def test_the_failing_input_is_small_and_can_be_pasted(broken) -> None:
    result = failed(broken(lone_baseline, scope="group"))["one_sample"]
    assert result.case is not None
    # one row and one column show the fault: a lone row that keeps its reward
    assert result.case.length("batch") == 1
    assert result.case.length("time") == 1
    scope: dict[str, Any] = {"torch": torch}
    exec(result.case.show(("reward", "group_id", "mask")), scope)
    assert lone_baseline(scope["reward"], scope["group_id"], scope["mask"]).abs().max() > 1e-6
    assert "reward = torch.tensor([" in result.text()
    assert set(result.data()) == {"check", "status", "reason", "input"}


def test_texts_of_steps_must_follow_their_rows(broken) -> None:
    def longest_first(
        token_text: Sequence[Sequence[str]], mask: Bool[Tensor, "batch time"]
    ) -> tuple[Int[Tensor, "batch step"], list[list[str]]]:
        """Steps of one token, those of the longest row first."""
        pairs = zip(token_text, mask.tolist(), strict=True)
        rows = sorted(
            ([t for t, ok in zip(texts, valid, strict=True) if ok] for texts, valid in pairs), key=len, reverse=True
        )
        return torch.zeros(len(rows), max(map(len, rows)) or 1, dtype=torch.long), rows

    card = broken(longest_first, stage="provider", scope="rollout_batch", writes=("step_end", "step_mask", "step_text"))
    assert "row_order" in failed(card)
