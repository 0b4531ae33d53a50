"""Shapes and types of every method checked at each call, from the annotations that are there anyway.

Set ``GUERDON_CHECK=1`` to switch it on for a run that behaves strangely; the tests always have it on. It needs
``beartype`` and must come before a stage is imported, which importing ``guerdon`` first makes sure of.
"""

from __future__ import annotations

import importlib.util
import typing
from collections.abc import Callable
from typing import Any

from jaxtyping import AbstractArray

from guerdon.errors import MachineError

STAGES = ("advantages", "objectives", "shaping", "selection", "rewards", "providers")


def check_shapes() -> None:
    """Check the arguments and results of everything imported from the stages from now on.

    Raises:
        MachineError: ``beartype`` is not installed.
    """
    if importlib.util.find_spec("beartype") is None:
        raise MachineError("shape checks need a package that is missing", seen="beartype", fix="pip install beartype")
    from jaxtyping import install_import_hook

    install_import_hook([f"guerdon.{stage}" for stage in STAGES], "guerdon.checked.typecheck")


def typecheck(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check what is annotated as a tensor with named axes; hyper-parameters are checked where recipes are read."""
    from beartype import BeartypeConf, beartype

    kept = {name: hint for name, hint in function.__annotations__.items() if "Tensor, " in str(hint) or _named(hint)}
    function.__annotations__ = kept
    return beartype(conf=BeartypeConf(is_pep484_tower=True))(function)


def _named(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(_named(inner) for inner in typing.get_args(hint))
