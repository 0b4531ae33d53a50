"""The walls around one run: an own root, an own folder, limits, and no way back to what the parent may do."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Mapping, Sequence
from typing import Any

from guerdon.runtime.sandbox.inside import calls, seccomp

HOME = "/box"
_MB = 1 << 20
_QUIET = calls.MS_NOSUID | calls.MS_NODEV
_KEPT = calls.MS_RDONLY | _QUIET | calls.MS_NOEXEC | 1024 | 2048 | (1 << 21)  # and how access times are kept
_FILES = 64


def build_root(binds: Sequence[Sequence[str]], links: Sequence[Sequence[str]]) -> None:
    """Level 2: put a root of its own in place of that of the host; only what is named is there, read-only."""
    calls.mount("", "/", "", calls.MS_REC | calls.MS_PRIVATE)
    new = next(d for d in ("/mnt", "/media", "/srv", "/tmp") if os.path.isdir(d) and not _holds(d, binds))
    calls.mount("root", new, "tmpfs", _QUIET, "size=1m,mode=755")
    for source, target in binds:
        _bind(source, new + target)
    for text, target in links:
        os.symlink(text, new + target)
    for folder in (HOME, "/proc", "/old"):
        os.makedirs(new + folder, exist_ok=True)
    # the old processes still show on the old one, and a kernel gives no new one where parts of it are covered
    calls.mount("proc", new + "/proc", "proc", _QUIET | calls.MS_NOEXEC)
    calls.pivot_root(new, new + "/old")
    os.chdir("/")
    calls.unmount("/old")
    os.rmdir("/old")
    calls.mount("", "/", "", calls.MS_REMOUNT | calls.MS_RDONLY | _QUIET)


def _holds(folder: str, binds: Sequence[Sequence[str]]) -> bool:
    return any(os.path.realpath(source).startswith(folder + "/") for source, _ in binds)


def _bind(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    calls.mount(source, target, "", calls.MS_BIND | calls.MS_REC)
    # flags that the host has set on a mount are locked here, so they have to be said again
    flags = os.statvfs(target).f_flag & _KEPT
    if not source.startswith("/dev/"):
        flags |= calls.MS_RDONLY
    calls.mount("", target, "", calls.MS_REMOUNT | calls.MS_BIND | calls.MS_NOSUID | flags)


def no_nested_user_spaces() -> str:
    """Allow no further user name spaces below this one; why not, when that fails."""
    try:
        with open("/proc/sys/user/max_user_namespaces", "w") as file:
            file.write("0")
    except OSError as error:
        return str(error)
    return ""


def prepare(spaces: bool) -> None:
    """What can be done before it is known what will run: name spaces of its own, and nothing to learn in /proc."""
    os.setsid()
    if spaces:
        calls.unshare(calls.CLONE_NEWNS | calls.CLONE_NEWIPC)
        calls.mount("none", "/proc", "tmpfs", _QUIET | calls.MS_RDONLY | calls.MS_NOEXEC, "size=4k,nr_inodes=1")


def close_in(limits: Mapping[str, Any], spaces: bool, base: int) -> None:
    """Shut the process that runs the code in, for good.

    Args:
        limits: fields of ``Limits``, and ``lifetime``, the processor seconds after which the kernel itself ends it.
        spaces: whether this process may make name spaces (levels 2 and 3).
        base: bytes of address space of the warm process.
    """
    if spaces:
        calls.mount("box", HOME, "tmpfs", _QUIET, f"size={limits['disk_mb']}m,nr_inodes=4096,mode=700")
        os.chdir(HOME)
    else:
        os.mkdir(folder := f"run{os.getpid()}")
        os.chdir(folder)
    memory = base + int(limits["memory_mb"] * _MB)
    seconds = int(limits["lifetime"]) + 1
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_CPU, seconds)
    _limit(resource.RLIMIT_FSIZE, limits["disk_mb"] * _MB)
    _limit(resource.RLIMIT_NOFILE, _FILES)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_MEMLOCK, 0)
    for name in ("RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO"):
        _limit(getattr(resource, name), 0)
    _limit(resource.RLIMIT_SIGPENDING, 256)
    if spaces:  # outside an own user name space all other processes of the user would be counted too
        # the warm process counts too, who waits for the next run, and the last run that is about to be gone
        _limit(resource.RLIMIT_NPROC, limits["processes"] + 3)
    calls.prctl(calls.PR_SET_NO_NEW_PRIVS, 1)
    calls.drop_capabilities()
    if seccomp.known_architecture():
        seccomp.install()


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(ValueError):
        resource.setrlimit(kind, (value, value))
