"""The verifier with scripted replies, and with TeX where it is installed. Run it with the package on the path."""

from __future__ import annotations

import math
import shutil

import pytest
from guerdon_latex.verifier import FIX, latex_compiles

from guerdon.outside import drive
from guerdon.records import Outcome, Reply, Status


def compiled(ok, log="", engine="pdflatex"):
    """What the program answers for one document."""
    return Reply(Outcome.DONE, {"engine": engine, "ok": ok, "log": log})


def scored(texts, *replies):
    """The verdict on some texts, and the calls that were made."""
    sent = []
    verdict = drive(latex_compiles.exchange(texts), lambda calls: sent.extend(calls) or list(replies))
    return verdict, sent


def test_snippets_and_documents():
    """A snippet is wrapped, a fenced one is taken out, a document stays as it is."""
    document = "\\documentclass{book}\\begin{document}x\\end{document}"
    texts = ["$x$", "Here:\n```latex\n$y$\n```", document]
    verdict, sent = scored(texts, compiled(True), compiled(False, "! Missing $ inserted."), compiled(True))
    assert verdict.score == [1.0, 0.0, 1.0]
    assert verdict.reason == ["", "! Missing $ inserted.", ""]
    sources = [c.payload["document"] for c in sent]
    assert "\n$x$\n\\end{document}" in sources[0]
    assert "Here" not in sources[1]
    assert sources[2] == document


def test_nothing_to_compile_asks_nobody():
    """An empty text failed without a call."""
    verdict, sent = scored(["", None, "```tex\n\n```"])
    assert verdict.status == [Status.FAILED] * 3
    assert sent == []


@pytest.mark.parametrize(
    ("reply", "status", "reason"),
    [
        (compiled(False, engine=""), Status.UNSCORED, f"no TeX engine: {FIX}"),
        (compiled(False, "timeout: more than 10 s"), Status.FAILED, "timeout: more than 10 s"),
        (Reply(Outcome.UNAVAILABLE, reason="no worker"), Status.UNSCORED, "unavailable: no worker"),
        (Reply(Outcome.MEMORY), Status.FAILED, "memory"),
    ],
)
def test_whose_fault(reply, status, reason):
    """The document answers for itself, the machine for the rest."""
    verdict, _ = scored(["$x$"], reply)
    assert (verdict.status, verdict.reason) == ([status], [reason])
    assert math.isnan(verdict.score[0]) == (status is Status.UNSCORED)


def test_a_machine_without_the_engine_leaves_the_row_unscored():
    """For real, through a worker process."""
    verdict = latex_compiles(["$x$"], engines=("no-such-tex",))
    assert (verdict.status, verdict.reason) == ([Status.UNSCORED], [f"no TeX engine: {FIX}"])


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_real_documents(tmp_path):
    """Right and wrong snippets, an endless one, and ones that want files or commands of the machine."""
    secret, mark = tmp_path / "secret.tex", tmp_path / "mark"
    secret.write_text("read")
    texts = [
        "$x^2$", "\\begin{align}a&=b\\end{align}", "$x^2", "\\nosuchcommand", "\\def\\a{\\a}\\a",
        f"\\input{{{secret}}}", f"\\immediate\\write18{{touch {mark}}}ok",
    ]  # fmt: skip
    verdict = latex_compiles(texts, engines=("pdflatex",), seconds=5.0)
    assert verdict.score == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    assert verdict.status[4] is Status.FAILED
    assert "Missing $" in verdict.reason[2]
    assert "Undefined control sequence" in verdict.reason[3]
    assert not mark.exists()
