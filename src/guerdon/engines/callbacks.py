"""What a run tells the outside while it goes: live views, trackers and users implement this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Callback:
    """Every method does nothing until it is overridden. Exceptions stop the run."""

    def on_start(self, info: Mapping[str, Any]) -> None:
        """The run is set up: name, folder, sizes, device, steps."""

    def on_warm_start(self, info: Mapping[str, Any]) -> None:
        """One check of the supervised start: step, accuracy, loss, target."""

    def on_step(self, step: int, total: int, metrics: Mapping[str, float], time: Mapping[str, float]) -> None:
        """One optimiser step is done."""

    def on_eval(self, step: int, metrics: Mapping[str, float]) -> None:
        """One held-out evaluation is done."""

    def on_message(self, level: str, text: str) -> None:
        """Something a person should know; level is info, warning or error."""

    def on_end(self, summary: Mapping[str, Any]) -> None:
        """The run is over."""


class Callbacks(Callback):
    """Several callbacks as one."""

    def __init__(self, items: Sequence[Callback]):
        self.items = list(items)

    def on_start(self, info: Mapping[str, Any]) -> None:
        """Pass on."""
        for item in self.items:
            item.on_start(info)

    def on_warm_start(self, info: Mapping[str, Any]) -> None:
        """Pass on."""
        for item in self.items:
            item.on_warm_start(info)

    def on_step(self, step: int, total: int, metrics: Mapping[str, float], time: Mapping[str, float]) -> None:
        """Pass on."""
        for item in self.items:
            item.on_step(step, total, metrics, time)

    def on_eval(self, step: int, metrics: Mapping[str, float]) -> None:
        """Pass on."""
        for item in self.items:
            item.on_eval(step, metrics)

    def on_message(self, level: str, text: str) -> None:
        """Pass on."""
        for item in self.items:
            item.on_message(level, text)

    def on_end(self, summary: Mapping[str, Any]) -> None:
        """Pass on."""
        for item in self.items:
            item.on_end(summary)
