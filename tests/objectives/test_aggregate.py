"""Aggregation against sums by hand, and its promises: linear, split-invariant, blind outside the mask."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import RecipeError
from guerdon.objectives import AGGREGATES, aggregate, aggregate_weights

LOSS = torch.tensor([[1.0, 2.0, 3.0], [4.0, 9.0, 9.0], [9.0, 9.0, 9.0]], dtype=torch.float64)
MASK = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 0, 0]]).bool()
CLASS = torch.tensor([0, 1, 2])
PLAIN = [m for m in AGGREGATES if m != "class_mean"]


def options(mode: str) -> dict:
    return {"class_id": CLASS} if mode == "class_mean" else {}


@pytest.mark.parametrize(
    ("mode", "extra", "expected"),
    [
        ("token_mean", {}, 10 / 4),
        ("seq_mean_token_sum", {}, (6 + 4) / 2),
        ("seq_mean_token_sum", {"rows": "all"}, (6 + 4) / 3),
        ("seq_mean_token_mean", {}, (2 + 4) / 2),
        ("seq_mean_token_mean", {"rows": "all"}, (2 + 4) / 3),  # TRL's grpo
        ("sample_mean", {}, (2 + 4) / 2),
        ("row_sum", {}, 2 + 4),
        ("fixed_length", {"length": 5, "rows": "all"}, 10 / (5 * 3)),  # TRL's dr_grpo: B * max length
        ("fixed_length", {"length": 5, "rows": "none"}, 10 / 5),  # verl's seq-mean-token-sum-norm
        ("fixed_length", {"rows": "none"}, 10 / 3),  # the width of the mask
        ("token_mean", {"total": 20, "shards": 2}, 10 / 20 * 2),
        ("seq_mean_token_sum", {"total": 8}, 10 / 8),
        ("class_mean", {"class_id": CLASS}, (2 + 4) / 2),  # class 2 has no decision
        ("class_mean", {"class_id": torch.tensor([1, 1, 1])}, (2 + 4) / 2),
        ("class_mean", {"class_id": torch.tensor([0, -1, 0])}, 2.0),  # a negative class is left out
    ],
)
def test_sums_by_hand(mode, extra, expected):
    assert aggregate(LOSS, MASK, mode, **extra).item() == pytest.approx(expected, rel=1e-15)


def test_eps_is_added_to_the_row_length():
    # rows 6/(3 + .5) and 4/(1 + .5), averaged
    expected = (6 / 3.5 + 4 / 1.5) / 2
    assert aggregate(LOSS, MASK, "seq_mean_token_mean", eps=0.5).item() == pytest.approx(expected)


@pytest.mark.parametrize("mode", AGGREGATES)
def test_values_outside_the_mask_never_matter(mode):
    spoiled = torch.where(MASK, LOSS, torch.nan).requires_grad_()
    value = aggregate(spoiled, MASK, mode, **options(mode))
    assert value.item() == aggregate(LOSS, MASK, mode, **options(mode)).item()
    value.backward()
    assert torch.isfinite(spoiled.grad).all()
    assert (spoiled.grad[~MASK] == 0).all()


@pytest.mark.parametrize("mode", AGGREGATES)
def test_nothing_valid_gives_zero(mode):
    assert aggregate(LOSS, torch.zeros_like(MASK), mode, **options(mode)).item() == 0.0


@pytest.mark.parametrize("mode", AGGREGATES)
@given(seed=st.integers(0, 2**16), cut=st.integers(1, 4))
def test_the_split_into_micro_batches_changes_nothing(mode, seed, cut):
    g = torch.Generator().manual_seed(seed)
    loss = torch.randn(5, 4, generator=g, dtype=torch.float64)
    mask = torch.rand(5, 4, generator=g) < 0.6
    extra = {"class_id": torch.randint(0, 3, (5,), generator=g)} if mode == "class_mean" else {}
    weights = aggregate_weights(mask, mode, dtype=loss.dtype, **extra)
    parts = sum((loss[rows] * weights[rows]).sum() for rows in (slice(0, cut), slice(cut, None)))
    assert parts.item() == pytest.approx(aggregate(loss, mask, mode, **extra).item(), abs=1e-12)


def test_token_mean_ignores_how_tokens_are_spread_over_rows_and_the_row_mean_does_not():
    # the decisions 1, 2, 3 in one row and 4 in another, then 1, 2 | 3, 4
    again = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    full = torch.ones(2, 2, dtype=torch.bool)
    assert aggregate(again, full).item() == aggregate(LOSS, MASK).item() == 2.5
    assert aggregate(again, full, "seq_mean_token_mean").item() == 2.5
    assert aggregate(LOSS, MASK, "seq_mean_token_mean").item() == 3.0


def test_shards_average_to_the_whole():
    # two workers with 3 and 1 of the 4 decisions: the mean of their losses is the token mean
    parts = [aggregate(LOSS[i : i + 1], MASK[i : i + 1], total=4, shards=2) for i in range(2)]
    assert (sum(parts) / 2).item() == pytest.approx(2.5)


@pytest.mark.parametrize("mode", PLAIN)
def test_weights_do_not_depend_on_the_loss_and_keep_its_dtype(mode):
    for dtype in (torch.float32, torch.float64):
        x = LOSS.to(dtype, copy=True).requires_grad_()
        value = aggregate(x, MASK, mode)
        value.backward()
        assert value.dtype == dtype
        assert torch.equal(x.grad, aggregate_weights(MASK, mode, dtype=dtype))


def test_half_precision_counts_exactly():
    # 257 is no bfloat16: counted in that type it would be 256
    mask = torch.ones(257, 1, dtype=torch.bool)
    weights = aggregate_weights(mask, "token_mean", dtype=torch.bfloat16)
    assert weights.dtype == torch.bfloat16
    assert weights[0].item() == torch.tensor(1 / 257).to(torch.bfloat16).item()


def test_losses_per_row_reduce_over_the_rows_that_count():
    row, scored = torch.tensor([1.0, 3.0, torch.nan]), torch.tensor([True, True, False])
    assert aggregate(row, scored, "sample_mean").item() == 2.0
    assert aggregate_weights(scored, "sample_mean").shape == (3,)


@pytest.mark.parametrize(
    ("mode", "extra"),
    [("mean", {}), ("class_mean", {}), ("class_mean", {"class_id": CLASS, "total": 3}), ("token_mean", {"rows": "x"})],
)
def test_wrong_options_are_refused(mode, extra):
    with pytest.raises(RecipeError):
        aggregate(LOSS, MASK, mode, **extra)
