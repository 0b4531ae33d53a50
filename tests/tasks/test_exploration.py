from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest

from guerdon.component import build
from guerdon.errors import RecipeError
from guerdon.method import registered
from guerdon.registry import Resolved
from guerdon.rewards.verifiers.task_rule import task_rule
from guerdon.tasks.exploration import Exploration, optimum

WORLDS = [
    {"world": "rare"}, {"world": "modes", "rule": "pair"}, {"world": "modes", "rule": "divisor"},
    {"world": "modes", "rule": "permutation"},
]  # fmt: skip


@pytest.mark.parametrize("world", WORLDS, ids=lambda w: w.get("rule", "rare"))
def test_every_task_is_declared_and_its_base_is_a_distribution(world):
    data = Exploration(**world, size=400, held_out=80).load()
    seen = set()
    for task in (*data.train, *data.evaluation):
        base, right = task.fields["base"], task.fields["accepted"]
        assert math.isclose(sum(base.values()), 1.0, abs_tol=1e-12)
        assert min(base.values()) > 0
        mass = 0.01 if world["world"] == "rare" else 0.5
        assert math.isclose(sum(base[a] for a in right), mass, abs_tol=1e-12)
        assert task.demonstration in base
        assert task.gold in right
        assert max(map(len, base)) < data.max_new_tokens
        seen |= set(task.prompt).union(*base)
    assert seen <= set(data.characters)
    assert not {t.prompt for t in data.train} & {t.prompt for t in data.evaluation}
    # the number of a held-out case ends in 9 and no other does: disjoint for every index, not only for those drawn here
    assert {t.prompt[3] for t in data.train} == set("012345678")
    assert {t.prompt[3] for t in data.evaluation} == {"9"}
    assert len({t.prompt for t in data.evaluation}) == 80


def test_the_rules_accept_exactly_what_they_say():
    for task in Exploration(world="modes", rule="pair", size=60).load().train:
        total = int(task.prompt.partition("=")[2][:-1])
        assert set(task.fields["accepted"]) == {f"{a}+{b}" for a in range(50) for b in range(50) if a + b == total}
    for task in Exploration(world="modes", rule="divisor", keys=12, size=60).load().train:
        number = int(task.prompt.partition("|")[2][:-1])
        for answer in task.fields["base"]:
            assert (answer in task.fields["accepted"]) == (number % int(answer) == 0)
    for task in Exploration(world="modes", rule="permutation", keys=12, size=60).load().train:
        first, second = task.prompt.split()[1].rstrip(":").split("<")
        assert len(task.fields["base"]) == 24
        assert len(task.fields["accepted"]) == 12
        for answer in task.fields["base"]:
            assert (answer in task.fields["accepted"]) == (answer.index(first) < answer.index(second))


def test_demonstrations_follow_the_base_distribution():
    data = Exploration(world="rare", keys=1, arms=5, size=20_000).load()
    base = data.train[0].fields["base"]
    counts = Counter(t.demonstration for t in data.train)
    # Pearson's statistic, 4 degrees of freedom: above 18.5 with probability 0.001; the draw is fixed by the seed
    chi = sum((counts[a] - 20_000 * q) ** 2 / (20_000 * q) for a, q in base.items())
    assert chi < 18.5
    assert counts[data.train[0].gold] / 20_000 < 0.02


def test_demonstrations_of_the_modes_are_spread():
    data = Exploration(world="modes", keys=1, size=20_000).load()
    counts = Counter(t.demonstration for t in data.train)
    right = data.train[0].fields["accepted"]
    # nine modes of probability 0.5 / 9 each: within five standard deviations, sqrt(20000 * .0556 * .9444) = 32.4
    assert len(right) == 9
    assert all(abs(counts[a] - 20_000 * 0.5 / 9) < 5 * 32.4 for a in right)


def test_optimum_is_the_closed_form():
    task = Exploration(base_mass=0.01).load().train[0]
    for beta in (0.05, 0.3, 1.0, 5.0):
        gain = math.exp(1 / beta)
        best = optimum(task, beta=beta)
        assert best.accuracy == pytest.approx(0.01 * gain / (0.01 * gain + 0.99), abs=1e-12)
        # the value of the optimum is beta log E_q[exp(r / beta)], and no other policy of the family reaches it
        value = beta * math.log(0.01 * gain + 0.99)
        assert best.accuracy - beta * best.kl == pytest.approx(value, abs=1e-12)
        for other in (beta * 0.7, beta * 1.4):
            near = optimum(task, beta=other)
            assert near.accuracy - beta * near.kl < value
    assert optimum(task, beta=1e-4).accuracy == 1.0  # exp(10000) would overflow
    assert optimum(task, beta=math.inf).kl == pytest.approx(0.0, abs=1e-12)


def test_optimum_without_a_penalty_keeps_every_mode():
    task = Exploration(world="modes").load().train[0]
    best = optimum(task)
    assert best.accuracy == 1.0
    assert best.entropy == pytest.approx(math.log(len(task.fields["accepted"])))
    assert best.kl == pytest.approx(math.log(2))  # half of the base mass is right
    with pytest.raises(RecipeError):
        optimum(task, beta=-1)
    with pytest.raises(RecipeError):
        optimum(task, beta=math.nan)


def test_the_verifier_pays_the_base_mass():
    task = Exploration(world="modes").load().train[0]
    answers = list(task.fields["base"])
    scores = task_rule(answers, [task] * len(answers)).score
    paid = sum(s * q for s, q in zip(scores, task.fields["base"].values(), strict=True))
    assert paid == pytest.approx(0.5)


def test_determinism_and_keys_have_different_right_answers():
    first, again = Exploration(seed=3).load(), Exploration(seed=3).load()
    assert [first.train[i] for i in (0, 7, 3999)] == [again.train[i] for i in (0, 7, 3999)]
    assert first.evaluation == again.evaluation
    assert Exploration(seed=4).load().train[0] != first.train[0]
    right = {t.prompt[5]: t.gold for t in first.evaluation}
    assert len(right) == 8
    assert len(set(right.values())) > 4
    assert Exploration().load().train[0].prompt == "6244 C:"


@pytest.mark.parametrize(
    "bad", [{"keys": 0}, {"keys": 27}, {"world": "modes", "keys": 13}, {"arms": 1}, {"arms": 61}, {"base_mass": 0.0},
            {"base_mass": 1.0}, {"base_accuracy": 1.5}, {"size": 0}, {"held_out": -1}, {"held_out": 10**6}],
)  # fmt: skip
def test_values_out_of_range_are_refused(bad):
    with pytest.raises(RecipeError, match="out of range"):
        Exploration(**bad)


def test_presets_name_the_worlds():
    method = registered()["exploration"]
    for preset in method.card.presets:
        component = build(Resolved(method, preset), {"size": 2})
        assert component.instance.world == preset.name.partition("/")[2]


@pytest.mark.parametrize(
    ("world", "mass"), [("rare", 0.02), ("mixed", None), ("chain", 0.02), ("episode", 0.02), ("spurious", 0.5)]
)
def test_the_base_mass_of_every_world_is_what_was_asked_for(world, mass):
    data = Exploration(world=world, base_mass=0.02, keys=4).load()
    for task in data.evaluation[:8]:
        chain, right = task.fields["chain"], task.fields["pattern"]
        found = math.prod(sum(p[s] for s in r) for p, r in zip(chain, right, strict=True))
        expected = mass if mass is not None else 0.9 if task.domain == "easy" else 0.02
        assert found == pytest.approx(expected, rel=1e-9)
        assert task_rule([task.gold], [task]).score == [1.0]


def test_a_chain_is_judged_by_the_positions_that_decide():
    task = Exploration(world="chain", length=6, decisive=2).load().evaluation[0]
    deciding = [t for t, r in enumerate(task.fields["pattern"]) if len(r) == 1]
    assert len(deciding) == 2
    for t in range(6):
        changed = "".join("abcd"["abcd".index(c) - 1] if i == t else c for i, c in enumerate(task.gold))
        assert task_rule([changed], [task]).score == [0.0 if t in deciding else 1.0]
    assert task_rule([task.gold[:-1], task.gold + "a"], [task] * 2).score == [0.0, 0.0]


def test_the_optimum_of_a_chain_agrees_with_enumeration():
    task = Exploration(world="chain", length=4, decisive=2, base_mass=0.1).load().evaluation[0]
    chain, right = task.fields["chain"], task.fields["pattern"]
    beta, mass = 0.5, {}
    for text in map("".join, itertools.product("abcd", repeat=4)):
        q = math.prod(p[c] for p, c in zip(chain, text, strict=True))
        mass[text] = q * math.exp(all(c in r for c, r in zip(text, right, strict=True)) / beta)
    total = sum(mass.values())
    pi = {t: v / total for t, v in mass.items()}
    best = optimum(task, beta=beta)
    assert best.entropy == pytest.approx(-sum(p * math.log(p) for p in pi.values()), rel=1e-9)
    correct = sum(p for t, p in pi.items() if all(c in r for c, r in zip(t, right, strict=True)))
    assert best.accuracy == pytest.approx(correct, rel=1e-9)


def test_spurious_labels_pay_wrong_answers_only():
    task = Exploration(world="spurious").load().evaluation[0]
    assert not set(task.fields["spurious"]) & set(task.fields["accepted"])
    wrong = task.fields["spurious"][0]
    assert task_rule([wrong, task.gold], [task] * 2, accepts="spurious").score == [1.0, 0.0]
    assert task_rule([wrong, task.gold], [task] * 2).score == [0.0, 1.0]
