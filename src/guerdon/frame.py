"""Signals of one batch by name: given values, and values that providers compute once on demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from guerdon.component import Component
from guerdon.errors import MethodError
from guerdon.signals import signal

Key = tuple[str, tuple[tuple[str, Any], ...]]


def key(name: str, settings: Mapping[str, Any] | None = None) -> Key:
    """How a signal with settings is remembered; equal settings are computed once."""
    return name, tuple(sorted((k, _frozen(v)) for k, v in (settings or {}).items()))


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((k, _frozen(v)) for k, v in value.items()))
    return tuple(_frozen(v) for v in value) if isinstance(value, (list, tuple)) else value


class Frame:
    """The signals of one batch.

    Args:
        values: signals that are known, by name; row-aligned signals share the batch axis.
        providers: component that computes a signal, by the signal's name.
        step, total: the optimiser step, for schedules.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        providers: Mapping[str, Component] | None = None,
        *,
        step: int = 0,
        total: int = 1,
    ):
        self._values: dict[Key, Any] = {key(k): v for k, v in values.items()}
        self._providers = providers or {}
        self._open: list[str] = []
        self.step, self.total = step, total

    def __contains__(self, name: str) -> bool:
        return key(name) in self._values

    def names(self) -> list[str]:
        """Names of the values known so far."""
        return [k[0] for k in self._values]

    def put(self, name: str, value: Any, settings: Mapping[str, Any] | None = None) -> None:
        """Set a signal; what was there is replaced."""
        self._values[key(name, settings)] = value

    def get(self, name: str, settings: Mapping[str, Any] | None = None, *, optional: bool = False) -> Any:
        """The value of a signal, computed by its provider when it is not known yet.

        An optional signal is never computed for that alone: None when it is not known.

        Raises:
            MethodError: nothing knows or computes it at this moment.
        """
        wanted = key(name, settings)
        for candidate in (wanted, key(name)):
            if candidate in self._values and (candidate == wanted or name not in self._providers):
                return self._values[candidate]
        if optional:
            return None
        provider = self._providers.get(name)
        if provider is None or name in self._open:
            raise MethodError(
                f"the signal {name!r} is not available here", seen=f"known at {signal(name).moment}",
                allowed=sorted(set(self.names())), fix="choose a method that reads what this stage knows",
            )  # fmt: skip
        self._open.append(name)
        try:
            written = self._provide(provider, settings or {})
        finally:
            self._open.pop()
        for written_name, value in written.items():
            self._values[key(written_name, settings)] = value
        return self._values[wanted]

    def _provide(self, provider: Component, settings: Mapping[str, Any]) -> dict[str, Any]:
        chosen = provider
        known = {p.name for p in provider.card.params}
        if settings:
            chosen = Component(
                provider.method, {**provider.params, **{k: v for k, v in settings.items() if k in known}}, provider.bind
            )
        result = chosen(self.gather(chosen), step=self.step, total=self.total)
        writes = provider.card.writes
        return dict(zip(writes, result if len(writes) > 1 else (result,), strict=True))

    def started(self, component: Component) -> bool:
        """Whether an entry of the recipe acts already; one that has not started is as if it were not there."""
        start = component.start
        if start is None:
            return True
        past = self.get("history", {"metric": start.series}, optional=True) if start.phase else None
        return start.reached(self.step, [] if past is None else past.tolist())

    def gather(self, component: Component) -> dict[str, Any]:
        """The inputs of a component by parameter name, with its settings and bindings applied."""
        found = {}
        for item in component.card.inputs:
            name = component.source(item.name)
            optional = item.optional and item.name not in component.bind  # what a recipe binds, it asks for
            found[item.name] = self.get(name, component.settings(item.name), optional=optional)
        return found

    def rows(self, index: Tensor, size: int, drop: Iterable[str] = ()) -> dict[str, Any]:
        """Plain values with row-aligned ones cut to ``index``; ``size`` is the number of rows of this frame."""
        skip = set(drop)
        out = {}
        for (name, settings), value in self._values.items():
            if settings or name in skip:
                continue
            out[name] = cut(value, index, size) if _per_row(name) else value
        return out

    def set_apart(self, index: Tensor, size: int) -> list[tuple[str, dict[str, Any], Any]]:
        """What :meth:`rows` leaves out: row-aligned signals with settings, cut to ``index``."""
        return [
            (name, dict(settings), cut(value, index, size))
            for (name, settings), value in self._values.items()
            if settings and _per_row(name)
        ]


def _per_row(name: str) -> bool:
    # "advantage/clip" is the advantage that one objective has for itself
    return any(axes and axes[0] == "batch" for axes in signal(name.partition("/")[0]).axes)


def cut(value: Any, index: Tensor, size: int) -> Any:
    """Rows of a tensor or list with ``size`` rows; anything else unchanged."""
    if isinstance(value, Tensor):
        return value.index_select(0, index.to(value.device)) if value.ndim and value.shape[0] == size else value
    if isinstance(value, (list, tuple)) and len(value) == size:
        return [value[i] for i in index.tolist()]
    return value
