"""Properties of behaviour between calls: inputs left alone, randomness, pickling, state."""

from __future__ import annotations

import inspect
import pickle
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from guerdon.component import Component
from guerdon.conformance.case import Case, NotApplicable, PropertyError, duplicate, same
from guerdon.conformance.outputs import mismatch
from guerdon.conformance.subject import Subject
from guerdon.conformance.values import Sizes, World
from guerdon.signals import SIGNALS


def inputs_kept(s: Subject, case: Case) -> None:
    """No input is changed, not even for a moment."""
    given = case.inputs()
    before = {n: duplicate(v) for n, v in given.items()}
    versions = {n: v._version for n, v in given.items() if isinstance(v, Tensor)}
    s.build()(given)
    for name, value in given.items():
        if name == "rng":
            continue
        if not same(value, before[name]):
            raise PropertyError(f"the input {name} was changed")
        if isinstance(value, Tensor) and value._version != versions[name]:
            raise PropertyError(f"the input {name} was written to in place")


def deterministic(s: Subject, case: Case) -> None:
    """Same inputs and generator, same result; global random state is neither read nor moved."""
    with _global_random(1) as moved:
        first = s.call(case)
        if moved():
            raise PropertyError("draws from a global random generator", fix="ask for rng and pass it on")
    with _global_random(2):
        second = s.call(case)
    for a, b in zip(first, second, strict=True):
        difference = mismatch(a.value, b.value, rtol=0.0, atol=0.0)
        if difference:
            raise PropertyError(f"two equal calls differ: {a.path} {difference}")


@contextmanager
def _global_random(seed: int) -> Iterator[Any]:
    """Seed the global generators and put them back; yields whether they were moved since."""
    kept = torch.get_rng_state(), random.getstate(), np.random.get_state()
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    start = torch.get_rng_state(), random.getstate(), repr(np.random.get_state())

    def moved() -> bool:
        same_torch = torch.equal(torch.get_rng_state(), start[0])
        return not (same_torch and random.getstate() == start[1] and repr(np.random.get_state()) == start[2])

    try:
        yield moved
    finally:
        torch.set_rng_state(kept[0])
        random.setstate(kept[1])
        np.random.set_state(kept[2])


def picklable(s: Subject, case: Case | None = None) -> None:
    """The method travels to other processes."""
    try:
        back = pickle.loads(pickle.dumps(s.method.target))
    except Exception as error:
        raise PropertyError(f"cannot be pickled: {type(error).__name__}: {error}") from error
    if back is not s.method.target:
        raise PropertyError("pickling gives another object", seen=repr(back))


@runtime_checkable
class Observer(Protocol):
    """A stateful method that is told about every optimiser step."""

    def observe(self, *args: Any, **kwargs: Any) -> Any:
        """Take in what happened."""


def state(s: Subject, case: Case) -> None:
    """What ``state_dict`` returns is data, and loading it gives the same next results."""
    if not s.method.stateful:
        raise NotApplicable("keeps no state")
    sizes = Sizes(batch=case.length("batch") or 1, time=case.length("time") or 1, step=case.length("step") or 1)
    later = [s.draw(sizes, case.seed + k) for k in (1, 2)]
    old = s.build()
    for use in (case, later[0]):
        old(use.inputs())
        _observe(old, use, sizes)
    saved = old.state_dict()
    _plain(saved, "state_dict()")
    saved = duplicate(dict(saved))
    new = s.build()
    new.load_state_dict(duplicate(saved))
    if not same(new.state_dict(), saved):
        raise PropertyError("a loaded state is not the saved one", seen=repr(new.state_dict()), allowed=repr(saved))
    for a, b in zip(s.call(later[1], old), s.call(later[1], new), strict=True):
        difference = mismatch(a.value, b.value, rtol=0.0, atol=0.0)
        if difference:
            raise PropertyError(f"after loading the state the next result differs: {a.path} {difference}")
    _observe(old, later[1], sizes)
    _observe(new, later[1], sizes)
    if not same(old.state_dict(), new.state_dict()):
        raise PropertyError("the states part after one more step", seen=repr(new.state_dict()))


def _observe(component: Component, case: Case, sizes: Sizes) -> None:
    """Feed ``observe`` the signals it names; a parameter that is no signal is left to the method's own tests."""
    if not isinstance(component.instance, Observer):
        return
    wanted = list(inspect.signature(component.instance.observe).parameters.values())
    if not all(p.name in SIGNALS or p.default is not p.empty for p in wanted):
        return
    world = World(sizes, torch.Generator().manual_seed(case.seed))
    given = {}
    for parameter in wanted:
        if parameter.name in case.signals:
            given[parameter.name] = case.signals[parameter.name]
        elif parameter.name in SIGNALS:
            given[parameter.name] = world.value(parameter.name, annotation=str(parameter.annotation))
    component.instance.observe(**given)


def _plain(value: Any, where: str) -> None:
    if isinstance(value, Tensor) or value is None or isinstance(value, (bool, int, float, str)):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise PropertyError("state must be plain data or tensors, with text keys", where=where, seen=repr(key))
            _plain(item, f"{where}[{key!r}]")
        return
    if isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            _plain(item, f"{where}[{i}]")
        return
    raise PropertyError("state must be plain data or tensors", where=where, seen=type(value).__name__)
