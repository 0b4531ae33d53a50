"""Single updates of tabular softmax policies, on which the true change of entropy is known."""

from __future__ import annotations

import torch

from guerdon.advantages import grpo
from guerdon.objectives.entropy import entropy_change_weight
from guerdon.ops.stats import spearman
from guerdon.theory.entropy_change import entropy_change

STATES, ACTIONS, SPREAD = 2000, 10, 2.0  # logits of this deviation: entropies from near 0 to near ln 10
STEP = 0.1  # of a logit, the learning rate of the suite's tables


def agreement(estimator: str, seed: int) -> float:
    """Rank correlation of predicted and true entropy change over states, one sampled decision updated in each."""
    g = torch.Generator().manual_seed(seed)
    logits = SPREAD * torch.randn(STATES, ACTIONS, generator=g, dtype=torch.float64)
    action = torch.multinomial(torch.softmax(logits, -1), 1, generator=g)[:, 0]
    sign = 2.0 * torch.randint(2, (STATES,), generator=g).double() - 1.0
    true = entropy_change(logits, action, sign, lr=STEP)
    found = entropy_change(logits, action, sign, lr=STEP, estimator=estimator)  # type: ignore[arg-type]
    return spearman(found.numpy(), true.numpy())


def largest_mean() -> float:
    """Largest mean of the first-order change over a policy, of a hundred policies of ten actions."""
    g = torch.Generator().manual_seed(0)
    logits = SPREAD * torch.randn(100, ACTIONS, generator=g, dtype=torch.float64)
    each = entropy_change(
        logits.repeat_interleave(ACTIONS, 0), torch.arange(ACTIONS).repeat(100),
        torch.ones(100 * ACTIONS, dtype=torch.float64), lr=1.0, estimator="first_order",
    )  # fmt: skip
    return float((torch.softmax(logits, -1) * each.view(100, ACTIONS)).sum(-1).abs().max())


def one_step(seed: int, w_min: float, batches: int = 50, questions: int = 16, group: int = 16) -> float:
    """Mean absolute change of the mean entropy in one policy-gradient step, against uniform weights of equal mean."""
    g = torch.Generator().manual_seed(seed)
    ours, plain = 0.0, 0.0
    ids = torch.arange(questions).repeat_interleave(group)
    mask = torch.ones(questions * group, 1, dtype=torch.bool)
    for _ in range(batches):
        logits = SPREAD * torch.randn(questions, ACTIONS, generator=g, dtype=torch.float64)
        log_p = torch.log_softmax(logits, -1)
        taken = torch.multinomial(log_p.exp(), group, replacement=True, generator=g)
        right = torch.randint(ACTIONS, (questions, 1), generator=g)
        advantage = grpo((taken == right).double().flatten(), ids, mask)
        lp = log_p.gather(1, taken).view(-1, 1)
        entropy = _entropy(log_p).repeat_interleave(group)[:, None]
        weight = entropy_change_weight(lp, lp, entropy, advantage, mask, w_min=w_min).view(questions, group, 1)
        push = torch.nn.functional.one_hot(taken, ACTIONS) - log_p.exp()[:, None]
        push = push * advantage.view(questions, group, 1)
        before = _entropy(log_p).mean()
        for uniform in (False, True):
            step = (push * (weight.mean() if uniform else weight)).mean(1)
            change = float((_entropy(torch.log_softmax(logits + step, -1)).mean() - before).abs())
            ours, plain = (ours, plain + change) if uniform else (ours + change, plain)
    return ours / plain


def _entropy(log_p: torch.Tensor) -> torch.Tensor:
    return torch.special.entr(log_p.exp()).sum(-1)
