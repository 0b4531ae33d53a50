"""System calls that the standard library does not wrap: name spaces, mounts, capabilities."""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x20000, 0x08000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1,
    2,
    4,
    8,
    32,
    4096,
    16384,
    1 << 18,
)
MNT_DETACH = 2
PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER = 22, 24, 36
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 38, 47
_CAP_VERSION, _CAP_LAST = 0x20080522, 63
_SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

# loaded once, without asking for the search of the dynamic linker that ctypes.util does
_LIBC = ctypes.CDLL(None, use_errno=True)


def _done(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """New name spaces for this process, or for its children in the case of processes."""
    _done(_LIBC.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """Go to a name space."""
    _done(_LIBC.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount a file system, or change how one is mounted."""
    words = [w.encode() if w else None for w in (source, target, kind)]
    _done(_LIBC.mount(*words, ctypes.c_ulong(flags), options.encode() or None), f"mount {target}")


def unmount(target: str) -> None:
    """Take a file system away, now or when its last user has gone."""
    _done(_LIBC.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    """Another root for this mount name space."""
    number = _SYS_PIVOT_ROOT[os.uname().machine]
    _done(_LIBC.syscall(number, new.encode(), old.encode()), "pivot_root")


def prctl(what: int, one: int = 0, two: int | ctypes.c_void_p = 0) -> None:
    """One of the many settings of a process."""
    words = [ctypes.c_ulong(one), two if isinstance(two, ctypes.c_void_p) else ctypes.c_ulong(two)]
    _done(_LIBC.prctl(what, *words, ctypes.c_ulong(0), ctypes.c_ulong(0)), f"prctl {what}")


def bound_capabilities() -> None:
    """Let no program that is started from here on gain a capability; those already held stay."""
    for number in range(_CAP_LAST + 1):
        if _LIBC.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(number), 0, 0, 0) < 0:
            break  # above the last capability that this kernel has, or none were held
    _LIBC.prctl(PR_CAP_AMBIENT, ctypes.c_ulong(4), 0, 0, 0)  # 4: clear all; kernels before 4.3 have none


def drop_capabilities() -> None:
    """Give up every capability."""
    header = (ctypes.c_uint32 * 2)(_CAP_VERSION, 0)
    _done(_LIBC.syscall(_SYS_CAPSET[os.uname().machine], header, (ctypes.c_uint32 * 6)()), "capset")
