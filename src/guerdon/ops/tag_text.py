"""Texts made of tagged blocks: cut into blocks, and compared with an order such as ``think (search info)* answer``."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from guerdon.errors import RecipeError

TEXT = "text"
MAX_BLOCKS = 2_000
_TOKEN = re.compile(r"\s*(?:([A-Za-z][\w-]*)|([()|*+?]))")


@dataclass(frozen=True)
class Block:
    """A block of a text; the name ``text`` stands for what is between blocks."""

    name: str
    body: str


def cut(
    text: str, names: Collection[str], *, opaque: Collection[str] = (), stray: bool = False, ignore_case: bool = False
) -> list[Block] | str:
    """The blocks of a text with the text between them, or the reason why it has none.

    Text stands before, between and after all blocks, also where it is empty.

    Args:
        text: what was written.
        names: the tags that count; others are ordinary text.
        opaque: blocks whose inside may hold anything, such as the output of a tool.
        stray: whether a closing tag that closes nothing is text.
        ignore_case: whether ``< Think >`` is ``<think>``.

    Example:
        >>> [(b.name, b.body) for b in cut("<a>1</a> and <b>2</b>", ("a", "b"))]
        [('text', ''), ('a', '1'), ('text', ' and '), ('b', '2'), ('text', '')]
        >>> cut("<a>1<b>2</b></a>", ("a", "b")), cut("<a>1", ("a",)), cut("1</a>", ("a",))
        ('<b> inside <a>', '<a> is not closed', '</a> closes nothing')
    """
    found: list[Block] = []
    name, start = "", 0
    for match in _tags(tuple(sorted(names)), ignore_case).finditer(text):
        tag = match[2].lower() if ignore_case else match[2]
        closing = bool(match[1])
        if name:
            if closing and tag == name:
                found.append(Block(name, text[start : match.start()]))
                name, start = "", match.end()
            elif name not in opaque:
                return f"{'</' if closing else '<'}{tag}> inside <{name}>"
        elif not closing:
            found.append(Block(TEXT, text[start : match.start()]))
            name, start = tag, match.end()
        elif not stray:
            return f"</{tag}> closes nothing"
        if len(found) > MAX_BLOCKS:
            return f"more than {MAX_BLOCKS} blocks"
    if name:
        return f"<{name}> is not closed"
    return [*found, Block(TEXT, text[start:])]


@functools.lru_cache(maxsize=64)
def _tags(names: tuple[str, ...], ignore_case: bool) -> re.Pattern[str]:
    inner = "|".join(re.escape(n) for n in names)
    pattern = rf"<\s?(/?)\s?({inner})\s?>" if ignore_case else rf"<(/?)({inner})>"
    return re.compile(pattern, re.IGNORECASE if ignore_case else 0)


@dataclass(frozen=True)
class Order:
    """What blocks must come in which order: a ``name``, ``all`` parts in sequence, ``any`` of them, or a repeated part.

    Args:
        kind: ``name``, ``all``, ``any``, or the mark of a repeated part: ``?``, ``*``, ``+``.
        name: of the block.
        parts: what it is made of.
    """

    kind: str
    name: str = ""
    parts: tuple[Order, ...] = ()


@functools.lru_cache(maxsize=64)
def read_order(written: str) -> Order:
    """An order as written: names in sequence, ``a | b``, parentheses, and the marks ``?``, ``*`` and ``+``.

    Raises:
        RecipeError: the order cannot be read.

    Example:
        >>> read_order("think answer?").parts[1]
        Order(kind='?', name='', parts=(Order(kind='name', name='answer', parts=()),))
    """
    tokens, at = [], 0
    while at < len(written.rstrip()):
        match = _TOKEN.match(written, at)
        if match is None:
            raise _unreadable(written, written[at:].strip()[:1])
        tokens.append(match[1] or match[2])
        at = match.end()
    order, rest = _alternatives(written, tokens)
    if rest or not tokens:
        raise _unreadable(written, rest[0] if rest else "")
    return order


def _unreadable(written: str, seen: str) -> RecipeError:
    return RecipeError(
        "the order of blocks cannot be read", where=f"order {written!r}", seen=seen or "its end",
        allowed="names, a | b, ( ), and the marks ? * +", fix="for example: think (search information)* answer",
    )  # fmt: skip


def _alternatives(written: str, tokens: Sequence[str]) -> tuple[Order, Sequence[str]]:
    first, tokens = _sequence(written, tokens)
    found = [first]
    while tokens and tokens[0] == "|":
        item, tokens = _sequence(written, tokens[1:])
        found.append(item)
    return (Order("any", parts=tuple(found)) if len(found) > 1 else first), tokens


def _sequence(written: str, tokens: Sequence[str]) -> tuple[Order, Sequence[str]]:
    found: list[Order] = []
    while tokens and tokens[0] not in ("|", ")"):
        token, tokens = tokens[0], tokens[1:]
        if token == "(":
            item, tokens = _alternatives(written, tokens)
            if not tokens or tokens[0] != ")":
                raise _unreadable(written, "( without )")
            tokens = tokens[1:]
        elif token in "*+?":
            raise _unreadable(written, token)
        else:
            item = Order("name", token)
        while tokens and tokens[0] in ("*", "+", "?"):
            item, tokens = Order(tokens[0], parts=(item,)), tokens[1:]
        found.append(item)
    if not found:
        raise _unreadable(written, tokens[0] if tokens else "")
    return Order("all", parts=tuple(found)), tokens


def names_of(order: Order) -> frozenset[str]:
    """The names in an order, ``text`` included where it is named.

    Example:
        >>> sorted(names_of(read_order("think (search info)* answer")))
        ['answer', 'info', 'search', 'think']
    """
    return frozenset((order.name,) if order.kind == "name" else ()).union(*map(names_of, order.parts))


def follows(found: Sequence[str], order: Order) -> bool:
    """Whether a whole sequence of names has the order; never slower than their number times the size of the order.

    Example:
        >>> order = read_order("think (search info)* answer")
        >>> follows(["think", "search", "info", "answer"], order), follows(["think", "search", "answer"], order)
        (True, False)
    """
    return len(found) in _ends(found, order, {0})


def _ends(found: Sequence[str], order: Order, starts: Iterable[int]) -> set[int]:
    """Where the order can end when it begins at any of these places."""
    here = set(starts)
    if order.kind == "name":
        return {i + 1 for i in here if i < len(found) and found[i] == order.name}
    if order.kind == "all":
        for part in order.parts:
            here = _ends(found, part, here)
        return here
    if order.kind == "any":
        return set().union(*(_ends(found, part, here) for part in order.parts))
    once = _ends(found, order.parts[0], here)
    if order.kind == "?":
        return here | once
    reached, fresh = set(once), once
    while fresh:
        fresh = _ends(found, order.parts[0], fresh) - reached
        reached |= fresh
    return reached | here if order.kind == "*" else reached
