"""The gate: closed below its threshold, the published factors, slope as the derivative of the penalty, resume."""

from __future__ import annotations

import json

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.objectives.policy.kl_gate import KlGate

ENTROPY, MASK = torch.full((1, 2), 1.9), torch.ones(1, 2, dtype=torch.bool)


def opened(entropy: float):
    gate = KlGate(kl_decay=0.0)
    gate.step(5.0, entropy, [0.5])
    return gate.step(5.0, entropy, [0.5, 0.5])


def test_closed_gate_costs_nothing():
    gate = KlGate()
    reading = gate.step(0.4, 4.0, [0.5])
    assert (reading.penalty, reading.slope, reading.active) == (0.0, 0.0, False)
    assert reading.threshold == pytest.approx(0.45)  # .3 * 1.5 while warming up


def test_low_entropy_makes_the_price_higher():
    # floor 2 over H + .1, at least a half
    assert [opened(h).entropy_factor for h in (0.4, 1.9, 3.9, 10.0)] == pytest.approx([4.0, 1.0, 0.5, 0.5])
    assert opened(0.4).penalty / opened(1.9).penalty == pytest.approx(4.0)


def test_slope_is_the_derivative_of_the_penalty():
    at = [KlGate(kl_decay=0.0).step(k, 1.0, [0.5]) for k in (2.0 - 1e-5, 2.0, 2.0 + 1e-5)]
    assert at[1].slope == pytest.approx((at[2].penalty - at[0].penalty) / 2e-5, rel=1e-6)


def test_slope_of_the_asymmetric_price():
    def run(last):
        gate = KlGate(asymmetric_momentum=5.0, phase_window=3)
        return [gate.step(k, 0.0, ()) for k in (0.1, 0.2, last)][-1]

    low, here, high = (run(x) for x in (0.8 - 1e-5, 0.8, 0.8 + 1e-5))
    assert here.slope == pytest.approx((high.penalty - low.penalty) / 2e-5, rel=1e-6)


def test_it_moves_once_per_batch_and_constant_mode_gives_no_coefficient():
    gate, still = KlGate(kl_decay=0.0), KlGate(kl_decay=0.0, mode="constant")
    kl, history = torch.tensor(2.0), torch.tensor([0.5])
    first = gate(ENTROPY, MASK, kl, history)
    assert first.item() == pytest.approx(2 * 0.1 * (2.0 - 0.45))
    assert torch.equal(gate(ENTROPY, MASK, kl, history), first)  # a second optimiser step of the same batch
    assert still(ENTROPY, MASK, kl, history).item() == 0.0
    assert gate(ENTROPY, MASK).item() == first.item()
    assert KlGate()(ENTROPY, MASK).item() == 0.0  # nothing measured yet


def test_resume_continues_exactly():
    gate, other = KlGate(phase_window=3), KlGate(phase_window=3)
    rewards = [0.1, 0.4, 0.2, 0.6, 0.7]
    for i in range(1, 4):
        gate.step(0.3 * i, 1.0, rewards[:i])
    other.load_state_dict(json.loads(json.dumps(gate.state_dict())))
    assert [gate.step(2.0, 0.5, rewards[:i]) for i in (4, 5)] == [other.step(2.0, 0.5, rewards[:i]) for i in (4, 5)]


@pytest.mark.parametrize("params", [{"bounds": (0.6, 0.1)}, {"phase_window": 1}, {"kl_decay": 1.0}])
def test_bad_values_are_refused(params):
    with pytest.raises(RecipeError):
        KlGate(**params)
