from __future__ import annotations

import builtins
import json
import os

import pytest

from guerdon.errors import DataError, MachineError
from guerdon.records.export import to_parquet
from guerdon.records.jsonl import Writer
from guerdon.records.model import Rollout, Turn
from guerdon.records.run import RunFolder

parquet = pytest.importorskip("pyarrow.parquet")


def rollout(i, **kwargs):
    given = {"completion": "2", **kwargs}
    return Rollout(id=f"0:a:{i}", step=0, task_id="a", prompt="1+1=", sample=i, **given)


def test_columns(tmp_path):
    rows = [
        rollout(
            0, reward=1.0, gold={"n": 2}, tokens=(3, 4), aspects={"equal": 1.0, "judge": float("nan")},
            status={"judge": "unscored"}, advantage=-0.5, is_correct=True, turns=(Turn("user", "hi"),),
        ),
        rollout(1, completion="half \ud800 pair"),
    ]  # fmt: skip
    table = parquet.read_table(to_parquet(rows, tmp_path / "r.parquet")).to_pylist()
    first, second = table
    assert (first["reward"], first["advantage"], first["is_correct"]) == (1.0, -0.5, True)
    assert first["tokens"] == [3, 4]
    assert first["aspects"] == [("equal", 1.0), ("judge", None)]
    assert json.loads(first["gold"]) == {"n": 2}
    assert json.loads(first["turns"])[0]["role"] == "user"
    assert (second["reward"], second["is_correct"], second["gold"]) == (None, None, None)
    assert second["completion"] == "half ? pair"


def test_a_whole_run_in_batches(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with Writer(tmp_path / "rollouts.jsonl") as log:
        log.write(rollout(i, reward=i / 4) for i in range(2500))
    path = to_parquet(RunFolder(tmp_path))
    assert path == tmp_path / "rollouts.parquet"
    assert parquet.read_table(path)["reward"].to_pylist() == [i / 4 for i in range(2500)]
    assert parquet.ParquetFile(path).num_row_groups == 3


def test_a_failure_leaves_the_old_file(tmp_path):
    path = to_parquet([rollout(0)], tmp_path / "r.parquet")
    old = path.read_bytes()

    def broken():
        yield from (rollout(i) for i in range(2000))
        raise KeyError("in the middle")

    with pytest.raises(KeyError):
        to_parquet(broken(), path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["r.parquet"]


def test_a_real_full_disk(small_disk):
    path = to_parquet([rollout(0)], small_disk / "r.parquet")
    old = path.read_bytes()
    noise = (rollout(i, domain=os.urandom(2000).hex()) for i in range(4000))
    with pytest.raises(MachineError, match="disk is full"):
        to_parquet(noise, path)
    assert path.read_bytes() == old
    assert os.listdir(small_disk) == ["r.parquet"]


def test_without_pyarrow_the_command_to_install_it(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MachineError) as caught:
        to_parquet([rollout(0)], tmp_path / "r.parquet")
    assert caught.value.fix == "pip install 'guerdon[data]'"


def test_rollouts_of_no_run_need_a_name():
    with pytest.raises(DataError, match="file name"):
        to_parquet([rollout(0)])
