"""Rows in, one graded row each out: the same numbers as the rewards themselves, whatever the batch."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import MethodError, RecipeError, UnknownNameError
from guerdon.grading.batch import Item
from guerdon.grading.grader import Grader
from guerdon.method import method
from guerdon.records import Status, Task, Verdict
from guerdon.rewards.rules.length_penalty import length_penalty
from guerdon.rewards.verifiers.numeric_close import numeric_close

pytestmark = pytest.mark.usefixtures("forget_methods")
ROWS = [
    {"completion": "so 4", "gold": "4"}, {"completion": "so 5.1", "gold": 5}, {"completion": "none", "gold": "5"},
    {"completion": "7", "gold": "?"}, {"completion": "8", "gold": None}, {"completion": "9", "gold": ["1", "9"]},
]  # fmt: skip


def test_the_numbers_are_those_of_the_reward_itself():
    found = Grader(["numeric_close:extract=last_number"]).grade(ROWS)
    direct = numeric_close(["4", "5.1", "", "7", "8", "9"], ["4", "5", "5", "?", None, ("1", "9")])
    assert [g.score for g in found] == pytest.approx(direct.score, nan_ok=True)
    assert [g.status for g in found] == direct.status
    assert [g.reason for g in found] == direct.reason


@given(st.lists(st.integers(1, 4), max_size=6))
def test_the_batch_does_not_matter(cuts):
    grader = Grader(["numeric_close:extract=last_number,weight=2", "length_penalty:length=@chars,threshold=3"])
    bound = grader.bind(dict.fromkeys(("completion", "gold")))
    items = [Item(i, f"f:{i}", row) for i, row in enumerate(ROWS, start=1)]
    parts, rest = [], items
    for cut in cuts:
        parts, rest = [*parts, rest[:cut]], rest[cut:]
    split = [g for part in [*parts, rest] for g in bound.grade(part)]
    assert repr(split) == repr(bound.grade(items))


def test_the_total_is_the_weighted_sum_and_nan_where_a_part_is_missing():
    found = Grader(
        ["numeric_close:extract=last_number,weight=2", "length_penalty:length=@chars,threshold=4,slope=0.5,weight=0.1"]
    ).grade(ROWS)
    # "so 5.1" has 6 characters: 2 * 1 - 0.1 * 0.5 * 2
    assert found[1].score == pytest.approx(1.9)
    assert math.isnan(found[3].score)
    assert found[3].status is Status.UNSCORED
    assert found[3].aspects["length_penalty"] == 0.0
    assert found[2].reason == "numeric_close: no answer found"
    plain = length_penalty(torch.tensor([4, 6, 4, 1, 1, 1]), threshold=4.0, slope=0.5)
    assert [g.aspects["length_penalty"] for g in found] == pytest.approx(plain.tolist())


def test_single_precision_is_shown_as_the_number_that_was_meant():
    def tenth(length):
        """A tenth."""
        return torch.full((len(length),), 0.1)

    method(stage="reward")(tenth)
    assert [g.score for g in Grader(["tenth"]).grade([{"length": 3}])] == [0.1]


def test_a_row_that_does_not_fit_is_one_error_and_the_others_are_scored():
    rows = [ROWS[0], {"gold": "4"}, {"completion": None, "gold": "4"}, {"completion": "4", "gold": True}, ROWS[0]]
    found = Grader(["answer_equal:extract=last_number"]).grade(rows)
    assert [g.error is None for g in found] == [True, False, False, False, True]
    assert "column 'completion' is missing" in found[1].reason
    assert "column 'gold', read as gold: no answer" in found[3].reason
    assert all(math.isnan(g.score) and g.status is Status.UNSCORED for g in found[1:4])
    assert [g.score for g in found[::4]] == [1.0, 1.0]


def fragile(completion):
    """Breaks on one text."""
    if "bomb" in completion:
        raise ValueError("bomb")
    return torch.tensor([float(len(c)) for c in completion])


def test_a_reward_that_raises_costs_only_the_rows_it_raises_for():
    method(stage="reward")(fragile)
    found = Grader(["fragile", "answer_equal"]).grade(
        [{"completion": c, "gold": "a"} for c in ("a", "bb", "bomb", "c")]
    )
    assert [g.aspects["fragile"] for g in found] == pytest.approx([1.0, 2.0, math.nan, 1.0], nan_ok=True)
    assert found[2].states == {"fragile": Status.UNSCORED, "answer_equal": Status.SCORED}
    assert "ValueError: bomb" in found[2].reason


def test_the_column_answer_is_never_taken_for_what_the_completion_answers():
    # in most files the column answer is the gold answer; read as the parsed one, every row would be right
    rows = [{"completion": "so 7", "answer": "4"}]
    assert Grader(["answer_equal:extract=last_number"], columns={"gold": "answer"}).grade(rows)[0].score == 0.0
    assert Grader(["answer_equal:answer=answer"], columns={"gold": "answer"}).grade(rows)[0].score == 1.0


def test_missing_columns_are_named_before_anything_is_scored():
    with pytest.raises(UnknownNameError, match="anser") as caught:
        Grader(["answer_equal"], columns={"gold": "anser"}).bind({"completion": None, "answer": None})
    assert caught.value.nearest == ["answer"]
    with pytest.raises(RecipeError, match="needs 'gold'") as missing:
        Grader(["answer_equal"]).bind({"completion": None, "answer": None})
    assert "--gold" in missing.value.fix
    with pytest.raises(RecipeError, match="@words"):
        Grader(["length_penalty"]).bind({"completion": None})


def test_a_task_is_made_from_the_row_and_a_record_is_kept():
    def fields(task):
        """What the task holds."""
        return Verdict.of([t.fields.get("want") == "x" and t.gold == "g" for t in task])

    method(stage="verifier")(fields)
    rows = [{"completion": "c", "gold": "g", "want": "x"}, {"completion": "c", "gold": "g", "want": "y"}]
    assert [g.score for g in Grader(["fields"]).grade(rows)] == [1.0, 0.0]
    nested = [{"completion": "c", "gold": "g", "meta": {"want": "x"}}]
    assert Grader(["fields:task=meta"]).grade(nested)[0].score == 1.0
    kept = [{"completion": "c", "task": Task("t", "p", gold="g", fields={"want": "x"})}]
    assert Grader(["fields"]).grade(kept)[0].score == 1.0


def after(is_correct, length):
    """Reads what a verifier before it found."""
    return is_correct.float() * length


def test_a_reward_may_read_what_the_verifier_before_it_found():
    method(stage="reward")(after)
    rows = [{"completion": "4", "gold": "4", "length": 3}, {"completion": "5", "gold": "4", "length": 3}]
    assert [g.aspects["after"] for g in Grader(["answer_equal", "after"]).grade(rows)] == [3.0, 0.0]
    with pytest.raises(RecipeError, match="verifier before it"):
        Grader(["after", "answer_equal"]).grade(rows)


def named(completion):
    """Two values; broken for one text."""
    if "bomb" in completion:
        raise ValueError("bomb")
    return {"a": torch.ones(len(completion)), "b": torch.zeros(len(completion))}


def test_named_values_stay_named_when_a_row_is_at_fault():
    method(stage="reward")(named)
    found = Grader(["named"]).grade([{"completion": c} for c in ("x", "bomb", "y")])
    assert [list(g.aspects) for g in found] == [["named.a", "named.b"]] * 3
    assert math.isnan(found[1].aspects["named.b"])


def spread(reward_of_text, group_id):
    """Never registered: the parameter is no signal."""


def ranked(completion, group_id):
    """Length less the mean of the group."""
    size = torch.tensor([float(len(c)) for c in completion])
    means = torch.stack([size[group_id == g].mean() for g in group_id.tolist()])
    return size - means


def test_rewards_that_compare_samples_need_a_group():
    with pytest.raises(MethodError):
        method(stage="reward")(spread)
    method(stage="reward", scope="group")(ranked)
    rows = [{"completion": "aa", "q": 1}, {"completion": "aaaa", "q": 1}, {"completion": "a", "q": 2}]
    with pytest.raises(RecipeError, match="--group") as caught:
        Grader(["ranked"]).grade(rows)
    assert caught.value.seen == ["ranked"]
    assert [g.score for g in Grader(["ranked"], group_column="q").grade(rows)] == [-1.0, 1.0, 0.0]


def drawn(completion, rng):
    """A number from the generator."""
    return torch.rand(len(completion), generator=rng)


def test_chance_comes_from_the_place_of_the_rows():
    method(stage="reward")(drawn)
    rows = [{"completion": "a"}, {"completion": "b"}]
    grader = Grader(["drawn"])
    assert grader.grade(rows) == grader.grade(rows)


def test_time_axes_come_from_lists_and_bring_their_mask():
    def ends(tokens, mask):
        """The last token of every row."""
        return torch.stack([t[m][-1] for t, m in zip(tokens, mask, strict=True)]).float()

    method(stage="reward")(ends)
    assert [g.score for g in Grader(["ends"]).grade([{"tokens": [1, 2, 3]}, {"tokens": [4]}])] == [3.0, 4.0]


@given(
    st.text(max_size=60), st.text(max_size=20) | st.none() | st.integers() | st.lists(st.text(max_size=5), max_size=3)
)
def test_any_text_gets_exactly_one_decision(completion, gold):
    found = Grader(["answer_equal:normalise=text", "numeric_close"]).grade([{"completion": completion, "gold": gold}])
    assert len(found) == 1
    assert (found[0].status is Status.UNSCORED) == math.isnan(found[0].score)
