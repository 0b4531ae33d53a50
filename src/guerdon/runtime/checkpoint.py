"""Checkpoints: tensors in safetensors, everything else in JSON, a manifest with hashes, and no pickle anywhere.

``step-00000050/`` holds one ``<group>.safetensors`` per group of tensors, ``state.json`` and ``manifest.json``. It is
written under a temporary name, flushed, and renamed; see :mod:`guerdon.runtime.manifest`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from guerdon.errors import RunError
from guerdon.runtime.files import DISK, TEMP, Disk, atomic_write, disk_errors
from guerdon.runtime.manifest import (
    damaged,
    discard,
    is_slug,
    listing,
    note,
    read_json,
    step_name,
    step_of,
    verify,
    write_folder,
)  # fmt: skip
from guerdon.runtime.optimizer import load_optimizer, optimizer_tensors
from guerdon.runtime.plain import from_plain, tensor_pieces, to_plain

__all__ = ["Checkpoint", "load", "load_optimizer", "newest", "optimizer_tensors", "pin", "pinned", "save"]

STATE = "state.json"
PINS = "pins.json"
_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint in memory; ``notes`` names what was skipped to find it."""

    path: Path
    step: int
    tensors: Mapping[str, Mapping[str, Tensor]]
    state: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def save(
    folder: str | Path, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any],
    keep: int = 2, *, disk: Disk = DISK,
) -> Path:  # fmt: skip
    """Write a checkpoint, then delete all but the last ``keep`` and the pinned ones.

    Checkpoints of later steps belong to a continuation that was given up (resume went back further) and are deleted
    too, unless pinned. Whoever calls this holds the lock of the run.

    Args:
        folder: where checkpoints live; made when missing.
        step: optimiser steps done, 0 or more.
        tensors: groups of named tensors; a group becomes a file. Layout and sharing of memory do not matter.
        state: everything else: plain JSON values, non-finite floats, and small tensors such as generator states.
        keep: how many of the last checkpoints stay, at least 1.

    Returns:
        The folder of the checkpoint.

    Raises:
        RunError: a name that cannot be a file name, or a state that is not plain data.
        MachineError: the disk is full; all older checkpoints are intact.

    Example:
        >>> import tempfile, torch
        >>> folder = Path(tempfile.mkdtemp())
        >>> save(folder, 50, {"policy": {"w": torch.ones(2)}}, {"best": 0.5}).name
        'step-00000050'
        >>> newest(folder).tensors["policy"]["w"].tolist()
        [1.0, 1.0]
    """
    folder = Path(folder)
    bad = [g for g in tensors if not is_slug(g)]
    if bad or step < 0 or keep < 1:
        raise RunError("cannot save this checkpoint", where=str(folder), seen=bad or {"step": step, "keep": keep},
                       allowed="group names of letters, digits, _ . -; step >= 0; keep >= 1")  # fmt: skip
    text = json.dumps(to_plain(state), ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
    needed = len(text) + sum(t.nbytes for group in tensors.values() for t in group.values())
    older = listing(folder)
    intact = f"{older[0][1].name} and everything before it" if older else "the run's logs"
    with disk_errors(folder, needed=needed, intact=intact):
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in [p for p in folder.iterdir() if p.name.startswith(TEMP)]:
            disk.remove(leftover)
        files = {f"{name}{_SUFFIX}": tensor_pieces(group, name) for name, group in tensors.items()}
        path = write_folder(folder / step_name(step), step, {**files, STATE: iter([text])}, disk=disk)
        _prune(folder, step, keep, disk)
    return path


def load(path: str | Path) -> Checkpoint:
    """Read one checkpoint after checking every file of it.

    Raises:
        RunError: it is damaged, incomplete or changed; the file is named.
    """
    path = Path(path)
    data = verify(path)
    names = [n for n in data["files"] if n.endswith(_SUFFIX)]
    try:
        tensors = {n.removesuffix(_SUFFIX): load_file(path / n) for n in names}
        state = from_plain(read_json(path / STATE))
    except (SafetensorError, ValueError, RecursionError) as error:
        raise damaged(path, f"cannot be read: {type(error).__name__}: {error}") from error
    return Checkpoint(path, data["step"], tensors, state)


def newest(folder: str | Path) -> Checkpoint | None:
    """The latest checkpoint that verifies; later ones that do not are named in its ``notes``.

    Returns:
        The checkpoint, or None when none was ever finished.

    Raises:
        RunError: there are checkpoints but none verifies, so starting afresh must be the user's own decision.
    """
    notes: list[str] = []
    for _, path in listing(folder):
        try:
            found = load(path)
        except RunError as error:
            notes.append(note(error))
            continue
        return Checkpoint(found.path, found.step, found.tensors, found.state, tuple(notes))
    if notes:
        raise RunError(
            "no checkpoint of this run can be trusted", where=str(folder), seen="; ".join(notes),
            fix="restore the folder from a copy, or train again into a new folder",
        )  # fmt: skip
    return None


def pin(path: str | Path, name: str = "best") -> None:
    """Keep a checkpoint under a name; the one that had the name before is no longer kept for it."""
    path = Path(path)
    pins = {**_pins(path.parent), name: path.name}
    atomic_write(path.parent / PINS, json.dumps(pins, sort_keys=True))


def pinned(folder: str | Path, name: str = "best") -> Path | None:
    """The checkpoint pinned under a name, None when there is none."""
    found = _pins(Path(folder)).get(name)
    return Path(folder) / found if found else None


def _pins(folder: Path) -> dict[str, str]:
    if not (folder / PINS).exists():
        return {}
    pins = read_json(folder / PINS)
    names = pins.values() if isinstance(pins, dict) else [None]
    if not all(isinstance(name, str) and step_of(Path(name)) is not None for name in names):
        raise RunError("pins.json does not name checkpoints", where=str(folder), seen=pins, fix="delete pins.json")
    return pins


def _prune(folder: Path, step: int, keep: int, disk: Disk) -> None:
    spared = set(_pins(folder).values())
    earlier = [path for at, path in listing(folder) if at <= step]
    later = [path for at, path in listing(folder) if at > step]
    for path in [*later, *earlier[keep:]]:
        if path.name not in spared:
            discard(path, disk=disk)
