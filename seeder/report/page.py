"""Lines into text that is safe to show on a terminal."""

from __future__ import annotations

from collections.abc import Iterable


def page(lines: Iterable[str]) -> str:
    """Join lines; what a terminal would obey instead of showing is replaced."""
    # A key from a file may hold anything, escape sequences for the terminal among it.
    text = "\n".join(lines) + "\n"
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
