"""The vocabulary is consistent, loads nothing heavy, and names the nearest word for an unknown one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from guerdon.errors import UnknownNameError
from guerdon.signals import _ROWS, AXES, MOMENTS, PREFIXES, SIGNALS, mask_of, signal


def test_names_are_unique_also_after_prefixes():
    forms = [f"{p}_{row.name}" for row in _ROWS for p in row.forms]
    names = [row.name for row in _ROWS] + forms
    assert sorted(names) == sorted(set(names)) == sorted(SIGNALS)
    assert {p for row in _ROWS for p in row.forms} <= PREFIXES.keys()


@pytest.mark.parametrize("name", sorted(SIGNALS))
def test_axes_moment_and_meaning(name):
    s = signal(name)
    assert s.moment in MOMENTS
    assert s.meaning
    assert s.dtype in ("float", "int", "bool", "str", "record", "enum", "generator")
    for axes in s.axes:
        assert set(axes) <= set(AXES)
    if s.base != name and name.startswith(("old_", "ref_", "target_", "teacher_")):
        assert not s.grad


def test_prefixed_forms_keep_axes_and_are_known_earlier():
    assert signal("old_entropy").axes == signal("entropy").axes
    assert (signal("entropy").moment, signal("old_entropy").moment) == ("update", "rollout")
    assert signal("old_logp").base == "logp"


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UnknownNameError) as caught:
        signal("advantge")
    assert caught.value.nearest[0] == "advantage"
    assert "did you mean 'advantage'" in str(caught.value)


@pytest.mark.parametrize(
    ("axes", "mask"),
    [(("batch", "time"), "mask"), (("batch", "step"), "step_mask"), (("pair",), "pair_mask"), ((), None)],
)
def test_masks_belong_to_axes(axes, mask):
    assert mask_of(axes) == mask
    assert mask is None or mask in SIGNALS


@pytest.mark.parametrize(
    "module", ["errors", "signals", "schedule", "method", "registry", "component", "recipe", "cli"]
)
def test_light_modules_load_no_heavy_package(module):
    code = (
        f"import sys, guerdon.{module}; "
        "print(*[m for m in ('torch', 'transformers', 'numpy', 'jaxtyping', 'altair') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []
