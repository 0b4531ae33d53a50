from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import DataError
from guerdon.providers.tool_calls import tool_calls
from guerdon.records import Status, ToolCall
from guerdon.rewards.verifiers.tool_call_match import tool_call_match

DATA = Path(__file__).parents[4] / "shared" / "data" / "toolrl"
A = ToolCall("get_weather", {"city": "Paris", "unit": "C"})
B = ToolCall("search", {"q": "tickets"})


def score(found, wanted, **options):
    return tool_call_match([found], [wanted], **options).score[0]


@pytest.mark.parametrize(
    ("found", "wanted", "correctness"),
    [  # the checks of the ToolRL dossier, C = 6 s - 3
        ([A], [A], 3.0),
        ([ToolCall("get_weather", {"city": "Rome", "unit": "C"})], [A], 1.5),  # 1 + 1 + 1 of 4
        ([ToolCall("get_weather", {"city": "Paris"})], [A], 0.75),  # 1 + 1/2 + 1 of 4
        ([ToolCall("search", {"q": "tickets", "n": 1})], [B], 2.0),  # 1 + 1/2 + 1 of 3
        ([A], [A, B], 0.5),  # 1/2 + 3 of 6
        ([B], [A], -3.0),
        ([B, A], [A, B], 3.0),
        ([A, B], [A], 2.25),
        ([A, A], [A], 2.25),
    ],
)
def test_fine_credit(found, wanted, correctness):
    assert 6 * score(found, wanted) - 3 == pytest.approx(correctness)


def test_granularity():
    wrong = ToolCall("get_weather", {"city": "Rome", "unit": "C"})
    assert score([wrong, B], [A, B], granularity="call") == pytest.approx(2 / 3)  # 1 + 1 of 1 + 2
    assert [score(f, [A, B], granularity="all") for f in ([A, B], [B, A], [A])] == [1.0, 0.0, 0.0]


def test_strict_counts_the_order_of_names_and_keys():
    turned = ToolCall("get_weather", {"unit": "C", "city": "Paris"})
    other = ToolCall("search", {"q": "flights"})
    assert score([turned, other], [A, B], strict=True) == pytest.approx((1 + (0 + 2) + (1 + 0)) / 6)
    assert score([turned], [A], strict=True) == 1.0  # equal lists are equal whatever the order of the keys
    assert score([B, A], [A, B], strict=True) == pytest.approx((0 + 3 + 2) / 6)


def test_greedy_and_optimal_assignment():
    pytest.importorskip("scipy")
    wanted = [ToolCall("f", {"a": 1, "b": 2}), ToolCall("f", {"a": 1})]
    found = [ToolCall("f", {"a": 1})]
    # greedy: the first gold call takes it, 1/2 + (1/2 + 1) of 6; optimal: the second does, 1/2 + (1 + 1) of 6
    assert score(found, wanted) == pytest.approx(2 / 6)
    assert score(found, wanted, matching="optimal") == pytest.approx(2.5 / 6)
    assert score([ToolCall("g", {})], wanted, matching="optimal") == 0.0


def test_policies():
    assert score([B, A], [A, B], order="kept") == pytest.approx(1 / 6)  # the names alone
    assert score([A, B], [A, B], order="kept") == 1.0
    assert score([A, A], [A], duplicates="once") == 1.0
    assert score([A, B], [A], spurious="free") == 1.0
    assert score([A, B], [A], spurious="wrong") == 0.0
    assert score([ToolCall("search", {"q": " Tickets"})], [B], values="loose") == 1.0
    assert score([ToolCall("search", {"q": " Tickets"})], [B]) == pytest.approx(2 / 3)
    broken = [A, ToolCall("", {}, ok=False)]
    assert tool_call_match([broken], [[A]]).status == [Status.FAILED]
    assert score(broken, [A], broken="ignored") == 1.0


def test_gold_without_calls():
    text = "<think>p</think>\n<response>hello</response>"
    skipped = tool_call_match([[A], []], [text, []])
    assert skipped.status == [Status.SKIPPED] * 2
    assert tool_call_match([[A], []], [text, []], no_gold="no_call").score == [0.0, 1.0]


def test_ways_to_write_gold():
    plain = {"name": "search", "arguments": {"q": "tickets"}}
    text = "<tool_call>" + json.dumps(plain) + "</tool_call>"
    for gold in (
        [B],
        plain,
        [plain],
        text,
        [text],
        [[plain]],
        [[A], [B]],
        [text, "<tool_call>x</tool_call>"],
        json.dumps(plain),
    ):
        assert score([B], gold) == 1.0


def test_whose_fault():
    v = tool_call_match([[], [A], [A], [A]], [[A], None, "<tool_call>x</tool_call>", [{"nam": "f"}]])
    assert v.status == [Status.FAILED] + [Status.UNSCORED] * 3
    assert v.reason == ["no call found", "no gold answer", *["the gold calls cannot be read"] * 2]
    assert math.isnan(v.score[1])
    with pytest.raises(DataError, match="one value per signal"):
        tool_call_match([[A]], [])


_CALLS = st.lists(
    st.builds(
        ToolCall, st.sampled_from("fg"), st.dictionaries(st.sampled_from("ab"), st.integers(0, 1), max_size=2)
    ),
    min_size=1, max_size=3,
)  # fmt: skip


@given(_CALLS, _CALLS)
def test_range_order_and_bounds(found, wanted):
    pytest.importorskip("scipy")
    fine, best = score(found, wanted), score(found, wanted, matching="optimal")
    assert 0.0 <= fine <= best + 1e-12 <= 1.0 + 2e-12
    bags = [sorted((c.name, sorted(c.arguments.items())) for c in calls) for calls in (found, wanted)]
    assert (best > 1 - 1e-12) == (bags[0] == bags[1])  # full marks for the same calls only
    turned = [score(list(p), wanted, matching="optimal") for p in itertools.permutations(found)]
    assert max(turned) - min(turned) < 1e-12  # the order of the calls is free


def _conversations():
    pyarrow = pytest.importorskip("pyarrow.parquet")
    file = DATA / "rlla_4k_test.parquet"
    if not file.exists():
        pytest.skip("no rlla_4k_test.parquet beside the repository (shared/data/toolrl)")
    texts = [r["reward_model"]["ground_truth"] for r in pyarrow.read_table(file).to_pylist()]
    turns = json.loads((DATA / "apibank_level2.json").read_text("utf-8"))
    return texts, [r["answer"] for r in turns]


def test_real_calls_are_accepted_and_changed_ones_are_not():
    """80 turns of ToolRL's test set (71 call tools) and the 67 gold calls of API-Bank's second level."""
    texts, answers = _conversations()
    wanted = [t for t in texts if "<tool_call>" in t]
    assert (len(texts), len(wanted), len(answers)) == (80, 71, 67)
    golds = [*wanted, *answers]
    found = [*tool_calls(wanted), *[(ToolCall(a["name"], a["parameters"]),) for a in answers]]
    assert tool_call_match(found, golds).score == [1.0] * 138
    assert tool_call_match([c[::-1] for c in found], golds, matching="optimal").score == pytest.approx([1.0] * 138)
    silent = [t for t in texts if "<tool_call>" not in t]
    assert tool_call_match(tool_calls(silent), silent).status == [Status.SKIPPED] * 9

    def changed(edit):
        rows = [(edit(c[0]), *c[1:]) for c in found]
        return tool_call_match(rows, golds).score

    renamed = changed(lambda c: ToolCall(c.name + "_", c.arguments))
    assert all(s < 1 for s in renamed)
    extra = changed(lambda c: ToolCall(c.name, {**c.arguments, "another": 1}))
    assert all(s < 1 for s in extra)
    with_arguments = [i for i, c in enumerate(found) if c[0].arguments]
    other = changed(lambda c: ToolCall(c.name, {k: f"{v}~" for k, v in c.arguments.items()}))
    less = changed(lambda c: ToolCall(c.name, dict(list(c.arguments.items())[1:])))
    assert len(with_arguments) > 120
    assert all(other[i] < 1 and less[i] < 1 for i in with_arguments)
    # a wrong name is worth less than a wrong value
    assert all(renamed[i] < other[i] + 1e-9 for i in with_arguments)
    dropped = tool_call_match([c[1:] for c in found], golds)
    assert all(s < 1 for s in dropped.score)
