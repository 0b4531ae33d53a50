"""Value loss: clipped, unclipped and Huber forms by hand."""

from __future__ import annotations

import pytest
import torch

from guerdon.objectives import value_loss


def one(x: float) -> torch.Tensor:
    return torch.tensor([[x]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("value", "old", "target", "extra", "expected"),
    [
        (1.0, 0.0, 2.0, {"clip": None}, 0.5),
        (1.0, 0.0, 2.0, {}, 0.5 * 1.8**2),  # clipped value .2 is farther away
        (1.0, 0.0, 0.0, {}, 0.5),  # clipped value .2 is nearer: the plain error counts
        (1.0, 0.0, 2.0, {"reduce": "mean"}, 0.5 * (0.5 + 0.5 * 1.8**2)),
        (0.3, 0.0, 0.0, {"form": "huber", "clip": None}, 0.5 * 0.09),
        (2.0, 0.0, 0.0, {"form": "huber", "clip": None}, 0.5 * (2 - 0.25)),
        # SAFE: 0.5 * (huber(2) + huber(.2)), delta .5
        (2.0, 0.0, 0.0, {"form": "huber", "reduce": "mean"}, 0.5 * (0.5 * 1.75 + 0.5 * 0.04)),
    ],
)
def test_by_hand(value, old, target, extra, expected):
    assert value_loss(one(value), one(old), one(target), **extra).item() == pytest.approx(expected)


def test_a_clipped_harmful_move_has_no_gradient_and_a_return_may_be_given_per_row():
    v = torch.tensor([[1.0, 0.1]], dtype=torch.float64, requires_grad=True)
    value_loss(v, torch.zeros_like(v), torch.tensor([2.0], dtype=torch.float64)).sum().backward()
    assert v.grad[0].tolist() == pytest.approx([0.0, 0.1 - 2.0])


@pytest.mark.parametrize("form", ["squared", "huber"])
@pytest.mark.parametrize("reduce", ["max", "mean"])
def test_gradient_equals_finite_differences(form, reduce):
    g = torch.Generator().manual_seed(4)
    v, old, r = (torch.randn(2, 3, generator=g, dtype=torch.float64) for _ in range(3))
    assert torch.autograd.gradcheck(
        lambda x: value_loss(x, old, r, form=form, reduce=reduce, clip=0.5), (v.requires_grad_(),)
    )
