"""``guerdon doctor``."""

from __future__ import annotations

from typing import Any

from guerdon.cli.output import emit, indent, table, width


def doctor(*, json: bool = False) -> int:
    """Say what this machine can do: versions, hardware, isolation of model-written code as it really runs, extras.

    Exit code 3 when something that guerdon always needs is missing.

    Args:
        json: print one JSON object.
    """
    from dataclasses import asdict

    from guerdon.runtime.machine import doctor as look
    from guerdon.runtime.sandbox.probe import measure

    found = look()
    found["sandbox"]["measured"] = asdict(measure())
    missing = [name for name, version in found["versions"].items() if version is None]
    if json:
        emit({**found, "ok": not missing})
    else:
        print(text(found, missing))
    return 3 if missing else 0


def text(found: dict[str, Any], missing: list[str]) -> str:
    """The facts for reading."""
    gpu = ", ".join(f"{g['name']} ({_size(g['memory_bytes'])})" for g in found["gpu"]) or "none: the CPU is used"
    rows = [("python", found["python"]), ("system", found["platform"]), ("processor", found["processor"]),
            ("cores", found["cores"]), ("memory", _size(found["memory_bytes"])), ("GPU", gpu),
            *((n, v or "missing: reinstall guerdon") for n, v in found["versions"].items())]  # fmt: skip
    box = found["sandbox"]
    seen = box["measured"]
    proofs = [("holds" if p["works"] else "FAILS", p["name"], p["detail"]) for p in seen["proofs"]]
    checks = [("works" if c["works"] else "no", c["name"], c["detail"]) for c in box["checks"]]
    extras = [("there" if not e["missing"] else "missing", e["name"], f"{e['adds']}; {e['install']}" if e["missing"]
               else e["adds"]) for e in found["extras"]]  # fmt: skip
    columns = min(width(), 120) - 2
    parts = [
        table([(k, v) for k, v in rows], ("machine", "")),
        f"isolation of model-written code: level {seen['level']} of 3\n" + indent(_measured(box, seen), fill=True),
        indent(table(proofs, ("", "tried just now", ""), columns=columns, wrap=True)) if proofs else "",
        indent(table(checks, ("", "isolation rests on", ""), columns=columns, wrap=True)),
        "extras\n" + indent(table(extras, ("", "extra", "adds"), columns=columns, wrap=True)),
    ]
    end = f"missing: {', '.join(missing)}" if missing else "everything guerdon needs is here"
    return "\n\n".join([*filter(None, parts), end])


def _measured(box: dict[str, Any], seen: dict[str, Any]) -> str:
    why = seen["reason"] or box["reason"]
    if not seen["level"]:
        return f"{why}; code of completions is not run, its scores stay unscored"
    return f"{why}; started in {seen['start_seconds']:.2f} s, then {seen['run_seconds'] * 1e3:.1f} ms per run"


def _size(count: int | None) -> str:
    return "unknown" if count is None else f"{count / 2**30:.1f} GiB"
