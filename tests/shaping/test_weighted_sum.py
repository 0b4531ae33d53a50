from __future__ import annotations

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.records.model import Status
from guerdon.shaping import weighted_sum

NAN = float("nan")


def codes(*rows):
    return torch.tensor([[int(s) for s in row] for row in rows])


def same(out, wanted):
    torch.testing.assert_close(out, torch.tensor(wanted, dtype=out.dtype), equal_nan=True)


def test_weights_by_position_and_by_name():
    aspects = torch.tensor([[1.0, 2.0], [0.0, -1.0]], dtype=torch.float64)
    same(weighted_sum(aspects), [3.0, -1.0])
    same(weighted_sum(aspects, weights=(0.5, 2.0)), [4.5, -2.0])
    same(weighted_sum(aspects, weights={"b": 2.0, "a": 0.5}, names=("a", "b")), [4.5, -2.0])
    assert weighted_sum(aspects.float()).dtype == torch.float32


def test_skipped_is_left_out_and_unscored_makes_the_row_nan():
    aspects = torch.tensor([[1.0, NAN], [1.0, NAN], [1.0, 5.0], [1.0, 0.25], [NAN, NAN], [1.0, NAN]])
    status = codes(
        (Status.SCORED, Status.SKIPPED), (Status.SCORED, Status.UNSCORED), (Status.SCORED, Status.UNSCORED),
        (Status.SCORED, Status.FAILED), (Status.SKIPPED, Status.EXCLUDED), (Status.SCORED, Status.SCORED),
    )  # fmt: skip
    same(weighted_sum(aspects, status), [1.0, NAN, NAN, 1.25, NAN, NAN])


def test_nan_without_status_is_unscored():
    same(weighted_sum(torch.tensor([[1.0, NAN], [1.0, 1.0]])), [NAN, 2.0])


def test_weight_zero_only_records():
    aspects = torch.tensor([[1.0, NAN]])
    same(weighted_sum(aspects, weights=(2.0, 0.0)), [2.0])
    same(weighted_sum(aspects, codes((Status.SCORED, Status.UNSCORED)), weights=(2.0, 0.0)), [2.0])


def test_step_aspects_fold_too():
    same(weighted_sum(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])), [[3.0, 7.0]])


@pytest.mark.parametrize(
    ("weights", "names"),
    [((1.0,), None), ({"a": 1.0, "b": 1.0}, None), ({"a": 1.0, "c": 1.0}, ("a", "b")), ({"a": 1.0}, ("a",))],
)
def test_weights_that_do_not_match_are_refused(weights, names):
    with pytest.raises(RecipeError, match="weight"):
        weighted_sum(torch.ones(1, 2), weights=weights, names=names)


def test_row_order():
    aspects = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(weighted_sum(aspects[order]), weighted_sum(aspects)[order])
