from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.runtime.sandbox.inside.codec import DEPTH, ForgedError, NotPlainError, TooLargeError, decode, encode

CAP = 1 << 20
keys = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.binary(), st.tuples(st.integers()))
leaves = st.one_of(keys, st.floats(allow_nan=False), st.complex_numbers(allow_nan=False))
plain = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(keys, inner), st.sets(keys), st.frozensets(keys)
    ),
    max_leaves=20,
)


def shape(value):
    """A value with the exact type of every part, because 1 == 1.0 == True."""
    kind = type(value)
    if kind in (list, tuple):
        return kind, [shape(v) for v in value]
    if kind in (set, frozenset):
        return kind, sorted(repr(shape(v)) for v in value)
    if kind is dict:
        return kind, [(shape(k), shape(v)) for k, v in value.items()]
    return kind, repr(value)


@given(plain)
def test_what_goes_in_comes_out_with_every_type(value):
    assert shape(decode(encode(value, CAP))) == shape(value)


def test_numbers_that_json_does_not_have():
    found = decode(encode([math.nan, math.inf, -math.inf, -0.0, 10**5000, -(2**53), complex(math.nan, 1)], CAP))
    assert math.isnan(found[0])
    assert found[1:3] == [math.inf, -math.inf]
    assert math.copysign(1, found[3]) == -1
    assert found[4:6] == [10**5000, -(2**53)]
    assert math.isnan(found[6].real)


def test_text_with_half_characters_and_controls():
    text = '\ud800\x00\x1b[2J‮\n"\\'
    assert decode(encode({text: text}, CAP)) == {text: text}
    assert b"\n" not in encode(text, CAP)  # a line's end separates the parts of a reply


class Liar(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__

    @property
    def __class__(self):
        return int


@pytest.mark.parametrize("value", [object(), Liar(1), [Liar(1)], {Liar(1): 1}, range(3), {}.keys(), bytearray(b"x")])
def test_anything_but_an_exact_plain_type_is_refused(value):
    with pytest.raises(NotPlainError):
        encode(value, CAP)


def test_depth_cycles_and_sharing_end():
    deep = []
    for _ in range(DEPTH):
        deep = [deep]
    assert decode(encode(deep, CAP)) == deep
    with pytest.raises(NotPlainError, match="nested"):
        encode([deep], CAP)
    cycle = []
    cycle.append(cycle)
    with pytest.raises(NotPlainError, match="nested"):
        encode(cycle, CAP)
    shared = "x"
    for _ in range(60):
        shared = [shared, shared]  # 2^60 leaves
    with pytest.raises(TooLargeError):
        encode(shared, CAP)


@pytest.mark.parametrize("value", ["x" * 200, b"x" * 100, 1 << 1000, [1] * 100, {i: i for i in range(50)}])
def test_the_cap_holds(value):
    with pytest.raises(TooLargeError):
        encode(value, 100)
    assert len(encode(value, 1000)) <= 1000


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", '{"a":1}', "[]", "[1]", '["x"]', '["l",{}]', "NaN", "Infinity", '["f","1.0"]', '["f",1]',
        '["i","0x10"]', '["i","1_0"]', '["i"," 1"]', '["i","00"]', '["i","1","2"]', '["i",1]', '["b","abc"]',
        '["b","AB"]', '["b","a b "]', '["c",1,2]', '["c",1.0]', '["s",["l"]]', '["s",1,1]', '["d",1]',
        '["d",["l"],1]', "[" * 100_000, '["l",' * 101 + "1" + "]" * 101, "1" * 5000, '"' + "\\ud800" + '" x',
    ],
)  # fmt: skip
def test_what_the_encoder_never_writes_is_refused(text):
    with pytest.raises(ForgedError):
        decode(text.encode())


@given(st.binary(max_size=60))
def test_no_bytes_do_more_than_be_refused(data):
    try:
        value = decode(data)
    except ForgedError:
        return
    assert json.loads(data) is not NotImplemented
    encode(value, CAP)
