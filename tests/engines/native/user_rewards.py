"""Rewards of a user, some of them wrong, named by dotted path in the tests of bad input."""

from __future__ import annotations

import torch

from guerdon.method import method


def _reward(function):
    return method(stage="reward", default_source="ours", name=f"user_{function.__name__}")(function)


@_reward
def spread(completion):
    """Different for almost every two texts, in [0, 1): groups have a signal whatever the policy has learnt."""
    return torch.tensor([sum(ord(c) * (i + 1) for i, c in enumerate(text)) % 97 / 97 for text in completion])


@_reward
def length(completion):
    """One point per character, at most eight."""
    return torch.tensor([min(len(c), 8) / 8 for c in completion])


@_reward
def infinite(completion):
    """Infinity for every row."""
    return torch.full((len(completion),), torch.inf)


@_reward
def unscored(completion):
    """Nothing could be scored."""
    return torch.full((len(completion),), torch.nan)


@_reward
def short(completion):
    """One value too few."""
    return torch.zeros(len(completion) - 1)


@_reward
def text(completion):
    """No numbers at all."""
    return ["good"] * len(completion)


@_reward
def broken(completion):
    """Raises."""
    return torch.tensor([1 / len(c[:0]) for c in completion])


@_reward
def same(completion):
    """The same for every row."""
    return torch.full((len(completion),), 0.5)


def plain(completion):
    """Not decorated."""
    return torch.zeros(len(completion))
