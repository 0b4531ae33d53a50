import math

import pytest
import torch

from guerdon.errors import DataError, RecipeError
from guerdon.ops.kernels import vocab_kl


@pytest.fixture
def heads():
    g = torch.Generator().manual_seed(5)
    shape = {"generator": g, "dtype": torch.float64}
    own = torch.randn(5, 3, **shape).requires_grad_(), torch.randn(7, 3, **shape).requires_grad_()
    return own, (torch.randn(5, 4, **shape), torch.randn(7, 4, **shape))


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("chunk", [None, 2])
def test_equals_the_definition_and_finite_differences(heads, direction, chunk):
    (h, w), (rh, rw) = heads
    p, r = torch.softmax(h @ w.t() / 0.7, -1), torch.softmax(rh @ rw.t() / 0.7, -1)
    expected = (p * (p / r).log()).sum(-1) if direction == "reverse" else (r * (r / p).log()).sum(-1)

    def kl(h, w):
        return vocab_kl(h, w, rh, rw, direction=direction, temperature=0.7, chunk=chunk)

    torch.testing.assert_close(kl(h, w), expected, atol=1e-12, rtol=1e-12)
    assert torch.autograd.gradcheck(kl, (h, w))


def test_two_ids_by_hand():
    # p = (3/4, 1/4) against (1/2, 1/2): 3/4 ln 3/2 + 1/4 ln 1/2 = 0.130812; the other way 0.143841
    h, w = torch.tensor([[1.0]], dtype=torch.float64), torch.tensor([[math.log(3)], [0.0]], dtype=torch.float64)
    flat = torch.zeros_like(w)
    assert round(vocab_kl(h, w, h, flat).item(), 6) == 0.130812
    assert round(vocab_kl(h, w, h, flat, direction="forward").item(), 6) == 0.143841


def test_zero_for_equal_heads_and_unused_rows_may_be_nan(heads):
    (h, w), (rh, rw) = heads
    torch.testing.assert_close(vocab_kl(h, w, h, w), torch.zeros(5, dtype=torch.float64), atol=1e-12, rtol=0)
    spoiled = h.detach().clone()
    spoiled[1] = math.nan
    spoiled.requires_grad_()
    keep = torch.arange(5) != 1
    one = torch.autograd.grad(vocab_kl(h, w, rh, rw)[keep].sum(), w)[0]
    two = torch.autograd.grad(vocab_kl(spoiled, w, rh, rw)[keep].sum(), w)[0]
    torch.testing.assert_close(one, two)


def test_the_reference_gets_no_gradient(heads):
    (h, w), (rh, rw) = heads
    rh, rw = rh.clone().requires_grad_(), rw.clone().requires_grad_()
    vocab_kl(h, w, rh, rw).sum().backward()
    assert rh.grad is None
    assert rw.grad is None


def test_wrong_input_is_named(heads):
    (h, w), (rh, rw) = heads
    with pytest.raises(RecipeError, match="direction"):
        vocab_kl(h, w, rh, rw, direction="both")  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="temperature"):
        vocab_kl(h, w, rh, rw, temperature=0.0)
    with pytest.raises(DataError, match="differ"):
        vocab_kl(h, w, rh[:3], rw)
