"""Provider of tool calls: read out of the completion."""

from __future__ import annotations

from collections.abc import Sequence

from guerdon.method import Paper, method
from guerdon.ops.tool_text import CallFormat, read_calls
from guerdon.records import ToolCall


@method(
    paper=Paper("arXiv:2504.13958", "ToolRL: Reward is All Tool Learning Needs", "agentic/toolrl",
                where="the tool_call block"),
    writes=("tool_calls",),
    tags=("tools",),
    default_source="ours",
)  # fmt: skip
def tool_calls(completion: Sequence[str | None], *, form: CallFormat = "auto") -> list[tuple[ToolCall, ...]]:
    r"""Read the tool calls of every completion.

    .. math:: c_i = (\text{name}, \text{arguments})_{1..n_i}

    Args:
        completion: generated text, one per row.
        form: ``tags`` the ``<tool_call>`` elements (one JSON object, a list, or one object per line; ``arguments`` or
            ``parameters``); ``openai`` a JSON text with ``tool_calls``, a call or a list of calls, whose arguments may
            be JSON in a string; ``auto`` the tags where there is one, else JSON.

    Returns:
        The calls of each row in order. What looks like a call and cannot be read is a call with an empty name and
        ``ok=False``: broken JSON, no name, no arguments, an element that is never closed, a repeated key. The last
        100,000 characters are read, and at most 64 calls.

    Raises:
        UnknownNameError: no such format.

    Example:
        >>> text = '<tool_call>\n{"name": "f", "parameters": {"x": 1}}\n{"name": "g", "parameters": {}}\n</tool_call>'
        >>> [(c.name, c.arguments) for c in tool_calls([text])[0]]
        [('f', {'x': 1}), ('g', {})]

    Source: the tag of Hermes-style chat templates, which ToolRL fills with one JSON object per line; the
        ``tool_calls`` field of chat completions.
    Differs: ToolRL reads the first element only, and gives up on the whole turn at the first broken line.
    """
    return [tuple(ToolCall(n, a, ok=None if n else False) for n, a in read_calls(c or "", form)) for c in completion]
