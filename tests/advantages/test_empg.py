"""EMPG: the worked trajectories, what centring and scale leave alone, invariances, decisions outside steps."""

from __future__ import annotations

import pytest
import torch

from guerdon.advantages import empg
from guerdon.errors import RecipeError

# trajectory 0 has steps of entropy .2, .6, 1.0, trajectory 1 one step of .4
A = torch.tensor([[1.0, 1.0, 1.0], [-1.0, 0.0, 0.0]], dtype=torch.float64)
H = torch.tensor([[0.2, 0.6, 1.0], [0.4, 9.0, 9.0]], dtype=torch.float64)
STEP = torch.tensor([[0, 1, 2], [0, -1, -1]])
MASK = torch.tensor([[True, True, True], [True, False, False]])


def value(advantage=A, entropy=H, step=STEP, mask=MASK, **options) -> list[float]:
    return empg(advantage, entropy, step, mask, **options)[mask].tolist()


def test_worked_steps():
    """Levels 0, .5, 1, .25; g = e^-level / mean, f of the next step is e^-level."""
    g = [1.45284909, 0.88119752, 0.53447332, 1.13148001]
    assert value(A.abs(), zeta=0.0, center=False) == pytest.approx(g, rel=1e-6)
    modulated = [g[0] + 0.060653066, g[1] + 0.036787945, g[2], -g[3]]
    assert value(center=False) == pytest.approx(modulated, rel=1e-6)
    assert value() == pytest.approx([1.05488192, 0.45936523, 0.07585309, -1.59010024], rel=1e-6)
    assert sum(value()) == pytest.approx(0.0, abs=1e-9)


def test_a_step_counts_once_and_shares_its_value():
    """The first step drawn out to three decisions of the same mean entropy changes nothing."""
    wide = torch.tensor([[0.1, 0.2, 0.3, 0.6, 1.0], [0.4, 9.0, 9.0, 9.0, 9.0]], dtype=torch.float64)
    step = torch.tensor([[0, 0, 0, 1, 2], [0, -1, -1, -1, -1]])
    mask = step >= 0
    advantage = torch.where(mask, torch.tensor([[1.0], [-1.0]], dtype=torch.float64), 0.0)
    out = empg(advantage, wide, step, mask)
    assert out[0].tolist() == pytest.approx([1.05488192] * 3 + [0.45936523, 0.07585309], rel=1e-6)
    assert out[1, 0].item() == pytest.approx(-1.59010024, rel=1e-6)


def test_without_scale_and_bonus_only_the_mean_goes():
    assert value(k=0.0, zeta=0.0) == pytest.approx([0.5, 0.5, 0.5, -1.5])
    assert value(k=0.0, zeta=0.0, center=False) == pytest.approx([1.0, 1.0, 1.0, -1.0])


def test_any_rising_line_of_the_entropy_gives_the_same():
    assert value(entropy=3.0 * H + 7.0) == pytest.approx(value(), rel=1e-6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_more_certain_of_two_steps_is_moved_more(sign):
    sure, unsure, *_ = value(sign * A.abs(), zeta=0.0, center=False)
    assert abs(sure) > abs(unsure)
    assert sure * sign > 0


def test_equal_entropies_leave_scale_one_and_the_full_bonus():
    flat = torch.full_like(H, 0.7)
    assert value(entropy=flat, center=False) == pytest.approx([1.1, 1.1, 1.0, -1.0])


def test_decisions_outside_all_steps_keep_their_advantage_and_count_nowhere():
    step = torch.tensor([[0, -1, 1], [0, -1, -1]])
    out = empg(A, H, step, MASK)
    assert out[0, 1] == 1.0
    other = torch.where(step == -1, torch.full_like(H, 50.0), H)
    torch.testing.assert_close(empg(A, other, step, MASK), out)
    nothing = torch.full_like(STEP, -1)
    torch.testing.assert_close(empg(A, H, nothing, MASK), torch.where(MASK, A, 0.0))


def test_rows_without_a_score_are_no_steps():
    reward = torch.tensor([1.0, float("nan")], dtype=torch.float64)
    out = empg(A, H, STEP, MASK, reward)
    assert not out[1].any()
    torch.testing.assert_close(out[:1], empg(A[:1], H[:1], STEP[:1], MASK[:1]))


def test_clipping_keeps_an_outlier_from_pressing_the_rest_together():
    """Entropies 0, 1, ..., 9 and 100: without clipping 0 and 9 are .09 apart."""
    h = torch.tensor([[*range(10), 100]], dtype=torch.float64)
    one, step = torch.ones_like(h), torch.arange(11)[None]
    plain = empg(one, h, step, step >= 0, zeta=0.0, center=False)[0]
    clipped = empg(one, h, step, step >= 0, zeta=0.0, center=False, clip_quantile=0.1)[0]
    assert (plain[0] / plain[9]).item() == pytest.approx(2.718281828**0.09, rel=1e-6)
    # the 10 % and 90 % quantiles of eleven values are the second and the tenth: 1 and 9
    assert (clipped[0] / clipped[9]).item() == pytest.approx(2.718281828, rel=1e-6)
    assert clipped[10] == clipped[9]
    with pytest.raises(RecipeError, match="quantile"):
        value(clip_quantile=0.5)


def test_the_score_norm_that_the_scale_answers_grows_with_entropy():
    """For p = softmax(z): sum_a p_a |e_a - p|^2 = 1 - sum p^2, the premise of the method."""
    z = torch.randn(6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = []
    for heat in (0.3, 1.0, 3.0):
        p = torch.softmax(z / heat, 0)
        norm = (p * ((torch.eye(6, dtype=p.dtype) - p) ** 2).sum(1)).sum()
        torch.testing.assert_close(norm, 1 - (p * p).sum())
        found.append(norm.item())
    assert found == sorted(found)
