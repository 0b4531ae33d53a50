"""The decorator reads the signature, and refuses what breaks the contract with a message that says where."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from guerdon.errors import MethodError
from guerdon.method import Paper, Preset, method, registered

pytestmark = pytest.mark.usefixtures("forget_methods")


def register(function, **card):
    method(stage=card.pop("stage", "reward"), **card)(function)
    return registered()[card.get("name") or function.__name__].card


def test_the_card_is_the_signature():
    def my_reward(length, completion=None, *, scale: float = 0.5, limit: int):
        """Pays for length.

        More.
        """

    card = register(
        my_reward, paper=Paper("arXiv:2402.03300", "A title"), presets=(Preset("my_other", {"scale": 2.0}),),
        sources={"scale": "ours"}, tags=("length",), settings={},
    )  # fmt: skip
    assert card.name == "my_reward"
    assert card.summary == "Pays for length."
    assert [(i.name, i.optional) for i in card.inputs] == [("length", False), ("completion", True)]
    assert [(p.name, p.default, p.required, p.source) for p in card.params] == [
        ("scale", 0.5, False, "ours"), ("limit", None, True, "paper"),
    ]  # fmt: skip
    assert card.papers[0].url == "https://arxiv.org/abs/2402.03300"
    assert json.loads(json.dumps(card.data()))["presets"][0]["params"] == {"scale": 2.0}


def test_a_class_takes_hyper_parameters_when_built_and_signals_when_called():
    @method(stage="objective", role="coefficient", writes=("kl_coef",))
    @dataclasses.dataclass(kw_only=True)
    class MyController:
        """Steers."""

        target: float = 0.1
        seen: list = dataclasses.field(default_factory=list)

        def __call__(self, last):
            return self.target

    found = registered()["my_controller"]
    assert found.stateful
    assert [i.name for i in found.card.inputs] == ["last"]
    assert [(p.name, p.default) for p in found.card.params] == [("target", 0.1), ("seen", [])]


def _unknown_signal(lenght):
    """Doc."""


def _variadic(*args):
    """Doc."""


def _keywords(length, **options):
    """Doc."""


def _plain(length, *, scale: float = 1.0):
    """Doc."""


@pytest.mark.parametrize(
    ("function", "card", "message"),
    [
        (_unknown_signal, {}, "'lenght' is not a signal"),
        (_variadic, {}, "not allowed"),
        (_keywords, {}, "not allowed"),
        (_plain, {"stage": "rewad"}, "unknown stage"),
        (_plain, {"role": "los"}, "unknown role"),
        (_plain, {"scope": "world"}, "unknown scope"),
        (_plain, {"writes": ("nothing_known",)}, "not a signal"),
        (_plain, {"sources": {"scael": "ours"}}, "does not exist"),
        (_plain, {"sources": {"scale": "guess"}}, "unknown source"),
        (_plain, {"settings": {"reward": {}}}, "does not take"),
        (_plain, {"settings": {"length": {"layer": 3}}}, "no such setting"),
    ],
)
def test_what_breaks_the_contract_is_refused_where_it_stands(function, card, message):
    with pytest.raises(MethodError, match=message) as caught:
        register(function, **card)
    assert function.__name__ in caught.value.where
    assert function.__name__ not in registered()


def test_the_nearest_signal_is_named():
    with pytest.raises(MethodError) as caught:
        register(_unknown_signal)
    assert "length" in caught.value.allowed


def test_outside_the_folders_the_stage_must_be_named():
    with pytest.raises(MethodError, match="must name its stage"):
        method()(_plain)


def test_a_name_belongs_to_one_method():
    register(_plain, name="my_name")
    register(_plain, name="my_name")  # the same module again, as after a reload

    def other(length):
        """Doc."""

    with pytest.raises(MethodError, match="two methods are named 'my_name'"):
        register(other, name="my_name")


def test_the_decorator_is_the_same_before_and_after_its_module_was_imported():
    code = (
        "import guerdon; first = guerdon.method(stage='reward', name='a')(lambda completion: 0);"
        "import guerdon.method; second = guerdon.method(stage='reward', name='b')(lambda completion: 0);"
        "from guerdon.method import registered; assert {'a', 'b'} <= set(registered())"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
