"""The exploration worlds as data: questions, the base distribution of their answers, and what is right.

An answer is a chain of symbols, one per position, drawn independently; most worlds have one position. What is right is
a set of symbols per position, so the probability of being right, and the best policy, are closed forms.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

from guerdon.tasks.base import generator

SYLLABLES = tuple(c + v for c in "bdfgklmnprst" for v in "aeiou")
DECAY = 0.75  # of the mass from one plausible wrong answer to the next
Place = Mapping[str, float]


@dataclass(frozen=True)
class Question:
    """One question: its text, the base probabilities per position, the right symbols per position.

    ``spurious`` are symbols of the first position that a wrong labelling would pay.
    """

    text: str
    chain: tuple[Place, ...]
    right: tuple[tuple[str, ...], ...]
    domain: str
    spurious: tuple[str, ...] = ()

    @property
    def mass(self) -> float:
        """Base probability of being right."""
        return math.prod(sum(p[s] for s in r) for p, r in zip(self.chain, self.right, strict=True))

    @property
    def accepted(self) -> tuple[str, ...]:
        """All right answers where there is one position; longer chains are judged by position."""
        return self.right[0] if len(self.chain) == 1 else ()


def single(text: str, right: tuple[str, ...], wrong: Place, mass: float, domain: str) -> Question:
    """A question with one position: the right symbols share ``mass``, the wrong ones the rest by their weights."""
    total = sum(wrong.values())
    base = {s: mass / len(right) for s in right} | {s: (1 - mass) * w / total for s, w in wrong.items()}
    return Question(text, (base,), (right,), domain, spurious=tuple(wrong)[: len(right)])


def rare(key: int, seed: int, arms: int, mass: float) -> Question:
    """One right syllable of small mass among plausible wrong ones."""
    order = generator(seed, "exploration", "arms", key).sample(SYLLABLES, arms)
    wrong = {s: DECAY**i for i, s in enumerate(order[1:])}
    return single(chr(ord("A") + key), (order[0],), wrong, mass, "rare")


def mixed(key: int, seed: int, arms: int, easy: float, hard: float) -> Question:
    """Every second question is easy, the others hard: many groups are all right or all wrong."""
    name = "hard" if key % 2 else "easy"
    found = rare(key, seed, arms, hard if key % 2 else easy)
    return Question(found.text, found.chain, found.right, name, found.spurious)


def chain(key: int, seed: int, length: int, decisive: int, mass: float) -> Question:
    """A long chain of letters in which a few positions decide and the rest is free."""
    rng = generator(seed, "exploration", "chain", key)
    places = sorted(rng.sample(range(length), decisive))
    each = mass ** (1 / decisive)  # of the right letter at a position that decides
    letters, parts, right = "abcd", [], []
    for t in range(length):
        if t in places:
            good = rng.choice(letters)
            parts.append({s: each if s == good else (1 - each) / 3 for s in letters})
            right.append((good,))
        else:
            parts.append(dict.fromkeys(letters, 0.25))
            right.append(tuple(letters))
    return Question(chr(ord("A") + key), tuple(parts), tuple(right), "chain")


def episode(key: int, seed: int, turns: int, actions: int, mass: float) -> Question:
    """Several turns, one action each; the episode succeeds when every action was right, and nothing is paid before."""
    rng = generator(seed, "exploration", "episode", key)
    each, letters = mass ** (1 / turns), [chr(ord("a") + i) for i in range(actions)]
    parts, right = [], []
    for _ in range(turns):
        good = rng.choice(letters)
        parts.append({f"{s}\n": each if s == good else (1 - each) / (actions - 1) for s in letters})
        right.append((f"{good}\n",))
    return Question(chr(ord("A") + key), tuple(parts), tuple(right), "episode")


def modes(rule: str, key: int, mass: float) -> Question:
    """Many right answers of equal worth."""
    text, right, wrong = {"pair": _pair, "divisor": _divisor, "permutation": _permutation}[rule](key)
    return single(text, right, dict.fromkeys(wrong, 1.0), mass, rule)


def _pair(key: int) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    total = key + 8
    right = tuple(f"{a}+{total - a}" for a in range(total + 1))
    return f"?+?={total}", right, tuple(f"{a}+{total + 1 - a}" for a in range(total + 2))


def _divisor(key: int) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    number = (12, 18, 20, 24, 28, 30, 32, 36, 40, 42, 48, 60)[key]
    right = [d for d in range(1, number + 1) if number % d == 0]
    wrong = [n for n in range(2, number) if n not in right][: 2 * len(right)]
    return f"?|{number}", tuple(map(str, right)), tuple(map(str, wrong))


def _permutation(key: int) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    first, second = list(itertools.permutations("abcd", 2))[key]
    orders = ["".join(p) for p in itertools.permutations("abcd")]
    right = tuple(o for o in orders if o.index(first) < o.index(second))
    return f"{first}<{second}", right, tuple(o for o in orders if o not in right)


def entropy(place: Mapping[str, float]) -> float:
    """Entropy in nats of masses that need not sum to one."""
    total = sum(place.values())
    return -sum(p / total * math.log(p / total) for p in place.values() if p > 0) if total else 0.0
