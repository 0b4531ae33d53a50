"""Entropy flow: changes by hand, parts that add up, both centres, where decisions are put, empty batches."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.audits import entropy_flow
from guerdon.errors import RecipeError
from guerdon.theory import entropy_change

P = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
H = -(P * P.log()).sum()
ROWS = torch.tensor([[0, 1], [0, 2], [1, 0]])
A = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [0.5, 0.5]], dtype=torch.float64)
M = torch.ones(3, 2, dtype=torch.bool)
LP = P.log()[ROWS]
ENTROPY = H.expand(3, 2)


def found(logp=LP, advantage=A, mask=M, *, centred=True, **options):
    c, cl = ((P * P).sum(), (P * P * P.log()).sum()) if centred else (None, None)
    extra = [v.expand(mask.shape) if v is not None else None for v in (c, cl)]
    return {f.name: f for f in entropy_flow(logp, LP, ENTROPY, advantage, mask, *extra, **options)}


def test_the_mean_is_that_of_the_first_order_changes():
    """Every decision's change is the closed form of theory for a step of 1."""
    logits = P.log().expand(6, 3)
    wanted = entropy_change(logits, ROWS.flatten(), A.flatten(), lr=1.0, estimator="first_order")
    assert found()["entropy change"].effect == pytest.approx(wanted.mean().item())


def test_quadrants_by_hand():
    """Changes -.141 A for the common arm, +.332 A and +.321 A for the two rare ones, divided by six decisions."""
    common, second, third = 0.14079, 0.33233, 0.32088
    parts = found()
    assert parts["quadrant common, up"].effect == pytest.approx(-(common + common / 2) / 6, abs=1e-5)
    assert parts["quadrant common, down"].effect == pytest.approx(common / 6, abs=1e-5)
    assert parts["quadrant rare, up"].effect == pytest.approx((second + second / 2) / 6, abs=1e-5)
    assert parts["quadrant rare, down"].effect == pytest.approx(-third / 6, abs=1e-5)
    assert parts["quadrant rare, up"].n == 2


@pytest.mark.parametrize("estimator", ["discriminant", "covariance", "scalar"])
def test_parts_add_up(estimator):
    g = torch.Generator().manual_seed(0)
    lp = -torch.rand(8, 12, generator=g, dtype=torch.float64) * 3
    h = torch.rand(8, 12, generator=g, dtype=torch.float64) * 2
    a = torch.randn(8, 12, generator=g, dtype=torch.float64)
    mask = torch.arange(12) < torch.randint(1, 13, (8, 1), generator=g)
    parts = {f.name: f for f in entropy_flow(lp, lp - 0.1, h, a, mask, estimator=estimator)}
    for kind in ("quadrant", "quarter", "entropy tenth"):
        some = [f for name, f in parts.items() if name.startswith(kind)]
        assert sum(f.effect for f in some) == pytest.approx(parts["entropy change"].effect)
        assert sum(f.n for f in some) == int(mask.sum())
    low, high = parts["entropy change"].interval
    assert low < parts["entropy change"].effect < high


def test_without_the_collisions_the_logit_moves_alone():
    """-A S: the common arm alone has .3116, the others -.1615 and -.1501."""
    parts = found(centred=False)
    wanted = -(0.31160053 * (1 - 1 + 0.5) - 0.16152387 * (1 + 0.5) + 0.15007665) / 6
    assert parts["entropy change"].effect == pytest.approx(wanted, abs=1e-7)


def test_the_ratio_scales_a_change():
    """Log-probs ln 2 higher are another policy of twice the ratio: only the scalar and this form know the old one."""
    twice = entropy_flow(LP, LP - math.log(2), ENTROPY, A, M)[0].effect
    once = entropy_flow(LP, LP, ENTROPY, A, M)[0].effect
    assert twice == pytest.approx(2 * once)


def test_covariance_is_that_of_the_batch():
    x = LP - LP.mean()
    parts = found(estimator="covariance")
    assert parts["entropy change"].effect == pytest.approx(-(x * (A - A.mean())).mean().item())


def test_the_largest_changes():
    """One of six decisions: .332 of |change| .141 + .332 + .141 + .321 + .166 + .070."""
    sizes = [0.14079, 0.33233, 0.14079, 0.32088, 0.33233 / 2, 0.14079 / 2]
    largest = found()["largest changes"]
    assert largest.n == 1
    assert largest.effect == pytest.approx(0.33233 / sum(sizes), abs=1e-4)
    assert found(top_share=1.0)["largest changes"].effect == pytest.approx(1.0)


def test_places_and_tenths_of_a_row_of_eight():
    lp = torch.full((2, 8), math.log(0.5), dtype=torch.float64)
    h = torch.arange(16, dtype=torch.float64).view(2, 8) / 8
    parts = {
        f.name: f for f in entropy_flow(lp, lp, h, torch.ones_like(lp), torch.ones(2, 8, dtype=torch.bool))
    }  # fmt: skip
    assert [parts[f"quarter {k} of the row"].n for k in (1, 2, 3, 4)] == [4, 4, 4, 4]
    assert [parts[f"entropy tenth {k}"].n for k in range(1, 11)] == [1, 2, 1, 2, 2, 1, 2, 1, 2, 2]


def test_one_entropy_everywhere_is_one_part():
    assert [n for n in found() if n.startswith("entropy tenth")] == ["entropy tenth 10"]


def test_nothing_to_find():
    assert found(mask=torch.zeros_like(M)) == {}
    still = found(advantage=torch.zeros_like(A))
    assert still["entropy change"].effect == 0.0
    assert "largest changes" not in still
    with pytest.raises(RecipeError, match="share"):
        found(top_share=0.0)
