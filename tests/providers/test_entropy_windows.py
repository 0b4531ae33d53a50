"""Windows: hand-made counts, the threshold over batches, holes in the mask, unlisted mass, and resume."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.providers.entropy_windows import EntropyWindows, listed_entropy, window_means

ENTROPY = torch.tensor([[0.0, 1.0, 3.0, 0.0, 2.0, 2.0]])
EVERY = torch.ones(1, 6, dtype=torch.bool)


def test_windows_are_the_decisions_after():
    means, known = window_means(ENTROPY, EVERY, 2)
    # (1+3)/2, (3+0)/2, (0+2)/2, (2+2)/2; the last two positions have no window of two
    assert means.tolist() == [[2.0, 1.5, 1.0, 2.0, 0.0, 0.0]]
    assert known.tolist() == [[True] * 4 + [False] * 2]


def test_triggers_above_and_below_the_threshold():
    count = EntropyWindows(window=2, triggers=("wait", "so"), threshold_init=1.5, decay=0.0, percentile=50.0)
    text = [["Wait", " so", "x", " SO ", "wait", "wait"]]
    # the median window is 1.75: Wait opens 2.0 (excess .25), so 1.5 (below), SO 2.0; the last two have no window
    assert count(ENTROPY, text, EVERY).tolist() == [[2.0, 1.0, 0.5]]
    assert count.threshold == 1.75


def test_without_triggers_every_decision_may_open_one():
    count = EntropyWindows(window=2, triggers=None, percentile=50.0)
    assert count(ENTROPY, [[""] * 6], EVERY)[0, :2].tolist() == [2.0, 2.0]


def test_the_threshold_is_a_running_median_and_survives_a_resume():
    count = EntropyWindows(window=1, triggers=None, decay=0.5, percentile=100.0)
    mask = torch.ones(3, 3, dtype=torch.bool)
    peaks = torch.tensor([[0.0, 1.0, 0.0], [0.0, 2.0, 0.0], [0.0, 9.0, 0.0]])
    count(peaks, [[""] * 3] * 3, mask)
    assert count.threshold == 2.0  # the middle of 1, 2, 9
    other = EntropyWindows(window=1, triggers=None, decay=0.5, percentile=100.0)
    other.load_state_dict(count.state_dict())
    count(2 * peaks, [[""] * 3] * 3, mask)
    other(2 * peaks, [[""] * 3] * 3, mask)
    assert count.threshold == other.threshold == 3.0


def test_rows_that_are_too_short_count_nothing_and_move_nothing():
    count = EntropyWindows(window=6, triggers=None)
    assert count(ENTROPY, [["wait"] * 6], EVERY).tolist() == [[0.0, 0.0, 0.0]]
    assert count.threshold is None


def test_unlisted_mass_is_one_outcome():
    # one listed probability of 1/2: two outcomes of 1/2 each
    assert listed_entropy(torch.tensor([0.5, 0.0]).log()).item() == pytest.approx(math.log(2))
    assert listed_entropy(torch.tensor([0.25] * 4).log()).item() == pytest.approx(math.log(4))


@pytest.mark.parametrize("params", [{"window": 0}, {"percentile": 101.0}, {"decay": 1.0}])
def test_bad_values_are_refused(params):
    with pytest.raises(RecipeError):
        EntropyWindows(**params)
