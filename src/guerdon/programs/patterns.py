"""Regular expressions on untrusted text: backtracking can take for ever, so they run in a worker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_FLAGS = {"ignore_case": re.IGNORECASE, "multiline": re.MULTILINE, "dotall": re.DOTALL}


def match(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Whether one of the patterns fits a text.

    The payload has ``patterns``, ``text``, ``mode`` (``full`` or ``search``) and ``flags``, a list of ``ignore_case``,
    ``multiline`` and ``dotall``. The value has ``matched``, or ``fault`` for a pattern that is none.

    Example:
        >>> match({"patterns": ["a+b"], "text": "aab", "mode": "full", "flags": []})
        {'matched': True}
        >>> match({"patterns": ["("], "text": "", "mode": "full", "flags": []})
        {'fault': "'(' is no pattern: missing ), unterminated subpattern at position 0"}
    """
    flags = re.RegexFlag(0)
    for name in payload["flags"]:
        flags |= _FLAGS[name]
    compiled = []
    for pattern in payload["patterns"]:
        try:
            compiled.append(re.compile(pattern, flags))
        except (re.error, RecursionError, OverflowError) as error:
            return {"fault": f"{pattern[:60]!r} is no pattern: {error}"}
    text = payload["text"]
    return {"matched": any(p.fullmatch(text) if payload["mode"] == "full" else p.search(text) for p in compiled)}
