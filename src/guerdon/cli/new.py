"""``guerdon new``."""

from __future__ import annotations

from pathlib import Path

from guerdon.cli.output import emit


def new(
    stage: str,
    name: str,
    folder: Path = Path("."),
    *,
    role: str | None = None,
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Write the source and the test file of a new method into a folder of yours.

    The skeleton runs and is red in one property, its worked example, until its formula is written.

    Args:
        stage: reward, verifier, process reward, shaping, advantage, objective, preference loss or selection.
        name: name of the method, lower case with underscores.
        folder: where the files go; default is here.
        role: role of an objective, token_loss when not given.
        dry_run: print the source, write nothing.
        json: print one JSON object.
    """
    from guerdon.conformance import scaffold

    if dry_run:
        text = scaffold.source(stage, name, role=role)
        if json:
            emit({"files": [], "source": text})
        else:
            print(text, end="")
        return 0
    files = scaffold.write(stage, name, folder, role=role)
    if json:
        emit({"files": [str(f) for f in files]})
    else:
        print("\n".join(f"wrote {f}" for f in files))
        print(f"next: guerdon check {files[0]}")
    return 0
