"""Properties of the card and the docstring: complete, and the worked example gives the number it shows."""

from __future__ import annotations

import doctest
import inspect
import io
import re
import sys

from guerdon.conformance.case import Case, NotApplicable, PropertyError
from guerdon.conformance.subject import FREE_KINDS, Subject
from guerdon.method import Method


def documentation(s: Subject, case: Case | None = None) -> None:
    """Card and docstring are complete.

    A method of the library names its paper; a user's own method, a task and a derived quantity need not.
    """
    card, missing = s.card, []
    doc = docstring(s.method)
    if not card.summary.endswith("."):
        missing.append("a first sentence that ends with a full stop")
    sourced = card.module.startswith("guerdon.") and card.stage not in ("provider", "task")
    if sourced and not any(p.title for p in card.papers):
        missing.append("paper=Paper(id, title)")
    sections = ["Source:"] if card.kind in FREE_KINDS else ["Returns:", "Example:", "Source:"]
    if card.stage == "provider" and not any(p.title for p in card.papers):
        sections.remove("Source:")
    if card.inputs or card.params:
        sections.insert(0, "Args:")
    missing += [f"a section {name}" for name in sections if name not in doc]
    arguments = _section(doc, "Args:")
    names = [i.name for i in card.inputs] + [p.name for p in card.params]
    if "Args:" in sections:
        missing += [f"{n} under Args" for n in names if not re.search(rf"\b{re.escape(n)}\b", arguments)]
    if "seeded" in card.traits and not s.has("rng"):
        missing.append("rng among the inputs, which the trait 'seeded' promises")
    if card.role == "coefficient" and not card.writes:
        missing.append("writes=(...), the coefficient it returns")
    if card.stage == "provider" and not card.writes and card.kind == "function":
        missing.append("writes=(...), the signals it computes")
    if card.stage == "objective" and card.role is None:
        missing.append("role=..., how the objective uses the result")
    if card.stage == "verifier" and card.policy is None:
        missing.append("policy=Policy(several=..., empty=..., copied=...), what happens to such answers")
    if missing:
        raise PropertyError("the card is not complete", where=card.name, seen=f"missing {'; '.join(missing)}")


def docstring(method: Method) -> str:
    """The docstring of a function, or of a class and its ``__call__``."""
    doc = inspect.getdoc(method.target) or ""
    if method.stateful:
        doc += "\n" + (inspect.getdoc(method.target.__call__) or "")
    return doc


def _section(doc: str, title: str) -> str:
    """Text of all sections of that title, up to the next line that is not indented."""
    found = re.findall(rf"^{title}\n((?:[ \t]+.*\n|\n)*)", doc + "\n", flags=re.M)
    return "\n".join(found)


def example(s: Subject, case: Case | None = None) -> None:
    """The worked example in the docstring runs and gives what it shows."""
    target = s.method.target
    examples = doctest.DocTestParser().get_examples(docstring(s.method))
    if not examples:
        if s.card.kind in FREE_KINDS:
            raise NotApplicable("no worked example")
        raise PropertyError("no worked example in the docstring", where=s.card.name, fix="Example:\n    >>> ...")
    globs = dict(vars(sys.modules[target.__module__]))
    test = doctest.DocTest(examples, globs, s.card.name, None, None, docstring(s.method))
    out = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    if runner.run(test, out=out.write).failed:
        text = "\n".join(line for line in out.getvalue().splitlines() if not set(line) <= {"*"})
        raise PropertyError(f"the worked example does not give the numbers it shows:\n{text.strip()}")
