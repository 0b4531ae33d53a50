"""Small worlds in which exploration decides: a rare right answer, or many right answers of which a policy may keep one.

The demonstrations are draws from a known base distribution, not solutions: a policy trained on them starts there, and
the best it can reach from there is a closed form, :func:`optimum`.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from guerdon.errors import RecipeError
from guerdon.method import Paper, Preset, method
from guerdon.records import Task
from guerdon.tasks.base import Lazy, TaskData, generator

World = tuple[str, tuple[str, ...], tuple[str, ...]]  # question, right answers, plausible wrong ones
Questions = list[tuple[World, dict[str, float]]]  # with the base distribution of each
SYLLABLES = tuple(c + v for c in "bdfgklmnprst" for v in "aeiou")
DECAY = 0.75  # of the mass from one plausible wrong answer to the next in the rare world
CASES = 10_000  # case numbers; those ending in 9 are held out


@method(
    paper=Paper(
        "arXiv:2507.14843", "The Invisible Leash: Why RLVR May or May Not Escape Its Origin", "audit/invisible-leash"
    ),
    kind="task",
    default_source="ours",
    tags=("exploration", "several answers"),
    presets=(
        Preset("exploration/rare", params={"world": "rare"}, note="one right answer of base mass 0.01"),
        Preset("exploration/modes", params={"world": "modes"}, note="many right answers, collapse shows"),
    ),
)
@dataclass(frozen=True, kw_only=True)
class Exploration:
    r"""Rare right answers among plausible wrong ones, or many right answers of equal worth.

    .. math:: q(a) = \begin{cases} m/|C| & a \in C \\ (1-m)\,w_a & \text{else} \end{cases}

    A prompt is a case number and a question. The number says nothing, so what is learnt on training cases holds for
    the held-out ones (those whose number ends in 9) and no prompt is in both. ``fields`` of a task hold ``accepted``
    (the right answers :math:`C`) and ``base`` (the distribution :math:`q` the demonstrations are drawn from).

    Args:
        world: ``rare``: each key letter has one right syllable, to be found by trying; ``modes``: any right answer.
        rule: question of ``modes``: ``pair`` two whole numbers of a given sum; ``divisor`` any divisor;
            ``permutation`` any order of four letters with one given letter before another.
        keys: different questions; at most 26 for ``rare``, 12 for the rules.
        arms: answers per key in ``rare``, 2 to 60.
        base_mass: base probability :math:`m` of being right in ``rare``, in (0, 1).
        base_accuracy: base probability :math:`m` of being right in ``modes``, in (0, 1).
        size: tasks to train on, made when asked for.
        held_out: tasks to evaluate on, all different.
        seed: another seed, other right answers.

    Raises:
        RecipeError: a value outside its range.

    Example:
        >>> data = Exploration(world="modes", seed=0).load()
        >>> task = data.train[0]
        >>> task.prompt, task.demonstration, len(task.fields["accepted"])
        ('6244 ?+?=10:', '8+2', 11)

    Source: the support and entropy questions of Wu et al. 2025; worlds and numbers are this library's.
    Differs: the paper states no task of this kind.
    """

    world: Literal["rare", "modes"] = "rare"
    rule: Literal["pair", "divisor", "permutation"] = "pair"
    keys: int = 8
    arms: int = 12
    base_mass: float = 0.01
    base_accuracy: float = 0.5
    size: int = 4000
    held_out: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        most = 26 if self.world == "rare" else 12
        for name, good, allowed in (
            ("keys", 1 <= self.keys <= most, f"1 to {most}"),
            ("arms", 2 <= self.arms <= len(SYLLABLES), f"2 to {len(SYLLABLES)}"),
            ("base_mass", 0 < self.base_mass < 1, "above 0, below 1"),
            ("base_accuracy", 0 < self.base_accuracy < 1, "above 0, below 1"),
            ("size", self.size >= 1, "at least 1"),
            ("held_out", 0 <= self.held_out <= CASES // 10 * self.keys, f"0 to {CASES // 10 * self.keys}"),
        ):
            if not good:
                value = {"keys": self.keys, "arms": self.arms, "base_mass": self.base_mass, "size": self.size,
                         "base_accuracy": self.base_accuracy, "held_out": self.held_out}[name]  # fmt: skip
                raise RecipeError("a value is out of range", where=f"task.{name}", seen=value, allowed=allowed)

    def load(self) -> TaskData:
        """The tasks; evaluation is made at once, training tasks when they are asked for."""
        questions = [self._question(key) for key in range(self.keys)]
        held: list[Task] = []
        for index in range(self.held_out):
            # every tenth case, so that all pairs of question and case are different
            key, case = index % self.keys, index // self.keys * 10 + 9
            held.append(self._task(questions, "evaluation", index, key, case))
        shown = "".join(text + "".join(base) for (text, _, _), base in questions)
        return TaskData(
            train=Lazy(self.size, functools.partial(self._train, questions)),
            evaluation=held,
            answer_format="text",
            reward=({"use": "task_rule"},),
            max_new_tokens=max(len(answer) for _, base in questions for answer in base) + 1,
            characters="".join(sorted(set("0123456789 :" + shown))),
        )

    def _train(self, questions: Questions, index: int) -> Task:
        rng = generator(self.seed, "exploration", "case", index)
        case = rng.randrange(CASES // 10) * 10 + rng.randrange(9)
        return self._task(questions, "train", index, rng.randrange(self.keys), case)

    def _task(self, questions, part: str, index: int, key: int, case: int) -> Task:
        (text, right, _), base = questions[key]
        draw = generator(self.seed, "exploration", "demonstration", part, index).choices(
            list(base), list(base.values())
        )
        name = self.world if self.world == "rare" else self.rule
        return Task(
            f"exploration:{part}:{index}", f"{case:04d} {text}:", gold=right[0], demonstration=draw[0], domain=name,
            fields={"accepted": right, "base": base},
        )  # fmt: skip

    def _question(self, key: int) -> tuple[World, dict[str, float]]:
        if self.world == "rare":
            order = generator(self.seed, "exploration", "arms", key).sample(SYLLABLES, self.arms)
            world = (chr(ord("A") + key), (order[0],), tuple(order[1:]))
            mass, weights = self.base_mass, [DECAY**i for i in range(self.arms - 1)]
        else:
            world = {"pair": _pair, "divisor": _divisor, "permutation": _permutation}[self.rule](key)
            mass, weights = self.base_accuracy, [1.0] * len(world[2])
        base = {answer: mass / len(world[1]) for answer in world[1]}
        return world, base | {a: (1 - mass) * w / sum(weights) for a, w in zip(world[2], weights, strict=True)}


def _pair(key: int) -> World:
    total = key + 8
    right = tuple(f"{a}+{total - a}" for a in range(total + 1))
    return f"?+?={total}", right, tuple(f"{a}+{total + 1 - a}" for a in range(total + 2))


def _divisor(key: int) -> World:
    number = (12, 18, 20, 24, 28, 30, 32, 36, 40, 42, 48, 60)[key]
    right = [d for d in range(1, number + 1) if number % d == 0]
    wrong = [n for n in range(2, number) if n not in right][: 2 * len(right)]
    return f"?|{number}", tuple(map(str, right)), tuple(map(str, wrong))


def _permutation(key: int) -> World:
    first, second = list(itertools.permutations("abcd", 2))[key]
    orders = ["".join(p) for p in itertools.permutations("abcd")]
    right = tuple(o for o in orders if o.index(first) < o.index(second))
    return f"{first}<{second}", right, tuple(o for o in orders if o not in right)


@dataclass(frozen=True)
class Optimum:
    """The best policy for one prompt: its accuracy, answer entropy (nats) and KL to the base (nats)."""

    accuracy: float
    entropy: float
    kl: float
    policy: Mapping[str, float]


def optimum(task: Task, *, beta: float = 0.0) -> Optimum:
    r"""The policy that maximises reward minus :math:`\beta` KL to the base distribution.

    .. math:: \pi(a) \propto q(a)\, e^{r(a)/\beta}, \qquad \beta = 0:\ q \text{ given that the answer is right}

    Args:
        task: a task of :class:`Exploration`.
        beta: KL coefficient in units of reward per nat, at least 0.

    Raises:
        RecipeError: ``beta`` is negative or not a number.

    Example:
        >>> task = Exploration(base_mass=0.01).load().train[0]
        >>> round(optimum(task, beta=0.5).accuracy, 6), optimum(task).accuracy  # .01 e^2 / (.01 e^2 + .99)
        (0.069453, 1.0)
    """
    if not beta >= 0:
        raise RecipeError("a KL coefficient is at least 0", where="optimum.beta", seen=beta)
    base, right = task.fields["base"], task.fields["accepted"]
    # wrong answers lose exp(-1/beta) instead of right ones gaining exp(1/beta), which would overflow
    loss = math.exp(-1.0 / beta) if beta > 0 else 0.0
    raw = {answer: q * (1.0 if answer in right else loss) for answer, q in base.items()}
    total = sum(raw.values())
    policy = {answer: value / total for answer, value in raw.items()}
    live = [(p, base[a]) for a, p in policy.items() if p > 0]
    return Optimum(
        accuracy=sum(policy[a] for a in right), entropy=-sum(p * math.log(p) for p, _ in live),
        kl=sum(p * math.log(p / q) for p, q in live), policy=policy,
    )  # fmt: skip
