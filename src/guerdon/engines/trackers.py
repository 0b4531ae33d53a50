"""Trackers as sinks: TensorBoard, Trackio and Weights & Biases get what the run writes to its own logs.

The run folder stays the truth. A package that is missing stops the run before it starts; whatever goes wrong with a
tracker later is reported once, that tracker is dropped, and the run goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from guerdon.engines.callbacks import Callback
from guerdon.errors import MachineError, UnknownNameError

Report = Callable[[str], None]


class Sink:
    """Where numbers go: opened once, written step by step, closed at the end."""

    def open(self, folder: Path, config: Mapping[str, Any], info: Mapping[str, Any]) -> None:
        """Start or, when ``info["resumed_at"]`` is a step, continue."""

    def write(self, numbers: Mapping[str, float], step: int) -> None:
        """Finite numbers of one step."""

    def close(self) -> None:
        """Write what is left and let go."""


class TensorBoard(Sink):
    """Event files under ``RUN/tensorboard``; numbers beyond the step a run resumes at are hidden."""

    def __init__(self):
        self._module = _module("tensorboard", "torch.utils.tensorboard")
        self._writer: Any = None

    def open(self, folder: Path, config: Mapping[str, Any], info: Mapping[str, Any]) -> None:
        """Start a file in the run folder."""
        at = info.get("resumed_at")
        purge = None if at is None else int(at) + 1
        self._writer = self._module.SummaryWriter(str(folder / "tensorboard"), purge_step=purge)

    def write(self, numbers: Mapping[str, float], step: int) -> None:
        """One scalar per number."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush and close."""
        if self._writer is not None:
            self._writer.close()


class Trackio(Sink):
    """A local Trackio project named after the recipe."""

    def __init__(self):
        self._module = _module("trackio", "trackio")
        self._run: Any = None

    def open(self, folder: Path, config: Mapping[str, Any], info: Mapping[str, Any]) -> None:
        """Start the run, or continue the one of this folder."""
        resume = "never" if info.get("resumed_at") is None else "allow"
        with _quiet():
            self._run = self._module.init(
                project=project(info), name=run_name(folder), config=dict(config), resume=resume
            )

    def write(self, numbers: Mapping[str, float], step: int) -> None:
        """All numbers at once."""
        self._run.log(dict(numbers), step=step)

    def close(self) -> None:
        """Write what is left."""
        if self._run is not None:
            with _quiet():
                self._module.finish()  # the run's own finish would be called, and print, again at exit


class WandB(Sink):
    """A Weights & Biases run; a resumed run continues the same one."""

    def __init__(self):
        self._module = _module("wandb", "wandb")
        self._run: Any = None

    def open(self, folder: Path, config: Mapping[str, Any], info: Mapping[str, Any]) -> None:
        """Start the run, or continue the one of this folder."""
        with _quiet():
            self._run = self._module.init(
                project=project(info), name=folder.name, id=run_name(folder), dir=str(folder), config=dict(config),
                resume="allow",
            )  # fmt: skip

    def write(self, numbers: Mapping[str, float], step: int) -> None:
        """All numbers at once."""
        self._run.log(dict(numbers), step=step)

    def close(self) -> None:
        """Upload what is left."""
        if self._run is not None:
            with _quiet():
                self._run.finish()


SINKS: dict[str, type[Sink]] = {"tensorboard": TensorBoard, "trackio": Trackio, "wandb": WandB}


class Tracker(Callback):
    """Passes a run's numbers on to a sink, and never stops the run.

    Args:
        name: of the sink, for messages.
        sink: where the numbers go.
        folder: of the run.
        config: the recipe as plain data.
        report: called once, with a message, when the sink fails; nothing is written to it afterwards.

    Example:
        >>> class Full(Sink):
        ...     def write(self, numbers, step):
        ...         raise OSError("no space left")
        >>> seen = []
        >>> tracker = Tracker("full", Full(), Path("run"), {}, seen.append)
        >>> for step in (1, 2, 3):
        ...     tracker.on_step(step, 3, {"accuracy": 0.5}, {})
        >>> seen
        ['the tracker full failed and is dropped: OSError: no space left']
    """

    def __init__(self, name: str, sink: Sink, folder: Path, config: Mapping[str, Any], report: Report):
        self.name, self.failed = name, False
        self._sink, self._folder, self._config, self._report = sink, folder, config, report

    def on_start(self, info: Mapping[str, Any]) -> None:
        """Open the sink."""
        self._try(lambda: self._sink.open(self._folder, self._config, info))

    def on_warm_start(self, info: Mapping[str, Any]) -> None:
        """Checks of the supervised start, under ``warm_start/``; their steps come before step 0 of the training."""
        kept = {f"warm_start/{k}": v for k, v in info.items() if k != "step"}
        # steps of a tracker only rise: the supervised start is told by its own step number as a value
        self._write({**kept, "warm_start/step": info["step"]}, 0)

    def on_step(self, step: int, total: int, metrics: Mapping[str, float], time: Mapping[str, float]) -> None:
        """Metrics, and times under ``time/``."""
        self._write({**metrics, **{f"time/{k}": v for k, v in time.items()}}, step)

    def on_eval(self, step: int, metrics: Mapping[str, float]) -> None:
        """Metrics of an evaluation; their names start with ``eval/``."""
        self._write(metrics, step)

    def close(self) -> None:
        """Close the sink, however the run ended."""
        self._try(self._sink.close)

    def _write(self, numbers: Mapping[str, Any], step: int) -> None:
        kept = {
            k: float(v) for k, v in numbers.items()
            if isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v)
        }  # fmt: skip
        if kept:
            self._try(lambda: self._sink.write(kept, step))

    def _try(self, act: Callable[[], None]) -> None:
        if self.failed:
            return
        try:
            act()
        except Exception as error:
            self.failed = True
            self._report(f"the tracker {self.name} failed and is dropped: {type(error).__name__}: {error}")


def build(names: Sequence[str], folder: Path, config: Mapping[str, Any], report: Report) -> list[Tracker]:
    """The trackers of a recipe.

    Args:
        names: any of ``tensorboard``, ``trackio``, ``wandb``; a name twice counts once.
        folder: of the run.
        config: the recipe as plain data.
        report: told once about each tracker that fails later.

    Raises:
        UnknownNameError: no such tracker.
        MachineError: its package is not installed.
    """
    chosen = dict.fromkeys(names)
    for name in chosen:
        if name not in SINKS:
            raise UnknownNameError("tracker", name, SINKS, where="track")
    return [Tracker(name, SINKS[name](), folder, config, report) for name in chosen]


def project(info: Mapping[str, Any]) -> str:
    """Project of a run: the name of its recipe.

    Example:
        >>> project({"name": ""})
        'guerdon'
    """
    return str(info.get("name") or "guerdon")


def run_name(folder: Path) -> str:
    """Name of a run that no run in another folder has, and that is the same when the run is resumed.

    Example:
        >>> run_name(Path("runs/a")) == run_name(Path("runs/../runs/a")) != run_name(Path("other/a"))
        True
    """
    place = str(folder.resolve()).encode("utf-8", "surrogateescape")
    return f"{folder.resolve().name}-{hashlib.blake2b(place, digest_size=3).hexdigest()}"


def _module(package: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MachineError(
            f"tracking with {package} needs the package {package}", where="track", seen=str(error),
            fix=f"pip install {package}, or take it out of track",
        ) from error  # fmt: skip


def _quiet() -> contextlib.AbstractContextManager:
    # standard output belongs to the command line, which may print one JSON object there
    return contextlib.redirect_stdout(sys.stderr)
