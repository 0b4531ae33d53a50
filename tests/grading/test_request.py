"""What people write behind --with: split, told apart, and refused with the nearest known name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import RecipeError, UnknownNameError
from guerdon.grading.request import make, parse, settle


def test_commas_inside_brackets_and_quotes_do_not_separate():
    ask = parse("x.y/z: a=[1, 2], b={k: 'v,w'} ,c=\"p,q\",d=a.b")
    assert ask.name == "x.y/z"
    assert ask.given == {"a": "[1, 2]", "b": "{k: 'v,w'}", "c": '"p,q"', "d": "a.b"}


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.integers() | st.booleans(), max_size=5))
def test_what_is_written_is_read(values):
    assert parse("name:" + ",".join(f"{k}={v}" for k, v in values.items())).given == {
        k: str(v) for k, v in values.items()
    }


@pytest.mark.parametrize("text", ["", ":a=b", "a b", "name:a", "name:a=", "name:=b", "name:a=1,a=2"])
def test_malformed_requests_are_refused(text):
    with pytest.raises(RecipeError):
        parse(text)


def test_a_key_is_a_signal_a_parameter_or_one_of_the_parser_behind_it():
    part = make(parse("numeric_close:gold=meta.answer,relative=1e-2,extract=boxed,weight=0.5,name=close"))
    assert part.columns == {"gold": "meta.answer"}
    assert part.component.params["relative"] == 0.01
    assert part.providers["answer"].params["extract"] == "boxed"
    assert (part.label, part.weight) == ("close", 0.5)


@pytest.mark.parametrize(
    ("text", "near"),
    [("numeric_clos", "numeric_close"), ("numeric_close:glod=a", "gold"), ("numeric_close:relativ=1", "relative"),
     ("answer_equal:extrct=boxed", "extract"), ("answer_equal:wieght=1", "weight")],
)  # fmt: skip
def test_unknown_names_come_with_the_nearest(text, near):
    with pytest.raises(UnknownNameError) as caught:
        make(parse(text))
    assert near in caught.value.nearest


@pytest.mark.parametrize(
    "text",
    ["numeric_close:relative=wide", "answer_equal:normalise=roman", "answer_equal:weight=heavy",
     "answer_equal:weight=.nan", "answer_equal:normalise=!!python/name:os.system", "grpo"],
)  # fmt: skip
def test_wrong_values_and_stages_are_refused(text):
    with pytest.raises(RecipeError):
        make(parse(text))


def test_code_of_the_user_needs_leave():
    with pytest.raises(RecipeError, match="allow-code"):
        make(parse("os.path.join:completion=x"))


def test_an_assignment_the_other_way_round_is_read_where_it_can_only_mean_one_thing():
    # length_penalty reads no gold: a key that names a column, with a value that names a signal it does read
    part = make(parse("length_penalty:words=length"))
    assert part.loose == {"words": "length"}
    chosen, notes = settle(part, {"words": None}, "f")
    assert chosen == {"length": "words"}
    assert "length=words" in notes[0]
    with pytest.raises(RecipeError, match="both columns exist"):
        settle(part, {"words": None, "length": None}, "f")
    with pytest.raises(UnknownNameError):
        settle(part, {"other": None}, "f")
