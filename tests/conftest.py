"""For every test: shapes checked at each call, one torch thread, fixed seeds, few examples unless it is night."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from guerdon.checked import check_shapes
from guerdon.method import _LOCAL

check_shapes()
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell starts what it runs in the background deaf to interrupts, and so would be every process of these tests
    signal.signal(signal.SIGINT, signal.default_int_handler)
torch.set_num_threads(1)
_ALWAYS = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "database": None}
settings.register_profile("quick", max_examples=25, derandomize=True, **_ALWAYS)
settings.register_profile("nightly", max_examples=1000, **_ALWAYS)
settings.load_profile(os.environ.get("GUERDON_PROFILE", "quick"))


@pytest.fixture(autouse=True)
def _fixed_seeds() -> Iterator[None]:
    # methods may not draw from these; what tests draw must not depend on their order
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def needs() -> Callable[..., str]:
    """Path of a program, or a skip that says what is missing."""

    def find(*programs: str) -> str:
        for program in programs:
            path = shutil.which(program)
            if path:
                return path
        return pytest.skip(f"not on this machine: {' or '.join(programs)}")

    return find


@pytest.fixture
def forget_methods() -> Iterator[None]:
    """Methods that a test registers are forgotten after it; those of the library stay, as do their modules."""
    before = set(_LOCAL)
    yield
    for name in set(_LOCAL) - before:
        if not _LOCAL[name].card.module.startswith("guerdon."):
            del _LOCAL[name]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; the test is skipped where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"cannot mount a small disk here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=False)
