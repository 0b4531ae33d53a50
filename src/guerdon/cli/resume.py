"""``guerdon resume``."""

from __future__ import annotations

from pathlib import Path

from guerdon.cli.train import follow


def resume(run: Path, *, allow_code: bool = False, plain: bool = False, quiet: bool = False, json: bool = False) -> int:
    """Continue a stopped run from its last checkpoint.

    Args:
        run: folder of the run.
        allow_code: let the recipe name your own code by dotted path.
        plain: one line per step instead of the live view.
        quiet: print nothing but errors and the end.
        json: print the summary as one JSON object; progress goes to stderr.
    """
    import guerdon

    return follow(lambda callbacks: guerdon.resume(run, callbacks=callbacks, allow_code=allow_code),
                  plain=plain, quiet=quiet, json=json)  # fmt: skip
