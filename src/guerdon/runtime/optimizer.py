"""The state of an optimiser as named tensors, and back, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from guerdon.errors import RunError


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The whole state of an optimiser as named tensors, for one group of :func:`save`.

    ``state.<i>.<name>`` is the state of the i-th parameter in the order of the parameter groups, ``group.<g>.<name>``
    a numeric setting of a group (learning rate, betas, weight decay, ...) as float64. Settings that are no numbers
    (``foreach``, ``fused``) belong to the construction and are not stored.

    Raises:
        RunError: the optimiser keeps something that is no tensor.
    """
    out: dict[str, Tensor] = {}
    for g, group in enumerate(optimizer.param_groups):
        out[f"group.{g}.params"] = torch.tensor(len(group["params"]))
        for name, value in group.items():
            numbers = value if isinstance(value, (tuple, list)) else (value,)
            if name != "params" and all(type(v) in (int, float) for v in numbers):
                out[f"group.{g}.{name}"] = torch.tensor(value, dtype=torch.float64)
            elif isinstance(value, Tensor):
                out[f"group.{g}.{name}"] = value
    for i, parameter in enumerate(_parameters(optimizer)):
        for name, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                out[f"state.{i}.{name}"] = value
            elif value is not None:
                raise RunError(
                    f"{type(optimizer).__name__} keeps {name!r} as {type(value).__name__}, which is no tensor",
                    fix="use an optimiser whose state is tensors, such as torch.optim.AdamW",
                )  # fmt: skip
    return out


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore what :func:`optimizer_tensors` returned, bit for bit, into an optimiser built in the same way.

    Raises:
        RunError: groups, parameters or shapes differ from those that were saved; nothing is changed then.
    """
    parameters = _parameters(optimizer)
    for g, group in enumerate(optimizer.param_groups):
        if tensors.get(f"group.{g}.params", torch.tensor(-1)).item() != len(group["params"]):
            raise _mismatch(optimizer, f"group {g} with {len(group['params'])} parameters")
    states: dict[int, dict[str, Tensor]] = {}
    settings: list[tuple[dict[str, Any], str, Tensor]] = []
    for key, value in tensors.items():
        kind, _, rest = key.partition(".")
        index, _, name = rest.partition(".")
        size = {"state": len(parameters), "group": len(optimizer.param_groups)}.get(kind, 0)
        if not index.isdecimal() or int(index) >= size:
            raise _mismatch(optimizer, key)
        if kind == "group":
            settings.append((optimizer.param_groups[int(index)], name, value))
            continue
        if value.dim() and value.shape != parameters[int(index)].shape:
            raise _mismatch(optimizer, f"{key} of shape {list(value.shape)}")
        states.setdefault(int(index), {})[name] = value
    for group, name, value in settings:
        if name != "params":
            group[name] = _setting(group.get(name), value)
    optimizer.state.clear()
    for i, state in states.items():
        optimizer.state[parameters[i]] = {
            name: value.clone() if _stays(optimizer, i, name) else value.to(parameters[i].device, copy=True)
            for name, value in state.items()
        }


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def _stays(optimizer: torch.optim.Optimizer, index: int, name: str) -> bool:
    # torch counts steps on the CPU unless the whole update runs on the device
    if name != "step":
        return False
    for group in optimizer.param_groups:
        if index < len(group["params"]):
            return not (group.get("capturable") or group.get("fused"))
        index -= len(group["params"])
    return True


def _setting(now: Any, value: Tensor) -> Any:
    if isinstance(now, Tensor):
        return value.to(now.device, now.dtype, copy=True)
    if isinstance(now, (tuple, list)):
        return type(now)(value.tolist())
    return int(value.item()) if isinstance(now, int) else value.item()


def _mismatch(optimizer: torch.optim.Optimizer, seen: str) -> RunError:
    shapes = [list(p.shape) for p in _parameters(optimizer)]
    return RunError(
        "the saved optimiser does not fit this model", seen=seen, allowed=f"{len(shapes)} parameters {shapes[:8]}",
        fix="resume with the recipe the run was started with",
    )  # fmt: skip
