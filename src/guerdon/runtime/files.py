"""Writing files so that a crash or a full disk never costs what was there before.

Covered: a kill or power loss at any moment leaves the old file or the new one, never a mixture; a full disk is an
error that says how much is needed and what is intact; names from configurations and archives cannot leave their folder.
Not covered: a disk that acknowledges fsync without writing, and another process that swaps a folder for a link between
the check and the use.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from guerdon.errors import DataError, MachineError

TEMP = ".tmp-"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ELOOP)
_CHUNK = 1 << 24


class Disk:
    """Every call that changes the disk, in one place, so that a test can fail or kill any single one of them."""

    def mkdir(self, path: Path) -> None:
        """Make a folder that does not exist yet."""
        path.mkdir()

    def create(self, path: Path) -> int:
        """Open a new file for writing; refuses to follow or overwrite anything."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)

    def write(self, fd: int, data: memoryview) -> int:
        """Write some of the data and say how much."""
        return os.write(fd, data)

    def sync(self, fd: int) -> None:
        """Wait until the file is on the disk."""
        os.fsync(fd)

    def sync_folder(self, path: Path) -> None:
        """Wait until the names in a folder are on the disk."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def replace(self, old: Path, new: Path) -> None:
        """Give a file or folder its final name in one step."""
        os.replace(old, new)

    def remove(self, path: Path) -> None:
        """Delete a file or a whole folder; a link is deleted, never followed."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


DISK = Disk()


def temp_name(path: Path) -> Path:
    """A name beside ``path`` that no reader takes for a finished file."""
    return path.with_name(f"{TEMP}{secrets.token_hex(4)}-{path.name}")


def write_new(path: Path, chunks: Iterable[bytes | memoryview], *, disk: Disk = DISK) -> tuple[int, str]:
    """Write a new file and wait until it is on the disk.

    Returns:
        Its size in bytes and the SHA-256 of what was meant to be written.
    """
    digest, size = hashlib.sha256(), 0
    fd = disk.create(path)
    try:
        for chunk in chunks:
            view = memoryview(chunk).cast("B")
            digest.update(view)
            size += len(view)
            while view:
                view = view[disk.write(fd, view[:_CHUNK]) :]
        disk.sync(fd)
    finally:
        os.close(fd)
    return size, digest.hexdigest()


def atomic_write(path: str | Path, data: bytes | str, *, disk: Disk = DISK) -> Path:
    """Replace a file by new content so that every reader, and every crash, sees all of the old or all of the new.

    The content goes to a temporary name in the same folder, is flushed to the disk, and then takes the final name;
    the folder is flushed last. A link at ``path`` is replaced, not followed.

    Returns:
        The path.

    Raises:
        MachineError: the disk is full or refuses the write; the old file is intact and no temporary file is left.

    Example:
        >>> import tempfile
        >>> atomic_write(Path(tempfile.mkdtemp()) / "summary.json", "{}").read_text()
        '{}'
    """
    path = Path(path)
    content = data.encode("utf-8") if isinstance(data, str) else data
    temp = temp_name(path)
    intact = f"the old {path.name}" if path.exists() else "everything written before"
    with disk_errors(path, needed=len(content), intact=intact):
        try:
            write_new(temp, [content], disk=disk)
            disk.replace(temp, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temp.unlink(missing_ok=True)
            raise
        disk.sync_folder(path.parent)
    return path


@contextlib.contextmanager
def disk_errors(path: Path, *, needed: int, intact: str) -> Iterator[None]:
    """Turn a full or refusing disk into a :class:`MachineError`; every other error passes unchanged.

    Args:
        path: what is being written.
        needed: bytes it needs.
        intact: what the user still has, as words that follow "intact:".
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            free = free_bytes(path)
            raise MachineError(
                f"the disk is full: {size_text(needed)} needed, {size_text(free)} free", where=str(path),
                seen=f"{free} bytes free, {needed} bytes needed",
                fix=f"free some space and run the same command again; intact: {intact}",
            ) from error  # fmt: skip
        if error.errno in _REFUSED:
            raise MachineError(
                f"cannot write here: {os.strerror(error.errno)}", where=str(path),
                fix=f"choose another folder or correct its permissions; intact: {intact}",
            ) from error  # fmt: skip
        raise


def free_bytes(path: Path) -> int:
    """Bytes this user may still write on the disk that holds ``path``, or the nearest folder above that exists."""
    for folder in (path, *path.absolute().parents):
        if folder.exists():
            return shutil.disk_usage(folder).free
    return 0


def size_text(count: int) -> str:
    """A number of bytes for people.

    Example:
        >>> size_text(999), size_text(1_234_567)
        ('999 B', '1.2 MB')
    """
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.1f} {unit}" if unit != "B" else f"{count} B"
        value /= 1000
    return f"{value:.1f} TB"


def inside(root: str | Path, name: str) -> Path:
    """The path of ``name`` below ``root``, refused when it could lead anywhere else.

    Args:
        root: the folder; may itself be reached through a link.
        name: relative name with ``/`` between folders; need not exist.

    Raises:
        DataError: the name is empty, absolute, has ``..``, a backslash, a drive or a control character, or passes
            through a link.

    Example:
        >>> inside("runs/a", "checkpoints/step-00000050").as_posix()
        'runs/a/checkpoints/step-00000050'
    """
    pure = PurePosixPath(name)
    reason = ""
    if not name or name == ".":
        reason = "is empty"
    elif any(ord(c) < 32 or ord(c) == 127 for c in name):
        reason = "has a control character"
    elif pure.is_absolute() or PureWindowsPath(name).drive or "\\" in name:
        reason = "is not a plain relative name"
    elif ".." in pure.parts:
        reason = "leaves its folder"
    path = Path(root)
    for part in () if reason else pure.parts:
        path = path / part
        if path.is_symlink():
            reason = f"passes through the link {part!r}"
            break
    if reason:
        raise DataError(
            f"the file name {reason}", where=str(root), seen=repr(name),
            allowed="relative names inside the folder, without links", fix="rename the file or copy it into the folder",
        )  # fmt: skip
    return path
