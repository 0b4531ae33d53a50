"""The page that compares methods on a suite of worlds, from the stored outcome of ``guerdon compare --suite``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guerdon.cli.suite import cell
from guerdon.docs_build.text import code, fence, markdown, page, section, table
from guerdon.suite import MEASURES


def suite_pages(root: Path) -> dict[str, str]:
    """A page per stored suite, by its path below ``docs/``."""
    found = sorted((root / "benchmarks" / "results").glob("suite_*.json"))
    return {f"reference/{f.stem}.md": suite_page(json.loads(f.read_text("utf-8"))) for f in found}


def suite_page(data: Mapping[str, Any]) -> str:
    """The table over all worlds, a sentence per method, and pass@1 and answer entropy world by world."""
    lines = data["lines"]
    seeds = min(line["seeds"] for line in lines)
    worlds = list(lines[0]["worlds"])
    rows = [(code(line["method"]), *(cell(line, m) for m in MEASURES)) for line in lines]
    said = "\n".join(f"- {code(line['method'])}: {markdown(line['sentence'])}" for line in lines)
    parts = [
        f"# Methods on the {data['suite']} suite",
        f"{len(lines)} methods, {len(worlds)} worlds, {seeds} seeds each, one budget; policy: {data['policy']}. A "
        f"value is the mean over the worlds; a sign behind it says that the paired 95 % interval of the difference to "
        f"{code(lines[0]['method'])} lies above (+) or below (-) zero. Seeds are the unit: so few of them show large "
        f"effects only, and with this many comparisons a few signs come by chance.",
        "Seconds were taken on a shared machine.",
        fence("sh", data["command"]),
        table(rows, ("Method", *MEASURES)),
        section("In words", said),
        section("What is measured", "\n".join(f"- {name}: {text}" for name, (_, text) in MEASURES.items())),
    ]
    for measure in ("pass@1", "area", "answer entropy", "support kept"):
        rows = [(code(line["method"]), *(_number(line["worlds"][w][measure]) for w in worlds)) for line in lines]
        parts.append(section(f"By world: {measure}", table(rows, ("Method", *worlds))))
    return page(*parts)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
