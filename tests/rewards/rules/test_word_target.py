from __future__ import annotations

import pytest

from guerdon.component import build
from guerdon.errors import RecipeError
from guerdon.method import registered
from guerdon.registry import Resolved
from guerdon.rewards.rules.word_target import word_target


def said(words):
    return f"<think>{' '.join(['w'] * words)}</think>\n<response>a b c</response>"


def test_words_of_the_think_block():
    # toolrl, total/length 256 words: .5; 100 / 512 = .195 is rounded to .2
    assert word_target([said(256), said(100), said(512), said(2000), said(0)]).tolist() == pytest.approx(
        [0.5, 0.2, 1.0, 1.0, 0.0]
    )
    assert word_target([said(100)], digits=None).item() == pytest.approx(100 / 512)


def test_without_the_segment():
    assert word_target(["a b", "<think>a b", None, ""], target=4.0).tolist() == [0.0] * 4
    assert word_target(["a b"], target=4.0, segment=None).item() == 0.5


def test_the_target_may_follow_a_schedule():
    """ToolRL: from 384 to 640 words over 105 steps, so 320 words earn 5/6 first and 1/2 at the end."""
    target = {"schedule": "linear", "from": 384.0, "to": 640.0, "steps": 105}
    component = build(Resolved(registered()["word_target"]), {"target": target, "digits": None})
    first, last = (component({"completion": [said(320)]}, step=s, total=200).item() for s in (0, 150))
    assert (first, last) == pytest.approx((320 / 384, 0.5))


def test_errors():
    with pytest.raises(RecipeError, match="target"):
        word_target(["a"], target=0.0)
