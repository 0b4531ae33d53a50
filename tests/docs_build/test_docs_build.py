from __future__ import annotations

import re
import shutil

import pytest

from guerdon.docs_build import ROOT
from guerdon.docs_build.methods import uses
from guerdon.docs_build.pages import pages, problems, write
from guerdon.docs_build.reference import undocumented
from guerdon.docs_build.site import build, links, render
from guerdon.docs_build.text import markdown
from guerdon.errors import DataError
from guerdon.registry import index
from guerdon.signals import SIGNALS

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="needs the repository, not an installed package")


@pytest.fixture
def copy(tmp_path):
    """A repository of its own, with the library's sources and freshly written pages."""
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src" / "guerdon", tmp_path / "src" / "guerdon", ignore=skip)
    write(tmp_path)
    return tmp_path


def test_pages_on_disk_are_what_would_be_generated():
    assert problems(ROOT) == []


def test_every_method_preset_signal_and_paper_has_its_place():
    found = pages(ROOT)
    for name, card in index().items():
        text = found[f"methods/{card['stage'].replace(' ', '-')}/{name}.md"]
        for p in card["params"]:
            assert f"| `{p['name']}` |" in text
        for preset in card["presets"]:
            assert f"| `{preset['name']}` |" in text
        for paper in card["papers"]:
            assert paper["id"] in found["methods/papers.md"]
    for name in SIGNALS:
        assert f"\n## {name}\n" in found["reference/signals.md"]


def test_the_check_finds_what_is_wrong(copy):
    undoc = [p for p in problems(copy) if not p.startswith("no docstring")]
    assert undoc == []
    (copy / "docs" / "methods" / "index.md").write_text("old", "utf-8")
    (copy / "docs" / "llms.txt").unlink()
    (copy / "docs" / "methods" / "advantage" / "gone.md").write_text("left", "utf-8")
    (copy / "src" / "guerdon" / "ops" / "stats.py").write_text('"""Doc."""\ndef bare(): ...\n', "utf-8")
    found = problems(copy)
    for line in ("stale: docs/methods/index.md", "no page: docs/llms.txt", "left over: docs/methods/advantage/gone.md",
                 "no docstring: guerdon.ops.stats.bare", "stale: docs/reference/api/ops.md"):  # fmt: skip
        assert line in found
    write(copy)
    assert [p for p in problems(copy) if not p.startswith("no docstring")] == []
    assert not (copy / "docs" / "methods" / "advantage" / "gone.md").exists()


def test_undocumented_names_are_found(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "a.py").write_text(
        'def f(): ...\ndef _g(): ...\nclass C:\n    """Doc."""\n    def m(self): ...\n    def _n(self): ...\n', "utf-8"
    )
    (tmp_path / "pkg" / "_private.py").write_text("def h(): ...\n", "utf-8")
    assert undocumented(tmp_path / "pkg") == ["pkg.a", "pkg.a.f", "pkg.a.C.m"]


def test_the_site_is_whole_and_needs_no_network(copy):
    (copy / "docs" / "index.md").write_text("# Home\n\n[Methods](methods/index.md#advantage)\n", "utf-8")
    count = build(copy / "docs", copy / "site")
    files = {f.relative_to(copy / "site").with_suffix("").as_posix() for f in (copy / "site").rglob("*.html")}
    assert len(files) == count
    assert files == {f.relative_to(copy / "docs").with_suffix("").as_posix() for f in (copy / "docs").rglob("*.md")}
    text = (copy / "site" / "methods" / "advantage" / "grpo.html").read_text("utf-8")
    loaded = re.findall(r'<(?:link|script|img)[^>]*?(?:href|src)="([^"]+)"', text)
    assert loaded
    for name in loaded:
        assert not name.startswith(("http", "//"))
        assert (copy / "site" / "methods" / "advantage" / name).resolve().is_file()


def test_broken_links_stop_the_site(copy):
    (copy / "docs" / "index.md").write_text("# Home\n\n[a](nowhere.md) [b](methods/index.md#nothing)\n", "utf-8")
    with pytest.raises(DataError) as caught:
        build(copy / "docs", copy / "site")
    assert caught.value.seen == ["index.md: nowhere.html", "index.md: methods/index.html#nothing"]
    assert not (copy / "site").exists()


def test_raw_html_stays_text():
    page = render("a.md", "# A\n\n<script>alert(1)</script> and `<b>`\n")
    assert "<script>" not in page.body
    assert "&lt;script&gt;" in page.body


def test_formulas_are_not_read_as_markdown():
    page = render("a.md", "# A\n\n$`a_i * b_j * c`$ is `code`\n\n```math\nx_1 < 2\n```\n")
    assert "<em>" not in page.body
    assert "<code>code</code>" in page.body
    assert "\ue000" not in page.body


def test_docstring_markup():
    assert markdown("a*b ``c*d`` :math:`x_i` :class:`Schedule` <e>") == r"a\*b `c*d` $`x_i`$ `Schedule` \<e\>"


def test_links_between_pages():
    a, b = render("x/a.md", "# A\n\n[b](../y/b.md#there)"), render("y/b.md", "# B\n\n## There")
    assert links([a, b], ROOT) == []
    assert links([a], ROOT) == ["x/a.md: ../y/b.html#there"]


def test_uses_reads_every_form_of_an_entry():
    data = {"task": "t", "reward": [{"use": "r"}, "s"], "train": {"steps": 3}, "objective": {"use": "o", "preset": "p"}}
    assert uses(data) == ["t", "r", "s", "o", "o/p"]
