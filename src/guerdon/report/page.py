"""From runs to one HTML file that opens from disk and asks the network for nothing."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from guerdon.report import conclusion, glossary, headline, provenance, samples, verdict, words
from guerdon.report.charts import charts
from guerdon.report.draw import COLOURS, CONFIG
from guerdon.report.load import Run
from guerdon.report.text import plain, visible


def render(runs: Sequence[Run]) -> str:
    """The page for one run, or for several laid over each other."""
    table = [row for i, run in enumerate(runs) for row in headline.rows(run, i)]
    said, tone = conclusion.sentence(runs, table)
    drawn = charts(runs)
    here = files("guerdon.report")
    css, js = (here.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    specs = {c.id: c.spec for c in drawn}
    scripts = [_bundle(), js] if drawn else [js]
    picked = samples.browser(runs)
    return (
        environment()
        .get_template("page.html")
        .render(
            runs=runs, colours=[COLOURS[i % 8] for i in range(len(runs))], tone=tone,
            lead=said.partition(": ")[0] if ": " in said else "", rest=said.partition(": ")[2] or said,
            aside=conclusion.aside(runs, table), table=_grouped(runs, table), charts=drawn,
            checks=_checks(runs, table),
            components=[c for i, run in enumerate(runs) for c in verdict.components(run, i)],
            samples=picked, scale=samples.scale(runs), failures=provenance.failures(runs),
            events=provenance.events(runs),
            recipe=provenance.recipe(runs), machine=provenance.machine(runs), facts=provenance.facts(runs),
            glossary=glossary.entries(runs), data=_json({"specs": specs, "config": CONFIG}), css=Markup(css),
            scripts=[Markup(s) for s in scripts], policy=_policy(scripts, css), made=datetime.now(UTC),
            version=version("guerdon"), title=_title(runs),
        )
    )  # fmt: skip


def _checks(runs: Sequence[Run], table: Sequence[headline.Row]) -> list[verdict.Check]:
    """All checks of one run; of several, those that found something, because the table already has the rest."""
    found = [c for i, run in enumerate(runs) for c in verdict.checks(run, i, [r for r in table if r.run == i])]
    return found if len(runs) == 1 else [c for c in found if c.level in (verdict.ALERT, verdict.WATCH)]


def write(text: str, out: Any) -> None:
    """Write the page under a temporary name first, so that an open report is never half of one."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{os.getpid()}")
    # a lone surrogate cannot be written; the template shows every one of them as an escape
    part.write_text(text, "utf-8", newline="\n")
    os.replace(part, out)


def _title(runs: Sequence[Run]) -> str:
    return ", ".join(run.name for run in runs[:3]) + (f" and {len(runs) - 3} more" if len(runs) > 3 else "")


def _grouped(runs: Sequence[Run], table: Sequence[headline.Row]) -> list[tuple[str, list[headline.Row]]]:
    """Rows by label, in the order of the first run that has it."""
    order: dict[str, list[headline.Row]] = {}
    for row in table:
        order.setdefault(row.label, []).append(row)
    return list(order.items())


@functools.cache
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, shut in a function so that its names stay its own."""
    import vl_convert

    return "(function(){" + vl_convert.javascript_bundle("window.guerdonEmbed=vegaEmbed;") + "\n})();"


def _json(data: Mapping[str, Any]) -> Markup:
    """JSON for a script element that no text inside it can close."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _policy(scripts: Sequence[str], css: str) -> str:
    """Content-Security-Policy that lets exactly our own scripts and style sheet run, and nothing load."""
    hashes = " ".join(hash_of(s) for s in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src {hash_of(css)}; style-src-attr 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )


def hash_of(text: str) -> str:
    """How a Content-Security-Policy names a script or style sheet that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@functools.cache
def environment() -> jinja2.Environment:
    """Templates of the pages, with everything in them shown as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("guerdon.report", ""), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters |= {
        "v": visible, "plain": plain, "percent": words.percent, "points": words.points, "number": words.number,
        "signed": words.signed,
    }  # fmt: skip
    return environment
