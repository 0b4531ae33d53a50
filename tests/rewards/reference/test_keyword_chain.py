from __future__ import annotations

import math
import random

import pytest

from guerdon.errors import DataError, RecipeError
from guerdon.ops.overlap import bag_f1
from guerdon.records import Task
from guerdon.rewards.reference.keyword_chain import keyword_chain

PLANTS = "Plants use sunlight in photosynthesis to turn carbon dioxide and water into glucose and oxygen."
POINTS = [[["sunlight", "photosynthesis"]], [["carbon dioxide", "water"]], [["glucose", "oxygen"]]]


def one(text, points=POINTS, gold=PLANTS, **how):
    return keyword_chain([text], [gold], [Task("1", "q", fields={"keypoints": points})], **how).item()


@pytest.mark.parametrize(
    ("text", "value"),
    [  # the checks of the dossier
        (PLANTS, 1.0), (PLANTS.upper(), 1.0),
        ("photosynthesis sunlight, water carbon dioxide, oxygen glucose", 0.5),  # each LCS is 1 of 2
        ("Sunlight helps photosynthesis.", 1 / 3),
        ("sunlight " * 10 + "photosynthesis", 2 / 11 / 3),  # stuffing: 2 of 11 hits
        ("sunlights photosynthesising waterfall", 0.0), ("", 0.0),
    ],
)  # fmt: skip
def test_dossier(text, value):
    assert one(text) == pytest.approx(value)


def test_another_alternative_can_only_help():
    more = [[*POINTS[0], ["photosynthesis"]], *POINTS[1:]]
    for text in ("photosynthesis", PLANTS, "photosynthesis sunlight", ""):
        assert one(text, more) >= one(text)
    assert one("photosynthesis", more) == pytest.approx(1 / 3)


def test_the_length_guard():
    gold, points = "a b c d e f g h i j", [[["a"]]]
    found = [one(" ".join(gold.split()[:n]), points, gold, length_coefficient=0.5) for n in (10, 9, 5)]
    assert found == pytest.approx([1.0, 1.0, 0.75])  # ratio .5: 1 - .5 * .5
    assert one(f"{gold} {gold}", points, gold, length_coefficient=2.0) == 0.0  # never below 0


@pytest.mark.parametrize("points", [None, [], "not a list", "[[['a']]", [["a"]], [[[1]]], "a" * 100_000])
def test_points_that_cannot_be_read_are_our_fault(points):
    assert math.isnan(one(PLANTS, points))


def test_points_as_text_and_rows_without_reference():
    assert one(PLANTS, str(POINTS)) == 1.0
    assert math.isnan(one(PLANTS, POINTS, None))
    with pytest.raises(RecipeError, match="coefficient"):
        one(PLANTS, length_coefficient=-1.0)
    with pytest.raises(DataError, match="one value per signal"):
        keyword_chain(["a"], ["a"], [])


def test_shuffled_copies_rank_below_the_reference():
    """Unigram F1 cannot tell a shuffled copy from the reference; the chain can.

    A random order keeps each of two pairs with 1/2, and "carbon dioxide" before "water" with about 1/14 * 1/2: under
    1 % of the copies are whole, so 95 of 100 below 1 leaves room for chance.
    """
    rng = random.Random(0)
    words = PLANTS.strip(".").split()
    copies = [rng.sample(words, len(words)) for _ in range(100)]
    assert all(bag_f1(c, words) == 1.0 for c in copies)
    assert sum(one(" ".join(c)) < 1.0 for c in copies) >= 95
    # reversed, no pair keeps its order, and "carbon dioxide" is no phrase any more
    assert one(" ".join(reversed(words))) == pytest.approx(0.5)
