"""Profile of an update: parts by hand, signs, masks, intervals."""

from __future__ import annotations

import pytest
import torch

from guerdon.audits import update_profile
from guerdon.errors import RecipeError

OLD = torch.tensor([[0.9, 0.5, 0.2, 0.6], [0.8, 0.4, 0.1, 0.5]], dtype=torch.float64)
MOVE = torch.tensor([[0.0, 0.1, 0.2, 0.0], [0.0, -0.2, 0.005, 0.0]], dtype=torch.float64)
H = torch.tensor([[0.1, 0.7, 1.5, 0.6], [0.2, 0.8, 1.8, 0.5]], dtype=torch.float64)
A = torch.tensor([[1.0] * 4, [-1.0] * 4], dtype=torch.float64)
M = torch.ones(2, 4, dtype=torch.bool)


def effects(mask=M, **options) -> dict[str, float]:
    return {f.name: f.effect for f in update_profile((OLD + MOVE).log(), OLD.log(), H, A, mask, **options)}


def test_parts_by_hand():
    found = effects(bins=2)
    assert found["moved"] == pytest.approx(3 / 8)
    assert found["entropy part 1"] == 0.0  # .1 .2 .5 .6
    assert found["entropy part 2"] == pytest.approx((0.1 + 0.2 + 0.2 + 0.005) / 4)
    assert found["place part 1"] == pytest.approx(0.3 / 4)
    assert found["place part 2"] == pytest.approx(0.205 / 4)
    assert "advantage above 0" not in found  # one row alone
    twice = update_profile(*(torch.cat([x, x]) for x in ((OLD + MOVE).log(), OLD.log(), H, A, M)), bins=2)
    assert {f.name: f.effect for f in twice if f.name.startswith("adv")} == pytest.approx(
        {"advantage above 0": 0.3 / 4, "advantage below 0": -0.195 / 4}
    )
    assert effects(bins=1, min_change=0.15)["moved"] == pytest.approx(2 / 8)


def test_the_parts_of_the_place_add_up():
    mask = torch.tensor([[True, True, True, False], [True, True, True, True]])
    parts = [f for f in update_profile((OLD + MOVE).log(), OLD.log(), H, A, mask, bins=3) if f.name[:5] == "place"]
    assert [f.n for f in parts] == [3, 2, 2]  # the first of three parts of four decisions has two
    assert sum(f.n * f.effect for f in parts) == pytest.approx(0.505)


def test_rows_are_the_units_of_the_interval():
    """Row means of |change| .075 and .05125: the overall mean is half way, s.e. half their distance."""
    found = {f.name: f for f in update_profile((OLD + MOVE).log(), OLD.log(), H, A, M, bins=1)}["place part 1"]
    low, high = found.interval
    assert (high - low) / 2 == pytest.approx(1.959964 * (0.075 - 0.05125) / 2, rel=1e-5)
    assert effects(torch.tensor([[True] * 4, [False] * 4])) == {}  # one row says nothing about others


def test_nothing_to_look_at_and_what_is_refused():
    assert effects(torch.zeros_like(M)) == {}
    with pytest.raises(RecipeError, match="bins"):
        effects(bins=0)
