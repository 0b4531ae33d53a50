"""Folders that are whole or not there: written under a temporary name, with the hash of every file, then renamed.

The manifest is the last file written and lists all others, so a folder without one was never finished, and a folder
whose files differ from it was damaged or changed afterwards. Knows nothing about tensors and imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from guerdon.errors import GuerdonError, RunError
from guerdon.runtime.files import DISK, TEMP, Disk, inside, temp_name, write_new

MANIFEST = "manifest.json"
SCHEMA = 1
_STEP = re.compile(r"step-(\d{8,})(\.was)?")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def step_name(step: int) -> str:
    """Folder name of a checkpoint.

    Example:
        >>> step_name(50)
        'step-00000050'
    """
    return f"step-{step:08d}"


def step_of(path: Path) -> int | None:
    """The step in a folder name, None when it is no checkpoint's name."""
    found = _STEP.fullmatch(path.name)
    return int(found[1]) if found else None


def is_slug(name: str) -> bool:
    """Whether a name may become a file name: ASCII letters, digits, ``_``, ``.`` and ``-``, not starting with a dot.

    Example:
        >>> is_slug("policy"), is_slug("../policy")
        (True, False)
    """
    return _SLUG.fullmatch(name) is not None and len(name) <= 100


def write_folder(
    path: Path, step: int, files: Mapping[str, Iterable[bytes | memoryview]], *, disk: Disk = DISK
) -> Path:
    """Write a folder with its manifest so that it appears under its name whole, or not at all.

    An older folder of that name stays readable as ``NAME.was`` until the new one has its name.
    """
    temp, was = temp_name(path), path.with_name(f"{path.name}.was")
    disk.mkdir(temp)
    try:
        listed = {}
        for name, chunks in files.items():
            size, digest = write_new(inside(temp, name), chunks, disk=disk)
            listed[name] = {"sha256": digest, "size": size}
        manifest = json.dumps({"v": SCHEMA, "step": step, "files": listed}, indent=1).encode()
        write_new(temp / MANIFEST, [manifest], disk=disk)
        disk.sync_folder(temp)
        if path.exists():
            discard(was, disk=disk)
            disk.replace(path, was)
        disk.replace(temp, path)
    except BaseException:
        if temp.exists():
            disk.remove(temp)
        raise
    disk.sync_folder(path.parent)
    discard(was, disk=disk)
    return path


def discard(path: Path, *, disk: Disk = DISK) -> None:
    """Delete a folder, if it is there, so that a kill halfway leaves nothing that looks like a checkpoint."""
    if path.exists():
        gone = temp_name(path)
        disk.replace(path, gone)
        disk.remove(gone)


def listing(folder: str | Path) -> list[tuple[int, Path]]:
    """Checkpoints by name, newest first; none is opened."""
    root = Path(folder)
    found = [(step, p) for p in (root.iterdir() if root.is_dir() else ()) if (step := step_of(p)) is not None]
    return sorted(found, key=lambda item: (-item[0], item[1].name))


def verify(path: str | Path) -> dict[str, Any]:
    """Check every file of a checkpoint against its manifest.

    Returns:
        The manifest: ``v``, ``step`` and ``files``.

    Raises:
        RunError: the manifest is missing or unreadable, or a file is missing, unlisted, a link, of another size or of
            other content; the file is named.
    """
    path = Path(path)
    data = _manifest(path)
    files = data["files"]
    present = {p.name for p in path.iterdir()} - {MANIFEST}
    for name in sorted(files.keys() | present):
        if name not in present or name not in files:
            what = "is missing" if name in files else "is not in the manifest"
            raise damaged(path, f"{name} {what}")
        try:
            file = inside(path, name)
        except GuerdonError as error:
            raise damaged(path, error.what) from None
        info = file.stat()
        if not stat.S_ISREG(info.st_mode):
            raise damaged(path, f"{name} is not a plain file")
        if info.st_size != files[name]["size"]:
            raise damaged(path, f"{name} has {info.st_size} bytes instead of {files[name]['size']}")
        with file.open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != files[name]["sha256"]:
                raise damaged(path, f"{name} has other content than its hash says")
    return data


def problems(folder: str | Path) -> list[str]:
    """Every checkpoint that does not verify and every unfinished one, in words; empty when all is well."""
    notes = []
    for _, path in listing(folder):
        try:
            verify(path)
        except RunError as error:
            notes.append(note(error))
    root = Path(folder)
    unfinished = sorted(p.name for p in root.iterdir() if p.name.startswith(TEMP)) if root.is_dir() else []
    return [*notes, *(f"{name}: left by an interrupted write or deletion" for name in unfinished)]


def note(error: GuerdonError) -> str:
    """The error of one skipped checkpoint as a single line."""
    return f"{Path(error.where).name}: {error.what}"


def damaged(path: Path, what: str) -> RunError:
    """The error for a checkpoint that cannot be trusted."""
    return RunError(what, where=str(path), fix="use an earlier checkpoint; this one is skipped by resume")


def read_json(path: Path) -> Any:
    """Parse a small JSON file of a checkpoint; NaN, bad text and endless nesting are refused.

    Raises:
        RunError: it cannot be read.
    """
    try:
        return json.loads(path.read_bytes(), parse_constant=_refuse)
    except FileNotFoundError:
        raise damaged(path.parent, f"{path.name} is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path.parent, f"{path.name} cannot be read: {type(error).__name__}: {error}") from None


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def _manifest(path: Path) -> dict[str, Any]:
    if path.is_symlink() or not path.is_dir() or (path / MANIFEST).is_symlink():
        raise damaged(path, "is a link, or no folder")
    data = read_json(path / MANIFEST)
    files = data.get("files") if isinstance(data, dict) else None
    if not isinstance(files, dict) or not all(
        isinstance(f, dict) and isinstance(f.get("size"), int) and isinstance(f.get("sha256"), str)
        for f in files.values()
    ):
        raise damaged(path, f"{MANIFEST} does not list files")
    if data.get("v") != SCHEMA:
        raise damaged(path, f"{MANIFEST} has version {data.get('v')!r} instead of {SCHEMA}")
    if step_of(path) is not None and data.get("step") != step_of(path):
        raise damaged(path, f"{MANIFEST} is that of step {data.get('step')!r}")
    return data
