"""Steps of completions: tokens across ends, holes, turns, empty rows, every rule, and use in a frame."""

from __future__ import annotations

import pytest
import torch

from guerdon import registry
from guerdon.component import build
from guerdon.errors import RecipeError
from guerdon.frame import Frame
from guerdon.providers.segment_text import segment_text
from guerdon.records.model import Turn
from guerdon.registry import Resolved


def tokens(*rows: str) -> tuple[list[list[str]], torch.Tensor]:
    """Rows written with | between tokens, padded; ~ before a token puts it outside the mask."""
    split = [row.split("|") if row else [] for row in rows]
    width = max(len(r) for r in split) or 1
    text = [[t.removeprefix("~") for t in r] + [""] * (width - len(r)) for r in split]
    mask = [[not t.startswith("~") for t in r] + [False] * (width - len(r)) for r in split]
    return text, torch.tensor(mask)


def test_a_token_belongs_to_the_step_in_which_it_begins():
    step_id, step_end, step_mask, step_text, turn = segment_text(*tokens("a|;b|c;|d"), separator=";")
    assert step_id.tolist() == [[0, 0, 1, 2]]
    assert step_end.tolist() == [[1, 2, 3]]
    assert step_text == [["a;b", "c;", "d"]]
    assert step_mask.all()
    assert turn.tolist() == [[0, 0, 0]]


def test_steps_that_no_token_begins_in_are_not_counted():
    step_id, _, step_mask, step_text, _ = segment_text(*tokens("a;b;c|d;|e"), separator=";")
    assert step_id.tolist() == [[0, 1, 2]]
    assert step_text == [["a;b;c", "d;", "e"]]
    assert step_mask.tolist() == [[True, True, True]]


def test_decisions_of_others_and_padding_belong_to_no_step():
    step_id, step_end, step_mask, step_text, _ = segment_text(*tokens("a|;|~tool;|b", "c", ""), separator=";")
    assert step_id.tolist() == [[0, 0, -1, 1], [0, -1, -1, -1], [-1, -1, -1, -1]]
    assert step_end.tolist() == [[1, 3], [0, 0], [0, 0]]
    assert step_mask.tolist() == [[True, True], [True, False], [False, False]]
    assert step_text == [["a;", "b"], ["c"], []]


def test_the_token_that_ends_a_row_is_no_step_of_its_own():
    text, mask = tokens("a|;|<end>", "a|;|b|<end>", "<end>", "a|;|b")
    ended = torch.tensor([[t == "<end>" for t in row] for row in text])
    step_id, *_ = segment_text(text, mask, None, ended, separator=";")
    assert step_id.tolist() == [[0, 0, 0, -1], [0, 0, 1, 1], [0, -1, -1, -1], [0, 0, 1, -1]]
    without, *_ = segment_text(text, mask, separator=";")
    assert without[0].tolist() == [0, 0, 1, -1]


def test_no_step_crosses_a_turn_of_the_policy():
    text, mask = tokens("a|;|b|~user|c|;|d")
    turns = [(Turn("user", "?"), Turn("assistant", "", 0, 3), Turn("tool", "", 3, 4), Turn("assistant", "", 4, 7))]
    step_id, _, _, step_text, turn = segment_text(text, mask, turns, separator=";")
    assert step_id.tolist() == [[0, 0, 1, -1, 2, 2, 3]]
    assert step_text == [["a;", "b", "c;", "d"]]
    assert turn.tolist() == [[0, 0, 1, 1]]
    whole, *_ = segment_text(text, mask, turns, rule="turn")
    assert whole.tolist() == [[0, 0, 0, -1, 1, 1, 1]]
    # without turns nothing is guessed from the hole
    alone, *_ = segment_text(text, mask, rule="turn")
    assert alone.tolist() == [[0, 0, 0, -1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("sentence", ["I think so.", " Then a b c d e f, g h i j k."]),
        ("subsentence", ["I think so.", " Then a b c d e f,", " g h i j k."]),
    ],
)
def test_rules_on_single_characters(rule, expected):
    text = "I think so. Then a b c d e f, g h i j k."
    *_, step_text, _ = segment_text([list(text)], torch.ones(1, len(text), dtype=torch.bool), rule=rule)
    assert step_text == [expected]


def test_settings_come_from_the_recipe_and_all_signals_from_one_call():
    segmenter = build(Resolved(registry.registered()["segment_text"]), {"separator": ";"})
    text, mask = tokens("a|;|b")
    frame = Frame({"token_text": text, "mask": mask}, dict.fromkeys(segmenter.card.writes, segmenter))
    assert frame.get("step_id").tolist() == [[0, 0, 1]]
    assert frame.get("step_text") == [["a;", "b"]]
    assert "turn_of_step" in frame


@pytest.mark.parametrize("options", [{"separator": ""}, {"min_words": 0}])
def test_settings_that_cut_nothing_are_refused(options):
    with pytest.raises(RecipeError):
        segment_text([["a"]], torch.ones(1, 1, dtype=torch.bool), **options)
