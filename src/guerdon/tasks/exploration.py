"""Small worlds in which exploration decides: rare right answers, many right answers, long chains, sparse episodes.

The demonstrations are draws from a known base distribution, not solutions: a policy trained on them starts there, and
the best it can reach from there is a closed form, :func:`optimum`. ``policy: table`` starts exactly there.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from guerdon.errors import RecipeError
from guerdon.method import Paper, Preset, method
from guerdon.records import Task
from guerdon.tasks import _worlds as worlds
from guerdon.tasks._worlds import Question
from guerdon.tasks.base import Lazy, TaskData, generator

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
        Preset(
            "exploration/mixed", params={"world": "mixed"}, note="easy and hard questions, many groups without signal"
        ),
        Preset("exploration/chain", params={"world": "chain"}, note="long completions in which few tokens decide"),
        Preset(
            "exploration/spurious", params={"world": "spurious"}, note="a wrong labelling lies beside the right one"
        ),
        Preset("exploration/episode", params={"world": "episode"}, note="several turns, paid only when all were right"),
    ),
)
@dataclass(frozen=True, kw_only=True)
class Exploration:
    r"""Worlds of known base distribution, from one rare right answer to sparse episodes.

    .. math:: q(y) = \prod_t q_t(y_t), \qquad m = \prod_t \sum_{s \in C_t} q_t(s)

    A prompt is a case number and a question. The number says nothing, so what is learnt on training cases holds for
    the held-out ones (those whose number ends in 9) and no prompt is in both. ``fields`` of a task hold ``question``,
    ``chain`` (the base distribution :math:`q_t` of every position, of which the demonstrations are draws),
    ``pattern`` (the right symbols :math:`C_t`), and where there is one position ``base`` and ``accepted``.

    Args:
        world: ``rare``: each key letter has one right syllable, to be found by trying; ``modes``: any right answer;
            ``mixed``: easy and hard questions in turn; ``chain``: a chain of letters of which ``decisive`` decide;
            ``spurious``: as ``modes``, with a set of wrong answers in ``fields["spurious"]`` for rewards that pay
            them; ``episode``: ``turns`` lines, each one action, right only when all are.
        rule: question of ``modes`` and ``spurious``: ``pair`` two whole numbers of a given sum; ``divisor`` any
            divisor; ``permutation`` any order of four letters with one given letter before another.
        keys: different questions; at most 12 for the rules, 26 otherwise.
        arms: answers per key in ``rare`` and ``mixed``, 2 to 60; actions per turn in ``episode``, at most 26.
        base_mass: base probability :math:`m` of being right in ``rare``, ``chain`` and ``episode``, and of the hard
            questions of ``mixed``, in (0, 1).
        base_accuracy: base probability :math:`m` of being right in ``modes`` and ``spurious``, in (0, 1).
        easy: base probability of being right in the easy questions of ``mixed``, in (0, 1).
        length: symbols of a chain, at least ``decisive``.
        decisive: positions of a chain that decide, at least 1.
        turns: of an episode, 1 to 12.
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

    world: Literal["rare", "modes", "mixed", "chain", "spurious", "episode"] = "rare"
    rule: Literal["pair", "divisor", "permutation"] = "pair"
    keys: int = 8
    arms: int = 12
    base_mass: float = 0.01
    base_accuracy: float = 0.5
    easy: float = 0.9
    length: int = 12
    decisive: int = 3
    turns: int = 4
    size: int = 4000
    held_out: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        most = 12 if self.world in ("modes", "spurious") else 26
        arms = 26 if self.world == "episode" else len(worlds.SYLLABLES)
        for name, good, allowed in (
            ("keys", 1 <= self.keys <= most, f"1 to {most}"),
            ("arms", 2 <= self.arms <= arms, f"2 to {arms}"),
            ("base_mass", 0 < self.base_mass < 1, "above 0, below 1"),
            ("base_accuracy", 0 < self.base_accuracy < 1, "above 0, below 1"),
            ("easy", 0 < self.easy < 1, "above 0, below 1"),
            ("decisive", 1 <= self.decisive <= self.length, f"1 to {self.length}, the length"),
            ("turns", 1 <= self.turns <= 12, "1 to 12"),
            ("size", self.size >= 1, "at least 1"),
            ("held_out", 0 <= self.held_out <= CASES // 10 * self.keys, f"0 to {CASES // 10 * self.keys}"),
        ):
            if not good:
                raise RecipeError(
                    "a value is out of range", where=f"task.{name}", seen=vars(self)[name], allowed=allowed
                )

    def load(self) -> TaskData:
        """The tasks; evaluation is made at once, training tasks when they are asked for."""
        questions = [self._question(key) for key in range(self.keys)]
        held: list[Task] = []
        for index in range(self.held_out):
            # every tenth case, so that all pairs of question and case are different
            key, case = index % self.keys, index // self.keys * 10 + 9
            held.append(self._task(questions, "evaluation", index, key, case))
        shown = "".join(q.text + "".join(s for place in q.chain for s in place) for q in questions)
        return TaskData(
            train=Lazy(self.size, functools.partial(self._train, questions)),
            evaluation=held,
            answer_format="text",
            reward=({"use": "task_rule"},),
            max_new_tokens=max(sum(max(map(len, place)) for place in q.chain) for q in questions) + 1,
            characters="".join(sorted(set("0123456789 :" + shown))),
            chains={q.text: q.chain for q in questions},
        )

    def _train(self, questions: Sequence[Question], index: int) -> Task:
        rng = generator(self.seed, "exploration", "case", index)
        case = rng.randrange(CASES // 10) * 10 + rng.randrange(9)
        return self._task(questions, "train", index, rng.randrange(self.keys), case)

    def _task(self, questions: Sequence[Question], part: str, index: int, key: int, case: int) -> Task:
        q = questions[key]
        rng = generator(self.seed, "exploration", "demonstration", part, index)
        draw = "".join(rng.choices(list(place), list(place.values()))[0] for place in q.chain)
        fields = {"question": q.text, "chain": q.chain, "pattern": q.right}
        if len(q.chain) == 1:
            fields |= {"base": q.chain[0], "accepted": q.accepted, "spurious": q.spurious}
        return Task(
            f"exploration:{part}:{index}", f"{case:04d} {q.text}:", gold="".join(r[0] for r in q.right),
            demonstration=draw, domain=q.domain, fields=fields,
        )  # fmt: skip

    def _question(self, key: int) -> Question:
        if self.world == "rare":
            return worlds.rare(key, self.seed, self.arms, self.base_mass)
        if self.world == "mixed":
            return worlds.mixed(key, self.seed, self.arms, self.easy, self.base_mass)
        if self.world == "chain":
            return worlds.chain(key, self.seed, self.length, self.decisive, self.base_mass)
        if self.world == "episode":
            return worlds.episode(key, self.seed, self.turns, self.arms, self.base_mass)
        return worlds.modes(self.rule, key, self.base_accuracy)


@dataclass(frozen=True)
class Optimum:
    """The best policy for one prompt: its accuracy, answer entropy (nats) and KL to the base (nats)."""

    accuracy: float
    entropy: float
    kl: float


def optimum(task: Task, *, beta: float = 0.0) -> Optimum:
    r"""The policy that maximises reward minus :math:`\beta` KL to the base distribution.

    .. math:: \pi(y) \propto q(y)\, e^{r(y)/\beta}, \qquad \beta = 0:\ q \text{ given that the answer is right}

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
    chain, right = task.fields["chain"], task.fields["pattern"]
    kept = [{s: p[s] for s in r} for p, r in zip(chain, right, strict=True)]
    mass = math.prod(sum(k.values()) for k in kept)
    # wrong answers lose exp(-1/beta) instead of right ones gaining exp(1/beta), which would overflow
    loss = math.exp(-1.0 / beta) if beta > 0 else 0.0
    accuracy = mass / (mass + (1 - mass) * loss)
    # an answer is first right or wrong, then one of its kind: q restricted to the right ones, or to the wrong ones
    among_right = sum(worlds.entropy(k) for k in kept)
    whole = sum(worlds.entropy(p) for p in chain)
    among_wrong = (whole - _binary(mass) - mass * among_right) / (1 - mass)
    kl = sum(a * math.log(a / b) for a, b in ((accuracy, mass), (1 - accuracy, 1 - mass)) if a > 0)
    return Optimum(accuracy, _binary(accuracy) + accuracy * among_right + (1 - accuracy) * among_wrong, kl)


def _binary(p: float) -> float:
    return -sum(x * math.log(x) for x in (p, 1 - p) if x > 0)
