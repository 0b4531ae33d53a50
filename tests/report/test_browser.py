"""The page in a real browser, opened from disk."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from guerdon.report import build

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Elements(HTMLParser):
    """Counts elements and the names of their attributes."""

    def __init__(self):
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes |= {name for name, _ in attrs}


def attribute(dom: str, name: str) -> str | None:
    found = re.search(rf'<html[^>]*\bdata-{name}="([^"]*)"', dom)
    return found[1] if found else None


def containers(dom: str) -> dict[str, int]:
    """Number of drawn marks per chart container."""
    parts = re.split(r'<div class="chart[^"]*" id="(chart-[^"]+)"', dom)
    marks = r'<g class="mark-(?:line|area|rect|symbol|rule)[^"]*"[^>]*>(?:<g[^>]*>)?<path'
    return {
        name: len(re.findall(marks, body.split("</figure>")[0]))
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def assert_sound(dom: str, log: str) -> None:
    assert attribute(dom, "errors") == "0"
    assert attribute(dom, "pwned") is None
    console = [line for line in log.splitlines() if line.startswith("CONSOLE")]
    assert console == []
    drawn = containers(dom)
    assert len(drawn) >= 10
    assert attribute(dom, "charts") == str(len(drawn))
    assert [name for name, marks in drawn.items() if marks == 0] == []


@pytest.mark.parametrize("flags", [(), ("--blink-settings=preferredColorScheme=0",)], ids=["light", "dark"])
def test_draws_every_chart_without_an_error(run, browse, tmp_path, flags):
    assert_sound(*browse(build([run], tmp_path / "r.html"), *flags))


def test_several_runs(make_run, run, browse, tmp_path):
    other = make_run(tmp_path / "other", steps=20, seed=1)
    assert_sound(*browse(build([run, other], tmp_path / "r.html")))


def test_hostile_text_does_not_run(make_run, browse, tmp_path):
    evil = make_run(tmp_path / "evil <img src=x onerror=1>", steps=12, hostile=True)
    dom, log = browse(build([evil], tmp_path / "r.html"))
    assert_sound(dom, log)
    found = Elements()
    found.feed(dom)
    assert found.tags["img"] == 0
    assert found.tags["script"] == 3  # the data, the drawing library, the page's own
    assert not any(name.startswith("on") for name in found.attributes)


def test_one_step_draws_points(make_run, browse, tmp_path):
    dom, log = browse(build([make_run(tmp_path / "one", steps=1)], tmp_path / "r.html"))
    assert_sound(dom, log)


def test_asks_the_network_for_nothing(run, browse, tmp_path):
    wanted = outside(browse(build([run], tmp_path / "r.html"))[1])
    assert wanted == set()


def test_a_page_that_does_ask_is_noticed(browse, tmp_path):
    page = tmp_path / "asks.html"
    page.write_text('<img src="http://example.invalid/a.png">', "utf-8")
    assert outside(browse(page)[1]) == {"http://example.invalid/a.png"}


def outside(log: str) -> set[str]:
    """Addresses that were asked for, less the browser's own services (time, updates, account)."""
    asked = set(re.findall(r'"url":"(https?://[^"]+)"', log))
    return {u for u in asked if not re.match(r"https?://([a-z0-9-]+\.)*(google|googleapis|gvt1)\.com/", u)}
