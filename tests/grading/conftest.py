"""A small file of completions, and scoring it into a file."""

from __future__ import annotations

import json

import pytest

from guerdon.grading.grader import Grader
from guerdon.grading.output import Output
from guerdon.grading.sources import FileSource, digest, peek
from guerdon.grading.work import request, run

ASKS = ("answer_equal:extract=last_number,normalise=number", "length_penalty:length=@words,threshold=2,weight=0.1")


@pytest.fixture
def rows(tmp_path):
    """30 rows, two of which cannot be read and one without a score."""
    texts = [f"so {i % 4} é" if i % 9 else "none" for i in range(30)]
    every = [
        {"id": f"r{i}", "completion": t, "gold": "?" if i == 20 else "2", "q": i // 4} for i, t in enumerate(texts)
    ]
    lines = [json.dumps(row, ensure_ascii=False) for row in every]
    lines[7], lines[22] = '{"id": torn', "[1, 2]"
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture
def score(tmp_path):
    """Score a file into another; what ended it."""

    def go(path, out, *, asks=ASKS, batch=4, resume=False, group="", limit=None, **how):
        source = FileSource(path)
        bound = Grader(list(asks), group_column=group).bind(peek(source))
        asked = request(bound, digest(source.path), batch=batch, limit=limit)
        output = Output(out, asked, resume=resume)
        try:
            return run(source, bound, output=output, batch=batch, limit=limit, **how)
        finally:
            output.close()

    return go
