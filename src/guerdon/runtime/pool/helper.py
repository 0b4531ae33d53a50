"""The caller's side of the helper process: start it, order workers, hear what became of them."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from guerdon.runtime.pool.wire import READ, Frames, pack

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from guerdon.runtime.pool.zygote import main; main(*map(int, sys.argv[2:]))"
)
_PATIENCE = 2.0
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Helper:
    """A running helper process.

    Args:
        path: where it finds modules.
        cap: the largest call and reply of a worker, in bytes.

    Raises:
        OSError: the system starts no further process.
    """

    def __init__(self, path: list[str], cap: int):
        self.control, theirs = socket.socketpair()
        try:
            with theirs:
                self.process = subprocess.Popen(
                    [sys.executable, "-s", "-P", "-c", _BOOT, json.dumps(path), str(theirs.fileno()),
                     str(os.getpid()), str(cap)],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
                    cwd="/", env=_environment(), start_new_session=True,
                )  # fmt: skip
        except BaseException:
            self.control.close()
            raise
        self._frames = Frames(1 << 20)

    def order(self, *fds: int, **order: str | int) -> bool:
        """Send one order, with descriptors to hand over; False when the helper is gone."""
        try:
            socket.send_fds(self.control, [pack(0, order)], list(fds))
        except OSError:
            return False
        return True

    def news(self) -> Iterator[dict[str, Any]]:
        """What it has said since; the one message ``{"gone": True}`` when it has died."""
        try:
            data = self.control.recv(READ)
        except OSError:
            data = b""
        if not data:
            yield {"gone": True}
        for _, body in self._frames.feed(data):
            yield json.loads(body)

    def close(self) -> None:
        """End it, and by that all of its workers with what they have started."""
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)  # reaches it even where a forked process holds the line too
        self.control.close()
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:  # busy with an import
            self.process.kill()
            self.process.wait()


def search_path() -> list[str]:
    """Where this process finds modules, as absolute paths: the helper runs in the root folder."""
    return [os.path.abspath(p) for p in sys.path]


def _environment() -> dict[str, str]:
    # nothing of a user's interpreter settings reaches the workers; one hash seed for all of them, so that a program
    # that walks over a set gives the same result in every worker and every run
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    # every heap of a thread takes 64 MB of address space, which the memory limit counts: one heap for all
    return {**kept, **dict.fromkeys(_THREADS, "1"), "PYTHONHASHSEED": "0", "MALLOC_ARENA_MAX": "1"}
