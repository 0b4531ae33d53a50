from __future__ import annotations

import pytest
import torch

from guerdon.errors import RecipeError
from guerdon.objectives.entropy import entropy_thermostat

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0], dtype=torch.float64)


def test_published_switches_and_a_hot_start():
    found = [entropy_thermostat(torch.tensor(h)).item() for h in (0.2, 0.6, 0.5)]
    assert found == pytest.approx([1.2, 0.8, 1.2])
    assert entropy_thermostat().item() == pytest.approx(1.2)
    assert entropy_thermostat(initial_entropy=9.0).item() == pytest.approx(0.8)


@pytest.mark.parametrize(("heat", "entropy"), [(1.0, 0.94753696), (1.2, 1.05112524), (0.8, 0.79883944)])
def test_entropy_rises_with_temperature(heat, entropy):
    p = torch.softmax(LOGITS / heat, 0)
    assert -(p * p.log()).sum().item() == pytest.approx(entropy, abs=1e-8)


@pytest.mark.parametrize(("heat", "sign"), [(1.2, 1), (0.8, -1)])
def test_samples_of_a_temperature_push_entropy_its_way(heat, sign):
    """E_{a ~ p_T} grad log p = p_T - p; along it the derivative of the entropy has the sign of T - 1."""
    z = LOGITS.clone().requires_grad_()
    p = torch.softmax(z, 0)
    (slope,) = torch.autograd.grad(-(p * p.log()).sum(), z)
    assert sign * float(slope @ (torch.softmax(LOGITS / heat, 0) - p.detach())) > 0


@pytest.mark.parametrize("params", [{"low": 0.0}, {"low": 1.3, "high": 1.2}])
def test_bad_temperatures_are_refused(params):
    with pytest.raises(RecipeError):
        entropy_thermostat(**params)
