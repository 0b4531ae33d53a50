"""The budget: published numbers per bucket, monotone sides, targets and alphas over batches, resume."""

from __future__ import annotations

import itertools
import json

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.shaping import EntropyBudget


def bonus(counts: list[float], bucket: int, right: bool, *, alpha: float = 0.5, target: float = 10.0) -> list[float]:
    count = torch.tensor(counts, dtype=torch.float64)
    d = torch.full((len(counts),), bucket)
    flag = torch.full((len(counts),), right)
    return EntropyBudget().bonus(count, torch.full_like(count, target), flag, d, count.new_full((3,), alpha)).tolist()


def test_easy_and_right_pays_for_more_than_the_target():
    # margin 1.5, knee 2: over .5 -> .0625/3.5/2; over 2.5 -> 1.5/3.5/2; over 8.5 -> the cap
    assert bonus([10, 12, 14, 20], 0, True) == pytest.approx([0.0, -0.0625 / 7, -1.5 / 7, -0.5])


def test_hard_and_right_is_paid_from_just_below_the_target():
    expected = [-0.18, -0.00125, 0.45752518, 0.59340783]
    assert bonus([0, 6, 10, 20], 2, True) == pytest.approx(expected, abs=1e-8)


def test_wrong_rows_get_at_least_their_constant():
    assert [bonus([0], b, False)[0] for b in range(3)] == pytest.approx([0.15, 0.2, 0.3])


def test_sides():
    counts = [float(n) for n in range(31)]
    easy, medium, hard = (bonus(counts, b, True) for b in range(3))
    assert all(a >= b for a, b in itertools.pairwise(easy))
    assert all(a <= b for a, b in itertools.pairwise(hard))
    assert medium[:21] == pytest.approx(medium[:21][::-1])


def test_without_alpha_the_reward_is_untouched():
    reward = torch.tensor([1.0, 0.0, torch.nan])
    out = EntropyBudget(alpha=0.0)(
        reward, reward == 1, torch.zeros(3, dtype=torch.long), torch.tensor([0, 0, 0]), torch.full((3, 3), 9.0)
    )
    torch.testing.assert_close(out, reward, equal_nan=True)


def call(budget: EntropyBudget, counts: list[float], bucket: int) -> None:
    n = len(counts)
    budget(
        torch.ones(n), torch.ones(n, dtype=torch.bool), torch.arange(n) // 2, torch.full((n,), bucket),
        torch.tensor(counts)[:, None].expand(n, 3),
    )  # fmt: skip


@pytest.mark.parametrize(("bucket", "sign"), [(0, 1), (1, 1), (2, -1)])
def test_alpha_rises_on_the_punished_side(bucket, sign):
    budget = EntropyBudget(decay=0.5)
    call(budget, [4.0, 6.0, 5.0, 5.0], bucket)  # the first batch makes the target, 5
    assert (budget.weights[bucket], budget.targets[bucket]) == (0.5, 5.0)
    call(budget, [7.0, 7.0, 7.0, 7.0], bucket)  # two above it
    assert budget.weights[bucket] == pytest.approx(0.5 + sign * 0.05 * 2)
    assert budget.targets[bucket] == 6.0
    assert [budget.targets[b] for b in range(3) if b != bucket] == [None, None]


def test_the_released_target_moves_alpha_by_rounding_alone():
    budget = EntropyBudget(target="batch", round_target=True)
    for counts in ([3.0, 4.0], [9.0, 10.0], [1.0, 1.0]):
        call(budget, counts, 0)
    # 3.5 rounds to 4, 9.5 to 10, 1 to 1
    assert budget.weights[0] == pytest.approx(0.5 - 0.05 * 0.5 - 0.05 * 0.5)


def test_resume():
    first, second = EntropyBudget(), EntropyBudget()
    call(first, [3.0, 5.0], 2)
    call(first, [8.0, 8.0], 2)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    call(first, [1.0, 2.0], 2)
    call(second, [1.0, 2.0], 2)
    assert first.state_dict() == second.state_dict()


@pytest.mark.parametrize("params", [{"alpha_range": (1.0, 0.0)}, {"decay": 1.0}, {"huber": (0.0, 1.0, 1.0)}])
def test_bad_values_are_refused(params):
    with pytest.raises(RecipeError):
        EntropyBudget(**params)
