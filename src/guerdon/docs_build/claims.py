"""The page of claims: every sentence, what was measured, and the verdict, failures included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from guerdon.claims.base import Claim, all_claims, published
from guerdon.cli.claim import deciding, numbers
from guerdon.docs_build.text import code, markdown, page, section, table

WORDS = {"reproduced": "reproduced", "not_reproduced": "not reproduced", "inconclusive": "inconclusive"}


def claims_page() -> str:
    """All claims: a table, then a section each with the bounds, their reasons and the measured numbers."""
    found = [(c, published(c.name)) for c in all_claims().values()]
    counts = {v: sum(1 for _, o in found if o and o["verdict"] == v) for v in WORDS}
    missing = sum(1 for _, o in found if o is None)
    said = ", ".join(f"{n} {WORDS[v]}" for v, n in counts.items()) + (f", {missing} not yet run" if missing else "")
    rows = [
        (f"[{c.name}](#{c.name})", c.family, verdict(o), markdown(numbers(deciding(o))) if o else "") for c, o in found
    ]
    return page(
        "# Claims",
        "The central sentence of a paper, tried at laptop scale against a baseline under the same budget. The bounds "
        "and their reasons stand in the source file of a claim, and a sentence that does not hold here is published "
        "as such. It is reproduced when the whole 95 % interval over the seeds keeps the bound, not reproduced when "
        "none of it does, and inconclusive between the two. `guerdon claim NAME` measures one again.",
        f"{len(found)} claims: {said}.",
        table(rows, ("Claim", "Family", "Verdict", "The quantity that decides")),
        *(_section(c, o) for c, o in found),
    )


def verdict(outcome: Mapping[str, Any] | None) -> str:
    """The published verdict in words."""
    return WORDS[outcome["verdict"]] if outcome else "not yet run"


def _section(item: Claim, outcome: Mapping[str, Any] | None) -> str:
    parts = {p["name"]: p for p in outcome["parts"]} if outcome else {}
    rows = []
    for target in item.targets:
        bound = f"{'at least' if target.above else 'at most'} {target.bound:g}"
        part = parts.get(target.name)
        low, high = part["interval"] if part else (0.0, 0.0)
        seen = f"{part['measured']:.3g}" + (f" [{low:.3g}, {high:.3g}]" if low != high else "") if part else ""
        rows.append((markdown(target.name), bound, seen, WORDS[part["verdict"]] if part else "",
                     markdown(target.because)))  # fmt: skip
    facts = [f"- Against: {markdown(item.baseline)}", f"- Verdict: {verdict(outcome)}"]
    if outcome:
        facts.append(f"- {len(outcome['seeds'])} seeds, {outcome['seconds']:.0f} s")
    facts += [f"- In doubt: {markdown(item.may_fail)}"] if item.may_fail else []
    facts += [f"- {markdown(item.notes)}"] if item.notes else []
    return "\n\n".join([
        f"## {item.name}", markdown(item.sentence), "\n".join(facts),
        table(rows, ("Quantity", "Bound", "Measured", "Verdict", "Why this bound")),
        f"Again: {code(f'guerdon claim {item.name}')}",
    ])  # fmt: skip


def of_papers(slugs: Sequence[str]) -> str:
    """The section of a method's page: the claims of its papers."""
    known = {c.paper: c for c in all_claims().values()}
    lines = [
        f"- [{known[s].name}](../../reference/claims.md#{known[s].name}): {markdown(known[s].sentence)} "
        f"**{verdict(published(known[s].name))}**"
        for s in slugs if s in known
    ]  # fmt: skip
    return section("Claims", "\n".join(lines)) if lines else ""
