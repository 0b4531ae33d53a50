"""Anchored entropy: peaks and penalty by hand, the first batch, both sides of the anchor, the nucleus behind it."""

from __future__ import annotations

import pytest
import torch

from guerdon.component import build
from guerdon.errors import RecipeError
from guerdon.objectives.entropy import AnchoredEntropy
from guerdon.ops.kernels import from_logits
from guerdon.registry import resolve

H = torch.tensor([[0.1, 0.9, 0.3, 0.5, 0.7]], dtype=torch.float64)
M = torch.ones(1, 5, dtype=torch.bool)


@pytest.mark.parametrize(("quantile", "chosen"), [(0.8, [1]), (0.5, [1, 4]), (0.0, [0, 1, 2, 3, 4]), (1.0, [])])
def test_peaks_lie_strictly_above_the_quantile(quantile, chosen):
    """Sorted .1 .3 .5 .7 .9: the .8 quantile is .74, the median .5; quantile 0 means no peak mask at all."""
    assert AnchoredEntropy(quantile=quantile).peaks(H, M)[0].nonzero()[:, 0].tolist() == chosen


def test_worked_penalty_and_gradient():
    """Mean entropy .8, anchor .5: .005 * .09 and a slope of 2 * .005 * .3, shared by two decisions."""
    h = torch.tensor([[0.7, 0.9, 0.2, 0.1]], dtype=torch.float64, requires_grad=True)
    loss = AnchoredEntropy(anchor=0.5, quantile=0.5)(h, torch.ones(1, 4, dtype=torch.bool))
    loss.backward()
    assert loss.item() == pytest.approx(0.00045)
    assert h.grad[0].tolist() == pytest.approx([0.0015, 0.0015, 0.0, 0.0])


def test_the_first_batch_is_the_anchor_and_both_sides_cost():
    hold = AnchoredEntropy(coef=1.0, quantile=0.0)
    h = H.clone().requires_grad_()
    first = hold(h, M)
    first.backward()
    assert first.item() == 0.0
    assert not h.grad.any()
    assert hold.state_dict() == {"anchor": pytest.approx(0.5)}
    assert hold(H + 0.2, M).item() == pytest.approx(0.04)
    assert hold(H - 0.2, M).item() == pytest.approx(0.04)
    later = AnchoredEntropy(coef=1.0, quantile=0.0)
    later.load_state_dict(hold.state_dict())
    assert later(H + 0.2, M).item() == pytest.approx(0.04)


def test_rows_count_equally_whatever_their_length():
    h = torch.tensor([[1.0, 1.0, 1.0, 1.0], [3.0, 9.0, 9.0, 9.0]])
    mask = torch.tensor([[True] * 4, [True, False, False, False]])
    assert AnchoredEntropy(coef=1.0, quantile=0.0, anchor=0.0)(h, mask).item() == pytest.approx(4.0)


def test_rows_without_a_peak():
    """A row of constant entropy is left out, or 0 as released; without any peak nothing is charged or anchored."""
    h = torch.cat([H, torch.full((1, 5), 0.6, dtype=torch.float64)])
    mask = torch.ones(2, 5, dtype=torch.bool)
    assert AnchoredEntropy(coef=1.0, anchor=0.0)(h, mask).item() == pytest.approx(0.81)
    assert AnchoredEntropy(coef=1.0, anchor=0.0, empty_rows="zero")(h, mask).item() == pytest.approx(0.45**2)
    hold = AnchoredEntropy()
    flat = h[1:].clone().requires_grad_()
    hold(flat, mask[1:]).backward()
    assert not flat.grad.any()
    assert hold.state_dict() == {"anchor": None}
    assert hold(H, torch.zeros_like(M)).item() == 0.0


def test_the_nucleus_follows_the_hyper_parameters():
    component = build(resolve("anchored_entropy"), {"top_p": 0.9, "inclusive": True})
    assert component.settings("nucleus_entropy") == {"top_p": 0.9, "inclusive": True, "top_k": 10_000}


@pytest.mark.parametrize(("inclusive", "value"), [(False, 0.66156324), (True, 0.99326821)])
def test_the_nucleus_with_and_without_the_token_that_reaches_its_mass(inclusive, value):
    """p = .5 .3 .15 .05 and mass .9: {.5, .3} or {.5, .3, .15}; tokens outside get no gradient."""
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]], dtype=torch.float64).log().requires_grad_()
    key = f"nucleus_entropy(top_p=0.9, inclusive={inclusive})"
    h = from_logits(logits, torch.tensor([0]), want=(key,))[key]
    assert h.item() == pytest.approx(value, abs=1e-8)
    AnchoredEntropy(anchor=0.1, quantile=0.0)(h[None], torch.ones(1, 1, dtype=torch.bool)).backward()
    assert logits.grad[0, :2].abs().min() > 0
    assert logits.grad[0, 3].abs().item() <= 1e-10


def test_a_quantile_is_a_share():
    with pytest.raises(RecipeError, match="quantile"):
        AnchoredEntropy(quantile=80.0)
