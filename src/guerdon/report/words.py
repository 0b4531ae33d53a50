"""Numbers as text, the same way everywhere on the page."""

from __future__ import annotations

import math


def percent(value: float) -> str:
    """A rate as text.

    Example:
        >>> percent(0.4567)
        '45.7%'
    """
    return "n/a" if not math.isfinite(value) else f"{100 * value:.1f}%"


def points(value: float) -> str:
    """A difference of rates in percentage points, signed with a true minus.

    Example:
        >>> points(-0.012)
        '−1.2'
    """
    return "n/a" if not math.isfinite(value) else f"{100 * value:+.1f}".replace("-", "−")


def number(value: float, signed: bool = False, like: float | None = None) -> str:
    """A mean as text, about three significant digits, or as many as ``like`` gets.

    Example:
        >>> number(1234.5), number(0.01234), number(-2.0, signed=True), number(2e-5)
        ('1,234', '0.0123', '−2.00', '2.0e−05')
    """
    if not math.isfinite(value):
        return "n/a"
    size = abs(value if like is None or not math.isfinite(like) else like)
    if 0 < size < 1e-3:
        return f"{value:{'+' if signed else ''}.1e}".replace("-", "−")
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or size == 0 else 4
    return f"{value:{'+' if signed else ''},.{digits}f}".replace("-", "−")


def signed(value: float) -> str:
    """A correlation as text, two digits."""
    return f"{value:+.2f}".replace("-", "−") if math.isfinite(value) else "n/a"
