"""``guerdon cp``."""

from __future__ import annotations

from pathlib import Path

from guerdon.cli.output import emit
from guerdon.errors import DataError, UnknownNameError


def cp(recipe: str, file: Path | None = None, *, force: bool = False, dry_run: bool = False, json: bool = False) -> int:
    """Copy a shipped recipe into this folder, comments included, to edit it.

    Args:
        recipe: name of a shipped recipe.
        file: where to; default is NAME.yaml here.
        force: overwrite an existing file.
        dry_run: say what would be written, write nothing.
        json: print one JSON object.

    Raises:
        UnknownNameError: no shipped recipe has that name.
        DataError: the file exists, or its folder does not.
    """
    from guerdon.recipe import shipped

    known = shipped()
    if recipe not in known:
        raise UnknownNameError("recipe", recipe, known, where="guerdon cp")
    to = file or Path(f"{recipe}.yaml")
    if to.is_dir():
        to = to / f"{recipe}.yaml"
    if to.exists() and not force:
        raise DataError("the file exists", where=str(to), fix="choose another name, or --force")
    if not to.parent.is_dir():
        raise DataError("no such folder", where=str(to.parent), fix=f"mkdir -p {to.parent}")
    if not dry_run:
        to.write_bytes(known[recipe].read_bytes())
    if json:
        emit({"recipe": recipe, "file": str(to), "written": not dry_run})
    else:
        print(f"{'would write' if dry_run else 'wrote'} {to}; run it with: guerdon train {to}")
    return 0
