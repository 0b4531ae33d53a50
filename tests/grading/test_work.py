"""Files scored in batches: bytes that do not depend on interruptions, and ends that say what happened."""

from __future__ import annotations

import gzip
import json
import weakref

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guerdon.errors import DataError, MachineError, RecipeError, RunError
from guerdon.grading.batch import Item
from guerdon.grading.grader import Grader
from guerdon.grading.output import Output
from guerdon.grading.sources import FileSource, digest, peek
from guerdon.grading.work import batches, check, run
from guerdon.method import method

pytestmark = pytest.mark.usefixtures("forget_methods")


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_one_line_per_row_in_order_and_bad_rows_are_named(rows, score, tmp_path):
    ended = score(rows, tmp_path / "o.jsonl")
    found = lines(tmp_path / "o.jsonl")
    assert [f["id"] for f in found] == [str(i + 1) if i in (7, 22) else f"r{i}" for i in range(30)]
    assert found[2]["score"] == pytest.approx(1.0 - 0.1 * 0.01)  # right, three words where two are free
    assert (found[0]["score"], found[0]["status"]) == (0.0, "failed")
    assert (found[20]["score"], found[20]["status"]) == (None, "unscored")
    assert found[20]["aspects"]["answer_equal"]["reason"] == "gold is not a number: '?'"
    assert found[7]["error"]["where"] == f"{rows}:8"
    assert found[22]["error"]["what"] == "a row is a JSON object"
    assert ended.how == "finished"
    data = ended.tally.data()
    # of the 28 readable rows, i = 0, 9, 18, 27 have no number and 20 no gold number
    assert (data["n"], data["scored"], data["failed"], data["unscored"], data["bad_rows"]) == (30, 23, 4, 1, 2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_cut_anywhere_is_continued_to_the_same_bytes(data, rows, score, tmp_path):
    whole, part = tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    if not whole.exists():
        score(rows, whole)
    expected = whole.read_bytes()
    cut = data.draw(st.integers(0, len(expected)))
    part.write_bytes(expected[:cut])
    (tmp_path / "part.jsonl.request.json").write_text((tmp_path / "whole.jsonl.request.json").read_text("utf-8"))
    ended = score(rows, part, resume=True)
    assert part.read_bytes() == expected
    assert ended.tally.data() == score(rows, whole, resume=True).tally.data()


def test_a_stop_keeps_whole_batches_and_the_rest_follows(rows, score, tmp_path):
    out, whole = tmp_path / "o.jsonl", tmp_path / "w.jsonl"
    ended = score(rows, out, stop=lambda: True)
    assert (ended.how, len(lines(out))) == ("interrupted", 4)
    seen = []
    score(rows, out, resume=True, see=lambda done, old: seen.append((len(done), old)))
    assert seen == [(4, True)] + [(4, False)] * 6 + [(2, False)]
    score(rows, whole)
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("change", ["asks", "batch", "input", "limit"])
def test_another_request_is_refused_and_says_what_changed(rows, score, tmp_path, change):
    out = tmp_path / "o.jsonl"
    score(rows, out)
    how = {"asks": {"asks": ("answer_equal",)}, "batch": {"batch": 5}, "limit": {"limit": 3}, "input": {}}[change]
    if change == "input":
        rows.write_text(rows.read_text("utf-8").replace("so 1", "so 2", 1), "utf-8")
    before = out.read_bytes()
    with pytest.raises(RunError, match={"asks": "rewards", "input": "sha256"}.get(change, change)):
        score(rows, out, resume=True, **how)
    assert out.read_bytes() == before


def test_an_old_file_is_never_written_over(rows, score, tmp_path):
    out = tmp_path / "o.jsonl"
    score(rows, out)
    with pytest.raises(RunError, match="--resume"):
        score(rows, out)
    (tmp_path / "o.jsonl.request.json").unlink()
    with pytest.raises(RunError, match="not known"):
        score(rows, out, resume=True)


def test_a_damaged_line_is_not_continued(rows, score, tmp_path):
    out = tmp_path / "o.jsonl"
    score(rows, out)
    raw = out.read_bytes().splitlines(keepends=True)
    out.write_bytes(b"".join([*raw[:5], raw[5].replace(b'"id"', b'"id', 1), *raw[6:]]))
    with pytest.raises(RunError, match="line 6"):
        score(rows, out, resume=True)


def test_two_processes_cannot_write_one_file(rows, tmp_path):
    first = Output(tmp_path / "o.jsonl", {"v": 1}, resume=True)
    with pytest.raises(RunError, match="another process"):
        Output(tmp_path / "o.jsonl", {"v": 1}, resume=True)
    first.close()
    Output(tmp_path / "o.jsonl", {"v": 1}, resume=True).close()


def test_a_full_disk_loses_nothing_that_was_written(score, small_disk, tmp_path):
    out, whole, data = small_disk / "o.jsonl", tmp_path / "w.jsonl", many(tmp_path, 0, n=400)
    score(data, whole)
    expected = whole.read_bytes()
    (small_disk / "fill").write_bytes(b"x" * ((1 << 20) - (1 << 15)))
    assert len(expected) > 1 << 15
    with pytest.raises(MachineError, match="full"):
        score(data, out)
    kept = out.read_bytes()
    assert expected.startswith(kept)
    assert kept.endswith(b"\n")
    (small_disk / "fill").unlink()
    score(data, out, resume=True)
    assert out.read_bytes() == expected


def test_strict_ends_at_the_first_bad_row_and_keeps_those_before(rows, score, tmp_path):
    out = tmp_path / "o.jsonl"
    ended = score(rows, out, strict=True)
    assert ended.how == "bad row"
    assert isinstance(ended.error, DataError)
    assert ended.error.where == f"{rows}:8"
    assert len(lines(out)) == 7


def many(tmp_path, unscored, n=200):
    path = tmp_path / "many.jsonl"
    every = [{"completion": "4", "gold": "?" if i % 100 < unscored else "4"} for i in range(n)]
    path.write_text("".join(json.dumps(r) + "\n" for r in every), "utf-8")
    return path


def test_too_many_without_a_score_end_the_work_once_it_can_be_told(score, tmp_path):
    ask = ("answer_equal:normalise=number",)
    ended = score(many(tmp_path, 21), tmp_path / "a.jsonl", asks=ask, batch=10)
    assert (ended.how, ended.tally.n) == ("unscored", 100)  # not at the first batch, which is all unscored
    assert score(many(tmp_path, 20), tmp_path / "b.jsonl", asks=ask, batch=100).how == "finished"
    assert score(many(tmp_path, 21), tmp_path / "c.jsonl", asks=ask, batch=10, keep_going=True).tally.n == 200
    small = score(many(tmp_path, 21, n=40), tmp_path / "d.jsonl", asks=ask, batch=10)
    assert (small.how, small.tally.n) == ("unscored", 40)


def centred(completion, group_id):
    """Length less the mean of the group."""
    size = torch.tensor([float(len(c)) for c in completion])
    return size - torch.stack([size[group_id == g].mean() for g in group_id.tolist()])


def test_groups_are_never_cut(rows, score, tmp_path):
    method(stage="reward", scope="group")(centred)
    found = {}
    for batch in (1, 3, 0):
        score(rows, tmp_path / f"{batch}.jsonl", asks=("centred",), group="q", batch=batch)
        found[batch] = [f["score"] for f in lines(tmp_path / f"{batch}.jsonl")]
    assert found[1] == found[3] == found[0]
    scores = [s for s in found[0][:4] if s is not None]
    assert sum(scores) == pytest.approx(0.0, abs=1e-6)


def test_groups_that_come_again_are_refused():
    method(stage="reward", scope="group")(centred)
    bound = Grader(["centred"], group_column="q").bind({"completion": None, "q": None})
    items = [Item(i, f"f:{i}", {"completion": "a", "q": q}) for i, q in enumerate("aabba")]
    with pytest.raises(DataError, match="do not stand together") as caught:
        list(batches(items, bound, 2))
    assert caught.value.where == "f:4"


def test_what_looks_at_everything_is_not_cut_into_batches():
    def rank(completion):
        """Looks at all rows."""
        return torch.arange(len(completion)).float()

    method(stage="reward", scope="rollout_batch")(rank)
    bound = Grader(["rank"]).bind({"completion": None})
    with pytest.raises(RecipeError, match="--batch 0"):
        check(bound, batch=256, limit=None, resume=False)
    check(bound, batch=0, limit=None, resume=False)
    for wrong in ({"batch": -1, "limit": None}, {"batch": 1, "limit": 0}):
        with pytest.raises(RecipeError):
            check(bound, resume=False, **wrong)


def test_gzip_and_parquet_give_the_same_scores(score, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    data = [{"id": f"r{i}", "completion": str(i % 4), "gold": ["2", "3"], "meta": {"a": i}} for i in range(9)]
    text = "".join(json.dumps(r) + "\n" for r in data)
    (tmp_path / "a.jsonl").write_text(text, "utf-8")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    pq.write_table(pyarrow.Table.from_pylist(data), tmp_path / "a.parquet")
    found = []
    for name in ("a.jsonl", "a.jsonl.gz", "a.parquet"):
        score(tmp_path / name, tmp_path / f"{name}.out", asks=("answer_equal",))
        found.append((tmp_path / f"{name}.out").read_bytes())
    assert found[0] == found[1] == found[2]
    assert [f["score"] for f in lines(tmp_path / "a.jsonl.out")] == [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0]
    assert [digest(tmp_path / n).rows for n in ("a.jsonl", "a.jsonl.gz", "a.parquet")] == [9, None, 9]


def test_a_cut_gzip_file_is_one_bad_row_at_its_end(score, tmp_path):
    text = "".join(json.dumps({"completion": f"{i}" * 50, "gold": str(i)}) + "\n" for i in range(2000))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(text.encode())[:-40])
    ended = score(tmp_path / "a.jsonl.gz", tmp_path / "o", asks=("answer_equal",), batch=100)
    assert ended.tally.bad == 1
    assert "damaged" in ended.tally.first_bad[0]


def test_hostile_text_is_written_and_read_back(score, tmp_path):
    hard = ["\ud800", "\x00\x1b[2J", "\u202e" * 3, "é" * 5000, '{"v":1}\n', "\u2028"]
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"id": h[:20], "completion": h, "gold": "1"}) + "\n" for h in hard)
    )
    ask = ("answer_equal:normalise=number",)
    score(tmp_path / "a.jsonl", tmp_path / "o.jsonl", asks=ask, batch=2)
    assert score(tmp_path / "a.jsonl", tmp_path / "o.jsonl", asks=ask, batch=2, resume=True).tally.n == len(hard)


class Watched:
    """A source whose rows, and the scores made of them, are counted while they live."""

    path = None

    def __init__(self, n):
        self.n, self.alive, self.most, self.refs = n, 0, 0, []

    def watch(self, thing):
        self.alive += 1
        self.most = max(self.most, self.alive)
        self.refs.append(weakref.ref(thing, self._gone))
        return thing

    def _gone(self, ref):
        self.alive -= 1

    def items(self):
        for i in range(self.n):
            yield self.watch(Item(i + 1, f"f:{i + 1}", {"completion": f"{i} " * 20, "gold": f"{i % 3}"}))


def test_memory_does_not_grow_with_the_file():
    bound = Grader(["answer_equal:extract=last_number"]).bind({"completion": None, "gold": None})
    source = Watched(3_000)
    run(source, bound, batch=50, see=lambda done, old: [source.watch(g) for _, g in done])
    # the batch being read, the one before it with its scores, and the row that told where the batch ends
    assert source.most <= 3 * 50 + 1
    assert source.alive == 0


def test_what_was_peeked_at_is_what_is_there(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\nbad\n{"b": 2}\n', "utf-8")
    assert list(peek(FileSource(path))) == ["a", "b"]
    path.write_text("bad\n", "utf-8")
    with pytest.raises(DataError, match="not JSON"):
        peek(FileSource(path))
