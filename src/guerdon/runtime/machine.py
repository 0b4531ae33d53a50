"""What this machine is and can do: versions, hardware, possible isolation of model-written code, extras.

Importing this module imports no torch; versions are read from package metadata.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PACKAGES = ("guerdon", "torch", "transformers", "tokenizers", "safetensors", "numpy")
EXTRAS: dict[str, tuple[tuple[str, ...], str]] = {
    "tasks": (("reasoning-gym",), "more than a hundred procedurally generated tasks (reasoning_gym/...)"),
    "math": (("math-verify", "sympy"), "formulas that the maths verifier does not decide by itself"),
    "data": (("pyarrow", "datasets", "duckdb"), "parquet files, tasks from Hugging Face data sets, SQL answers"),
    "text": (
        ("jsonschema", "fqdn", "rfc3339-validator", "rfc3986-validator", "rapidfuzz", "sacrebleu", "rouge-score"),
        "JSON schemas, edit distances, BLEU, chrF and ROUGE",
    ),
    "peft": (("peft",), "training of low-rank adapters instead of all weights"),
    "stats": (("scipy",), "distributions and tests that some audits need"),
    "track": (("tensorboard", "trackio", "wandb"), "mirrors of the metrics in a tracker"),
    "trl": (("trl", "accelerate", "datasets"), "the same rewards and objectives inside TRL's trainer"),
}
_VIEW = ("--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")
_NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")


@dataclass(frozen=True)
class Check:
    """One thing that isolation rests on: whether it works here, and how that is known."""

    name: str
    works: bool
    detail: str


@dataclass(frozen=True)
class Sandbox:
    """The highest isolation level that this machine allows for model-written code, and why not a higher one.

    3: bubblewrap with no further user namespaces, system-call filter, resource limits and an unprivileged user;
    2: namespaces by ``unshare`` and resource limits; 1: a separate process with resource limits; 0: none.
    """

    level: int
    reason: str
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Extra:
    """An optional set of packages: what it adds and what is missing of it."""

    name: str
    adds: str
    missing: tuple[str, ...]

    @property
    def install(self) -> str:
        """The command that installs it, empty when nothing is missing."""
        return f"pip install 'guerdon[{self.name}]'" if self.missing else ""


def facts() -> dict[str, Any]:
    """Facts for ``run.json``: plain JSON data, nothing that differs between two runs on the same machine.

    Example:
        >>> found = facts()
        >>> found["cores"] >= 1, sorted(found)
        (True, ['cores', 'gpu', 'memory_bytes', 'platform', 'processor', 'python', 'versions'])
    """
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": cores(),
        "memory_bytes": memory(),
        "gpu": gpus(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def doctor() -> dict[str, Any]:
    """Facts, isolation level with its checks, and extras, as plain JSON data."""
    return {
        **facts(),
        "sandbox": asdict(sandbox()),
        "extras": [{**asdict(e), "install": e.install} for e in extras()],
    }


def version(package: str) -> str | None:
    """Installed version of a package, None when it is missing; the package is not imported."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def memory() -> int | None:
    """Bytes of memory this process may use: of the machine, or of its container when that is less."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        limit = _read(name)
        if limit.isdecimal():
            total = min(total, int(limit))
    return total


def gpus() -> list[dict[str, Any]]:
    """Name and memory of each CUDA device; imports torch, which the callers that need this have loaded anyway."""
    if version("torch") is None:
        return []
    import torch

    if not torch.cuda.is_available():
        return []
    found = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return [{"name": p.name, "memory_bytes": p.total_memory} for p in found]


def extras() -> list[Extra]:
    """Every extra with the packages that are missing."""
    return [Extra(n, adds, tuple(p for p in needs if version(p) is None)) for n, (needs, adds) in EXTRAS.items()]


def sandbox() -> Sandbox:
    """Try what each isolation level rests on, with harmless commands; takes a few tens of milliseconds."""
    limits = _limits()
    wrap, nested = _bubblewrap()
    seccomp, user = _seccomp(), _user()
    spaces = _unshare()
    checks = (wrap, nested, seccomp, user, spaces, limits)
    if not limits.works:
        return Sandbox(0, limits.detail, checks)
    lacking = [c for c in (wrap, nested, seccomp, user) if not c.works]
    if not lacking:
        return Sandbox(3, "bubblewrap, a system-call filter, resource limits and an unprivileged user all work", checks)
    why = "; ".join(f"{c.name}: {c.detail}" for c in lacking)
    return Sandbox(2 if spaces.works else 1, f"not level 3, {why}", checks)


def _bubblewrap() -> tuple[Check, Check]:
    path = shutil.which("bwrap")
    name, nested = "bubblewrap", "no further user namespaces inside"
    if path is None:
        hint = "not installed: apt install bubblewrap, or dnf install bubblewrap"
        return Check(name, False, hint), Check(nested, False, "needs bubblewrap")
    command = (*(_NOBODY if os.geteuid() == 0 and shutil.which("setpriv") else ()), path)
    if failure := _try(*command, "--unshare-all", *_VIEW, "true"):
        return Check(name, False, failure), Check(nested, False, "needs bubblewrap")
    closed = (*command, "--unshare-all", "--unshare-user", "--disable-userns", *_VIEW)
    if failure := _try(*closed, "true"):
        return Check(name, True, path), Check(nested, False, failure)
    refused = _try(*closed, "unshare", "-U", "true")
    return Check(name, True, path), Check(nested, bool(refused), refused or "a further one could be made")


def _unshare() -> Check:
    path = shutil.which("unshare")
    if path is None:
        return Check("unshare", False, "not installed (util-linux)")
    found = _try(path, "-U", "-r", "-n", "-p", "-f", "-m", "-i", "-u", "true")
    return Check("unshare", not found, found or "user, network, process, mount, ipc and host name spaces")


def _seccomp() -> Check:
    actions = _read("/proc/sys/kernel/seccomp/actions_avail")
    works = "errno" in actions.split()
    return Check("system-call filter", works, actions if works else "the kernel offers no seccomp filters")


def _user() -> Check:
    # limits on the number of processes do not bind root, so root must be able to become somebody else
    if os.geteuid() != 0:
        return Check("unprivileged user", True, f"started as user {os.geteuid()}")
    path = shutil.which("setpriv")
    if path is None:
        return Check("unprivileged user", False, "started as root, and setpriv (util-linux) is not installed")
    found = _try(*_NOBODY, "true")
    return Check("unprivileged user", not found, found or "started as root, setpriv can change to user 65534")


def _limits() -> Check:
    works = importlib.util.find_spec("resource") is not None and os.name == "posix"
    return Check("resource limits", works, "setrlimit" if works else "this system has no resource limits")


def _try(*command: str) -> str:
    """Empty when a command works, else why not."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return "" if done.returncode == 0 else (lines[-1] if lines else f"ended with code {done.returncode}")


def _processor() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
