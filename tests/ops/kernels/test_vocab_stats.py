import importlib
import json
import math
import os
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.errors import DataError, MethodError, RecipeError, UnknownNameError
from guerdon.ops.kernels import Stat, from_logits, stat_key, vocab_stats

KEYS = ("logp", "entropy", "collision", "collision_logp")
CUT = "nucleus_entropy(top_p=0.7, inclusive=True, top_k=9)"
STRICT = "nucleus_entropy(top_p=0.7, top_k=9)"
FIXED = ("tempered_logp(temperature=0.5)", "taken_logit", "log_partition(alpha=2.0)")


def formulas(u, y, temperature):
    """The definitions, one Python loop per row: slow, and shares no code with the library."""
    out = {key: [] for key in (*KEYS, CUT, STRICT, *FIXED)}
    for row, target in zip(u, y, strict=True):
        p = torch.softmax(row / temperature, -1)
        order = sorted(range(len(p)), key=lambda j, p=p: -float(p[j].detach()))[:9]
        before, strict, reach = 0.0, [], []
        for j in order:
            if before < 0.7:
                reach.append(j)
            before += float(p[j].detach())
            if before < 0.7:
                strict.append(j)

        def entropy(indices, p=p):
            q = p[indices] / p[indices].sum()
            return -(q * q.log()).sum() if indices else p.sum() * 0.0

        out["logp"].append(p[target].log())
        out["entropy"].append(-(p * p.log()).sum())
        out["collision"].append((p**2).sum())
        out["collision_logp"].append((p**2 * p.log()).sum())
        out[CUT].append(entropy(reach))
        out[STRICT].append(entropy(strict))
        out[FIXED[0]].append(torch.softmax(row / 0.5, -1)[target].log())
        out[FIXED[1]].append(row[target])
        out[FIXED[2]].append(2.0 * (row / 2.0).exp().sum().log())
    return {key: torch.stack(values) for key, values in out.items()}


@pytest.fixture
def problem():
    g = torch.Generator().manual_seed(3)
    shape = {"generator": g, "dtype": torch.float64}
    hidden, weight, bias = torch.randn(7, 5, **shape), torch.randn(11, 5, **shape), torch.randn(11, **shape)
    return [x.requires_grad_() for x in (hidden, weight, bias)], torch.randint(11, (7,), generator=g)


@pytest.fixture
def narrow(monkeypatch):
    """Tiles of three ids, so that a vocabulary of eleven needs four."""
    monkeypatch.setattr(importlib.import_module("guerdon.ops.kernels.vocab_stats"), "COLUMNS", 3)


@pytest.mark.parametrize("chunk", [None, 1, 2, 7, 100])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("softcap", [None, 2.0])
def test_equals_the_definitions(problem, narrow, chunk, temperature, softcap):
    (h, w, b), y = problem
    logits = h @ w.t() + b
    logits = logits if softcap is None else softcap * torch.tanh(logits / softcap)
    expected = formulas(logits, y, temperature)
    for want in (KEYS, (*KEYS, CUT, STRICT, *FIXED), *((key,) for key in expected)):
        got = vocab_stats(h, w, y, want=want, bias=b, temperature=temperature, softcap=softcap, chunk=chunk)
        assert list(got) == list(want)
        for key in want:
            torch.testing.assert_close(got[key], expected[key], atol=1e-12, rtol=1e-12)
        again = from_logits(logits, y, want=want, temperature=temperature, chunk=chunk)
        for key in want:
            torch.testing.assert_close(again[key], expected[key], atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("want", [*((key,) for key in (*KEYS, CUT, STRICT)), KEYS, (*KEYS, CUT), ("logp", STRICT)])
@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("chunk", [None, 3])
def test_gradients_equal_finite_differences(problem, narrow, want, softcap, chunk):
    inputs, y = problem

    def head(h, w, b):
        return tuple(vocab_stats(h, w, y, want=want, bias=b, temperature=0.8, softcap=softcap, chunk=chunk).values())

    assert torch.autograd.gradcheck(head, inputs)


def test_gradients_of_sums_and_of_logits(problem, narrow):
    (h, w, b), y = problem
    logits = (h @ w.t() + b).detach().requires_grad_()
    want = (*KEYS, CUT)

    def mixed(z, chunk):
        out = from_logits(z, y, want=want, temperature=1.3, chunk=chunk)
        return sum((i + 1) * (out[key] * torch.arange(7.0, dtype=z.dtype)).sum() for i, key in enumerate(want))

    for chunk in (None, 3):
        assert torch.autograd.gradcheck(lambda z, c=chunk: mixed(z, c), [logits])


def test_what_has_no_gradient_is_detached(problem):
    (h, w, _), y = problem
    for chunk in (None, 2):
        out = vocab_stats(h, w, y, want=("logp", *FIXED), chunk=chunk)
        assert [v.requires_grad for v in out.values()] == [True, False, False, False]


def test_a_row_without_a_gradient_is_not_touched(problem, narrow):
    (h, w, b), y = problem
    spoiled = h.detach().clone()
    spoiled[2] = math.nan
    spoiled.requires_grad_()
    keep = torch.arange(7) != 2
    for want in (("logp",), (*KEYS, CUT)):
        clean = vocab_stats(h, w, y, want=want, bias=b, chunk=2)
        dirty = vocab_stats(spoiled, w, y, want=want, bias=b, chunk=2)
        one = torch.autograd.grad(sum(v[keep].sum() for v in clean.values()), (h, w, b))
        two = torch.autograd.grad(sum(v[keep].sum() for v in dirty.values()), (spoiled, w, b))
        for x, z in zip(one, two, strict=True):
            torch.testing.assert_close(x, z, atol=1e-12, rtol=1e-12)
        assert two[0][2].abs().sum() == 0


@pytest.mark.parametrize("chunk", [None, 2])
def test_negative_targets_carry_no_decision(problem, chunk):
    (h, w, _), y = problem
    marked = y.clone()
    marked[4] = -1
    want = ("logp", "entropy", "taken_logit", "tempered_logp(temperature=2.0)")
    got, plain = (vocab_stats(h, w, t, want=want, chunk=chunk) for t in (marked, y))
    assert got["logp"][4] == got["taken_logit"][4] == got[want[3]][4] == 0
    assert got["entropy"][4] == plain["entropy"][4]
    grad = torch.autograd.grad(got["logp"].sum(), h)[0]
    assert grad[4].abs().sum() == 0
    assert grad[3].abs().sum() > 0


@pytest.mark.parametrize("chunk", [None, 1, 2])
def test_removed_ids_equal_a_smaller_vocabulary(problem, narrow, chunk):
    (h, w, _), y = problem
    kept = [0, 5, 6, 9, 10]
    bias = torch.full((11,), -math.inf, dtype=torch.float64)
    bias[kept] = 0.0
    y = y % 5
    want = (*KEYS, CUT, "log_partition(alpha=0.5)")
    full = torch.tensor(kept)[y]
    got = vocab_stats(h, w, full, want=want, bias=bias, chunk=chunk)
    small = vocab_stats(h, w[kept], y, want=want)
    for key in want:
        torch.testing.assert_close(got[key], small[key], atol=1e-12, rtol=1e-12)
    total = [sum(v.sum() for k, v in out.items() if k[:4] != "log_") for out in (got, small)]
    one, two = (torch.autograd.grad(t, (h, w), retain_graph=True) for t in total)
    for x, z in zip(one, two, strict=True):
        torch.testing.assert_close(x, z, atol=1e-12, rtol=1e-12)
    rows = from_logits(h @ w.t() + bias, full, want=want, chunk=chunk)
    for key in want:
        torch.testing.assert_close(rows[key], small[key], atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("chunk", [None, 1])
def test_large_logits_are_stable(narrow, dtype, chunk):
    # logits (1e4, 1e4 - 1, -1e4, ...): a two-way softmax of (0, -1), p = 1 / (1 + e^-1)
    logits = torch.full((1, 7), -1e4, dtype=dtype)
    logits[0, 4], logits[0, 1] = 1e4, 1e4 - 1
    hidden = torch.eye(1, dtype=dtype)
    weight = logits.t().clone().requires_grad_()
    p = 1 / (1 + math.exp(-1))
    entropy = -(p * math.log(p) + (1 - p) * math.log(1 - p))
    tol = {"atol": 1e-6, "rtol": 1e-6}
    out = vocab_stats(hidden, weight, torch.tensor([4]), want=KEYS, chunk=chunk)
    expected = (math.log(p), entropy, p**2 + (1 - p) ** 2, p**2 * math.log(p) + (1 - p) ** 2 * math.log(1 - p))
    for key, value in zip(KEYS, expected, strict=True):
        torch.testing.assert_close(out[key], torch.tensor([value], dtype=dtype), **tol)
    grad = torch.autograd.grad(sum(v.sum() for v in out.values()), weight)[0]
    assert torch.isfinite(grad).all()
    torch.testing.assert_close(grad.sum(), torch.zeros((), dtype=dtype), **tol)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(1, 12), st.integers(1, 6), st.integers(0, 2**31), st.floats(0.2, 5.0))
def test_order_of_tokens_and_chunks_never_matter(tokens, vocab, chunk, seed, temperature):
    g = torch.Generator().manual_seed(seed)
    h = torch.randn(tokens, 4, generator=g, dtype=torch.float64) * 3
    w = torch.randn(vocab, 4, generator=g, dtype=torch.float64)
    y, order = torch.randint(vocab, (tokens,), generator=g), torch.randperm(tokens, generator=g)
    want = (*KEYS, "nucleus_entropy")
    whole = vocab_stats(h, w, y, want=want, temperature=temperature)
    parts = vocab_stats(h[order], w, y[order], want=want, temperature=temperature, chunk=chunk)
    for key in want:
        torch.testing.assert_close(parts[key], whole[key][order], atol=1e-10, rtol=1e-10)
    assert (whole["entropy"] >= -1e-12).all()
    assert (whole["nucleus_entropy"] <= whole["entropy"] + 1e-9).all()
    assert (whole["collision"] >= 1 / vocab - 1e-12).all()


def test_uniform_rows_have_known_values():
    # p = 1/8: entropy ln 8, collision 1/8, collision_logp -ln(8)/8, partition alpha ln 8
    out = vocab_stats(
        torch.zeros(3, 2), torch.randn(8, 2), torch.tensor([0, 3, 7]), want=(*KEYS, "log_partition(alpha=3)"), chunk=2
    )
    for value, expected in zip(
        out.values(), (-math.log(8), math.log(8), 1 / 8, -math.log(8) / 8, 3 * math.log(8)), strict=True
    ):
        torch.testing.assert_close(value, torch.full((3,), expected))


def test_half_precision_is_accumulated_in_float32(problem, narrow):
    (h, w, b), y = problem
    half = [x.detach().to(torch.bfloat16).requires_grad_() for x in (h, w, b)]
    exact = [x.detach().double().requires_grad_() for x in half]
    for chunk in (None, 2):
        out = vocab_stats(half[0], half[1], y, want=KEYS, bias=half[2], chunk=chunk)
        ref = vocab_stats(exact[0], exact[1], y, want=KEYS, bias=exact[2])
        for key in KEYS:
            assert out[key].dtype == torch.float32
            torch.testing.assert_close(out[key].double(), ref[key], atol=1e-5, rtol=1e-5)
        got = torch.autograd.grad(sum(v.sum() for v in out.values()), half)
        for x, z in zip(got, torch.autograd.grad(sum(v.sum() for v in ref.values()), exact), strict=True):
            assert x.dtype == torch.bfloat16
            torch.testing.assert_close(x.double(), z, atol=1e-2, rtol=1e-2)


def test_leading_axes_and_frozen_weights(problem):
    (h, w, _), y = problem
    cube, ids = h[:6].reshape(2, 3, 5), y[:6].reshape(2, 3)
    for chunk in (None, 4):
        out = vocab_stats(cube, w.detach(), ids, chunk=chunk)["logp"]
        assert out.shape == (2, 3)
        torch.testing.assert_close(out.reshape(-1), vocab_stats(h, w, y)["logp"][:6])
        assert torch.autograd.grad(out.sum(), h)[0].shape == h.shape


def test_no_grad_keeps_nothing_and_inputs_stay(problem):
    (h, w, b), y = problem
    before = [x.detach().clone() for x in (h, w, b)]
    with torch.no_grad():
        out = vocab_stats(h, w, y, want=KEYS, bias=b, chunk=2)
    assert all(v.grad_fn is None for v in out.values())
    sum(v.sum() for v in vocab_stats(h, w, y, want=(*KEYS, CUT), bias=b, temperature=0.5, chunk=2).values()).backward()
    z = torch.randn(4, 5, requires_grad=True)
    copy = z.detach().clone()
    sum(v.sum() for v in from_logits(z, y[:4] % 5, want=KEYS, temperature=0.5, chunk=2).values()).backward()
    assert torch.equal(z, copy)
    assert all(torch.equal(x, o) for x, o in zip((h, w, b), before, strict=True))


def test_a_second_derivative_is_refused(problem):
    (h, w, _), y = problem
    for out in (vocab_stats(h, w, y, chunk=2), from_logits(h, y % 5, chunk=2)):
        with pytest.raises(MethodError, match="second derivative"):
            torch.autograd.grad(out["logp"].sum(), h, create_graph=True)


def test_empty_batches_are_legal():
    for chunk in (None, 4):
        out = vocab_stats(
            torch.zeros(0, 3), torch.zeros(5, 3), torch.zeros(0, dtype=torch.long), want=KEYS, chunk=chunk
        )
        assert all(v.shape == (0,) for v in out.values())


@pytest.mark.parametrize(
    ("change", "error", "word"),
    [
        ({"want": ("logpp",)}, UnknownNameError, "logp"),
        ({"want": ("log_partition(beta=1)",)}, UnknownNameError, "alpha"),
        ({"want": ("log_partition(alpha=0)",)}, RecipeError, "above 0"),
        ({"want": ("log_partition(alpha=x)",)}, RecipeError, "value"),
        ({"want": ("nucleus_entropy(top_k=0)",)}, RecipeError, "top_k"),
        ({"want": "logp"}, RecipeError, "sequence"),
        ({"want": ("logp", "logp")}, RecipeError, "different"),
        ({"temperature": 0.0}, RecipeError, "temperature"),
        ({"chunk": 0}, RecipeError, "chunk"),
    ],
)
def test_wrong_settings_are_named(change, error, word):
    with pytest.raises(error, match=word):
        vocab_stats(torch.zeros(2, 3), torch.zeros(5, 3), torch.tensor([0, 1]), **change)


def test_wrong_shapes_and_ids_are_named():
    with pytest.raises(DataError, match="shapes"):
        vocab_stats(torch.zeros(2, 3), torch.zeros(5, 4), torch.tensor([0, 1]))
    for chunk in (None, 1):
        with pytest.raises(DataError, match="vocabulary"):
            vocab_stats(torch.zeros(2, 3), torch.zeros(5, 3), torch.tensor([0, 5]), chunk=chunk)
    with pytest.raises(DataError, match="shapes"):
        from_logits(torch.zeros(2, 3), torch.tensor([0]))


def test_keys_come_from_bound_settings():
    key = stat_key("nucleus_entropy", {"top_p": 0.9, "inclusive": True})
    assert dict(Stat.parse(key).settings) == {"top_p": 0.9, "inclusive": True, "top_k": 10000}
    assert stat_key("logp", {}) == "logp"


def test_nucleus_by_hand():
    # p = (.5, .3, .15, .05), top_p .9: strictly before the mass is reached (.5, .3), with it (.5, .3, .15)
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]], dtype=torch.float64).log()
    keys = tuple(stat_key("nucleus_entropy", {"top_p": 0.9, "inclusive": i}) for i in (False, True))
    for chunk in (None, 1):
        out = from_logits(logits, torch.tensor([0]), want=keys, chunk=chunk)
        assert [round(v.item(), 6) for v in out.values()] == [0.661563, 0.993268]
    # the first id alone reaches .4: nothing lies before it, so the entropy is 0 and no gradient flows
    z = logits.clone().requires_grad_()
    for chunk in (None, 1):
        empty = from_logits(z, torch.tensor([0]), want=("nucleus_entropy(top_p=0.4)",), chunk=chunk)
        value = next(iter(empty.values()))
        assert value.item() == 0
        assert torch.autograd.grad(value.sum(), z)[0].abs().sum() == 0


@pytest.mark.golden
def test_nucleus_equals_the_released_code():
    folder = Path(os.environ.get("GUERDON_GOLDEN", Path(__file__).parents[4] / "shared" / "golden"))
    if not (folder / "siren.json").exists():
        pytest.skip(f"no reference vectors in {folder}: set GUERDON_GOLDEN")
    cases = [c for c in json.loads((folder / "siren.json").read_text())["cases"] if c["name"].startswith("topp")]
    assert len(cases) >= 3
    for case in cases:
        z = torch.tensor(case["inputs"]["logits"], dtype=torch.float64, requires_grad=True)
        key = stat_key("nucleus_entropy", {"top_p": case["inputs"]["p"], "top_k": case["inputs"]["k"]})
        for chunk in (None, 2):
            out = from_logits(z, torch.zeros(len(z), dtype=torch.long), want=(key, "entropy"), chunk=chunk)
            # the release adds 1e-12 inside its logarithms and quotients
            expected = torch.tensor(case["outputs"]["top_p_entropy"], dtype=torch.float64)
            torch.testing.assert_close(out[key], expected, atol=1e-9, rtol=1e-9)
            full = torch.tensor(case["outputs"]["full_entropy"], dtype=torch.float64)
            torch.testing.assert_close(out["entropy"], full, atol=1e-9, rtol=1e-9)
            if "grad_logits" in case["outputs"]:
                grad = torch.autograd.grad(out[key].sum(), z)[0]
                torch.testing.assert_close(
                    grad, torch.tensor(case["outputs"]["grad_logits"], dtype=torch.float64), atol=1e-9, rtol=1e-6
                )
