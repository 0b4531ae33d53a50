"""Softmax bandits that are paid by coins, and what holds exactly of clipping and of random labels."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from guerdon.advantages import grpo
from guerdon.audits import clip_bias
from guerdon.objectives.entropy import entropy_bonus
from guerdon.objectives.policy import clip
from guerdon.rewards.rules import random_reward
from guerdon.theory.reward_misalignment import reward_misalignment

START = (4.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # entropy .656: a policy that already prefers one arm
QUESTIONS, GROUP, STEPS, EPOCHS, LR, BAND = 16, 16, 60, 8, 0.6, 0.2


def start() -> Tensor:
    """Logits of every question before training."""
    return torch.tensor(START, dtype=torch.float64).expand(QUESTIONS, -1).clone()


def train(seed: int, band: float) -> tuple[Tensor, float]:
    """Final logits under random rewards, and the relative bias of a clip of the usual width over all updates."""
    g = torch.Generator().manual_seed(seed)
    logits = start().requires_grad_()
    ids = torch.arange(QUESTIONS).repeat_interleave(GROUP)
    mask = torch.ones(len(ids), 1, dtype=torch.bool)
    taken_away, size = 0.0, 0.0
    for _ in range(STEPS):
        old = torch.log_softmax(logits.detach(), -1)
        taken = torch.multinomial(old.exp(), GROUP, replacement=True, generator=g).flatten()
        advantage = grpo(random_reward([""] * len(ids), g).double(), ids, mask, ddof=0)
        for _ in range(EPOCHS):
            log_ratio = (torch.log_softmax(logits, -1) - old)[ids, taken][:, None]
            loss, _ = clip(log_ratio, advantage, low=band, high=band, dual=None)
            # a mean within each question, a sum over them: the questions are bandits of their own
            (slope,) = torch.autograd.grad(loss.sum() / GROUP, logits)
            bias = {f.name: f.effect for f in clip_bias(log_ratio, advantage, mask, low=BAND, high=BAND)}
            taken_away += bias["clip bias"]
            size += float((log_ratio.detach().exp() * advantage).abs().mean())
            with torch.no_grad():
                logits -= LR * slope
    return logits.detach(), taken_away / size


def accuracy(logits: Tensor) -> float:
    """Mean over questions; the likely arm is right in every second one, the next likely arm in the others."""
    right = torch.arange(QUESTIONS) % 2
    return float(torch.softmax(logits, -1)[torch.arange(QUESTIONS), right].mean())


def entropy(logits: Tensor) -> Tensor:
    """Nats, per question."""
    return torch.special.entr(torch.softmax(logits, -1)).sum(-1)


def identity() -> float:
    """Against the library's own clip and its audit, over batches of one decision."""
    g = torch.Generator().manual_seed(0)
    d, a = (torch.randn(2000, 1, generator=g, dtype=torch.float64) for _ in range(2))
    loss, _ = clip(d, a, low=BAND, high=BAND, dual=None)
    one = torch.ones(1, 1, dtype=torch.bool)
    bias = [clip_bias(x[None], y[None], one, low=BAND, high=BAND)[2].effect for x, y in zip(d, a, strict=True)]
    return float((-loss[:, 0] - (d.exp() * a)[:, 0] + torch.tensor(bias, dtype=torch.float64)).abs().max())


def labels() -> float:
    """Mean and variance of every group of sixteen, by the weights of all numbers of wrong labels."""
    formula = reward_misalignment(torch.arange(17), torch.full((17,), 16))
    worst = 0.0
    for right in range(17):
        wrong = 16 - right
        draws = [
            (math.comb(wrong, f) * math.comb(right, k) / 2**16, (k * wrong + f * right) / 16)
            for f in range(wrong + 1) for k in range(right + 1)
        ]  # fmt: skip
        mean = sum(w * x for w, x in draws)
        variance = sum(w * (x - mean) ** 2 for w, x in draws)
        worst = max(worst, abs(mean - float(formula.mean[right])), abs(variance - float(formula.variance[right])))
    return worst


def minimised() -> float:
    """Probability of the second arm, which is right, after entropy is minimised."""
    logits = torch.tensor([2.0, 1.0, 0.0, 0.0], dtype=torch.float64, requires_grad=True)
    for _ in range(2000):
        (slope,) = torch.autograd.grad(entropy_bonus(entropy(logits)[None, None], coef=-1.0).sum(), logits)
        with torch.no_grad():
            logits -= 0.1 * slope
    return float(torch.softmax(logits.detach(), -1)[1])
