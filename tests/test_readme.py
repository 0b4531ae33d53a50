"""What the README and the hand-written pages show is true: code runs, recipes build, names exist."""

from __future__ import annotations

import re

import pytest

from guerdon.docs_build import ROOT
from guerdon.docs_build.readme import END, START, filled, main
from guerdon.pipeline import Pipeline
from guerdon.recipe import load
from guerdon.recipe_file import parse_yaml

pytestmark = [
    pytest.mark.skipif(not (ROOT / "README.md").is_file(), reason="needs the repository, not an installed package"),
    pytest.mark.usefixtures("forget_methods"),
]


def blocks(file: str, language: str) -> list[str]:
    text = (ROOT / file).read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def test_the_python_of_the_readme_runs(capsys):
    code = blocks("README.md", "python")[0]
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    out = capsys.readouterr().out
    assert out.startswith("tensor([ 1.0000, -0.5000, -0.5000,  0.0000])\ntensor(-1.2400)\n")
    assert "advantage.0.use = rloo  (override advantage=rloo)" in out
    assert "objective.0.params.high = 0.3" in out


def test_the_scoring_of_the_readme_runs(capsys):
    import guerdon

    code = blocks("README.md", "python")[1]
    found = {"guerdon": guerdon}
    exec(compile(code, "README.md", "exec"), found)
    assert capsys.readouterr().out.startswith("[1.0, 0.0]")
    assert found["reward_funcs"][0](completions=["#### 4"], answer=["4"], prompts=["2+2"]) == [1.0]


def test_the_recipe_of_the_readme_builds():
    (text,) = blocks("README.md", "yaml")
    pipeline = Pipeline(load(parse_yaml(text, "README.md")))
    assert [t.role for t in pipeline.terms] == ["token_loss", "mask", "token_loss"]


def test_the_method_of_the_contributors_page_passes_the_checks(tmp_path, monkeypatch):
    from guerdon.conformance.check import check

    (code,) = blocks("docs/adding-a-method.md", "python")
    (tmp_path / "centred_page.py").write_text('"""A page."""\n\nfrom __future__ import annotations\n\n' + code, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    report = check("centred_page.py", cases=2)
    assert report.ok, "\n".join(r.text() for m in report.methods for r in m.results if r.status == "failed")


def test_the_table_of_stages_is_fresh():
    text = (ROOT / "README.md").read_text("utf-8")
    assert filled(text) == text, "fix: make docs"
    assert START in text
    assert END in text
    assert main(["--check"]) == 0


@pytest.mark.parametrize("file", ["README.md", "docs/architecture.md", "docs/adding-a-method.md"])
def test_files_that_are_named_exist(file):
    text = (ROOT / file).read_text("utf-8")
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        if not link.endswith(".png"):
            assert (ROOT / file).parent.joinpath(link).exists(), link
    if file == "docs/architecture.md":
        for name in re.findall(r"`([a-z_/]+(?:/|\.py))`", text):
            assert (ROOT / "src" / "guerdon" / name.removeprefix("guerdon/")).exists() or name == "native/", name


@pytest.mark.parametrize(
    "command", ["train", "resume", "compare", "show", "new", "check", "list", "score", "rescore", "claim"]
)
def test_commands_that_are_named_exist(command):
    from guerdon.cli import COMMANDS

    assert command in COMMANDS
    shown = (ROOT / "README.md").read_text("utf-8") + (ROOT / "docs/adding-a-method.md").read_text("utf-8")
    assert f"guerdon {command}" in shown
