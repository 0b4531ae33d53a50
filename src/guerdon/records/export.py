"""Rollouts as a parquet file, for tools that read columns."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guerdon.errors import DataError, MachineError
from guerdon.records.model import Rollout
from guerdon.records.run import ROLLOUTS, RunFolder
from guerdon.runtime.files import DISK, disk_errors, temp_name

if TYPE_CHECKING:
    import pyarrow

_BATCH = 1024
_PLAIN = ("id", "task_id", "prompt", "completion", "kind", "domain", "source")
_WHOLE = ("step", "group", "sample", "length")
_NUMBER = ("reward", "advantage")
_FLAG = ("truncated", "is_correct")
_JSON = ("gold", "answer", "turns", "steps", "detail")


def to_parquet(source: RunFolder | Iterable[Rollout], out: str | Path | None = None) -> Path:
    """Write rollouts to one parquet file, which appears whole or not at all.

    Text, numbers and flags become columns of their type; ``tokens`` a list; ``aspects``, ``status`` and ``reason`` maps
    by component; ``gold``, ``answer``, ``turns``, ``steps`` and ``detail`` JSON text, because their shape differs from
    task to task. A number that is not finite becomes null.

    Args:
        source: a run, or rollouts.
        out: the file; for a run the default is ``rollouts.parquet`` in its folder.

    Returns:
        The file.

    Raises:
        DataError: no file name and no run.
        MachineError: pyarrow is not installed, or the disk is full; an older file is intact.

    Example:
        >>> import tempfile, pyarrow.parquet
        >>> rows = [Rollout(id="0:a:0", step=0, task_id="a", prompt="1+1=", completion="2", reward=1.0)]
        >>> file = to_parquet(rows, Path(tempfile.mkdtemp()) / "r.parquet")
        >>> pyarrow.parquet.read_table(file)["reward"].to_pylist()
        [1.0]
    """
    try:
        import pyarrow.parquet
    except ImportError:
        raise MachineError("writing parquet needs pyarrow", fix="pip install 'guerdon[data]'") from None
    if isinstance(source, RunFolder):
        path = Path(out) if out is not None else source.file(ROLLOUTS).with_suffix(".parquet")
        rows = source.rollouts()
    elif out is None:
        raise DataError(
            "rollouts that come from no run need a file name", fix="to_parquet(rollouts, 'rollouts.parquet')"
        )
    else:
        path, rows = Path(out), iter(source)
    temp, schema = temp_name(path), _schema()
    intact = f"the old {path.name}" if path.exists() else "the run"
    with disk_errors(path, needed=0, intact=intact):
        try:
            with temp.open("xb") as file:
                with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
                    for batch in _batches(rows):
                        writer.write_table(pyarrow.Table.from_pylist(batch, schema=schema))
                file.flush()
                DISK.sync(file.fileno())
            DISK.replace(temp, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temp.unlink(missing_ok=True)
            raise
        DISK.sync_folder(path.parent)
    return path


def _batches(rows: Iterator[Rollout]) -> Iterator[list[dict[str, Any]]]:
    while batch := [_row(r) for r in islice(rows, _BATCH)]:
        yield batch


def _row(rollout: Rollout) -> dict[str, Any]:
    data = rollout.data()
    row: dict[str, Any] = {name: getattr(rollout, name) for name in (*_PLAIN, *_WHOLE, *_FLAG)}
    row |= {name: _finite(getattr(rollout, name)) for name in _NUMBER}
    row |= {name: _text(data[name]) if name in data else None for name in _JSON}
    row |= {name: list(data.get(name, {}).items()) for name in ("aspects", "status", "reason")}
    row |= {"tokens": list(rollout.tokens)}
    # half of a surrogate pair cannot be stored as UTF-8
    return {k: v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for k, v in row.items()}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    kinds = {
        **dict.fromkeys(_PLAIN, pa.string()), **dict.fromkeys(_WHOLE, pa.int64()),
        **dict.fromkeys(_FLAG, pa.bool_()), **dict.fromkeys(_NUMBER, pa.float64()),
        "tokens": pa.list_(pa.int32()), "aspects": pa.map_(pa.string(), pa.float64()),
        "status": pa.map_(pa.string(), pa.string()), "reason": pa.map_(pa.string(), pa.string()),
        **dict.fromkeys(_JSON, pa.string()),
    }  # fmt: skip
    return pa.schema(list(kinds.items()))
