"""Single updates of tabular softmax policies, on which the true change of entropy is known."""

from __future__ import annotations

import torch

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
