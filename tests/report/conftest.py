"""Runs and a browser for the tests of the report."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def _maker() -> Callable[..., Path]:
    spec = importlib.util.spec_from_file_location("report_make_run", Path(__file__).with_name("make_run.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_run


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    return _maker()


@pytest.fixture(scope="session")
def run(make_run, tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "plain", steps=30)


@pytest.fixture(scope="session")
def browse(tmp_path_factory) -> Callable[..., tuple[str, str]]:
    """Open a file from disk and return its final DOM and what the browser logged."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: chromium, chromium-browser and google-chrome are all missing")

    def go(page: Path, *flags: str) -> tuple[str, str]:
        profile = tmp_path_factory.mktemp("profile")
        log = profile / "net.json"
        command = [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--enable-logging=stderr",
            f"--user-data-dir={profile}", f"--log-net-log={log}", "--net-log-capture-mode=Everything",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--virtual-time-budget=10000", "--window-size=1300,2000", *flags, "--dump-dom", page.resolve().as_uri(),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, timeout=120, check=True)
        console = re.findall(r"CONSOLE.*", done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode("utf-8", "replace"), "\n".join(console) + "\n" + log.read_text("utf-8", "replace")

    return go
