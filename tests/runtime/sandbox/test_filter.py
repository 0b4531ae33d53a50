"""The numbers of the filter are those of the kernel's own headers, and the program allows and refuses by them."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from guerdon.runtime.sandbox.inside import seccomp

HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}
# younger than the headers that most systems have
YOUNG = {"statmount", "listmount", "open_tree_attr", "memfd_secret", "process_mrelease"}
OTHERS = {"clone": seccomp._CLONE, "socketpair": seccomp._SOCKETPAIR, "prctl": seccomp._PRCTL, "ioctl": seccomp._IOCTL}
ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS


@pytest.mark.parametrize(("machine", "column"), [("x86_64", 0), ("aarch64", 1)])
def test_the_numbers_are_those_of_the_kernel(machine, column):
    path = next((Path(p) for p in HEADERS[machine] if Path(p).exists()), None)
    if path is None:
        pytest.skip(f"no kernel headers for {machine} here")
    lines = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\n", path.read_text())
    known = {name: int(number) for name, number in lines}
    ours = {n: v[column] for n, v in {**seccomp.REFUSED, **seccomp.ABSENT, **OTHERS}.items()}
    assert {n: v for n, v in ours.items() if v != known.get(n) and not (n in YOUNG and n not in known)} == {}


def decide(machine: str, number: int, *args: int, architecture: int | None = None) -> int:
    """What the filter answers, by interpreting its instructions as the kernel does."""
    code = [
        struct.unpack("HBBI", c) for c in zip(*[iter(seccomp.program(machine))] * 8, strict=True) for c in [bytes(c)]
    ]
    if architecture is None:
        architecture = seccomp._ARCHITECTURES[machine][1]
    data = struct.pack("IIQ6Q", number, architecture, 0, *(args + (0,) * 6)[:6])
    at, held = 0, 0
    while True:
        op, yes, no, value = code[at]
        at += 1
        if op == seccomp._LOAD:
            held = struct.unpack_from("I", data, value)[0]
        elif op == seccomp._RETURN:
            return value
        else:
            test = {seccomp._EQUAL: held == value, seccomp._AT_LEAST: held >= value, seccomp._ANY_BIT: held & value}[op]
            at += yes if test else no


@pytest.mark.parametrize(("machine", "column"), [("x86_64", 0), ("aarch64", 1)])
def test_what_is_refused_and_what_is_not(machine, column):
    for numbers in seccomp.REFUSED.values():
        if numbers[column] is not None:
            assert decide(machine, numbers[column]) == EPERM
    assert decide(machine, 435) == ENOSYS  # clone3
    clone, pair, prctl, ioctl = (OTHERS[n][column] for n in ("clone", "socketpair", "prctl", "ioctl"))
    assert decide(machine, clone, 17) == ALLOW  # a fork
    assert decide(machine, clone, 0x3D0F00) == ALLOW  # a thread
    spaces = (0x80, 0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
    assert {decide(machine, clone, s | 17) for s in spaces} == {EPERM}
    assert [decide(machine, pair, family) for family in (1, 2, 10, 16)] == [ALLOW, EPERM, EPERM, EPERM]
    assert [decide(machine, prctl, what) for what in (15, 22)] == [ALLOW, EPERM]
    assert [decide(machine, ioctl, 0, what) for what in (0x5401, 0x5412, 0x541C)] == [ALLOW, EPERM, EPERM]
    files = {"x86_64": (0, 1, 9, 257), "aarch64": (63, 64, 222, 56)}[machine]
    assert {decide(machine, number) for number in files} == {ALLOW}


def test_the_forms_of_other_architectures_are_no_way_round():
    assert decide("x86_64", 1, architecture=0x40000003) == 0x80000000  # 32-bit: the process is killed
    assert decide("x86_64", 0x40000000 | 165) == ENOSYS  # the x32 form of mount
