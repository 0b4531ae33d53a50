"""The names of the package, one level down and no further, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

import guerdon
from guerdon.errors import MachineError, UnknownNameError
from guerdon.runtime.machine import EXTRAS


def test_every_public_name_is_there():
    for name in guerdon.__all__:
        assert getattr(guerdon, name) is not None
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = guerdon.no_such_thing


def test_a_function_a_component_and_a_name_are_the_same_method():
    signals = {
        "reward": torch.tensor([1.0, 0.0, 0.5]),
        "group_id": torch.zeros(3, dtype=torch.long),
        "mask": torch.ones(3, 2, dtype=torch.bool),
    }
    assert torch.equal(guerdon.build("rloo")(signals), guerdon.advantages.rloo(**signals))
    with pytest.raises(UnknownNameError):
        guerdon.build("rlooo")


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True,
        env={"PATH": "", "OMP_NUM_THREADS": "1", **environment},
    )  # fmt: skip
    return done.stdout.strip()


def test_importing_the_package_loads_nothing_heavy():
    assert (
        run("import sys, guerdon; print([m for m in ('torch', 'pydantic', 'jaxtyping') if m in sys.modules])") == "[]"
    )


SHAPES = """
import torch, guerdon
try:
    guerdon.advantages.rloo(torch.zeros(3), torch.zeros(2, dtype=torch.long), torch.ones(3, 1, dtype=torch.bool))
except Exception as error:
    print(type(error).__name__)
"""


def test_shapes_are_checked_when_asked_for():
    assert run(SHAPES, GUERDON_CHECK="1") == "TypeCheckError"
    assert run(SHAPES) != "TypeCheckError"


def test_shape_checks_without_their_package_say_so(monkeypatch):
    from guerdon import checked

    monkeypatch.setattr(checked.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MachineError, match="package that is missing"):
        checked.check_shapes()


def test_the_extras_the_doctor_knows_are_those_of_the_package():
    from importlib.metadata import metadata

    declared = set(metadata("guerdon").get_all("Provides-Extra") or [])
    assert set(EXTRAS) == {e for e in declared if e not in ("dev", "docs")}
