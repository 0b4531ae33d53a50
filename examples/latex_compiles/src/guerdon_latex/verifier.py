"""The method: pure, it only says what should be compiled and reads what came of it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from guerdon.method import Paper, Policy, method
from guerdon.outside import Exchange, outside
from guerdon.records import Call, Reply, Status, Verdict

FIX = "install a TeX engine, such as texlive-latex-recommended"
_FENCE = re.compile(r"```(?:la)?tex[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)


@method(
    stage="verifier",  # outside of guerdon's folders a method names its stage
    paper=Paper("", "LaTeX: A Document Preparation System"),
    tags=("latex",),
    default_source="ours",
    policy=Policy(
        several="The last fenced block counts; without one, the whole text.",
        empty="Failed with the floor.",
        copied="Compiles or not, like any other text.",
    ),
)
@outside
def latex_compiles(
    completion: Sequence[str | None], *, engines: tuple[str, ...] = ("pdflatex", "xelatex"),
    preamble: str = "\\usepackage{amsmath}", seconds: float = 10.0, memory_mb: int = 1024,
) -> Exchange[Verdict]:  # fmt: skip
    r"""Accept a completion whose LaTeX compiles without an error.

    .. math:: s_i = \mathbb{1}[\,\mathrm{TeX}(y_i)\ \text{ends without an error}\,]

    Args:
        completion: generated text; a snippet is put into an article, a text with ``\documentclass`` is one already.
        engines: engines by preference; the first that is installed is used.
        preamble: what stands before the beginning of a snippet's document.
        seconds: time of one document.
        memory_mb: memory of one document.

    Returns:
        1 or 0, scored, with the first error as reason; an empty text, and one that hangs, failed with 0; without an
        engine unscored, with what to install.

    Example:
        >>> call = next(latex_compiles.exchange(["$x^2$"]))[0]
        >>> call.program, call.payload["document"].splitlines()[-2]
        ('guerdon_latex.program:compile_document', '$x^2$')

    Source: this example.
    Differs: nothing.
    """
    texts = [_snippet(c or "") for c in completion]
    calls = [
        # twice the time: the program ends a slow engine itself, the pool ends a program that cannot
        Call("pool", "guerdon_latex.program:compile_document",
             {"document": _document(t, preamble), "engines": list(engines), "seconds": seconds}, 2 * seconds, memory_mb)
        for t in texts if t
    ]  # fmt: skip
    replies = iter((yield calls) if calls else ())
    rows = [_row(next(replies)) if t else (0.0, Status.FAILED, "no text to compile") for t in texts]
    return Verdict([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])


def _snippet(text: str) -> str:
    blocks = _FENCE.findall(text)
    return (blocks[-1] if blocks else text).strip()


def _document(snippet: str, preamble: str) -> str:
    if "\\documentclass" in snippet:
        return snippet
    return f"\\documentclass{{article}}\n{preamble}\n\\begin{{document}}\n{snippet}\n\\end{{document}}"


def _row(reply: Reply) -> tuple[float, Status, str]:
    """One document's outcome: its own fault is a failure, the machine's is not scored."""
    if not reply.ok:
        status = Status.FAILED if reply.theirs else Status.UNSCORED
        return (0.0 if reply.theirs else math.nan), status, f"{reply.outcome}: {reply.reason}".removesuffix(": ")
    engine, ok, log = (reply.value[k] for k in ("engine", "ok", "log"))
    if not engine:
        return math.nan, Status.UNSCORED, f"no TeX engine: {FIX}"
    return float(ok), Status.FAILED if log.startswith("timeout") else Status.SCORED, log
