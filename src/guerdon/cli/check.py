"""``guerdon check``."""

from __future__ import annotations

from guerdon.cli.output import emit, table


def check(
    target: str,
    *,
    only: list[str] | None = None,
    cases: int = 4,
    seed: int = 0,
    skipped: bool = False,
    dry_run: bool = False,
    quiet: bool = False,
    json: bool = False,
) -> int:
    """Run the conformance checks on a method; a failure shows the smallest input that makes it fail.

    Exit code 1 when a property failed.

    Args:
        target: a name, preset or dotted path, or a Python file whose methods are all checked.
        only: names of properties; all of them when not given.
        cases: random inputs per property.
        seed: start of the random inputs.
        skipped: list properties that do not apply, too.
        dry_run: list the methods and the properties, run nothing.
        quiet: print nothing when all is well.
        json: print one JSON object.
    """
    from guerdon.conformance.check import check as run
    from guerdon.conformance.check import methods_of
    from guerdon.conformance.suite import applicable

    if dry_run:
        rows = [(m.card.name, c.name) for m in methods_of(target) for c in applicable(m) if not only or c.name in only]
        if json:
            emit([{"method": m, "property": p} for m, p in rows])
        else:
            print(table(rows, ("method", "property")))
        return 0
    report = run(target, only=only or (), cases=cases, seed=seed)
    if json:
        emit(report.data())
    elif not (quiet and report.ok):
        print(report.text(skipped=skipped))
    return 0 if report.ok else 1
