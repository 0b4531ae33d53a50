"""A frame computes what is asked for, once, and says when nothing can."""

from __future__ import annotations

import pytest
import torch

from guerdon import build
from guerdon.component import Component
from guerdon.component import build as build_component
from guerdon.errors import MethodError
from guerdon.frame import Frame, cut, key
from guerdon.method import method, registered
from guerdon.registry import resolve
from guerdon.schedule import Schedule

M = torch.tensor([[True, True], [True, False]])
LP = torch.tensor([[-1.0, -2.0], [-0.5, 0.0]])


pytestmark = pytest.mark.usefixtures("forget_methods")


def provider(function, *, writes: str) -> Component:
    method(stage="provider", writes=(writes,))(function)
    return Component(registered()[function.__name__], {})


def test_a_value_is_computed_once_and_only_when_asked():
    calls = []

    def counted_length(mask):
        """Doc."""
        calls.append(1)
        return mask.sum(1)

    frame = Frame({"mask": M}, {"length": provider(counted_length, writes="length")})
    assert "length" not in frame
    assert frame.get("length", optional=True) is None
    assert calls == []
    assert frame.get("length").tolist() == [2, 1]
    assert frame.get("length", optional=True).tolist() == [2, 1]
    assert calls == [1]


def test_equal_settings_are_computed_once_and_others_apart():
    frame = Frame({"logp": LP, "old_logp": LP - 0.5, "mask": M}, {"log_ratio": build("log_ratio")})
    token = frame.get("log_ratio", {"level": "token"})
    assert frame.get("log_ratio", {"level": "token"}) is token
    row = frame.get("log_ratio", {"level": "sequence"})
    assert row is not token
    assert key("x", {"a": [1, {"b": 2}]}) == key("x", {"a": (1, {"b": 2})})


def test_a_given_value_wins_over_its_provider():
    frame = Frame({"mask": M, "length": torch.tensor([9, 9])}, {"length": build("length")})
    assert frame.get("length").tolist() == [9, 9]
    frame.put("length", torch.tensor([3, 3]))
    assert frame.get("length").tolist() == [3, 3]


def test_what_nobody_knows_is_an_error_with_what_is_known():
    with pytest.raises(MethodError, match="'entropy' is not available here") as caught:
        Frame({"mask": M}).get("entropy")
    assert caught.value.allowed == ["mask"]


def test_a_circle_of_providers_is_an_error():
    def ring_length(answer_id):
        """Doc."""

    def ring_answer_id(length):
        """Doc."""

    table = {
        "length": provider(ring_length, writes="length"),
        "answer_id": provider(ring_answer_id, writes="answer_id"),
    }
    with pytest.raises(MethodError, match="'length' is not available"):
        Frame({"mask": M}, table).get("length")


def test_bindings_and_settings_reach_the_inputs():
    frame = Frame({"logp": LP, "old_logp": LP - 0.5, "mask": M, "advantage": LP}, {"log_ratio": build("log_ratio")})
    plain = build("clip")
    bound = build_component(resolve("clip"), {}, bind={"log_ratio": "old_logp"})
    sequence = build("gspo")
    assert torch.equal(frame.gather(plain)["log_ratio"], torch.where(M, torch.tensor(0.5), torch.tensor(0.0)))
    assert torch.equal(frame.gather(bound)["log_ratio"], LP - 0.5)
    assert frame.gather(sequence)["log_ratio"][0, 0].item() == pytest.approx(0.5)


def test_a_setting_bound_to_a_scheduled_hyper_parameter_is_evaluated():
    def scaled_length(mask, *, step: float = 1.0):
        """Doc."""
        return mask.sum(1) * step

    component = provider(scaled_length, writes="length")
    ramp = Schedule.model_validate({"schedule": "linear", "from": 0.0, "to": 1.0})
    frame = Frame({"mask": M}, {"length": component}, step=1, total=2)
    assert frame.get("length", {"step": ramp}).tolist() == [1.0, 0.5]


def test_rows_cuts_what_has_rows_and_nothing_else():
    frame = Frame({"mask": M, "answer": ["a", "b"], "temperature": 1.0, "kl_coef": torch.tensor([1.0, 2.0])})
    frame.put("log_ratio", LP, {"level": "token"})
    cutting = frame.rows(torch.tensor([1]), 2, drop=("kl_coef",))
    assert cutting["mask"].tolist() == [[True, False]]
    assert cutting["answer"] == ["b"]
    assert cutting["temperature"] == 1.0
    assert set(cutting) == {"mask", "answer", "temperature"}
    assert cut(("x", "y", "z"), torch.tensor([0]), 2) == ("x", "y", "z")
