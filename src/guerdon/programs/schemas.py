"""JSON schemas on untrusted values: their patterns can take for ever, so they run in a worker."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from guerdon.errors import MachineError

try:  # here, not in the function: the helper process imports once, before the time of any call is counted
    import jsonschema.validators
    import referencing.exceptions
except ImportError as error:
    _MISSING: str = str(error)
else:
    _MISSING = ""

_MANY = 20


def validate(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a value has the form that a JSON schema demands.

    The payload has ``schema``, ``value`` and ``formats`` (whether ``format`` is checked). The value has ``problems``, a
    list of where and what, empty for a valid value, or ``fault`` for a schema that cannot be used: one that is none,
    refers to what it does not hold, or names a format that cannot be checked here.

    Raises:
        MachineError: the package jsonschema is not installed.

    Example:
        >>> validate({"schema": {"type": "object", "required": ["a"]}, "value": {}, "formats": False})
        {'problems': ["at the top: 'a' is a required property"]}
    """
    if _MISSING:
        raise MachineError("the package jsonschema is not installed", seen=_MISSING, fix="pip install 'guerdon[text]'")
    schema, checker = payload["schema"], None
    try:
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        kind.check_schema(schema)
        if payload["formats"]:
            checker = kind.FORMAT_CHECKER
            unknown = sorted(set(_formats(schema)) - set(checker.checkers))
            if unknown:
                return {"fault": f"the format {unknown[0]!r} cannot be checked here"}
        # an empty registry: a schema may refer to itself, never to an address
        validator = kind(schema, registry=referencing.Registry(), format_checker=checker)
        found = [_problem(e) for e, _ in zip(validator.iter_errors(payload["value"]), range(_MANY), strict=False)]
    except jsonschema.SchemaError as error:
        return {"fault": f"not a JSON schema: {error.message[:200]}"}
    except referencing.exceptions.Unresolvable as error:
        return {"fault": f"the schema refers to {str(error.ref)[:100]!r}, which it does not hold"}
    except re.error as error:
        return {"fault": f"the schema holds {str(error.pattern)[:60]!r}, which is no pattern: {error}"}
    except RecursionError:
        return {"fault": "the schema refers to itself without end, or is nested too deeply"}
    return {"problems": sorted(found)}


def _problem(error: Any) -> str:
    where = "".join(f"[{p!r}]" for p in error.absolute_path) or "the top"
    return f"at {where}: {error.message[:200]}"


def _formats(schema: Any) -> Iterator[str]:
    """Every format the schema asks for; data inside ``enum``, ``const``, ``default`` and ``examples`` is no schema."""
    if isinstance(schema, Mapping):
        if isinstance(schema.get("format"), str):
            yield schema["format"]
        for key, inner in schema.items():
            if key not in ("enum", "const", "default", "examples"):
                yield from _formats(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _formats(inner)
