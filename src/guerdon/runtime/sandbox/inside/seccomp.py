"""The filter of system calls: what code nobody trusts has no use for is refused with EPERM.

A list of refused calls and not of allowed ones, because programs of every kind must run; the name spaces, the empty
capabilities and the read-only files stand behind it. What is refused reaches into the kernel's less travelled parts
(mounts, tracing, keys, bpf, io_uring), opens a line to somebody else (sockets), or holds memory outside the limits
(memory files, System V and POSIX queues and segments).
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct

from guerdon.runtime.sandbox.inside.calls import PR_SET_SECCOMP, prctl

# name: (number on x86_64, number on aarch64); None where an architecture has no such call
REFUSED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "statmount": (457, 457), "listmount": (458, 458),
    "open_tree_attr": (467, 467), "unshare": (272, 97), "setns": (308, 268), "swapon": (167, 224),
    "swapoff": (168, 225), "reboot": (169, 142), "sethostname": (170, 161), "setdomainname": (171, 162),
    "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443), "syslog": (103, 116), "vhangup": (153, 58),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "create_module": (174, None),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "iopl": (172, None), "ioperm": (173, None),
    "modify_ldt": (154, None), "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "personality": (135, 92), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "seccomp": (317, 277), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "io_setup": (206, 0), "io_submit": (209, 2), "fanotify_init": (300, 262), "fanotify_mark": (301, 263),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "lookup_dcookie": (212, 18),
    "migrate_pages": (256, 238), "move_pages": (279, 239), "mbind": (237, 235), "set_mempolicy": (238, 237),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
    "shmctl": (31, 195), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242), "bind": (49, 200),
    "listen": (50, 201), "uselib": (134, None), "ustat": (136, None), "_sysctl": (156, None), "nfsservctl": (180, 42),
    "vmsplice": (278, 75),
}  # fmt: skip
# no such call: the C library then uses the older form, whose flags can be looked at
ABSENT: dict[str, tuple[int, int]] = {"clone3": (435, 435)}
_CLONE, _SOCKETPAIR, _PRCTL, _IOCTL = (56, 220), (53, 199), (157, 167), (16, 29)
_NAME_SPACES = 0x7E020080  # CLONE_NEW* of all kinds, with that of clocks
_TIOCSTI, _TIOCLINUX, _AF_UNIX = 0x5412, 0x541C, 1
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_X32 = 0x40000000  # calls of the x32 form: other numbers, same kernel

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000


@functools.cache
def known_architecture() -> bool:
    """Whether the numbers of the system calls of this machine are known."""
    return os.uname().machine in _ARCHITECTURES and struct.calcsize("P") == 8


@functools.cache
def program(machine: str) -> bytes:
    """The filter as instructions of classic BPF.

    Example:
        >>> len(program("x86_64")) % 8
        0
    """
    column, architecture = _ARCHITECTURES[machine]
    refuse, absent = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS
    code = [_op(_LOAD, 4), _op(_EQUAL, architecture, 1, 0), _op(_RETURN, _KILL), _op(_LOAD, 0)]
    code += [_op(_AT_LEAST, _X32, 0, 1), _op(_RETURN, absent)]
    for table, answer in ((REFUSED, refuse), (ABSENT, absent)):
        for numbers in table.values():
            if (number := numbers[column]) is not None:
                code += [_op(_EQUAL, number, 0, 1), _op(_RETURN, answer)]
    code += _argument(_CLONE[column], 0, [_op(_ANY_BIT, _NAME_SPACES, 0, 1), _op(_RETURN, refuse)])
    code += _argument(_SOCKETPAIR[column], 0, [_op(_EQUAL, _AF_UNIX, 1, 0), _op(_RETURN, refuse)])
    code += _argument(_PRCTL[column], 0, [_op(_EQUAL, PR_SET_SECCOMP, 0, 1), _op(_RETURN, refuse)])
    typed = [_op(_EQUAL, _TIOCSTI, 1, 0), _op(_EQUAL, _TIOCLINUX, 0, 1), _op(_RETURN, refuse)]
    code += _argument(_IOCTL[column], 1, typed)
    return b"".join([*code, _op(_RETURN, _ALLOW)])


def install() -> None:
    """Put the filter on this process and all that it starts; it cannot be taken off.

    Raises:
        OSError: the kernel refuses, for example because ``no_new_privs`` is not set.
    """
    code = program(os.uname().machine)
    held = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held))
    pointer = ctypes.create_string_buffer(head, len(head))
    prctl(PR_SET_SECCOMP, 2, ctypes.c_void_p(ctypes.addressof(pointer)))


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _argument(number: int, index: int, test: list[bytes]) -> list[bytes]:
    """Where a call is ``number``: load the low half of an argument and test it. What passes is allowed."""
    body = [_op(_LOAD, 16 + 8 * index), *test, _op(_RETURN, _ALLOW)]
    return [_op(_EQUAL, number, 0, len(body)), *body]
