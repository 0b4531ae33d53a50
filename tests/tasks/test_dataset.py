from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.component import build
from guerdon.errors import DataError, GuerdonError, MachineError, RecipeError, UnknownNameError
from guerdon.method import registered
from guerdon.ops.answers import extract_answer
from guerdon.registry import Resolved
from guerdon.rewards.verifiers.answer_equal import answer_equal
from guerdon.tasks.dataset import Dataset

GSM8K = Path(__file__).parents[3] / "shared" / "data" / "gsm8k" / "test.jsonl"
ROWS = [{"prompt": f"{i}+1=", "gold": str(i + 1)} for i in range(20)]


def write(folder: Path, rows, name="data.jsonl") -> str:
    file = folder / name
    text = "".join(json.dumps(r) + "\n" for r in rows)
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return str(file)


def all_tasks(data):
    return sorted((*data.train, *data.evaluation), key=lambda t: t.id)


def test_plain_rows(tmp_path):
    data = Dataset(path=write(tmp_path, ROWS)).load()
    assert (len(data.train), len(data.evaluation)) == (18, 2)  # a tenth of 20 prompts
    assert not {t.prompt for t in data.train} & {t.prompt for t in data.evaluation}
    assert {(t.prompt, t.gold) for t in all_tasks(data)} == {(r["prompt"], r["gold"]) for r in ROWS}
    assert {t.id for t in all_tasks(data)} == {f"data.jsonl:{i}" for i in range(1, 21)}
    assert data.characters == "+0123456789="
    assert data.reward == ({"use": "answer_equal", "normalise": "number"},)
    assert data.notes == ()


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz", "json", "parquet", "saved", "folder"])
def test_every_format_gives_the_same_tasks(tmp_path, form):
    expected = {(r["prompt"], r["gold"]) for r in ROWS}
    if form.startswith("jsonl"):
        path = write(tmp_path, ROWS, f"data.{form}")
    elif form == "json":
        path = str(tmp_path / "data.json")
        Path(path).write_text(json.dumps(ROWS))
    elif form == "parquet":
        pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        import pyarrow.parquet as pq

        path = str(tmp_path / "data.parquet")
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        datasets = pytest.importorskip("datasets", reason="datasets is not installed")
        path = str(tmp_path / "saved")
        table = datasets.Dataset.from_list(ROWS)
        table.save_to_disk(path) if form == "saved" else datasets.DatasetDict(train=table).save_to_disk(path)
    data = Dataset(path=path).load()
    assert {(t.prompt, t.gold) for t in all_tasks(data)} == expected


def test_splits_of_a_saved_data_set(tmp_path):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    parts = {"train": datasets.Dataset.from_list(ROWS[:15]), "test": datasets.Dataset.from_list(ROWS[15:])}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "d"))
    data = Dataset(path=str(tmp_path / "d"), evaluation_split="test").load()
    assert (len(data.train), len(data.evaluation)) == (15, 5)
    with pytest.raises(DataError, match=r"no split 'dev'(.|\n)*allowed: test, train"):
        Dataset(path=str(tmp_path / "d"), split="dev").load()


def test_columns_labels_and_extra_fields(tmp_path):
    rows = [{"q": "Capital?", "a": ["Paris", "paris"], "n": 3, "level": "easy", "tests": [1], "why": "Paris it is"}]
    names = {"prompt": "q", "gold": "a", "id": "n", "domain": "level", "demonstration": "why", "tests": "tests"}
    task = Dataset(path=write(tmp_path, rows), fields=names).load().train[0]
    assert (task.id, task.domain, task.demonstration) == ("3", "easy", "Paris it is")
    assert task.gold == ("Paris", "paris")
    assert task.fields == {"tests": [1]}


def test_numbers_and_messages(tmp_path):
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}]
    task = Dataset(path=write(tmp_path, [{"prompt": chat, "gold": 4}])).load().train[0]
    assert task.prompt == "Be brief.\n2+2?"
    assert task.messages == tuple(chat)
    assert task.gold == "4"


def test_template_and_pattern(tmp_path):
    rows = [{"a": 2, "b": 3, "text": "so = 4, no, = 5"}]
    data = Dataset(
        path=write(tmp_path, rows), template="{{ a }}+{{ b }}\n", fields={"gold": "text"}, gold_pattern=r"= (\d+)"
    ).load()
    assert (data.train[0].prompt, data.train[0].gold) == ("2+3\n", "5")


def test_order_limit_and_split_depend_on_the_seed_alone(tmp_path):
    path = write(tmp_path, ROWS)
    first, again, other = (Dataset(path=path, seed=s).load() for s in (0, 0, 1))
    assert first == again
    assert [t.id for t in first.train] != [t.id for t in other.train]
    assert {t.id for t in first.evaluation} != {t.id for t in other.evaluation}
    assert Dataset(path=path, limit=5).load().train == first.train[:5]
    kept = [t.id for t in Dataset(path=path, shuffle=False, held_out=0.0).load().train]
    assert kept == [f"data.jsonl:{i}" for i in range(1, 21)]
    # rows in another order: the same prompts are held out
    turned = Dataset(path=write(tmp_path, ROWS[::-1], "turned.jsonl")).load()
    assert {t.prompt for t in turned.evaluation} == {t.prompt for t in first.evaluation}


def test_prompts_of_the_evaluation_leave_the_training_data(tmp_path):
    held = write(tmp_path, [*ROWS[:3], {"prompt": "new", "gold": "1"}], "test.jsonl")
    data = Dataset(path=write(tmp_path, ROWS), evaluation=held).load()
    assert (len(data.train), len(data.evaluation)) == (17, 4)
    assert data.notes == ("3 training tasks left out: their prompts are in the evaluation",)
    with pytest.raises(DataError, match="no task to train on"):
        Dataset(path=held, evaluation=held).load()


def test_text_golds_are_compared_as_text(tmp_path):
    rows = [{"prompt": "a", "gold": "Paris"}, {"prompt": "b", "gold": "7"}]
    assert Dataset(path=write(tmp_path, rows)).load().reward[0]["normalise"] == "text"


GOOD = b'{"prompt": "a", "gold": "1"}\n'
BAD = {
    "torn last line": (
        GOOD + b'{"prompt": "b", "go',
        {},
        2,
        ["the last line is torn", 'seen:    {"prompt": "b", "go', "writer was cut"],
    ),
    "broken line": (b"{'prompt': 'a'}\n" + GOOD, {}, 1, ["not JSON: Expecting property name", "double quotes"]),
    "two objects on a line": (GOOD[:-1] + GOOD, {}, 1, ["not JSON: Extra data at column 29"]),
    "not utf-8": (GOOD + b'{"prompt": "caf\xe9", "gold": "1"}\n', {}, 2, ["not UTF-8 at byte 16", r"b'\xe9", "iconv"]),
    "utf-16": (GOOD.decode().encode("utf-16"), {}, 1, ["not UTF-8 at byte 1"]),
    "NaN literal": (b'{"prompt": "a", "gold": NaN}\n', {}, 1, ["NaN is not JSON", "write null"]),
    "infinity literal": (b'{"prompt": "a", "gold": -Infinity}\n', {}, 1, ["-Infinity is not JSON"]),
    "overflowing number": (b'{"prompt": "a", "gold": 1e999}\n', {}, 1, ["field 'gold' is not finite", "seen:    inf"]),
    "endless number": (
        b'{"prompt": "a", "gold": ' + b"9" * 5000 + b"}\n",
        {},
        1,
        ["not readable", "long numbers as text"],
    ),
    "missing prompt": (
        b'{"question": "a"}\n',
        {},
        1,
        ["field 'prompt' is missing", "seen:    question", "fields: {prompt: …}"],
    ),
    "missing mapped column": (
        GOOD,
        {"fields": {"gold": "answer"}},
        1,
        ["field 'answer' is missing", "seen:    gold, prompt"],
    ),
    "missing extra column": (GOOD, {"fields": {"tests": "t"}}, 1, ["field 't' is missing", "fields: {t: …}"]),
    "empty prompt": (b'{"prompt": " ", "gold": "1"}\n', {}, 1, ["field 'prompt' is empty", "fill it or drop the row"]),
    "prompt is a number": (b'{"prompt": 7, "gold": "1"}\n', {}, 1, ["field 'prompt' is int, not text", "seen:    7"]),
    "prompt is null": (b'{"prompt": null}\n', {}, 1, ["field 'prompt' is NoneType, not text"]),
    "prompt is a bare list": (b'{"prompt": ["a"]}\n', {}, 1, ["not of chat messages", "[0] 'a'", '"role": "user"']),
    "prompt is an empty list": (b'{"prompt": []}\n', {}, 1, ["field 'prompt' is empty"]),
    "message without text": (b'{"prompt": [{"role": "user"}]}\n', {}, 1, ["field 'prompt[0].content' is NoneType"]),
    "gold is true": (b'{"prompt": "a", "gold": true}\n', {}, 1, ["field 'gold' is no answer", "seen:    True"]),
    "gold is empty": (b'{"prompt": "a", "gold": ""}\n', {}, 1, ["field 'gold' is empty"]),
    "gold without marker": (
        GOOD,
        {"gold_format": "hash"},
        1,
        ["field 'gold' does not hold an answer of format hash", "seen:    1"],
    ),
    "gold without match": (GOOD, {"gold_pattern": "x(y)"}, 1, ["does not hold the pattern 'x(y)'"]),
    "demonstration is a list": (
        b'{"prompt": "a", "demonstration": [1]}\n',
        {},
        1,
        ["field 'demonstration' is list, not text"],
    ),
    "id is a float": (b'{"prompt": "a", "id": 1.5}\n', {}, 1, ["field 'id' is float, not text"]),
    "duplicate id": (
        b'{"prompt": "a", "id": 7}\n\n{"prompt": "b", "id": "7"}\n',
        {},
        3,
        ["two rows have the same id", "7 (first at", ":1)"],
    ),
    "duplicate key": (b'{"prompt": "a", "prompt": "b"}\n', {}, 1, ["field 'prompt' stands twice", "keep one of them"]),
    "row is a list": (b'[{"prompt": "a"}]\n', {}, 1, ["a row is a JSON object", "format: json"]),
    "row is a number": (b"3\n", {}, 1, ["a row is a JSON object", "seen:    3"]),
    "nested too deep": (b'{"prompt": ' + b"[" * 1_000_000 + b"\n" + GOOD, {}, 1, ["nested too deep"]),
    "half a surrogate": (b'{"prompt": "\\ud800"}\n', {}, 1, ["half of a surrogate pair", r"'\ud800'"]),
    "template without column": (
        GOOD,
        {"template": "{{ question }}"},
        1,
        ["UndefinedError: 'question' is undefined", "gold, prompt"],
    ),
    "template that fails": (GOOD, {"template": "{{ 1 / 0 }}"}, 1, ["the template fails here: ZeroDivisionError"]),
    "template that escapes": (GOOD, {"template": "{{ prompt.__class__.__mro__ }}"}, 1, ["SecurityError"]),
    "template that makes nothing": (GOOD, {"template": " "}, 1, ["field 'template' is empty"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_rows_are_named_with_line_field_value_and_fix(tmp_path, case):
    content, options, line, parts = BAD[case]
    file = tmp_path / "bad.jsonl"
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        Dataset(path=str(file), **options).load()
    assert str(caught.value).startswith(f"{file}:{line}: ")
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.fix


WHOLE = {
    "empty file": ("e.jsonl", b"", ["the file is empty", "one JSON object per line"]),
    "blank lines only": ("b.jsonl", b"\n \n", ["the file is empty"]),
    "empty list": ("e.json", b"[]", ["the file is empty"]),
    "empty json": ("e.json", b"", ["the file is empty"]),
    "json is an object": ("o.json", b'{"prompt": "a"}', ["not a list of rows", "format: jsonl"]),
    "json row is a number": ("n.json", b'[{"prompt": "a"}, 3]', ["n.json[2]: a row is a JSON object"]),
    "json is lines": ("l.json", GOOD + GOOD, ["not JSON: Extra data at line 2 column 1"]),
    "json not utf-8": ("u.json", b'[\n"\xff"]', ["u.json:2: not UTF-8"]),
    "parquet is text": ("t.parquet", b"hello", ["not a readable parquet file"]),
    "gz is text": ("t.jsonl.gz", b"hello", ["the compressed file is damaged"]),
    "gz cut short": ("c.jsonl.gz", gzip.compress(GOOD * 5000)[:-20], ["the compressed file is damaged"]),
    "unknown suffix": ("d.csv", b"a,b\n", ["format of this file is not clear", "write format: jsonl"]),
}


@pytest.mark.parametrize("case", WHOLE)
def test_bad_files(tmp_path, case):
    name, content, parts = WHOLE[case]
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        Dataset(path=str(tmp_path / name)).load()
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.fix


def test_missing_files(tmp_path):
    write(tmp_path, ROWS, "train.jsonl")
    with pytest.raises(DataError, match=r"no such file(.|\n)*did you mean '.*/train\.jsonl'\?"):
        Dataset(path=str(tmp_path / "trian.jsonl")).load()
    with pytest.raises(DataError, match="there is no folder"):
        Dataset(path=str(tmp_path / "x" / "train.jsonl")).load()
    with pytest.raises(DataError, match="the hub needs format: huggingface"):
        Dataset(path="openai/gsm8k").load()
    with pytest.raises(DataError, match="a folder, where a file is needed"):
        Dataset(path=str(tmp_path), format="jsonl").load()


def test_a_parquet_file_cut_short(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet as pq

    file = tmp_path / "cut.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), file)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(DataError, match="has lost its index"):
        Dataset(path=str(file)).load()


def test_bad_parquet_rows_are_named(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet as pq

    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"prompt": ["a", None], "gold": [1.0, float("nan")]}), file)
    with pytest.raises(DataError, match=r"rows\.parquet row 2: field 'prompt' is NoneType, not text"):
        Dataset(path=str(file)).load()
    with pytest.raises(DataError, match=r"row 2: field 'gold' is not finite"):
        Dataset(path=str(file), template="{{ gold }}").load()


def test_the_error_counts_the_other_bad_rows_and_skip_keeps_the_intact_ones(tmp_path):
    file = tmp_path / "some.jsonl"
    file.write_bytes(GOOD + b"oops\n" + GOOD.replace(b'"a"', b'"b"') + b'{"prompt": 1}\n{"prom')
    with pytest.raises(DataError, match=r"some\.jsonl:2: not JSON.*\(2 more bad rows: some\.jsonl:4, some\.jsonl:5\)"):
        Dataset(path=str(file)).load()
    data = Dataset(path=str(file), bad_rows="skip", held_out=0.0).load()
    assert {t.prompt for t in data.train} == {"a", "b"}
    assert [n.partition("some.jsonl:")[2][:1] for n in data.notes] == ["2", "4", "5"]
    assert "torn" in data.notes[2]


def test_skip_does_not_turn_a_bad_file_into_an_empty_one(tmp_path):
    file = tmp_path / "all.jsonl"
    file.write_bytes(b"oops\n")
    with pytest.raises(DataError, match="not JSON"):
        Dataset(path=str(file), bad_rows="skip").load()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"held_out": 1.0}, RecipeError, "held_out is a share"),
        ({"held_out": float("nan")}, RecipeError, "held_out is a share"),
        ({"limit": 0}, RecipeError, "limit is a number of tasks"),
        ({"gold_pattern": "("}, RecipeError, "not a regular expression"),
        ({"gold_pattern": "a"}, RecipeError, "exactly one group"),
        ({"gold_pattern": "(a)", "gold_format": "hash"}, RecipeError, "exclude each other"),
        ({"template": "{{ a"}, RecipeError, "the template cannot be read"),
        ({"answer_format": "boxd"}, UnknownNameError, "did you mean 'boxed'"),
    ],
)
def test_recipe_errors(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        Dataset(path=write(tmp_path, ROWS), **options).load()


def test_missing_packages(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    for path in (str(tmp_path), str(tmp_path / "a.parquet")):
        with pytest.raises(MachineError, match=r"pip install 'guerdon\[data\]'"):
            Dataset(path=path).load()


def test_presets_fix_the_format(tmp_path):
    method = registered()["dataset"]
    assert [p.name for p in method.card.presets] == ["jsonl", "parquet", "huggingface"]
    path = write(tmp_path, ROWS, "no_suffix")
    assert len(build(Resolved(method, method.card.presets[0]), {"path": path}).instance.load().train) == 18


@settings(max_examples=60, deadline=5000)
@given(st.binary(max_size=80))
def test_any_bytes_are_tasks_or_a_guerdon_error(tmp_path_factory, raw):
    file = tmp_path_factory.mktemp("any") / "any.jsonl"
    file.write_bytes(raw)
    with pytest.raises(GuerdonError):
        Dataset(path=str(file)).load()


def test_gsm8k():
    """1,319 problems: the gold answer is the number after ``####``, the worked solution is the demonstration."""
    if not GSM8K.exists():
        pytest.skip("no gsm8k/test.jsonl beside the repository (shared/data)")
    data = Dataset(
        path=str(GSM8K), fields={"prompt": "question", "gold": "answer", "demonstration": "answer"},
        gold_format="hash", answer_format="hash", held_out=0.2,
    ).load()  # fmt: skip
    assert (len(data.train), len(data.evaluation)) == (1055, 264)  # round(0.2 * 1319) = 264, no prompt twice
    first = next(t for t in all_tasks(data) if t.id == "test.jsonl:1")
    assert first.prompt.startswith("Janet\u2019s ducks lay 16 eggs per day.")
    assert first.gold == "18"
    assert first.demonstration.endswith("\n#### 18")
    tasks = all_tasks(data)
    assert data.reward == ({"use": "answer_equal", "normalise": "number"},)
    answers = [extract_answer(t.demonstration, data.answer_format) for t in tasks]
    assert answer_equal(answers, [t.gold for t in tasks], normalise="number").score == [1.0] * 1319
    assert set("".join(t.prompt + t.demonstration for t in tasks)) == set(data.characters)
