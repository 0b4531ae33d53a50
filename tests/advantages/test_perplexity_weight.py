"""Perplexity weights: by hand, groups, degenerate groups, the bound on the weight."""

from __future__ import annotations

import pytest
import torch

from guerdon.advantages import perplexity_weight

LP = -torch.tensor([[0.2], [0.4], [0.6], [0.8]], dtype=torch.float64)
ONE = torch.ones_like(LP)
G = torch.zeros(4, dtype=torch.long)


def test_worked_group():
    """w = -+1.161895, -+.387298 with the sample std, -+1.341641, -+.447214 with that of the population."""
    sample = perplexity_weight(ONE, LP, G, ONE.bool(), alpha=0.1, eps=0.0)[:, 0]
    assert ((1 - sample) / 0.1).tolist() == pytest.approx([-1.161895, -0.387298, 0.387298, 1.161895], abs=1e-6)
    whole = perplexity_weight(ONE, LP, G, ONE.bool(), correction=0, eps=0.0)[:, 0]
    assert whole.tolist() == pytest.approx([1.01341641, 1.00447214, 0.99552786, 0.98658359])
    assert sample.mean().item() == pytest.approx(1.0)


def test_a_completion_counts_by_its_mean_over_its_own_decisions():
    """Row 0 drawn out to three decisions of the same mean, the rest padded with other numbers."""
    wide = torch.full((4, 3), 7.0, dtype=torch.float64)
    wide[:, :1] = LP
    wide[0] = -torch.tensor([0.1, 0.2, 0.3])
    mask = torch.zeros(4, 3, dtype=torch.bool)
    mask[:, 0], mask[0] = True, True
    out = perplexity_weight(torch.ones_like(wide), wide, G, mask)
    expected = perplexity_weight(ONE, LP, G, ONE.bool())
    assert out[0].tolist() == pytest.approx([expected[0].item()] * 3)
    assert out[1:, 0].tolist() == pytest.approx(expected[1:, 0].tolist())
    assert not out[1:, 1:].any()


def test_groups_are_compared_alone_or_together():
    groups = torch.tensor([0, 0, 1, 1])
    apart = perplexity_weight(ONE, LP, groups, ONE.bool(), alpha=0.1, eps=0.0)[:, 0]
    # two values lie half the distance to either side, whose sample std is the distance over root 2
    assert apart.tolist() == pytest.approx([1 + 0.1 * 0.5**0.5, 1 - 0.1 * 0.5**0.5] * 2)
    together = perplexity_weight(ONE, LP, groups, ONE.bool(), over="batch")
    assert together.equal(perplexity_weight(ONE, LP, G, ONE.bool()))


def test_no_spread_no_change():
    alone = perplexity_weight(ONE, LP, torch.arange(4), ONE.bool())
    assert alone.equal(ONE)
    torch.testing.assert_close(perplexity_weight(ONE, torch.full_like(LP, -0.3), G, ONE.bool()), ONE)
    assert perplexity_weight(ONE, LP, G, ONE.bool(), alpha=0.0).equal(ONE)


def test_a_row_without_decisions_takes_no_part():
    mask = torch.tensor([[True], [True], [True], [False]])
    out = perplexity_weight(ONE, LP, G, mask)
    assert out[3].item() == 0.0
    assert out[:3].equal(perplexity_weight(ONE[:3], LP[:3], G[:3], mask[:3]))


def test_the_sign_never_changes():
    out = perplexity_weight(torch.tensor([[1.0], [-1.0], [1.0], [-1.0]]), LP, G, ONE.bool(), alpha=5.0)
    # w = 1.16 for the last row: 1 - 5.8 is held at 0
    assert out[3].item() == 0.0
    assert (out[:2, 0] * torch.tensor([1.0, -1.0])).min() > 0
