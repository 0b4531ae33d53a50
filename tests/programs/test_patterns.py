from __future__ import annotations

import pytest

from guerdon.programs.patterns import match


def test_match_modes_and_flags():
    def fits(pattern, text, mode="full", *flags):
        return match({"patterns": [pattern], "text": text, "mode": mode, "flags": list(flags)})["matched"]

    assert fits("a.c", "abc")
    assert not fits("a.c", "xabc")
    assert fits("a.c", "xabc", "search")
    assert not fits("A", "a")
    assert fits("A", "a", "full", "ignore_case")
    assert not fits("^b$", "a\nb", "search")
    assert fits("^b$", "a\nb", "search", "multiline")
    assert not fits("a.b", "a\nb")
    assert fits("a.b", "a\nb", "full", "dotall")


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "a{2,1}", "(?P<x>a)(?P<x>b)", "(?z)", "\\"])
def test_a_pattern_that_is_none_is_a_fault(pattern):
    assert "is no pattern" in match({"patterns": ["a", pattern], "text": "a", "mode": "full", "flags": []})["fault"]
