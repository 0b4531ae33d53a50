from __future__ import annotations

import pytest

from guerdon.rewards.verifiers._program import MAX_TEXT, program_of


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        ("", ""), ("   \n ", ""), ("x = 1", "x = 1"), ("a ```python\nb", "a ```python\nb"),
        ("```python\nx = 1\n```", "x = 1\n"), ("```py\nx\n```", "x\n"), ("```Python3 title=a\nx\n```", "x\n"),
        ("```\nx\n```", "x\n"), ("```python\nx\n```\n```text\ny\n```", "x\n"), ("```text\nx\n```\n```\ny\n```", "y\n"),
        ("```python\nx\n```\nthen\n```python\ny\n```", "y\n"), ("```python\nx = 1\ny", "x = 1\ny\n"),
        ("~~~python\nx\n~~~", "x\n"), ("````python\n```\nx\n```\n````", "```\nx\n```\n"),
        ("1. so\n   ```python\n   def f():\n       pass\n   ```", "def f():\n    pass\n"),
        ("```python\r\nx = 1\r\n```", "x = 1\n"), ("```python\n```", ""), ("```c++\nint x;\n```", "int x;\n"),
    ],
)  # fmt: skip
def test_the_last_python_block(completion, program):
    assert program_of(completion) == program


def test_a_text_too_long_to_be_a_program():
    assert program_of("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert program_of("x" * (MAX_TEXT + 1)) == ""


def test_many_fences_are_read_once():
    # quadratic reading of 66,000 fences would take minutes
    assert program_of("```\n" * 50_000) == ""
