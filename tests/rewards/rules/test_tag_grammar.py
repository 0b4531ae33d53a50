from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from guerdon.component import build
from guerdon.errors import DataError, RecipeError, UnknownNameError
from guerdon.method import registered
from guerdon.registry import Resolved
from guerdon.rewards.rules.tag_grammar import tag_grammar

GOLDEN = Path(__file__).parents[4] / "shared" / "golden" / "router-r1.json"
TURNS = Path(__file__).parents[4] / "shared" / "data" / "toolrl" / "rlla_4k_test.parquet"


def preset(name):
    method = registered()["tag_grammar"]
    found = next(p for p in method.card.presets if p.name == f"tag_grammar/{name}")
    component = build(Resolved(method, found), {})
    return lambda *texts, gold=None: component({"completion": list(texts), "gold": gold}).tolist()


T, A = "<think>plan</think>", "<answer>4</answer>"


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (T + A, 1), (f"{T}\n\n{A}", 1), (f"  {T}{A}\n", 1), ("<think></think><answer></answer>", 1),
        (A, 0), (T, 0), (A + T, 0), (T + T + A, 0), (T + A + A, 0), (f"{T} so {A}", 0), (f"{T}{A} done", 0),
        ("<think>plan" + A, 0), ("<think>a<think>b</think></think>" + A, 0), (f"<think>{A}</think>{A}", 0),
        (T + A + "</answer>", 0), ("<Think>plan</Think>" + A, 0), ("", 0), ("4", 0),
        ("<think>a < b and <b>bold</b></think>" + A, 1),  # unknown tags are text
    ],
)  # fmt: skip
def test_think_answer(text, good):
    assert tag_grammar([text]).tolist() == [good]


def test_deepseek_wants_something_inside():
    assert preset("deepseek_r1")(T + A, "<think> </think>" + A, T + "<answer></answer>") == [1, 0, 0]


def test_lenient():
    said = "Let me see. <THINK>plan</think > so <answer>4</answer></answer> done"
    assert preset("lenient")(said, A + T, f"{T} and {A} or {A}") == [1, 0, 0]
    assert tag_grammar([said]).tolist() == [0]


def test_trl_think():
    """The rule of the dossier: starts with <think>, no second one, a closing tag later, nothing need follow it."""
    texts = {
        "<think>a</think>": 1, "<think>a</think> b": 1, "<think></think>\n": 1, "<think>a</think></think>": 1,
        " <think>a</think>": 0, "b<think>a</think>": 0, "<think>a": 0, "<think>a<think>b</think>": 0,
        "<think>a</think> b <think>": 0, "a</think>": 0, "": 0, "<THINK>a</THINK>": 0,
    }  # fmt: skip
    assert preset("trl_think")(*texts) == list(texts.values())


CALL = '<tool_call>\n{"name": "f"}\n</tool_call>'
SAY = "<response>done</response>"


@pytest.mark.parametrize(
    ("text", "gold", "good"),
    [
        (f"{T}\n{CALL}", f"{T}\n{CALL}", 1), (f"{T}\n{SAY}", f"{T}\n{SAY}", 1), (f"{T}\n{CALL}\n{SAY}", CALL + SAY, 1),
        (T, T, 1), (f"{T}\n{SAY}", CALL, 0), (f"{T}\n{CALL}", CALL + SAY, 0), (f"{T}\n{CALL}\n{SAY}", CALL, 0),
        (f"{T}\n\n{CALL}", CALL, 0), (T + CALL, CALL, 0), (f"{T}\n{CALL}\n", CALL, 0), (f" {T}\n{CALL}", CALL, 0),
        (f"{T}\n<tool_call>{{}}</tool_call>", CALL, 0), (f"{T}\n{CALL}\n{CALL}", CALL, 0), (CALL, CALL, 0),
        (f"{T}\n{SAY}\n{CALL}", CALL + SAY, 0), (f"{T}\n<tool_call>\n{{bad}}\n</tool_call>", CALL, 1),
    ],
)  # fmt: skip
def test_toolrl(text, gold, good):
    assert preset("toolrl")(text, gold=[gold]) == [good]


def test_a_row_without_gold_is_not_scored():
    assert [math.isnan(v) for v in preset("toolrl")(T, T, gold=[None, T])] == [True, False]
    assert preset("toolrl")(T, gold=[["<response>x</response>", "none"]]) == [1.0]  # several accepted ones
    with pytest.raises(RecipeError, match="like_gold needs"):
        tag_grammar([T], order="think response?", like_gold=("response",))


@pytest.mark.parametrize(
    ("text", "good"),
    [  # check 4 of the Router-R1 dossier
        ("<think>x</think><search>qwen2.5-7b:who?</search><information>I</information><think>y</think><answer>z"
         "</answer>", 0),
        ("<think>x</think><answer>4</answer>", 0),
        ("<think>x</think> so <answer>4</answer>", 0),
        ("<think>x</think><search>foo:who?</search><information>I</information><answer>4</answer>", -1),
        ("<think>x</think><search>qwen:</search><information>I</information><answer>4</answer>", -1),
        ("<think>x</think><search>llama:q</search><information>I</information><answer>4</answer>", -1),
        ("<think>x</think><search>qwen:a:b</search><information>I</information><answer>4</answer>", -1),
        ("<think>x</think><search>qwen:your-query</search><information>I</information><answer>4</answer>", -1),
        ("<think>x</think><search>qwen:ask qwen</search><information>I</information><answer>4</answer>", -1),
        ("<think>x <answer>4</answer></think>", -1), ("<think>x</think><answer>4</answer><answer>4</answer>", -1),
        ("<think>x</think><answer>4</answer> end", -1), ("<answer>4</answer>", -1),
        ("<think>...</think><answer>4</answer>", -1), ("<think>x</think><search>qwen:q</search><answer>4</answer>", -1),
    ],
)  # fmt: skip
def test_router_r1(text, good):
    assert preset("router_r1")(text) == [good]


def test_reference_vectors_of_router_r1():
    if not GOLDEN.exists():
        pytest.skip("no reference vectors beside the repository (shared/golden)")
    cases = [c for c in json.loads(GOLDEN.read_text("utf-8"))["cases"] if c["name"].startswith("format/")]
    assert len(cases) >= 7
    ours = preset("router_r1")(*(c["inputs"]["completion"] for c in cases))
    assert ours == [c["outputs"]["format_reward"] for c in cases]


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("<plan>p</plan><search>q</search>\n<information>a <think> b</information> ok <think>t</think>"
         "<answer>z</answer>", 1),
        ("<think>t</think><answer>z</answer> bye", 1), ("<search>q</search><answer>z</answer>", 1),
        ("<think>t</think>", 0), ("<answer>z</answer><think>t</think>", 0), ("<answer>z</answer><answer>z</answer>", 0),
        ("<search>q</search><information>i</information><answer>z</answer>", 0),
        ("<search>q</search>and<information>i</information><think>t</think><answer>z</answer>", 0),
        ("<information>i</information><think>t</think><answer>z</answer>", 0),
    ],
)  # fmt: skip
def test_veri_r1(text, good):
    assert preset("veri_r1")(text) == [good]


def test_spark_closes_the_hole_of_appended_problems():
    right = "step 1\n<answer>\\boxed{4}</answer>"
    extra = "\nAnother problem: 1+1. <answer>\\boxed{2}</answer>"
    found = preset("spark")(right, right + extra, right + " and so on", "\\boxed{4}" + right, "<answer>4</answer>")
    assert found == [1, 0, 0, 0, 0]


def test_body_rules():
    def one(rule, body):
        return tag_grammar([f"<answer>{body}</answer>"], order="answer", rules={"answer": rule}).item() == 1

    assert one({"max_chars": 3}, " abc ")
    assert not one({"max_chars": 3}, "abcd")
    assert one({"json": "value"}, '{"a": [1]}')
    assert not one({"json": "value"}, "{a}")
    assert not one({"json": "value"}, "[" * 100_000)
    assert one({"json": "lines"}, "\n1\n[2]\n")
    assert not one({"json": "lines"}, "1\nx")
    assert not one({"without": ["As an AI"]}, "as an ai, 4")


def test_recipes_are_told_what_is_wrong():
    with pytest.raises(UnknownNameError, match="did you mean 'answer'"):
        tag_grammar([T], rules={"anwser": {"min_chars": 1}})
    with pytest.raises(UnknownNameError, match="did you mean 'min_chars'"):
        tag_grammar([T], rules={"answer": {"min_char": 1}})  # type: ignore[dict-item]
    with pytest.raises(UnknownNameError, match="unknown block 'search'"):
        tag_grammar([T], equal=(("search", "think"),))
    with pytest.raises(RecipeError, match="first needs pair"):
        tag_grammar([T], rules={"answer": {"first": ["a"]}})
    with pytest.raises(DataError, match="one value per signal"):
        tag_grammar([T], [T, T])


def test_hostile_texts():
    assert tag_grammar([None, "<think>" * 50_000, "</answer>" * 50_000, "é" * 100_000]).tolist() == [0.0] * 4


def test_real_gold_turns():
    """80 gold turns of ToolRL: each has the layout of itself, and none without its thinking or with a text around."""
    parquet = pytest.importorskip("pyarrow.parquet")
    if not TURNS.exists():
        pytest.skip("no rlla_4k_test.parquet beside the repository (shared/data/toolrl)")
    golds = [r["reward_model"]["ground_truth"] for r in parquet.read_table(TURNS).to_pylist()]
    assert len(golds) == 80
    check = preset("toolrl")
    assert check(*golds, gold=golds) == [1.0] * 80
    for spoil in (lambda g: g.partition("</think>\n")[2], lambda g: f"Sure. {g}", lambda g: g + "\nDone.",
                  lambda g: g.replace("<tool_call>\n", "<tool_call>").replace("<response>", "<reply>")):  # fmt: skip
        assert check(*map(spoil, golds), gold=golds) == [0.0] * 80
