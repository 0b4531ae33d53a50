"""Tensors as safetensors bytes, and every other state as strict JSON and back, exactly."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from guerdon.errors import RunError

_TENSOR = "$tensor"
_FLOAT = "$float"
_LETTERS = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
_TYPES = {str(d).removeprefix("torch."): d for d in _LETTERS}


def to_plain(value: Any, where: str = "state") -> Any:
    """Plain JSON data from a state.

    A tensor becomes ``{"$tensor": type, "shape": [...], "hex": bytes}``, a float that is not finite
    ``{"$float": "nan"}``, a generator the tensor of its state; tuples come back as lists.

    Raises:
        RunError: a value that would not come back as it was; the place is named.

    Example:
        >>> to_plain({"best": float("-inf"), "rng": torch.tensor([1, 255], dtype=torch.uint8)})
        {'best': {'$float': '-inf'}, 'rng': {'$tensor': 'uint8', 'shape': [2], 'hex': '01ff'}}
    """
    if isinstance(value, torch.Generator):
        value = value.get_state()
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {_FLOAT: repr(value)}
    if isinstance(value, Tensor) and str(value.dtype).removeprefix("torch.") in _TYPES:
        flat = value.detach().to("cpu").contiguous().reshape(-1)
        data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
        return {_TENSOR: str(value.dtype).removeprefix("torch."), "shape": list(value.shape), "hex": data.hex()}
    if isinstance(value, (list, tuple)):
        return [to_plain(v, f"{where}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if type(key) is not str or key.startswith("$"):
                raise RunError(
                    "a key of a state must be text that does not start with '$'", where=where, seen=repr(key),
                    fix="write str(key) when saving and convert back when loading",
                )  # fmt: skip
        return {k: to_plain(v, f"{where}.{k}") for k, v in value.items()}
    raise RunError(
        "this value cannot be saved exactly", where=where, seen=f"{type(value).__name__} {value!r}",
        allowed=["None", "bool", "int", "float", "str", "list", "tuple", "mapping", "torch.Tensor", "torch.Generator"],
        fix="convert it in state_dict()",
    )  # fmt: skip


def from_plain(value: Any) -> Any:
    """What :func:`to_plain` was given.

    Raises:
        ValueError: a ``$`` mapping that :func:`to_plain` does not write.

    Example:
        >>> from_plain({"best": {"$float": "-inf"}})
        {'best': -inf}
    """
    if isinstance(value, list):
        return [from_plain(v) for v in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {_FLOAT} and value[_FLOAT] in ("nan", "inf", "-inf"):
        return float(value[_FLOAT])
    if value.keys() == {_TENSOR, "shape", "hex"} and value[_TENSOR] in _TYPES:
        return _tensor(_TYPES[value[_TENSOR]], value["shape"], bytes.fromhex(value["hex"]))
    if any(k.startswith("$") for k in value):
        raise ValueError(f"unknown kind of value {sorted(value)}")
    return {k: from_plain(v) for k, v in value.items()}


def _tensor(dtype: torch.dtype, shape: list[int], data: bytes) -> Tensor:
    if not data:
        return torch.empty(shape, dtype=dtype)
    try:
        return torch.frombuffer(bytearray(data), dtype=dtype).reshape(shape)
    except RuntimeError as error:
        raise ValueError(f"a tensor's bytes do not fit its shape {shape}") from error


def tensor_pieces(group: Mapping[str, Tensor], where: str = "") -> Iterator[bytes | memoryview]:
    """The bytes of a safetensors file, piece by piece, without a second copy of the tensors.

    Unlike the safetensors package it accepts tied weights (each name gets its own copy on disk) and any memory layout.

    Raises:
        RunError: a type of tensor that the format does not have.
    """
    header: dict[str, Any] = {}
    start = 0
    order = sorted(group, key=lambda n: (-group[n].element_size(), n))
    for name in order:
        tensor = group[name]
        if tensor.dtype not in _LETTERS:
            raise RunError(
                f"a tensor of type {tensor.dtype} cannot be stored", where=f"{where}.{name}", allowed=list(_TYPES)
            )
        end = start + tensor.nbytes
        header[name] = {"dtype": _LETTERS[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
        start = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in order:
        plain = group[name].detach().to("cpu").contiguous().reshape(-1)
        if plain.numel():
            yield plain.view(torch.uint8).numpy().data
