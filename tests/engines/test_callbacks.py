from __future__ import annotations

import pytest

from guerdon.engines.callbacks import Callback, Callbacks

CALLS = {
    "on_start": ({"name": "a"},), "on_warm_start": ({"step": 1},), "on_step": (1, 2, {"x": 1.0}, {"step": 0.1}),
    "on_eval": (1, {"x": 1.0}), "on_message": ("info", "text"), "on_end": ({"steps": 2},),
}  # fmt: skip


class Heard(Callback):
    def __init__(self, seen):
        self.seen = seen


for _name in CALLS:
    setattr(Heard, _name, lambda self, *args, name=_name: self.seen.append((name, *args)))


def test_a_callback_does_nothing_until_it_is_overridden():
    assert [getattr(Callback(), name)(*args) for name, args in CALLS.items()] == [None] * len(CALLS)


def test_every_call_reaches_everyone_in_order():
    first, second = [], []
    together = Callbacks([Heard(first), Heard(second)])
    for name, args in CALLS.items():
        getattr(together, name)(*args)
    assert first == second == [(name, *args) for name, args in CALLS.items()]
    # a new hook must be passed on by Callbacks as well
    assert set(CALLS) == {n for n in vars(Callback) if n.startswith("on_")} == {
        n for n in vars(Callbacks) if n.startswith("on_")
    }  # fmt: skip


def test_an_exception_of_a_callback_is_not_swallowed():
    class Stop(Callback):
        def on_eval(self, step, metrics):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Callbacks([Stop()]).on_eval(0, {})
