"""A forged set of ints of one hash must not cost the reader time that grows with the square of its size."""

from __future__ import annotations

import pytest

from guerdon.runtime.sandbox.inside.codec import ForgedError, decode, encode

MODULUS = (1 << 61) - 1  # hash(n) is n modulo this


@pytest.mark.parametrize("shape", ['["s",{}]', '["z",{}]', '["d",{}]'])
def test_many_values_of_one_hash_are_refused(shape):
    values = [f'["i","{(k + 1) * MODULUS:x}"]' for k in range(50_000)]
    # without the refusal this takes half a minute, above the limit of a test on a busy machine
    items = [f"{v},0" for v in values] if '"d"' in shape else values
    with pytest.raises(ForgedError):
        decode(shape.format(",".join(items)).encode())


def test_values_of_honest_programs_are_read():
    value = {*range(100_000), -1, -2, *(float(k) / 7 for k in range(1000)), *((k, str(k)) for k in range(1000))}
    assert decode(encode(value, 1 << 22)) == value
    assert decode(encode(dict.fromkeys(value, 1), 1 << 22)) == dict.fromkeys(value, 1)
