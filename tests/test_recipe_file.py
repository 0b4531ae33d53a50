"""Recipe files from strangers: forty payloads are refused at once, and what is accepted reads as it looks."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import DataError, RecipeError
from guerdon.recipe_file import MAX_BYTES, MAX_DEPTH, Source, apply_override, dump_yaml, parse_yaml, read_yaml

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "billion laughs": LAUGHS,
    "billion laughs in mappings": "a: &a {k: v}\n"
    + "".join(
        f"{b}: &{b} {{{', '.join(f'k{i}: *{a}' for i in range(9))}}}\n"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "anchor": "task: &t arithmetic\n",
    "alias": "task: &t arithmetic\nname: *t\n",
    "alias to itself": "task: &t [*t]\n",
    "merge key": "base: &b {use: clip}\nobjective: {<<: *b}\n",
    "python object": "task: !!python/object/apply:os.system ['touch pwned']\n",
    "python name": "task: !!python/name:os.system\n",
    "python module": "task: !!python/module:os\n",
    "python tuple": "task: !!python/tuple [1, 2]\n",
    "python object new": "task: !!python/object/new:subprocess.Popen [['true']]\n",
    "local tag": "task: !mine {use: arithmetic}\n",
    "set": "task: !!set {a, b}\n",
    "ordered map": "task: !!omap [a: 1]\n",
    "binary": "task: !!binary aGVsbG8=\n",
    "timestamp": "task: !!timestamp 2024-01-01\n",
    "plain string tag": "task: !!str arithmetic\n",
    "tag shorthand": "%TAG ! tag:yaml.org,2002:python/\n---\ntask: !name:os.system\n",
    "depth 1e5, flow lists": "task: " + "[" * 100_000,
    "depth 1e5, closed": "task: " + "[" * 100_000 + "]" * 100_000,
    "depth 1e5, flow mappings": "task: " + "{a: " * 100_000,
    "depth 1e5, dashes": "- " * 100_000 + "x",
    "depth 700, indentation": "\n".join(" " * k + "a:" for k in range(700)),
    "depth 41": "task: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH,
    "duplicate key": "task: arithmetic\ntrain: {steps: 1}\ntask: dataset\n",
    "duplicate inner key": "train:\n  steps: 1\n  lr: 0.1\n  steps: 2\n",
    "duplicate key, quoted": "task: a\n'task': b\n",
    "NUL": "task: arith\x00metic\n",
    "escape": "task: \x1b[31mred\n",
    "two documents": "task: a\n---\ntask: b\n",
    "list": "- task\n- arithmetic\n",
    "scalar": "arithmetic\n",
    "number": "17\n",
    "empty": "",
    "comment": "# nothing\n",
    "tab": "train:\n\tsteps: 1\n",
    "unclosed quote": 'task: "arithmetic\n',
    "unclosed list": "task: [a, b\n",
    "list as key": "? [a, b]\n: c\n",
    "mapping as key": "{a: b}: c\n",
    "huge integer": "task: " + "9" * 10_000 + "\n",
    "a colon too many": "task: a: b\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_refused_at_once(tmp_path, text, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "recipe.yaml"
    file.write_text(text, "utf-8")
    start = time.perf_counter()
    with pytest.raises(DataError) as caught:
        read_yaml(file)
    assert time.perf_counter() - start < 2.0
    assert str(file) in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert [p.name for p in tmp_path.iterdir()] == ["recipe.yaml"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"\xff\xfet\x00a\x00", "not UTF-8"),
        ("task: größe".encode("latin-1"), "not UTF-8"),
        (b"task: \xf0\x28\x8c\x28", "not UTF-8"),
        (b"a" * (MAX_BYTES + 1), "at most 1 MB"),
    ],
)
def test_bytes_that_are_no_text(tmp_path, raw, message):
    (tmp_path / "recipe.yaml").write_bytes(raw)
    with pytest.raises(DataError, match=message):
        read_yaml(tmp_path / "recipe.yaml")


def test_a_huge_file_is_not_read_whole(tmp_path):
    file = tmp_path / "recipe.yaml"
    with file.open("wb") as out:
        out.truncate(50 * 2**30)  # sparse: 50 GiB that take no space
    with pytest.raises(DataError, match="at most 1 MB"):
        read_yaml(file)


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    for name in ("missing.yaml", "loop.yaml", "."):
        with pytest.raises(DataError, match="cannot read"):
            read_yaml(tmp_path / name)


def test_every_key_has_its_line(tmp_path):
    file = tmp_path / "r.yaml"
    file.write_text("task: arithmetic\n# a comment\nobjective:\n  - use: clip\n    low: 0.1\n", "utf-8")
    data, lines = read_yaml(file)
    assert data == {"task": "arithmetic", "objective": [{"use": "clip", "low": 0.1}]}
    assert (lines["objective"], lines["objective.0"], lines["objective.0.low"]) == (3, 4, 5)
    assert Source("r.yaml", lines).at("objective.0.high") == "r.yaml:4: objective.0.high"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("-1E+3", -1000.0), (".5", 0.5), ("5.", 5.0), ("010", 10), (".inf", float("inf")),
        ("on", "on"), ("no", "no"), ("y", "y"), ("true", True), ("~", None), ("", None), ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"), ("1_000", "1_000"), ("0x10", "0x10"), ("'1e-3'", "1e-3"), ("=", "="),
    ],
)  # fmt: skip
def test_plain_values_read_as_they_look(text, value):
    found = parse_yaml(f"a: {text}", "test")["a"]
    assert found == value
    assert type(found) is type(value)


_TRAPS = ["on", "1e-3", "010", "null", "~", "=", "<<", "1:30", "yes", ".inf", "- a", "#"]
_WORDS = st.one_of(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8), st.sampled_from(_TRAPS))
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False), _WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_WORDS, inner, max_size=3)),
    max_leaves=8,
)


@given(_VALUES)
def test_what_is_written_is_read_again_here_and_by_others(value):
    text = dump_yaml({"a": value})
    assert parse_yaml(text, "test") == {"a": value}
    assert yaml.safe_load(text) == {"a": value}


def test_overrides():
    data = {"train": {"steps": 3}, "advantage": "grpo", "objective": ["clip", {"use": "kl_penalty"}], "task": "a"}
    assert apply_override(data, "train.steps=5")["train"] == {"steps": 5}
    assert apply_override(data, "eval.every=5")["eval"] == {"every": 5}
    assert apply_override(data, "advantage=rloo")["advantage"] == "rloo"
    assert apply_override(data, "advantage.0.eps=1e-3")["advantage"] == [{"use": "grpo", "eps": 0.001}]
    assert apply_override(data, "advantage.grpo.eps=0.5")["advantage"] == [{"use": "grpo", "eps": 0.5}]
    assert apply_override(data, "objective.0.low=0.1")["objective"][0] == {"use": "clip", "low": 0.1}
    assert apply_override(data, "objective.kl_penalty.coef=2")["objective"][1] == {"use": "kl_penalty", "coef": 2}
    assert apply_override(data, "objective.0=reinforce")["objective"][0] == "reinforce"
    assert apply_override(data, "task.digits=1")["task"] == {"use": "a", "digits": 1}
    assert apply_override(data, "track=[tensorboard]")["track"] == ["tensorboard"]
    assert data["advantage"] == "grpo"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train.steps", "written key=value"), ("=5", "written key=value"), ("train..steps=5", "not a dotted key"),
        (".=5", "not a dotted key"), (".".join(["a"] * 100_000) + "=1", "not a dotted key"),
        ("train.steps=[", "plain YAML"), ("train.steps=" + "[" * 100_000, "nested deeper"),
        ("train.steps=!!python/name:os.system", "no tags"), ("train.steps=&a [*a]", "no anchors"),
        ("objective.7.low=1", "no such entry"), ("objective.clop.low=1", "no such entry"),
        ("train.0=1", "unknown"), ("train.steps.more=1", "inside a plain value"),
    ],
)  # fmt: skip
def test_wrong_overrides(text, message):
    from guerdon.recipe import load

    with pytest.raises((RecipeError, LookupError), match=message):
        load({"task": "arithmetic", "train": {"steps": 3}, "objective": [{"use": "clip"}]}, [text])
