"""``python -m guerdon.docs_build [--check] [--pages]``."""

from __future__ import annotations

import argparse
import sys

from guerdon.docs_build import ROOT
from guerdon.docs_build.pages import problems, write


def main(argv: list[str] | None = None) -> int:
    """Build the pages, the pictures and the site, or check the pages; exit code 1 when the check finds something."""
    parser = argparse.ArgumentParser(prog="python -m guerdon.docs_build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on missing or stale pages")
    parser.add_argument("--pages", action="store_true", help="write the pages only: no pictures, no site")
    options = parser.parse_args(argv)
    if options.check:
        found = problems(ROOT)
        print("\n".join(found) or "every public name has a page, no page is stale")
        if found:
            print("fix: python -m guerdon.registry && python -m guerdon.docs_build", file=sys.stderr)
        return 1 if found else 0
    if not options.pages:
        from guerdon.docs_build.plots import draw_all

        drawn, failed = draw_all(ROOT / "docs")
        print(f"{drawn} pictures")
        for name, error in failed.items():
            print(f"no picture of {name}: {error}", file=sys.stderr)
    print(f"{write(ROOT)} pages changed")
    if not options.pages:
        from guerdon.docs_build.site import build

        print(f"{build(ROOT / 'docs', ROOT / 'site')} pages in site/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
