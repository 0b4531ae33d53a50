"""The gate of COPO: entropies and weights by hand, labels, rows without an answer, the two sides."""

from __future__ import annotations

import math

import pytest
import torch

from guerdon.objectives import consistency_weight


def weight(answers, group=None, **options) -> list[float]:
    ids = torch.tensor(answers)
    chosen = torch.zeros(len(ids), dtype=torch.long) if group is None else torch.tensor(group)
    return consistency_weight(ids, chosen, **options).tolist()


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        # entropies 0, (3, 2, 1 of 6) 1.01140426 and ln 6; sigmoid of 3 (H - .5)
        ([5, 5, 5, 5, 5, 5], 0.18242552),
        ([5, 5, 5, 2, 2, 9], 0.82262186),
        ([0, 1, 2, 3, 4, 5], 0.97967319),
    ],
)
def test_worked_gates(answers, expected):
    assert weight(answers, rho=0.5) == pytest.approx([expected] * 6, rel=1e-5)
    assert weight(answers, rho=0.5, side="global") == pytest.approx([1 - expected] * 6, rel=1e-4)


def test_prompts_are_apart_and_labels_do_not_matter():
    both = weight([7, 7, 1, 2, 7, 1], [4, 4, 4, 9, 9, 9])
    assert both[:3] == pytest.approx(weight([0, 0, 3]))
    assert both[3:] == pytest.approx(weight([0, 1, 2]))


def test_rows_without_an_answer_agree_or_stand_alone():
    """Three without an answer and one with: shares 3/4, 1/4, or four of 1/4."""
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert weight([-1, -1, -1, 4])[0] == pytest.approx(1 / (1 + math.exp(-3 * (entropy - 1))), rel=1e-5)
    assert weight([-1, -1, -1, 4], unparsed="own")[0] == pytest.approx(1 / (1 + math.exp(-3 * (math.log(4) - 1))))


def test_a_steep_gate_decides():
    assert weight([0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0], gamma=1e4, rho=0.5) == pytest.approx([1.0] * 6)
    assert weight([0, 0, 0, 0], gamma=1e4, rho=0.5) == pytest.approx([0.0] * 4)


def test_no_rows_no_weights():
    assert consistency_weight(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long)).shape == (0,)
