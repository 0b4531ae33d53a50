"""Controllers: published steps, limits, merged moments against all values at once, phases."""

from __future__ import annotations

import pytest
import torch

from guerdon.ops.control import Moments, Pid, bang_bang, ema, phase_of


def test_the_integral_is_held():
    pid = Pid(kp=0.0, ki=1.0, kd=0.0)
    assert [pid.step(e) for e in (0.7, 0.7, 0.7, -3.0)] == pytest.approx([0.7, 1.0, 1.0, -1.0])


def test_the_differential_sees_the_change_of_the_error():
    pid = Pid(kp=0.0, ki=0.0, kd=2.0)
    assert [pid.step(e) for e in (1.0, 1.0, 0.5)] == [2.0, 0.0, -1.0]


def test_a_switch_is_below_at_equality():
    assert [bang_bang(x, 1.0, below=-1.0, above=1.0) for x in (0.9, 1.0, 1.1)] == [-1.0, -1.0, 1.0]


def test_a_mean_starts_at_its_first_value():
    assert ema(None, 5.0, 0.9) == 5.0
    assert ema(1.0, 2.0, 0.75) == 1.25


def test_merged_moments_are_those_of_all_values():
    values = torch.randn(60, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    merged = Moments(0.0, 0.0, 0.0)
    for part in values.split([7, 1, 30, 22]):
        merged.add(part, ddof=0)
    assert merged.mean == pytest.approx(values.mean().item())
    assert merged.var == pytest.approx(values.var(correction=0).item())
    assert (merged.low, merged.high) == (values.min().item(), values.max().item())
    assert Moments.of(merged.state()) == merged


def test_phases_in_their_order():
    assert phase_of([0.9] * 49, 50) == "warmup"
    assert phase_of([0.1] * 50, 50) == "plateau"
    assert phase_of([0.1] * 50 + [0.5] * 50, 50) == "climbing"
    assert phase_of([0.75] * 60, 50) == "converged"  # nothing to compare with yet, high and flat
    assert phase_of([0.7, 0.8] * 50, 50) == "plateau"  # std .05
