from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.report.text import plain, visible

ANY = st.text(st.characters(codec=None), max_size=60)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b", r"\x1b"),
        ("\u202e", r"\u202e"),
        ("\ufeff", r"\ufeff"),
        ("\u00a0", r"\xa0"),
        ("\u2028", r"\u2028"),
        ("\r", r"\x0d"),
        ("\ud83d", r"\ud83d"),
    ],
)
def test_hidden_characters_become_escapes(raw, shown):
    assert visible(raw) == f'<span class="esc">{shown}</span>'
    assert plain(raw) == shown


def test_markup_is_escaped():
    assert visible("<b>&\"'") == "&lt;b&gt;&amp;&#34;&#39;"


def test_line_breaks_stay_where_text_is_shown_and_not_in_labels():
    assert visible("a\n\tb") == "a\n\tb"
    assert plain("a\n\tb") == r"a\n\tb"


def test_stacked_accents_are_cut_after_two():
    assert visible("e\u0301\u0301\u0301") == 'e\u0301\u0301<span class="esc">\\u0301</span>'


def test_the_rest_of_a_long_text_is_counted():
    assert visible("x" * 12, 10) == 'xxxxxxxxxx<span class="more">… 2 more characters</span>'
    assert plain("x" * 12, 10) == "xxxxxxxxx…"


@given(ANY)
def test_the_result_can_be_written_and_holds_nothing_hidden(raw):
    html = visible(raw)
    html.encode("utf-8")
    assert all(c.isprintable() or c in "\n\t" for c in html)
    assert len(plain(raw)) <= 80
