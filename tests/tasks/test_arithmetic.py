from __future__ import annotations

import itertools
import pickle

import pytest

from guerdon.component import build
from guerdon.errors import RecipeError
from guerdon.method import registered
from guerdon.ops.answers import extract_answer
from guerdon.registry import Resolved
from guerdon.rewards.verifiers.answer_equal import answer_equal
from guerdon.tasks.arithmetic import Arithmetic, chain

SETTINGS = [
    {"operations": ops, "digits": digits, "style": style}
    for ops, digits, style in itertools.product(
        [("add",), ("sub",), ("mul",), ("add", "sub", "mul")], [1, 2, (1, 3), "2-4"], ["answer", "chain", "tags"]
    )
]


@pytest.mark.parametrize("chosen", SETTINGS, ids=str)
def test_every_task_is_right_readable_and_declared(chosen):
    data = Arithmetic(**chosen, size=150, held_out=60).load()
    seen = set()
    for task in (*data.train, *data.evaluation):
        assert str(eval(task.prompt.rstrip("="))) == task.gold  # the prompt itself is the expression
        assert extract_answer(task.demonstration, data.answer_format) == task.gold
        assert len(task.demonstration) < data.max_new_tokens
        seen |= set(task.prompt + task.demonstration + task.gold)
        op, d = task.domain.split("-")
        assert op in chosen["operations"]
        assert all(len(n) == int(d) for n in task.prompt.rstrip("=").replace("-", "+").replace("*", "+").split("+"))
    assert seen <= set(data.characters)
    assert list(data.characters) == sorted(set(data.characters))
    train, held = {t.prompt for t in data.train}, {t.prompt for t in data.evaluation}
    mirrored = {frozenset((p, _mirror(p))) for p in train} & {frozenset((p, _mirror(p))) for p in held}
    assert not mirrored
    assert len(held) == len(data.evaluation) > 0
    assert len({t.id for t in (*data.train, *data.evaluation)}) == len(data.train) + len(data.evaluation)


def _mirror(prompt: str) -> str:
    for sign in "+*":
        if sign in prompt:
            a, b = prompt.rstrip("=").split(sign)
            return f"{b}{sign}{a}="
    return prompt


@pytest.mark.parametrize("style", ["chain", "tags"])
def test_every_character_declared_is_used(style):
    data = Arithmetic(operations=("add", "sub", "mul"), digits="1-3", style=style, size=400).load()
    assert set("".join(t.prompt + t.demonstration for t in data.train)) == set(data.characters)


@pytest.mark.parametrize("op", ["add", "sub", "mul"])
def test_chain_lines_are_true_and_end_in_the_result(op):
    for a, b in itertools.product([0, 1, 9, 10, 47, 85, 99, 100, 999, 1000], repeat=2):
        big, small = max(a, b), min(a, b)
        lines = chain(op, big, small).split("\n")
        for line in lines:
            left, _, right = line.partition("=")
            assert eval(left) == int(right)
        result = {"add": big + small, "sub": big - small, "mul": big * small}[op]
        if op == "mul":
            assert int(lines[-1].partition("=")[2]) == result
        else:
            # the last digits of the lines, read upwards, are the digits of the result; a last carry leads them
            totals = [line.partition("=")[2] for line in lines]
            assert int(totals[-1] + "".join(t[-1] for t in reversed(totals[:-1]))) == result


def test_worked_chains():
    assert chain("add", 47, 85) == "7+5=12\n4+8+1=13"
    assert chain("sub", 100, 1) == "10-1=9\n10-0-1=9\n1-0-1=0"
    assert chain("mul", 47, 85) == "47*5=235\n47*80=3760\n235+3760=3995"
    assert chain("add", 0, 0) == "0+0=0"


def test_same_index_same_task_and_other_seed_other_tasks():
    task = Arithmetic(digits="1-3", operations=("add", "mul"), seed=5)
    first, again = task.load(), pickle.loads(pickle.dumps(task)).load()
    backwards = [again.train[i] for i in reversed(range(50))][::-1]
    assert list(first.train[:50]) == backwards
    assert first.evaluation == again.evaluation
    other = Arithmetic(digits="1-3", operations=("add", "mul"), seed=6).load()
    assert [t.prompt for t in other.train[:50]] != [t.prompt for t in backwards]
    # frozen here so that another machine or version that draws otherwise is noticed
    assert [Arithmetic(digits=2).load().train[i].prompt for i in (0, 1, 3999)] == ["78+20=", "57+13=", "64+41="]


def test_size_of_the_training_data_does_not_change_its_tasks():
    small, large = Arithmetic(size=10).load(), Arithmetic(size=10**9).load()
    assert list(small.train) == list(large.train[:10])
    assert large.train[10**9 - 1].id == "arithmetic:train:999999999"


def test_small_levels_hold_out_fewer():
    # 55 unordered one-digit pairs, round(5.5) = 6 held out, at most 12 prompts with their mirrors
    data = Arithmetic(digits=1, held_out=200).load()
    assert 6 <= len(data.evaluation) <= 12
    assert len(Arithmetic(digits=2, held_out=200).load().evaluation) == 200


@pytest.mark.parametrize("style", ["chain", "tags"])
def test_default_reward_accepts_the_demonstrations(style):
    data = Arithmetic(style=style, operations=("add", "sub", "mul"), digits=2).load()
    use = dict(data.reward[0])
    assert use.pop("use") == "answer_equal"
    tasks = data.evaluation[:30]
    answers = [extract_answer(t.demonstration, data.answer_format) for t in tasks]
    assert answer_equal(answers, [t.gold for t in tasks], **use).score == [1.0] * 30


@pytest.mark.parametrize(
    "bad", [{"digits": 0}, {"digits": "3-1"}, {"digits": "a"}, {"digits": ()}, {"digits": 10}, {"size": 0},
            {"held_out": -1}, {"operations": ()}, {"operations": ("div",)}],
)  # fmt: skip
def test_values_out_of_range_are_refused(bad):
    with pytest.raises(RecipeError):
        Arithmetic(**bad)


def test_a_recipe_entry_builds_the_task():
    component = build(Resolved(registered()["arithmetic"]), {"digits": "1-2", "operations": ["add", "sub"], "size": 3})
    assert len(component.instance.load().train) == 3
