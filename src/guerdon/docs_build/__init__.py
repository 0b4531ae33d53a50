"""The documentation: generated pages from cards and docstrings, a check that none is missing or stale, a static site.

``python -m guerdon.docs_build`` writes the pages under ``docs/`` and the site under ``site/``; ``--check`` writes
nothing and fails when a public name has no docstring or page, or when a page is not what would be generated.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]
# folders below docs/ that hold nothing but generated pages (and pictures)
GENERATED = ("methods", "recipes", "reference")
