"""Rows of a data file with their place, and an error instead of a row where one is bad.

A bad row is reported with file, line, field, value and fix; the rows after it are still read, so a file is described
by all its problems and not by the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guerdon.errors import DataError, MachineError, nearest
from guerdon.tasks._json_rows import Rows, json_rows, jsonl_rows

FORMATS = ("jsonl", "json", "parquet", "huggingface")
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".parquet": "parquet", ".pq": "parquet"}


def read_rows(path: str, form: str | None, split: str | None, subset: str | None) -> Rows:
    """The rows of a file, a folder or a hub data set as ``(place, row or error)``.

    Raises:
        DataError: the whole source cannot be read: missing, empty, of unknown format, or damaged from the start.
        MachineError: a package for this format is not installed.
    """
    form = form or _format_of(path)
    if form == "huggingface":
        yield from _huggingface(path, split, subset)
        return
    file = existing(path)
    readers = {"jsonl": jsonl_rows, "json": json_rows, "parquet": _parquet}
    yield from readers[form](file)


def existing(path: str) -> Path:
    """The file of that name.

    Raises:
        DataError: there is none, or it is a folder or unreadable; a missing name comes with the nearest ones.
    """
    file = Path(path).expanduser()
    if file.is_file():
        return file
    if file.is_dir():
        raise DataError("a folder, where a file is needed", where=path, fix="name a file in it, or format: huggingface")
    parent, hub = file.parent, "(a data set of the hub needs format: huggingface)"
    if not parent.is_dir():
        raise DataError("no such file", where=path, fix=f"there is no folder {str(parent)!r}: check the path {hub}")
    close = nearest(file.name, [p.name for p in parent.iterdir()])
    hint = f"did you mean {', '.join(repr(str(parent / c)) for c in close)}?" if close else "check the path"
    raise DataError("no such file", where=path, fix=f"{hint} {hub}")


def _format_of(path: str) -> str:
    file = Path(path).expanduser()
    if file.is_dir():
        return "huggingface"
    suffixes = [s for s in file.suffixes if s != ".gz"]
    form = _SUFFIXES.get(suffixes[-1].lower()) if suffixes else None
    if form is None:
        existing(path)
        raise DataError(
            "the format of this file is not clear from its name", where=path, seen=file.name,
            allowed=[*_SUFFIXES, ".jsonl.gz", ".json.gz"], fix="write format: jsonl (or json, parquet)",
        )  # fmt: skip
    return form


def _parquet(file: Path) -> Rows:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise _missing("pyarrow", error) from error
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            for batch in table.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{file} row {number}", row
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"not a readable parquet file: {reason}", where=f"{file} row {number + 1}" if number else str(file),
            fix="write the file again; a parquet file cut short has lost its index",
        ) from error  # fmt: skip
    if number == 0:
        raise DataError("the file is empty", where=str(file), seen="0 rows", fix="write at least one row")


def _huggingface(path: str, split: str | None, subset: str | None) -> Rows:
    try:
        import datasets
    except ImportError as error:
        raise _missing("datasets", error) from error
    folder = Path(path).expanduser()
    saved = any((folder / name).is_file() for name in ("state.json", "dataset_dict.json"))
    try:
        found: Any = (
            datasets.load_from_disk(str(folder))
            if saved
            else datasets.load_dataset(str(folder) if folder.is_dir() else path, subset)
        )
    except Exception as error:
        raise DataError(
            f"datasets cannot load this: {type(error).__name__}: {str(error).partition(chr(10))[0]}", where=path,
            fix="check the name (owner/name on the hub) and the network, or give the folder of a saved data set",
        ) from error  # fmt: skip
    if isinstance(found, Mapping):
        name = split or ("train" if "train" in found else "")
        if name not in found:
            raise DataError(
                f"no split {name!r}", where=path, seen=name, allowed=sorted(found), fix="write split: with one of these"
            )
        found, path = found[name], f"{path} split {name}"
    if not len(found):
        raise DataError("the data set is empty", where=path, seen="0 rows", fix="choose another split")
    for number, row in enumerate(found, start=1):
        yield f"{path} row {number}", dict(row)


def _missing(package: str, error: ImportError) -> MachineError:
    return MachineError(
        f"the package {package} is not installed", where="task: dataset", seen=str(error),
        fix="pip install 'guerdon[data]'",
    )  # fmt: skip
