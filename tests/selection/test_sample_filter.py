from __future__ import annotations

import torch

from guerdon import registry
from guerdon.component import build
from guerdon.selection import sample_filter

MASK = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 0, 0], [1, 0, 0]]).bool()
CUT = torch.tensor([[0, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0]]).bool()


def test_truncated_and_empty_rows_leave():
    # row 1 is marked outside its mask, which does not count
    assert sample_filter(MASK, CUT).tolist() == [False, True, False, True]
    assert sample_filter(MASK, CUT, drop=()).tolist() == [True] * 4


def test_blank_text_is_empty():
    assert sample_filter(MASK, CUT, ["a", "b", "", " \n"]).tolist() == [False, True, False, False]


def test_presets_drop_one_kind():
    signals = {"mask": MASK, "truncated": CUT}
    assert build(registry.resolve("mask_truncated"), {})(signals).tolist() == [False, True, True, True]
    assert build(registry.resolve("drop_empty"), {})(signals).tolist() == [True, True, False, True]
