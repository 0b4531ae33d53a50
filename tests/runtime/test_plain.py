from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load

from guerdon.errors import RunError
from guerdon.runtime.plain import from_plain, tensor_pieces, to_plain

LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
KEYS = st.text().filter(lambda k: not k.startswith("$"))
STATES = st.recursive(LEAVES, lambda s: st.one_of(st.lists(s, max_size=3), st.dictionaries(KEYS, s, max_size=3)))


def same(a, b) -> bool:
    if isinstance(a, float):
        return type(b) is float and repr(a) == repr(b)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


@given(STATES)
def test_any_state_comes_back_exactly_through_strict_json(state):
    assert same(state, from_plain(json.loads(json.dumps(to_plain(state), allow_nan=False))))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.int64, torch.uint8, torch.bool])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (3, 0, 2)])
def test_tensors_come_back_with_type_and_shape(dtype, shape):
    tensor = torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    back = from_plain(json.loads(json.dumps(to_plain({"t": tensor}))))["t"]
    assert back.dtype == dtype
    assert back.shape == tensor.shape
    assert torch.equal(back, tensor)


def test_a_generator_continues_where_it_was():
    g = torch.Generator().manual_seed(3)
    torch.rand(5, generator=g)
    state = from_plain(to_plain({"rng": g}))
    other = torch.Generator()
    other.set_state(state["rng"])
    assert torch.equal(torch.rand(5, generator=g), torch.rand(5, generator=other))


@pytest.mark.parametrize(
    ("state", "where"),
    [
        ({"a": {1: 2}}, "state.a"),
        ({"a": [0, {"$x": 1}]}, r"state.a\[1\]"),
        ({"a": {1, 2}}, "state.a"),
        ({"a": object()}, "state.a"),
        ({"a": b"x"}, "state.a"),
        ({"a": torch.zeros(1, dtype=torch.complex64)}, "state.a"),
    ],
)
def test_what_would_not_come_back_is_refused_with_its_place(state, where):
    with pytest.raises(RunError, match=f"^{where}: "):
        to_plain(state)


def test_the_pieces_are_a_safetensors_file():
    group = {
        "b": torch.tensor([True]),
        "w": torch.arange(4.0).reshape(2, 2).T,
        "e": torch.zeros(0),
        "s": torch.tensor(2),
    }
    back = load(b"".join(bytes(p) for p in tensor_pieces(group)))
    assert back.keys() == group.keys()
    assert all(torch.equal(back[n], t) and back[n].dtype == t.dtype for n, t in group.items())


def test_a_type_the_format_lacks_is_refused():
    with pytest.raises(RunError, match="complex64"):
        list(tensor_pieces({"x": torch.zeros(1, dtype=torch.complex64)}))
