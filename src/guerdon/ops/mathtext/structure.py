r"""Answers as a whole: lists, tuples, intervals, sets, unions, equations, matrices and words around formulas."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from guerdon.ops.mathtext.evaluate import signs
from guerdon.ops.mathtext.expression import FUNCTIONS, Node, UnreadableError, parse
from guerdon.ops.mathtext.units import scale_of, split_unit

MAX_ITEMS = 64


@dataclass(frozen=True)
class Answer:
    """An answer that has been read.

    ``kind`` is ``value``, ``list``, ``tuple``, ``set``, ``union``, ``equation``, ``matrix``, ``base``, ``text``, or
    ``raw`` for what is not understood. ``mark`` holds the brackets of a tuple, the variable of an assignment, the base
    of a numeral, or the row length of a matrix.
    """

    kind: str
    text: str
    items: tuple[Answer, ...] = ()
    node: Node | None = None
    mark: str = ""
    name: str = ""
    unit: str = ""
    percent: bool = False

    @property
    def understood(self) -> bool:
        """Whether no part of it is raw."""
        return self.kind != "raw" and all(i.understood for i in self.items)


_REPLACED = (
    (re.compile(r"\\(?:left|right|[bB]igg?[lrm]?)(?![A-Za-z])\s*\.?"), ""),
    (re.compile(r"\\(?:displaystyle|textstyle|limits|nolimits)(?![A-Za-z])"), ""),
    (re.compile(r"\\(?:text(?:bf|rm|it|normal|sf|tt)|mbox|hbox|textup)\s*\{"), r"\\text{"),
    (re.compile(r"\\math(?:rm|bf|it|sf|tt|cal)\s*\{(?=[^{}]{2,}\})"), r"\\text{"),
    (re.compile(rf"\\operatorname\s*\{{\s*({'|'.join(FUNCTIONS)})\s*\}}"), r"\\\1 "),
    (re.compile(r"\\operatorname\s*\{"), r"\\text{"),
    (re.compile(r",\s*\\!\s*"), ","),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\!"), ""),
    (re.compile(r"(?<=\d)(?:\\,|\\;|\\ )(?=\d{3}(?!\d))"), ""),
    (re.compile(r"\\[,;:> ]|~|\\q?quad(?![A-Za-z])"), " "),
    (re.compile(r"\\leq?(?:slant)?(?![A-Za-z])|<=|\\leqq"), "≤"),
    (re.compile(r"\\geq?(?:slant)?(?![A-Za-z])|>=|\\geqq"), "≥"),
    (re.compile(r"\\lt(?![A-Za-z])"), "<"),
    (re.compile(r"\\gt(?![A-Za-z])"), ">"),
    (re.compile(r"\\neq?(?![A-Za-z])|!="), "≠"),
    (re.compile(r"\\cup(?![A-Za-z])"), "∪"),
    (re.compile(r"(?<=[)\]])\s*U\s*(?=[(\[])"), "∪"),
    (re.compile(r"\\in(?![A-Za-z])"), "∈"),
    (re.compile(r"\\infty(?![A-Za-z])"), "∞"),
    (re.compile(r"\\pm(?![A-Za-z])|\+/-"), "±"),
    (re.compile(r"\\mathbb\s*(?:\{\s*R\s*\}|R(?![A-Za-z]))"), "(-∞,∞)"),
    (re.compile(r"\\(?:emptyset|varnothing)(?![A-Za-z])"), "∅"),
    (re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![A-Za-z]))|\\degree(?![A-Za-z])"), "°"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\langle(?![A-Za-z])"), "⟨"),
    (re.compile(r"\\rangle(?![A-Za-z])"), "⟩"),
    (re.compile(r"\\lbrace(?![A-Za-z])"), r"\\{"),
    (re.compile(r"\\rbrace(?![A-Za-z])"), r"\\}"),
    (re.compile(r"\\text\{\s*(and|or)\s*\}"), r" \1 "),
    (re.compile(r"\\(?:land|wedge|lor|vee)(?![A-Za-z])"), " and "),
    (re.compile(r"\\[()\[\]]"), ""),
)
_BOX = re.compile(r"\\f?boxed\s*\{(.*)\}", re.DOTALL)
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])", re.ASCII)
_MATRIX = re.compile(r"\\begin\{([pbB]?matrix|array)\}(?:\{[lcr|]*\})?(.*)\\end\{\1\}", re.DOTALL)
_NOTHING = re.compile(r"(?:\\text\{)?\s*(?:no (?:real )?solutions?|(?:the )?empty set)\s*\}?", re.IGNORECASE)
_EVERYTHING = re.compile(r"(?:\\text\{)?\s*(?:all )?(?:the )?real(?:s| numbers)\s*\}?", re.IGNORECASE)
_SPACED = re.compile(r"-?\d{1,3}(?: \d{3})+(?:\.\d+)?", re.ASCII)
_RATIO = re.compile(r"\d+(?:\.\d+)?(?:\s*:\s*\d+(?:\.\d+)?)+", re.ASCII)
_BASE = re.compile(r"(-?(?=[0-9A-F]*\d)[0-9A-F]+)_\s*(?:\{\s*(\d{1,2})\s*\}|(\d{1,2}))$", re.ASCII)
_NAME = re.compile(r"(?:\\?[A-Za-z]+|[A-Za-z])(?:_(?:\{\w{1,8}\}|\w))?'?(?:\s*\(\s*[A-Za-z](?:\s*,\s*[A-Za-z])*\s*\))?")
_LEAD = re.compile(r"[A-Za-z][A-Za-z ,']*\b(?:is|are|equals?|be|equal to)\b:?\s+(?=[-+$\\\d(\[√π.])")
_SEPARATOR = re.compile(r"\s+(?:and|or)\s+")
_RELATION = re.compile(r"[=<>≤≥≠∈]")
_OPENING, _CLOSING = "([{⟨", ")]}⟩"


def read(text: str, *, thousands: bool = True) -> Answer:
    r"""Read a screened answer.

    Args:
        text: the answer, from :func:`guerdon.ops.mathtext.screen.screen`.
        thousands: read ``1,000`` outside brackets as one number.

    Example:
        >>> [i.node.value for i in read("3, 5 and 7").items], read(r"(3,4]").mark, read(r"x \ge 2").mark
        ([Fraction(3, 1), Fraction(5, 1), Fraction(7, 1)], '(]', '[)')
    """
    s = text
    if not s.isalnum():
        s = s.replace("\\$", "¤").replace("\\\\", "\x00").replace("\\{", "\x02").replace("\\}", "\x03")
        s = s.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").replace("\\left\x02", "\x02")
        for pattern, new in _REPLACED:
            s = pattern.sub(new, s)
        s = s.replace("\\{", "\x02").replace("\\}", "\x03")
        box = _BOX.fullmatch(s.strip(" $."))
        s = box.group(1) if box else s
    if s.count("$") % 2:
        s = s.replace("$", "¤", 1)
    return _read(s.replace("$", " "), thousands)


def _read(s: str, thousands: bool) -> Answer:
    s = s.strip(" `*_").rstrip(".,;: ").strip(" `*_")
    if s.startswith("{") and _closes(s, 0) == len(s) - 1 and "," not in s:
        s = s[1:-1].strip()
    if not s:
        return Answer("raw", s)
    if s == "∅" or _NOTHING.fullmatch(s) or s.replace(" ", "") == "\x02\x03":
        return Answer("set", s)
    if _EVERYTHING.fullmatch(s):
        return _read("(-∞,∞)", False)
    if _RATIO.fullmatch(s):  # 2 : 3 and 12:30
        return Answer("tuple", s, tuple(_read(p, False) for p in s.split(":")), mark=":")
    matrix = _MATRIX.fullmatch(s)
    if matrix:
        return _matrix(s, matrix.group(2))
    parts = _split(s, ",;", words=True, thousands=thousands)
    if len(parts) > 1:
        return _several("list", s, parts, thousands)
    parts = _split(s, "∪")
    if len(parts) > 1:
        return _several("union", s, parts, thousands)
    if _RELATION.search(s):
        found = _relation(s, thousands)
        if found is not None:
            return found
    return _bracketed(s) or _leaf(s)


def _several(kind: str, s: str, parts: list[str], thousands: bool, mark: str = "") -> Answer:
    parts = [p for p in parts if p.strip()]
    if kind == "set" and ("|" in s or ":" in s or "\\mid" in s):  # {x | x > 0}
        return Answer("raw", s)
    if not parts or len(parts) > MAX_ITEMS:
        return Answer("raw", s)
    items = [_read(p, thousands) for p in parts]
    if kind != "tuple":  # 1 ± 2 among others is two more of them
        items = [j for i in items for j in (i.items if i.kind == "list" else (i,))]
    elif any(i.kind == "list" for i in items):
        return Answer("raw", s)
    return Answer(kind, s, tuple(items), mark=mark)


def _closes(s: str, at: int) -> int:
    """Where the bracket that opens at ``at`` closes, whichever kind closes it; -1 if it does not."""
    depth = 0
    for i in range(at, len(s)):
        if s[i] in _OPENING or s[i] == "\x02":
            depth += 1
        elif s[i] in _CLOSING or s[i] == "\x03":
            depth -= 1
            if depth == 0:
                return i
    return -1


def _split(s: str, separators: str, *, words: bool = False, thousands: bool = False) -> list[str]:
    """Cut at separators outside brackets; a comma inside ``1,000`` is none."""
    whole = {i for m in _THOUSANDS.finditer(s) for i in range(*m.span())} if thousands and "," in s else set()
    parts, depth, start, i = [], 0, 0, 0
    while i < len(s):
        c = s[i]
        if c in _OPENING or c == "\x02":
            depth += 1
        elif c in _CLOSING or c == "\x03":
            depth -= 1
        elif depth == 0:
            word = _SEPARATOR.match(s, i) if words and c == " " else None
            if word:
                parts.append(s[start:i])
                start = i = word.end()
                continue
            if c in separators and i not in whole:
                parts.append(s[start:i])
                start = i + 1
        i += 1
    parts.append(s[start:])
    if words:
        parts = [re.sub(r"^\s*(?:and|or)\s+", "", p) for p in parts]
    return parts


def _relation(s: str, thousands: bool) -> Answer | None:
    sides, signs_found, depth, start = [], [], 0, 0
    for i, c in enumerate(s):
        if c in _OPENING or c == "\x02":
            depth += 1
        elif c in _CLOSING or c == "\x03":
            depth -= 1
        elif depth == 0 and _RELATION.match(c):
            sides.append(s[start:i].strip())
            signs_found.append(c)
            start = i + 1
    sides.append(s[start:].strip())
    if not signs_found:
        return None
    if not all(sides):
        return Answer("raw", s)
    if signs_found == ["∈"]:
        return replace(_read(sides[1], thousands), name=sides[0]) if _NAME.fullmatch(sides[0]) else Answer("raw", s)
    if all(c == "=" for c in signs_found):
        return _equation(s, sides, thousands)
    return _inequality(s, sides, signs_found)


def _equation(s: str, sides: list[str], thousands: bool) -> Answer:
    if _NAME.fullmatch(sides[0]) and sides[0].lstrip("\\") not in FUNCTIONS:
        right = _read(sides[-1], thousands)
        return Answer("raw", s) if right.kind in ("raw", "equation") else replace(right, name=_bare(sides[0]))
    try:
        nodes = [parse(p) for p in sides]
    except UnreadableError:
        return Answer("raw", s)
    if not any(_symbols(n) for n in nodes):
        return _read(sides[-1], thousands)  # 2 + 3 = 5: what the working ends in
    if len(nodes) != 2:
        return Answer("raw", s)
    return Answer("equation", s, node=Node("add", None, (nodes[0], Node("neg", None, (nodes[1],)))))


def _bare(name: str) -> str:
    return re.sub(r"[\s\\{}]", "", name)


def _symbols(node: Node) -> bool:
    return (node.kind == "sym" and node.value not in ("π", "e")) or any(_symbols(p) for p in node.parts)


def _inequality(s: str, sides: list[str], found: list[str]) -> Answer:
    r"""``a < x \le b`` as the interval ``(a, b]`` of ``x``."""
    if "=" in found or "≠" in found or "∈" in found or len(found) > 2:
        return Answer("raw", s)
    middle = 1 if len(found) == 2 else 0 if _NAME.fullmatch(sides[0]) else 1
    if not _NAME.fullmatch(sides[middle]) or (len(found) == 2 and (found[0] in "<≤") != (found[1] in "<≤")):
        return Answer("raw", s)
    low, high = _read("-∞", False), _read("∞", False)
    marks = ["(", ")"]
    for k, sign in enumerate(found):
        other = sides[k + 1] if k >= middle else sides[k]
        below = (sign in "<≤") == (k < middle)  # the other side bounds the variable from below
        if below:
            low, marks[0] = _read(other, False), "[" if sign in "≤≥" else "("
        else:
            high, marks[1] = _read(other, False), "]" if sign in "≤≥" else ")"
    return Answer("tuple", s, (low, high), mark="".join(marks), name=_bare(sides[middle]))


def _bracketed(s: str) -> Answer | None:
    if s[0] not in "([{⟨\x02" or _closes(s, 0) != len(s) - 1:
        return None
    parts = _split(s[1:-1], ",;")
    if s[0] == "\x02" or (s[0] == "{" and len(parts) > 1):
        return _several("set", s, parts, False)
    if len(parts) > 1:
        return _several("tuple", s, parts, False, (s[0] + s[-1]).replace("⟨", "(").replace("⟩", ")"))
    return None


def _matrix(s: str, body: str) -> Answer:
    rows = [r.split("&") for r in body.split("\x00") if r.strip()]
    width = len(rows[0]) if rows else 0
    if not width or any(len(r) != width for r in rows) or width * len(rows) > MAX_ITEMS or "\\begin" in body:
        return Answer("raw", s)
    return Answer("matrix", s, tuple(_read(c, True) for r in rows for c in r), mark=str(width))


def _leaf(s: str) -> Answer:
    if _SPACED.fullmatch(s):
        s = s.replace(" ", "")
    base = _BASE.fullmatch(s)
    if base:
        return Answer("base", s, name="", mark=base.group(2) or base.group(3), unit=base.group(1))
    text = re.fullmatch(r"\\text\{([^{}]*)\}", s)
    if text:
        inner = text.group(1).strip()
        return _read(inner, True) if any(c.isdigit() for c in inner) else Answer("text", inner)
    words = s.replace("\\text{", " ").replace("}", " ") if "\\text{" in s else s
    if _only_words(words):
        return Answer("text", " ".join(words.split()))
    lead = _LEAD.match(s)
    if lead:
        return _read(s[lead.end() :], True)
    body, unit, percent = s, "", False
    for sign in ("%", "percent", "\\text{percent}", "\\text{ percent}"):
        if body.endswith(sign):
            body, percent = body[: -len(sign)].strip(), True
            break
    if "¤" in body or body[:1] in "€£":
        currency = re.fullmatch(r"([-+]?)\s*([¤€£])\s*(.*)", body)
        if currency:
            body, unit = currency.group(1) + currency.group(3), currency.group(2).replace("¤", "$")
    if not percent:
        body, named = split_unit(body)
        unit = named or unit
    scale = scale_of(unit)
    if scale is None:
        return Answer("raw", s)
    try:
        node = parse(body)
        if scale[0] != 1:
            node, unit = Node("mul", None, (node, Node("num", scale[0]))), scale[1]
        nodes = signs(node)
    except UnreadableError:
        return Answer("text", s) if _looks_like_prose(s) else Answer("raw", s)
    if len(nodes) == 1:
        return Answer("value", s, node=nodes[0], unit=unit, percent=percent)
    # two values of one text: their text must not make them equal
    return Answer("list", s, tuple(Answer("value", "", node=n, unit=unit, percent=percent) for n in nodes))


def _only_words(s: str) -> bool:
    """Words rather than a product of letters: letters alone, with a run of at least four that is no function."""
    if not re.fullmatch(r"[^\W\d_]+(?:[ '-][^\W\d_]+)*[ .!?]*", s):
        return False
    return any(len(w) > 3 and w not in FUNCTIONS and w != "infinity" for w in re.split(r"[ '.-]", s))


def _looks_like_prose(s: str) -> bool:
    return "\\" not in s and not any(c.isdigit() for c in s) and any(len(w) > 3 for w in re.findall(r"[^\W\d_]+", s))
