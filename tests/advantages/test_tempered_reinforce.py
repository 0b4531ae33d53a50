"""Published weights, the fixed point at the target, and where the pull leads in expectation."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.advantages import tempered_reinforce

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0], dtype=torch.float64)
M = torch.ones(4, 1, dtype=torch.bool)


def blended(advantage, reward, ratio, entropy, **params):
    old = torch.full((len(reward), 1), -1.0, dtype=torch.float64)
    a = torch.tensor(advantage, dtype=torch.float64)[:, None]
    last = None if entropy is None else torch.tensor(entropy, dtype=torch.float64)
    r = torch.tensor(reward, dtype=torch.float64)
    return tempered_reinforce(a, r, old, old + math.log(ratio), M[: len(reward)], last, **params)[:, 0].tolist()


def test_published_numbers():
    # gap .05, half right: a1 = .1, a = .1/1.1; and the cap: .1 / .25 = .4, a = .4/1.4
    assert blended([1.0, -1.0], [1.0, 0.0], math.exp(0.2), 0.45, target=0.5) == pytest.approx([1.0201275, -0.9090909])
    found = blended([0.0] * 4, [1.0, 0.0, 0.0, 0.0], 1.0, 0.0, target=0.5)
    assert found == pytest.approx([0.4 / 1.4, 0.0, 0.0, 0.0])


def test_at_the_target_and_without_a_right_row_nothing_changes():
    assert blended([0.3, -0.2], [1.0, 0.0], 2.0, 0.25) == [0.3, -0.2]
    assert blended([0.3, -0.2], [0.05, 0.0], 2.0, 1.0) == [0.3, -0.2]


def test_unscored_rows_are_out_of_the_share_and_stay_zero():
    found = blended([0.0, 0.0, 0.0], [1.0, 0.0, math.nan], 1.0, 0.45, target=0.5)
    assert found == pytest.approx([0.1 / 1.1, 0.0, 0.0])


def test_the_first_batch_counts_as_without_entropy_and_ratios_can_be_bounded():
    assert blended([0.0], [1.0], 3.0, None, target=0.05) == pytest.approx([3.0 * 0.05 / 1.05])
    assert blended([0.0], [1.0], 3.0, None, target=0.05, max_ratio=1.5) == pytest.approx([1.5 * 0.05 / 1.05])
    assert blended([0.0], [1.0], 3.0, None, target=0.05, use_ratio=False) == pytest.approx([0.05 / 1.05])


def test_in_expectation_the_pull_leads_to_the_tempered_policy():
    """E_p[rho grad log p] = p_T - p, here from the advantages of the four decisions weighted by p."""
    logp, hot = torch.log_softmax(LOGITS, 0), torch.log_softmax(LOGITS / 1.2, 0)
    p = logp.exp()
    out = tempered_reinforce(
        torch.zeros(4, 1, dtype=torch.float64), torch.ones(4, dtype=torch.float64), logp[:, None], hot[:, None], M,
        torch.tensor(0.0), target=0.5,
    )[:, 0] * 11  # a = .1 / 1.1  # fmt: skip
    assert out.tolist() == pytest.approx([0.91055306, 1.07569134, 1.27077916, 1.50124819], abs=1e-8)
    gradient = (p * out)[:, None] * (torch.eye(4, dtype=torch.float64) - p)
    torch.testing.assert_close(gradient.sum(0), hot.exp() - p)
