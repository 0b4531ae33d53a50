from __future__ import annotations

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.records import ToolCall, Turn
from guerdon.rewards.rules.repetition import repetition


def tokens(*rows):
    width = max(len(r) for r in rows)
    ids = torch.tensor([[*r, *[0] * (width - len(r))] for r in rows])
    mask = torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r in rows]).bool()
    return ids, mask


def test_tokens_as_in_the_reference_vectors():
    """verifiers-baseline, trl_repetition_ngram2: 5 bigrams of which 2 differ cost 3/5, 4 equal ones 3/4."""
    ids, mask = tokens([1, 2, 3, 4], [5, 5, 5, 5, 5], [7], [1, 2, 1, 2, 1, 2])
    found = repetition([""] * 4, None, ids, mask, n=2, unit="token")
    assert found.tolist() == pytest.approx([0.0, -0.75, 0.0, -0.6])


def test_what_stands_outside_the_mask_is_not_said_again():
    ids = torch.tensor([[1, 2, 3, 1, 2]])
    assert repetition([""], None, ids, torch.tensor([[True] * 3 + [False] * 2]), n=2, unit="token").item() == 0.0
    assert repetition([""], None, ids, torch.ones(1, 5).bool(), n=2, unit="token").item() == pytest.approx(-0.25)


@pytest.mark.parametrize(
    ("unit", "n", "text", "value"),
    [
        ("word", 1, "a b a", -1 / 3), ("word", 2, "a  b\na b", -1 / 3), ("char", 1, "aab", -1 / 3),
        ("line", 1, "x\n\n x \ny", -1 / 3), ("word", 3, "a b", 0.0), ("word", 3, "", 0.0),
    ],
)  # fmt: skip
def test_units(unit, n, text, value):
    assert repetition([text], n=n, unit=unit).item() == pytest.approx(value)


def test_count_form_reaches_the_penalty_at_the_limit():
    texts = ["a " * 3, "a " * 6, "a " * 50]  # 2, 5 and 49 repeats
    found = repetition(texts, n=1, form="count", limit=5.0, penalty=-2.0)
    assert found.tolist() == pytest.approx([-0.8, -2.0, -2.0])


def test_actions_are_calls_with_their_arguments():
    search, other = ToolCall("search", {"q": "a", "k": 1}), ToolCall("search", {"q": "b", "k": 1})
    same = ToolCall("search", {"k": 1, "q": "a"}, turn=2, output="x")
    rows = [(Turn("assistant", "", calls=(search,)), Turn("assistant", "", calls=(same, other))), ()]
    assert repetition(["", ""], rows, n=1, unit="action").tolist() == pytest.approx([-1 / 3, 0.0])


def test_repeating_a_good_sentence_costs():
    good = "the cat sat on the mat in the sun"
    once, twice = repetition([good, f"{good} {good}"]).tolist()
    assert once == 0.0
    assert twice < -0.3  # 16 trigrams, 9 different: 7/16


def test_what_cannot_be_asked():
    for wrong in ({"n": 0}, {"limit": 0.0}, {"penalty": 1.0}):
        with pytest.raises(RecipeError, match="out of range"):
            repetition(["a"], **wrong)
    with pytest.raises(RecipeError, match="needs tokens and mask"):
        repetition(["a"], unit="token")
    with pytest.raises(RecipeError, match="needs turns"):
        repetition(["a"], unit="action")


def test_odd_texts():
    assert repetition([None, "é " * 50_000]).tolist()[0] == 0.0
