"""Answers as strings: the extractions and normal forms of common training recipes, with their known blind spots."""

from __future__ import annotations

import re

_HASH = re.compile(r"#### (-?[0-9.,]+)")
_NUMBER = re.compile(r"-?[0-9.,]+")
_ANSWER = re.compile(r"answer\s*:\s*([^\n]+)", re.IGNORECASE)
_BRACE = re.compile(r"[{}]")

# the lists and their order are those of the released graders: a word is deleted wherever it stands, inside others too
_MINERVA_CHANGED = (
    ("an ", ""), ("a ", ""), (".$", "$"), ("\\$", ""), ("\\ ", ""), (" ", ""), ("mbox", "text"),
    (",\\text{and}", ","), ("\\text{and}", ","), ("\\text{m}", "\\text{}"),
)  # fmt: skip
_MINERVA_DELETED = (
    "square", "ways", "integers", "dollars", "mph", "inches", "hours", "km", "units", "\\ldots", "sue", "points",
    "feet", "minutes", "digits", "cents", "degrees", "cm", "gm", "pounds", "meters", "meals", "edges", "students",
    "childrentickets", "multiples", "\\text{s}", "\\text{.}", "\\text{\ns}", "\\text{}^2", "\\text{}^3", "\\text{\n}",
    "\\text{}", "\\mathrm{th}", "^\\circ", "^{\\circ}", "\\;", ",\\!", "{,}", '"', "\\dots",
)  # fmt: skip
_UNWRAPPED = re.compile(r"\\(?:text|textbf|overline)\{(.*?)\}")
_SHORT_FRACTION = re.compile(r"frac([^{])(.)")
_SHORT_ROOT = re.compile(r"sqrt([^{])")


def hash_number(text: str) -> str:
    """The last ``#### number``, without commas; the number may not begin with a currency sign.

    Example:
        >>> hash_number("#### 1,000\\n#### 42."), hash_number("#### $42")
        ('42.', '')
    """
    found = _HASH.findall(text)
    return found[-1].replace(",", "") if found else ""


def last_number(text: str) -> str:
    """The last run of digits, points and commas with its sign, as it stands.

    Example:
        >>> last_number("from 7 to 1,000. ...")
        '...'
    """
    return next((n for n in reversed(_NUMBER.findall(text)) if n != "."), "")


def answer_line(text: str) -> str:
    """What follows the last ``Answer:`` on its line, in any case of letters."""
    found = _ANSWER.findall(text)
    return found[-1].strip() if found else ""


def last_box(text: str) -> str:
    r"""What the last ``\boxed`` or ``\fbox`` holds, braces matched; ``\boxed 7`` up to the next ``$``."""
    at = text.rfind("\\boxed")
    if at < 0:
        at = text.rfind("\\fbox")
    if at < 0:
        return ""
    if text.startswith("\\boxed ", at):
        return text[at + len("\\boxed ") :].partition("$")[0]
    depth, start = 0, text.find("{", at)
    for match in _BRACE.finditer(text, at):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return text[start + 1 : match.start()]
    return ""


def hendrycks(text: str) -> str:
    r"""The normal form of the MATH paper's grader.

    Example:
        >>> hendrycks(r"x = \tfrac12 \text{ cm}"), hendrycks("3/4"), hendrycks("0.5"), hendrycks("0.25")
        ('\\frac{1}{2}', '\\frac{3}{4}', '\\frac{1}{2}', '0.25')
    """
    s = text.replace("\n", "").replace("\\!", "").replace("\\\\", "\\")
    s = s.replace("tfrac", "frac").replace("dfrac", "frac").replace("\\left", "").replace("\\right", "")
    s = s.replace("^{\\circ}", "").replace("^\\circ", "").replace("\\$", "")
    if s.count("\\text{ ") == 1:  # a unit at the right
        s = s.partition("\\text{ ")[0]
    s = s.replace("\\%", "").replace(" .", " 0.").replace("{.", "{0.")
    s = "0" + s if s.startswith(".") else s
    if s.count("=") == 1 and len(s.partition("=")[0]) <= 2:
        s = s.partition("=")[2]
    s = _braced_fractions(_braced_roots(s).replace(" ", ""))
    if s == "0.5":
        return "\\frac{1}{2}"
    quotient = re.fullmatch(r"(-?(?:0|[1-9][0-9]*))/(-?(?:0|[1-9][0-9]*))", s)
    return f"\\frac{{{quotient.group(1)}}}{{{quotient.group(2)}}}" if quotient else s


def _braced_roots(s: str) -> str:
    head, *rest = s.split("\\sqrt")
    return head + "".join("\\sqrt" + (r if not r or r[0] == "{" else f"{{{r[0]}}}{r[1:]}") for r in rest)


def _braced_fractions(s: str) -> str:
    head, *rest = s.split("\\frac")
    if any(not r or (r[0] != "{" and len(r) < 2) for r in rest):
        return s
    out = [head]
    for r in rest:
        if r[0] != "{":
            r = f"{{{r[0]}}}" + (r[1:] if r[1] == "{" else f"{{{r[1]}}}{r[2:]}")
        out.append("\\frac" + r)
    return "".join(out)


def minerva(text: str) -> str:
    r"""The normal form of the Minerva grader, which DAPO's reward uses too.

    Example:
        >>> minerva(r"x = \$1,000 dollars"), minerva(r"\frac12"), minerva(r"\dfrac{1}{2}")
        ('1000', '\\frac{1}{2}', '\\dfrac{1}{2}')
    """
    s = text.rpartition("=")[2]
    for old, new in _MINERVA_CHANGED:
        s = s.replace(old, new)
    for word in _MINERVA_DELETED:
        s = s.replace(word, "")
    before, opened, after = s.partition("$")
    inner, closed, _ = after.partition("$")
    s = f"${inner}$" if closed else before + opened + after
    s = _UNWRAPPED.sub(r"\1", s)
    at, end = s.find("\\boxed{"), s.rfind("}")
    if 0 <= at < end:
        s = s[:at] + s[at + len("\\boxed{") : end] + s[end + 1 :]
    s = _SHORT_ROOT.sub(r"sqrt{\1}", _SHORT_FRACTION.sub(r"frac{\1}{\2}", s)).replace("$", "")
    return (s.replace(",", "") if s.replace(",", "").isdigit() else s).strip()
