from __future__ import annotations

HONEST = "def f(x):\n    return 2 * x\n"


def body(text: str, head: str = "import os, sys, time, signal, ctypes, threading, socket") -> str:
    """A solution whose function does what the text says."""
    lines = text.strip("\n").split("\n")
    return "\n".join([head, "def f(x=None):", *("    " + line for line in lines)])
