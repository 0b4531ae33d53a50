"""One process per run folder.

The lock file names its owner: process, host, boot and start time. It does not rest on a kernel lock held for the whole
run, because worker processes would inherit that and keep a dead run locked; the kernel lock only guards the moment of
reading and writing the file.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from guerdon.errors import RunError
from guerdon.runtime.files import disk_errors

NAME = "lock"


@dataclass(frozen=True)
class Owner:
    """A process that cannot be mistaken for another: ``started`` tells it from a later one with the same number."""

    pid: int
    host: str
    boot: str
    space: str
    started: str

    @classmethod
    def me(cls) -> Owner:
        """This process."""
        pid = os.getpid()
        return cls(pid, socket.gethostname(), _text("/proc/sys/kernel/random/boot_id"), _space(), started(pid) or "")

    def runs(self) -> bool:
        """Whether the process still runs, as far as can be seen from here; unknown counts as running.

        A process on another host, or in another process namespace of this boot (a container), cannot be seen.
        """
        here = Owner.me()
        if self.host != here.host:
            return True
        if self.boot != here.boot:
            return False
        return self.space != here.space or started(self.pid) == self.started


class RunLock:
    """Holds a run folder for this process, as a context manager.

    A lock left by a process that no longer runs is taken over, and ``notes`` says so.

    Args:
        folder: the run folder; must exist.

    Raises:
        RunError: another process that runs, or may run on another host, holds the folder.
        MachineError: the lock cannot be written.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with RunLock(folder) as lock:
        ...     held = (folder / "lock").exists()
        >>> held, (folder / "lock").exists(), lock.notes
        (True, False, [])
    """

    def __init__(self, folder: str | Path):
        self.path = Path(folder) / NAME
        self.notes: list[str] = []
        self.owner: Owner | None = None

    def acquire(self) -> None:
        """Take the folder or raise."""
        me = Owner.me()
        data = json.dumps({"v": 1, **asdict(me)}).encode() + b"\n"
        with disk_errors(self.path, needed=len(data), intact="the run, which was not touched"), _guard(self.path) as fd:
            text = os.pread(fd, 4096, 0)
            other = _owner(text)
            if other is not None and other.runs():
                raise self._refusal(other, me)
            os.ftruncate(fd, 0)
            try:
                os.pwrite(fd, data, 0)
                os.fsync(fd)
            except OSError:
                os.ftruncate(fd, 0)
                raise
            if other is not None:
                self.notes.append(f"took over the lock of process {other.pid} on {other.host}, which no longer runs")
            elif text:
                self.notes.append("took over a lock file that names no process")
        self.owner = me

    def release(self) -> None:
        """Give the folder back; does nothing in a forked child, or when the lock is no longer ours."""
        if self.owner is None or self.owner.pid != os.getpid() or not self.path.exists():
            self.owner = None
            return
        with _guard(self.path) as fd:
            if _owner(os.pread(fd, 4096, 0)) == self.owner:
                self.path.unlink()
        self.owner = None

    def _refusal(self, other: Owner, me: Owner) -> RunError:
        same_space = (other.host, other.boot, other.space) == (me.host, me.boot, me.space)
        sure = "wait for it, or stop it" if same_space else "it cannot be checked from here: make sure that it is gone"
        who = "this process" if other == me else f"process {other.pid} on {other.host}"
        return RunError(
            f"the run folder is in use by {who}", where=str(self.path.parent),
            seen=f"pid {other.pid}, host {other.host}",
            fix=f"{sure}; then, if the file is still there, delete {self.path}",
        )  # fmt: skip

    def __enter__(self) -> RunLock:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.release()


def holder(folder: str | Path) -> Owner | None:
    """Who holds a run folder now; None when nobody does."""
    path = Path(folder) / NAME
    owner = _owner(path.read_bytes()) if path.is_file() else None
    return owner if owner is not None and owner.runs() else None


@contextmanager
def _guard(path: Path) -> Iterator[int]:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            # the owner may have deleted the file while we waited: then we hold a file without a name
            if _inode(path) == os.fstat(fd).st_ino:
                yield fd
                return
        finally:
            os.close(fd)


def _inode(path: Path) -> int | None:
    try:
        return path.stat(follow_symlinks=False).st_ino
    except FileNotFoundError:
        return None


def _owner(text: bytes) -> Owner | None:
    try:
        data = json.loads(text)
        return Owner(**{k: data[k] for k in ("pid", "host", "boot", "space", "started")})
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def started(pid: int) -> str | None:
    """When a process started, in the words of the system; None when it does not run (or is a zombie)."""
    if Path("/proc/self/stat").exists():
        # the second field is the program's name in brackets and may hold spaces and brackets itself
        fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return fields[19] if fields and fields[0] not in ("Z", "X") else None
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip() or None


def _space() -> str:
    path = Path("/proc/self/ns/pid")
    return os.readlink(path) if path.is_symlink() else ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
