"""The example packages, as plug-ins of this library."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PACKAGES = sorted(p.parent for p in EXAMPLES.glob("*/pyproject.toml"))


@pytest.fixture(params=PACKAGES, ids=lambda p: p.name)
def installed(request, tmp_path):
    """A package with the metadata that an installation would write, and the environment that finds it."""
    project = tomllib.loads((request.param / "pyproject.toml").read_text("utf-8"))["project"]
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", "utf-8"
    )
    points = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in entries.items())
              for group, entries in project["entry-points"].items()]  # fmt: skip
    (info / "entry_points.txt").write_text("\n".join(points), "utf-8")
    path = os.pathsep.join([str(tmp_path), str(request.param / "src"), os.environ.get("PYTHONPATH", "")])
    names = list(project["entry-points"]["guerdon.methods"])
    return request.param, names, {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def run(*arguments, env):
    return subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True, timeout=100)


def test_there_are_examples():
    assert "latex_compiles" in [p.name for p in PACKAGES]


def test_the_method_is_found_by_name_and_passes_the_common_checks(installed):
    _, names, env = installed
    # nothing but the interpreter: the outside programs of an example are for its own tests
    bare = {**env, "PATH": str(Path(sys.executable).parent)}
    for name in names:
        done = run("-c", f"from guerdon.cli import main; import sys; sys.argv = ['guerdon', 'check', {name!r}]; "
                   "raise SystemExit(main())", env=bare)  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{name} (verifier)" in done.stdout


def test_its_own_tests_pass(installed):
    folder, _, env = installed
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(folder / "tests"), env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
