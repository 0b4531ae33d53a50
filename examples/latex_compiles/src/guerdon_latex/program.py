"""What runs in a worker process: TeX on a document that nobody trusts. It imports nothing but the standard library."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any

# "p" is paranoid: files of the own folder and of the TeX installation only; and no commands
_SHUT = {"openin_any": "p", "openout_any": "p", "shell_escape": "f"}
_DISK = 16 << 20


def compile_document(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Compile ``document`` with the first of ``engines`` that is installed, for at most ``seconds``.

    Example:
        >>> compile_document({"document": "", "engines": ["no-such-tex"], "seconds": 1.0})
        {'engine': '', 'ok': False, 'log': ''}
    """
    engine = next((e for e in payload["engines"] if shutil.which(e)), "")
    if not engine:
        return {"engine": "", "ok": False, "log": ""}
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/snippet.tex", "w", encoding="utf-8", errors="replace") as file:
            file.write(payload["document"])
        command = [engine, "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "snippet.tex"]
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": folder, **_SHUT}
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, errors="replace", timeout=payload["seconds"], preexec_fn=_small_files,
            )  # fmt: skip
        except subprocess.TimeoutExpired:  # the engine has been killed; the worker goes on
            return {"engine": engine, "ok": False, "log": f"timeout: more than {payload['seconds']:g} s"}
    errors = [line for line in done.stdout.splitlines() if line.startswith("!")]
    ok = done.returncode == 0
    return {"engine": engine, "ok": ok, "log": "" if ok else (errors or [f"exit code {done.returncode}"])[0][:200]}


def _small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (_DISK, _DISK))
