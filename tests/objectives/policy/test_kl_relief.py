from __future__ import annotations

import pytest
import torch

from guerdon.objectives.policy.kl_relief import kl_relief

WINDOWS = torch.tensor([[1.0, 0.0, 0.5], [1.0, 0.0, 0.5], [1.0, 0.0, 0.4], [1.0, 0.0, 0.9]])
LEVEL = torch.tensor([0, 1, 0, 0])
RIGHT = torch.tensor([False, False, False, True])


def test_only_easy_wrong_uncertain_rows_are_relieved():
    beta = torch.tensor([2.0, 3.0, 4.0, 5.0])
    assert kl_relief(LEVEL, RIGHT, WINDOWS, beta).tolist() == pytest.approx([1.34, 3.0, 4.0, 5.0])


def test_a_single_coefficient_or_none_becomes_one_per_row():
    assert kl_relief(LEVEL, RIGHT, WINDOWS, torch.tensor(2.0)).tolist() == pytest.approx([1.34, 2.0, 2.0, 2.0])
    assert kl_relief(LEVEL, RIGHT, WINDOWS, coef=0.1).tolist() == pytest.approx([0.067, 0.1, 0.1, 0.1])
