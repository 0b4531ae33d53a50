"""How the warm process of a lane is started, at each level of isolation."""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from guerdon.errors import MachineError
from guerdon.runtime.sandbox.inside.box import HOME

_RUNTIME = Path(__file__).parents[1]
# in the order in which they import each other
_MODULES = {
    "guerdon.runtime.pool.wire": "pool/wire.py",
    **{f"guerdon.runtime.sandbox.inside.{n}": f"sandbox/inside/{n}.py"
       for n in ("codec", "calls", "seccomp", "box", "task", "zygote")},
}  # fmt: skip
_BOOT = """
import json, sys, types
with open(int(sys.argv[1]), "rb") as file:
    modules, settings = json.load(file)
control, made = int(sys.argv[2]), sys.modules
del sys.argv[1:]
for name, source in modules:
    parent, _, last = name.rpartition(".")
    parts = parent.split(".")
    for i in range(len(parts)):
        part = ".".join(parts[: i + 1])
        made.setdefault(part, types.ModuleType(part)).__path__ = []
    made[name] = module = types.ModuleType(name)
    setattr(made[parent], last, module)
    exec(compile(source, name, "exec"), module.__dict__)
module.main(control, settings)
"""
# for root: the interpreter may lie in a folder that only root may enter, so it is shown again where anybody may
_SHOW = """
base=$1; shift
mount -t tmpfs -o mode=755,size=1m show "$base"
n=0
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir "$base/$n"; else : > "$base/$n"; fi
  mount --bind "$1" "$base/$n"; n=$((n + 1)); shift
done
shift
exec "$@"
"""
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_FREE = ("/mnt", "/media", "/srv", "/tmp")


@dataclass(frozen=True)
class Start:
    """What to execute, and what the new process reads when it starts."""

    command: tuple[str, ...]
    settings: bytes
    environment: dict[str, str]


def start(level: int, blob: int, control: int, preload: Sequence[str], folder: str = "") -> Start:
    """The start of a warm process.

    Args:
        level: 1, 2 or 3.
        blob: descriptor from which it will read its settings.
        control: descriptor of its line to the caller.
        preload: packages to import before the first run; the folders they lie in become visible to the code.
        folder: where runs at level 1 keep their files.

    Raises:
        MachineError: a package to preload is not installed.
        OSError: a tool that the level needs is missing.
    """
    if level == 3 and shutil.which("bwrap") is None:
        raise OSError("bubblewrap is not installed: apt install bubblewrap, or dnf install bubblewrap")
    if level == 3 and os.geteuid() == 0 and shutil.which("setpriv") is None:
        raise OSError("started as root, and setpriv (util-linux) is not installed")
    python = os.path.realpath(sys.executable)
    libraries = _libraries(tuple(preload))
    shown = _shown(python, libraries)
    links = [(os.readlink(d), d) for d in ("/lib", "/lib64", "/lib32", "/bin") if os.path.islink(d)]
    links.append((HOME, "/tmp"))
    command = (python, "-s", "-P", "-S", "-c", _BOOT, str(blob), str(control))
    sources, prefix = {p: p for p in shown}, ()
    if level >= 2 and os.geteuid() == 0 and shutil.which("setpriv"):
        prefix = NOBODY
        if not all(_open_to_all(p) for p in shown):
            base = next(d for d in _FREE if os.path.isdir(d) and not any(p.startswith(d + "/") for p in shown))
            sources = {p: f"{base}/{i}" for i, p in enumerate(shown)}
            prefix = ("unshare", "--mount", "--propagation", "private", "/bin/sh", "-e", "-c", _SHOW, "sh", base,
                      *shown, "--", *NOBODY)  # fmt: skip
    if level == 3:
        command = (*prefix, *_wrapped(sources, links), *command)
    elif level == 2:
        # the interpreter starts before the new root stands: where nobody may enter its folder, root starts it
        prefix, sources = prefix if prefix == NOBODY else (), {p: p for p in shown}
        command = (*prefix, "unshare", "-U", "-r", "-n", "-p", "-f", "-m", "-i", "-u", *command)
    settings = {
        "level": level, "binds": [(s, t) for t, s in sources.items()] + [(d, d) for d in _DEVICES], "links": links,
        "path": libraries, "preload": list(preload), "folder": folder,
    }  # fmt: skip
    modules = [(name, (_RUNTIME / path).read_text("utf-8")) for name, path in _MODULES.items()]
    return Start(command, json.dumps([modules, settings]).encode(), _environment(python))


def _wrapped(sources: dict[str, str], links: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    # capabilities are those of the new user name space: the warm process needs them to make the walls of each run,
    # and each run gives them up
    parts = ["bwrap", "--unshare-all", "--cap-add", "ALL", "--as-pid-1", "--new-session", "--hostname", "sandbox"]
    for target, source in sources.items():
        parts += ["--ro-bind", source, target]
    for text, target in links:
        parts += ["--symlink", text, target]
    for device in _DEVICES:
        parts += ["--dev-bind", device, device]
    return (*parts, "--proc", "/proc", "--dir", HOME, "--remount-ro", "/", "--chdir", "/", "--")


def _environment(python: str) -> dict[str, str]:
    # one hash seed, so that a program that walks over a set prints the same in every run; few heaps, because each
    # thread's own would reserve more address space than the limit on memory leaves
    return {
        "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": HOME, "TMPDIR": HOME, "PYTHONHASHSEED": "0",
        "MALLOC_ARENA_MAX": "2", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHOME": sys.base_prefix,
    }  # fmt: skip


def _shown(python: str, libraries: Sequence[str]) -> list[str]:
    """What of the host the code can read: libraries of the system, the interpreter, preloaded packages."""
    wanted = ["/usr/lib", "/usr/lib64", "/usr/lib32", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache"]
    standard = sysconfig.get_paths(vars={"base": sys.base_prefix, "platbase": sys.base_prefix})
    shared = os.path.dirname(standard["stdlib"])
    wanted += [os.path.realpath(shared), shared, python, *libraries]
    kept: list[str] = []
    for path in sorted({p for p in wanted if os.path.exists(p) and not os.path.islink(p)}):
        if not any(path == k or path.startswith(k + "/") for k in kept):
            kept.append(path)
    return kept


@functools.cache
def _libraries(preload: tuple[str, ...]) -> list[str]:
    found = []
    for name in preload:
        spec = PathFinder.find_spec(name.partition(".")[0])
        if spec is None or spec.origin is None:
            raise MachineError(
                "a package that the sandbox should import first is not installed", where="preload", seen=name,
                fix=f"pip install {name.partition('.')[0]}, or leave it out",
            )  # fmt: skip
        folder = Path(spec.origin).parent
        found.append(str(folder.parent if spec.submodule_search_locations else folder))
    return sorted(set(found))


def _open_to_all(path: str) -> bool:
    """Whether a user who is nobody can reach a path."""
    return all(os.stat(p).st_mode & 0o001 for p in (path, *map(str, Path(path).parents)) if os.path.isdir(p))
