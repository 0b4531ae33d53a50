from __future__ import annotations

from guerdon.ops.phrases import phrase_hits


def test_whole_words_in_order_and_with_repeats():
    text = "Carbon dioxide and water; watery water_x Water."
    assert phrase_hits(text, ["carbon dioxide", "water"]) == ["carbon dioxide", "water", "water"]


def test_the_first_of_the_list_wins_at_one_place():
    assert phrase_hits("carbon dioxide", ["carbon", "carbon dioxide"]) == ["carbon"]
    assert phrase_hits("carbon dioxide", ["carbon dioxide", "carbon"]) == ["carbon dioxide"]


def test_marks_are_taken_literally_and_nothing_is_found_in_nothing():
    assert phrase_hits("plt.plot(x) pltxplot C++ c++", ["plt.plot", "c++"]) == ["plt.plot", "c++", "c++"]
    assert phrase_hits("a", []) == phrase_hits("", ["a"]) == phrase_hits("a", [""]) == []
