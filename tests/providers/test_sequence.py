"""Row quantities: sums over the mask, gradients where they belong."""

from __future__ import annotations

import torch

from guerdon.providers.sequence import kl, length, ref_sequence_logp, sequence_logp

M = torch.tensor([[1, 1, 0], [0, 0, 0]]).bool()
LP = torch.tensor([[-1.0, -2.0, torch.nan], [-9.0, -9.0, -9.0]], dtype=torch.float64)


def test_sums_are_over_the_mask_and_empty_rows_give_zero():
    assert sequence_logp(LP, M).tolist() == [-3.0, 0.0]
    assert ref_sequence_logp(LP, M).tolist() == [-3.0, 0.0]
    assert kl(LP, LP - 0.25, M).tolist() == [0.5, 0.0]
    assert length(M).tolist() == [2, 0]
    assert length(M).dtype == torch.int64


def test_only_the_current_policy_carries_gradient():
    lp = LP.clone().requires_grad_()
    sequence_logp(lp, M).sum().backward()
    assert torch.equal(lp.grad, M.double())
    assert not ref_sequence_logp(lp, M).requires_grad
    assert not kl(lp, LP, M).requires_grad
