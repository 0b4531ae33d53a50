"""``guerdon check``: what can be named, what is printed, what goes to JSON."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from guerdon.conformance.check import check
from guerdon.conformance.scaffold import RED, write
from guerdon.conformance.suite import applicable, run
from guerdon.errors import RecipeError, UnknownNameError
from guerdon.method import _LOCAL
from guerdon.registry import get


def test_by_name_preset_dotted_and_file() -> None:
    spec = importlib.util.find_spec("guerdon.advantages.grpo")
    assert spec is not None
    assert spec.origin is not None
    for target in ("grpo", "dr_grpo", "guerdon.advantages.grpo.grpo", Path(spec.origin)):
        report = check(target, cases=1, only=["row_order", "contract"])
        assert [m.name for m in report.methods] == ["dr_grpo" if target == "dr_grpo" else "grpo"]
        assert report.ok


def test_a_preset_is_checked_with_its_own_hyper_parameters() -> None:
    # grpo/verl pays a lone row its raw reward, on purpose: the default does not
    assert check("grpo", only=["one_sample"]).ok
    assert not check("grpo/verl", only=["one_sample"]).ok


def test_the_name_of_a_file_in_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("shaping", "my_local_rule", tmp_path)
    monkeypatch.chdir(tmp_path)
    try:
        report = check("my_local_rule")
    finally:
        _LOCAL.pop("my_local_rule", None)
        sys.modules.pop("my_local_rule", None)
    assert [r.check for r in report.methods[0].results if r.status == "failed"] == [RED]


def test_text_and_data_agree() -> None:
    report = check("grpo", cases=2)
    data = json.loads(json.dumps(report.data()))
    assert data["ok"] is report.ok is True
    passed = [r["check"] for r in data["methods"][0]["results"] if r["status"] == "passed"]
    assert all(f"passed  {name}" in report.text() for name in passed)
    assert "skipped state" in report.text(skipped=True)


def test_the_same_seed_gives_the_same_report() -> None:
    assert check("grpo", seed=3).data() == check("grpo", seed=3).data()


def test_unknown_names_are_answered() -> None:
    with pytest.raises(UnknownNameError, match="grpo"):
        check("gropo")
    with pytest.raises(UnknownNameError, match="row_order"):
        run(get("grpo"), only=["row_ordr"])
    with pytest.raises(RecipeError, match="no such file"):
        check("absent.py")


def test_a_file_without_a_method_says_so(tmp_path: Path) -> None:
    path = tmp_path / "holds_no_method.py"
    path.write_text("x = 1\n")
    with pytest.raises(RecipeError, match="holds no method"):
        check(path)
    with pytest.raises(RecipeError, match="allow-code"):
        check(path, allow_code=False)


def test_a_file_that_does_not_import_says_why(tmp_path: Path) -> None:
    path = tmp_path / "does_not_import.py"
    path.write_text("import a_package_that_is_not_there\n")
    with pytest.raises(RecipeError, match="ModuleNotFoundError"):
        check(path)


def test_applicable_leaves_out_calls_for_methods_with_their_own_protocol() -> None:
    names = [c.name for c in applicable(get("grpo"))]
    assert "unscored_row" in names
    tasks = [m for m in map(get, ("goodhart",)) if m.card.kind == "task"] if _has("goodhart") else []
    assert all([c.name for c in applicable(m)] == ["documentation", "example", "picklable"] for m in tasks)


def _has(name: str) -> bool:
    from guerdon.registry import index

    return name in index()
