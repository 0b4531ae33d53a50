from __future__ import annotations

import pytest

from guerdon.errors import UnknownNameError
from guerdon.ops.mathtext.final import bare_gold, final_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("\\boxed{1} then \\boxed{2}", "2"), ("\\boxed{1} and \\boxed{2}", "1, 2"),
        ("$\\boxed{1}$, $\\boxed{2}$", "1, 2"),
        ("\\boxed{1}\n\nso \\boxed{2} or $\\boxed{3}$.", "2, 3"),
        ("\\boxed{\\frac{1}{\\sqrt{2}}}", "\\frac{1}{\\sqrt{2}}"),
        ("\\fbox{7}", "7"), ("\\boxed{\\{1,2\\}}", "\\{1,2\\}"), ("\\boxed{7}\n#### 8\nAnswer: 9", "7"),
        ("Answer: 9\n#### 8", "8"), ("so 3\nAnswer: 9 apples", "9 apples"), ("the answer is 3.5. We are done.", "3.5"),
        ("The answer is $\\frac{1}{2}$, I think.", "\\frac{1}{2}"), ("Answer: $\\$36$", "\\$36"),
        ("**Answer:** 42", "42"), ("A: 18", "18"), ("we get 7 and then 1,234.50", "1,234.50"), ("-7 degrees", "-7"),
        ("the answer is 12 because 3 * 4 = 12", "12"),
    ],
)  # fmt: skip
def test_auto(text, answer):
    assert final_answer(text) == (answer, "")


def test_none():
    assert final_answer("") == ("", "no answer found")
    assert final_answer("\\boxed{}") == ("", "no answer found")
    assert final_answer("\\boxed{1} so \\boxed{\\frac{1}{2}") == ("", "the last box is not closed")
    assert final_answer("it is 7", "boxed") == ("", "no answer found")
    with pytest.raises(UnknownNameError, match="answer format"):
        final_answer("7", "bxed")


def test_the_last_of_several_boxes():
    assert final_answer("\\boxed{1} and \\boxed{2}", several="last") == ("2", "")


def test_gold_may_stand_in_its_solution():
    assert bare_gold("3*4=12\n#### 12") == "12"
    assert bare_gold("\\frac{1}{2}") == "\\frac{1}{2}"


def test_a_long_text_is_read_from_its_end_once():
    # 100 kB of unclosed boxes or markers: linear, so far below a second
    assert final_answer("\\boxed{" * 20_000)[1] == "the last box is not closed"
    assert final_answer("Answer: " * 20_000 + "7") == ("7", "")
    assert final_answer("\\boxed{1} and " * 10_000)[0].count("1") > 5_000
