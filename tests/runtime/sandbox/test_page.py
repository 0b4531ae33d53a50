"""The page about the sandbox names tests as its proof: they exist."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "sandbox.md"


def test_every_proof_on_the_page_is_a_test():
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    table = rows[next(i for i, r in enumerate(rows) if r.startswith("| attack")) + 1 :]
    named = [name for row in table for name in re.findall(r"`(\w+)`", row.rsplit("|", 2)[1])]
    tests = " ".join(re.findall(r"def (test_\w+)", "".join(p.read_text() for p in Path(__file__).parent.glob("*.py"))))
    assert len(named) >= 15
    assert [n for n in named if n not in tests] == []
