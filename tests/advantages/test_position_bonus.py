"""Position bonus: the sigmoid by hand, sign and zero, holes in the mask, the share of the last quarter."""

from __future__ import annotations

import pytest
import torch

from guerdon.advantages import position_bonus
from guerdon.errors import RecipeError

M = torch.ones(1, 4, dtype=torch.bool)


def test_worked_bonus():
    """.1 sigma(rho) at rho = 1/4, 1/2, 3/4, 1."""
    out = position_bonus(torch.ones(1, 4, dtype=torch.float64), M) - 1
    assert out[0].tolist() == pytest.approx([0.05621765, 0.06224593, 0.06791787, 0.07310586], abs=1e-8)


def test_sign_and_zero():
    a = torch.tensor([[2.0, -2.0, 0.0, -1e-3]])
    out = position_bonus(a, M, gamma=5.0)
    assert out.sign().equal(a.sign())
    assert position_bonus(a, M, gamma=0.0).equal(a)


def test_only_own_decisions_are_counted():
    """Decisions 1 and 3 are the first and second half of a row whose other tokens are a tool's."""
    mask = torch.tensor([[False, True, False, True]])
    out = position_bonus(torch.full((1, 4), 1.0), mask)
    assert out[0].tolist() == pytest.approx([0.0, 1.06224593, 0.0, 1.07310586])


def test_the_last_quarter_gains_and_a_negative_slope_turns_it_round():
    """Mean sigma over a to b is (ln(1 + e^b) - ln(1 + e^a)) / (b - a): .7056 in the last quarter, .6201 in all."""
    a, mask = torch.ones(1, 1000, dtype=torch.float64), torch.ones(1, 1000, dtype=torch.bool)

    def share(**options) -> float:
        out = position_bonus(a, mask, **options)[0]
        return (out[750:].mean() / out.mean()).item()

    assert share() == pytest.approx(1.07056 / 1.06201, abs=2e-4)
    assert share(gamma=0.5, slope=8.0, center=0.5) > 1.05 > share() > 1.0 > share(slope=-1.0)


def test_a_bonus_is_not_negative():
    with pytest.raises(RecipeError, match="negative"):
        position_bonus(torch.ones(1, 4), M, gamma=-0.1)
