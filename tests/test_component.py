"""Hyper-parameters are validated from the signature; schedules, settings and bindings reach the method."""

from __future__ import annotations

import pickle

import pytest
import torch

from guerdon import build
from guerdon.component import build as build_component
from guerdon.component import schema
from guerdon.errors import MethodError, RecipeError, UnknownNameError
from guerdon.registry import get, load_all, resolve
from guerdon.schedule import Schedule

RAMP = {"schedule": "linear", "from": 0.0, "to": 1.0}


def test_a_schedule_moves_a_hyper_parameter():
    clip = build("clip", low=0.2, high=RAMP, dual=None)
    assert clip.at(step=3, total=10) == {**clip.params, "high": pytest.approx(0.3)}
    signals = {"log_ratio": torch.tensor([[2.0]]).log(), "advantage": torch.ones(1, 1)}
    # ratio 2 and advantage 1: the loss is -(1 + high)
    assert [clip(signals, step=k, total=10)[0].item() for k in (0, 5, 10)] == pytest.approx([-1.0, -1.5, -2.0])


def test_a_schedule_inside_a_tuple_or_a_mapping():
    total = build("weighted_sum", weights=[1.0, RAMP])
    assert isinstance(total.params["weights"][1], Schedule)
    aspects = {"aspects": torch.tensor([[1.0, 4.0]])}
    assert [total(aspects, step=k, total=2).item() for k in (0, 1, 2)] == [1.0, 3.0, 5.0]
    named = build("weighted_sum", weights={"a": 1.0, "b": RAMP}, names=["a", "b"])
    assert named(aspects, step=1, total=2).item() == 3.0


def test_a_schedule_moves_a_stateful_method():
    control = build("adaptive_coefficient", target={"schedule": "linear", "from": 1.0, "to": 2.0})
    start = control.instance.target
    control({"last": torch.tensor(0.0)}, step=5, total=10)
    assert (start, control.instance.target) == (1.0, 1.5)


@pytest.mark.parametrize(
    ("name", "params", "error", "message"),
    [
        ("clip", {"lo": 1.0}, UnknownNameError, "did you mean 'low'"),
        ("clip", {"low": "wide"}, RecipeError, "clip.low: Input should be a valid number"),
        ("clip", {"low": {"schedule": "linear"}}, RecipeError, "needs a value for 'low.to'"),
        ("clip", {"low": {"schedule": "sudden", "to": 1}}, RecipeError, "clip.low.schedule"),
        ("grpo", {"scale": "grup"}, RecipeError, "'group', 'batch' or 'none'"),
        ("grpo", {"ddof": 0.5}, RecipeError, "grpo.ddof"),
        ("weighted_sum", {"weights": [1.0, "x"]}, RecipeError, "weighted_sum.weights.1"),
        ("no_such_method", {}, UnknownNameError, "unknown method"),
    ],
)
def test_wrong_values_name_their_place(name, params, error, message):
    with pytest.raises(error) as caught:
        build(name, **params)
    assert message in str(caught.value)


def test_a_preset_fixes_values_and_bindings_that_an_entry_may_still_change():
    gspo = build_component(resolve("gspo"), {"high": 0.5})
    assert (gspo.params["low"], gspo.params["high"], gspo.label) == (3e-4, 0.5, "gspo")
    assert gspo.settings("log_ratio") == {"level": "sequence"}
    again = build_component(resolve("gspo"), {}, bind={"log_ratio": {"level": "token"}})
    assert again.settings("log_ratio") == {"level": "token"}


@pytest.mark.parametrize(
    ("bind", "message"),
    [
        ({"ratio": "logp"}, "unknown input of clip 'ratio'"),
        ({"log_ratio": "log_prob_ratio"}, "unknown signal 'log_prob_ratio'"),
        ({"log_ratio": {"levle": "token"}}, "did you mean 'level'"),
    ],
)
def test_bindings_are_checked(bind, message):
    with pytest.raises(UnknownNameError) as caught:
        build_component(resolve("clip"), {}, bind=bind, where="objective.0")
    assert message in str(caught.value)
    assert "objective.0.bind" in str(caught.value)


def test_missing_signals_are_named():
    with pytest.raises(MethodError, match=r"missing \['group_id', 'mask'\]"):
        build("rloo")({"reward": torch.zeros(2)})


def test_what_differs_from_the_defaults_is_shown():
    assert repr(build("clip", high=0.28)) == "clip(high=0.28)"


def test_every_schema_accepts_its_own_defaults():
    for name, found in load_all().items():
        fixed = {p.name: p.default for p in found.card.params if not p.required}
        if not any(p.required for p in found.card.params):
            assert schema(found).model_validate(fixed), name


def test_components_travel_to_other_processes():
    clip = build("clip", high=RAMP)
    assert pickle.loads(pickle.dumps(clip)).at(step=1, total=2) == clip.at(step=1, total=2)
    assert get("clip").card.name == "clip"
