"""Random values: every signal has them, they fit together, and they do not depend on what else was drawn."""

from __future__ import annotations

import pytest
import torch

from guerdon.conformance.case import same
from guerdon.conformance.values import SMALL, Sizes, World, axes_for, specs
from guerdon.errors import MethodError
from guerdon.signals import AXES, SIGNALS


def world(sizes: Sizes | None = None, seed: int = 0, **more) -> World:
    return World(sizes or Sizes(), torch.Generator().manual_seed(seed), **more)


@pytest.mark.parametrize("sizes", [Sizes(), SMALL, Sizes(batch=1, time=1, step=1, pair=1)], ids=["all", "small", "one"])
@pytest.mark.parametrize("name", sorted(SIGNALS))
def test_every_signal_on_all_its_axes(name: str, sizes: Sizes) -> None:
    known = SIGNALS[name]
    for axes in known.axes:
        value = world(sizes).value(name, axes)
        shape = tuple(sizes.of(a) for a in axes)
        if name == "hidden_rank":  # its aspects are rank, velocity and acceleration
            shape = (shape[0], 3)
        if isinstance(value, torch.Tensor):
            assert tuple(value.shape) == shape
            assert value.dtype == torch.bool if known.dtype == "bool" else True
            assert value.is_floating_point() == (known.dtype == "float") or name in ("action", "class_count")
        elif name != "rng":
            assert len(value) == shape[0]
            assert len(shape) == 1 or len(value[0]) == shape[1]


def test_sizes_are_different_so_a_shape_names_its_axes() -> None:
    lengths = [Sizes().of(a) for a in AXES if a != "group"]
    assert len(set(lengths)) == len(lengths)
    assert Sizes().axes_of((Sizes().batch, Sizes().time)) == ("batch", "time")


def test_masks_are_ragged_with_padding_holes_and_an_empty_row() -> None:
    masks = [world(seed=s).value("mask") for s in range(5)]
    assert all(bool(m[0, 2:].all()) for m in masks)
    assert all((m.sum(1) == 0).sum() == 1 for m in masks)
    assert any(bool((~m[:, 1] & m[:, 2]).any()) for m in masks)


def test_groups_have_several_sizes_and_are_interleaved() -> None:
    ids = world().value("group_id")
    sizes = torch.unique(ids, return_counts=True)[1].tolist()
    assert {1, 2, 3} <= set(sizes)
    assert any(not torch.equal(world(seed=s).value("group_id"), ids.sort()[0]) for s in range(3))
    assert 1 not in torch.unique(world(alone=False).value("group_id"), return_counts=True)[1].tolist()


def test_derived_values_follow_what_they_are_derived_from() -> None:
    w = world(seed=4)
    mask, ids = w.value("mask"), w.value("step_id")
    assert torch.equal(w.value("length"), mask.sum(1))
    assert torch.equal(ids >= 0, mask)
    for row, (end, exists) in enumerate(zip(w.value("step_end"), w.value("step_mask"), strict=True)):
        for step in exists.nonzero()[:, 0].tolist():
            assert int(end[step]) == int((ids[row] == step).nonzero().max())
    assert not bool((w.value("terminated") & w.value("truncated")).any())
    assert bool((w.value("think_end") <= w.value("length")).all())


def test_a_value_does_not_depend_on_what_else_was_drawn() -> None:
    a, b = world(seed=2), world(seed=2)
    b.value("entropy"), b.value("group_id"), b.value("turns")
    assert same(a.value("logp"), b.value("logp"))
    assert not same(a.value("logp"), world(seed=3).value("logp"))


def test_unscored_rows_are_nan_with_their_status() -> None:
    w = world(Sizes(batch=40), unscored=True)
    missing = torch.isnan(w.value("reward"))
    assert 0 < int(missing.sum()) < 40
    assert bool((w.value("status", ("batch",))[missing] == 2).all())


def test_annotations_choose_axes_and_dtype() -> None:
    assert specs('Float[Tensor, "batch time"] | None') == [("Float", ("batch", "time"))]
    assert axes_for("returns", 'Float[Tensor, " batch"]') == ("batch",)
    assert axes_for("reward", 'Float[Tensor, "*axes"]') == ("batch",)
    assert world().value("label", annotation='Int[Tensor, " batch"]').dtype == torch.long
    assert isinstance(world().value("train_step", annotation="int"), int)
    assert isinstance(world().value("kl_coef", (), annotation="float"), float)
    with pytest.raises(MethodError, match="no such axes"):
        axes_for("reward", 'Float[Tensor, "batch time"]')
