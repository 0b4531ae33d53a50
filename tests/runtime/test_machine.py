from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from guerdon.runtime import machine

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_importing_it_loads_no_torch():
    code = "import sys, guerdon.runtime.machine as m; m.sandbox(); m.extras(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_facts_are_plain_data_that_stays_the_same():
    found = machine.facts()
    assert json.loads(json.dumps(found, allow_nan=False)) == found == machine.facts()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["memory_bytes"] > 1 << 28
    import torch

    assert found["versions"]["torch"] == torch.__version__


def test_doctor_is_plain_data():
    found = machine.doctor()
    assert json.dumps(found, allow_nan=False)
    assert found["sandbox"]["level"] in (0, 1, 2, 3)
    assert {e["name"] for e in found["extras"]} == set(machine.EXTRAS)


def test_the_extras_are_those_of_the_project():
    def name(requirement: str) -> str:
        return requirement.split(">")[0].split("<")[0].split("=")[0].strip()

    declared = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    shown = {extra: list(packages) for extra, (packages, _) in machine.EXTRAS.items()}
    for_contributors = ("dev", "docs")
    assert shown == {e: [name(r) for r in rows] for e, rows in declared.items() if e not in for_contributors}


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(machine, "version", lambda p: None if p == "pyarrow" else "1")
    data = {e.name: e for e in machine.extras()}
    assert data["data"].missing == ("pyarrow",)
    assert data["data"].install == "pip install 'guerdon[data]'"
    assert data["peft"].install == ""


def test_the_version_of_a_missing_package_is_none():
    assert machine.version("guerdon-no-such-package") is None


WORKS = {"_bubblewrap": 2, "_seccomp": 1, "_user": 1, "_unshare": 1, "_limits": 1}


@pytest.mark.parametrize(
    ("broken", "level"),
    [
        ((), 3),
        (("_bubblewrap",), 2),
        (("_seccomp",), 2),
        (("_user",), 2),
        (("_bubblewrap", "_unshare"), 1),
        (("_unshare",), 3),
        (("_limits",), 0),
        (("_limits", "_bubblewrap"), 0),
    ],
)
def test_the_level_follows_from_what_works(monkeypatch, broken, level):
    for name, count in WORKS.items():
        checks = tuple(machine.Check(f"{name}{i}", name not in broken, f"why {name}") for i in range(count))
        monkeypatch.setattr(machine, name, lambda c=checks: c if len(c) > 1 else c[0])
    found = machine.sandbox()
    assert found.level == level
    if 0 < level < 3:
        assert all(f"why {name}" in found.reason for name in broken if name != "_unshare")
    assert len(found.checks) == 6


def test_a_missing_tool_is_a_reason(monkeypatch):
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    found = machine.sandbox()
    assert found.level <= 1
    assert "not installed" in found.reason


def test_a_command_that_fails_or_hangs_says_why(monkeypatch):
    assert machine._try("true") == ""
    assert machine._try("sh", "-c", "echo refused >&2; exit 3") == "refused"
    assert machine._try("sh", "-c", "exit 3") == "ended with code 3"
    assert "No such file" in machine._try("/no/such/tool")
