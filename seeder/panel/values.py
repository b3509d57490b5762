"""Row values as HTML: inert, whole, and with nothing in them that cannot be seen."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

SHORT = 240
"""Characters of a value that are shown unfolded."""

_REFERENCE = "-> "
"""How a plan writes a reference to a row that is not there yet: its key."""

_JOINERS = "\u200c\u200d"
"""Invisible, and needed to write Persian and emoji."""


def value(text: str | None) -> Markup:
    """A value of a row, for any place in a page.

    Direction is isolated, so that a right-to-left value turns nothing around it; characters
    that are not seen (controls, direction overrides, odd spaces) are named instead of obeyed.
    """
    if text is None:
        return Markup('<span class="null">NULL</span>')
    if text == "":
        return Markup('<span class="null">empty text</span>')
    if text.startswith(_REFERENCE):
        key = text.removeprefix(_REFERENCE)
        return Markup(
            '<span class="reference" title="a row that is not there yet">→ {}</span>'
        ).format(_inert(key))
    if len(text) <= SHORT:
        return _inert(text)
    return Markup(
        '<details class="long"><summary>{}… <span class="size">{} characters</span></summary>{}'
        "</details>"
    ).format(_inert(text[: SHORT // 2]), f"{len(text):,}", _inert(text))


def address(text: str) -> Markup:
    """A row's address, which may break between its parts."""
    parts = re.split("(?<=[/,])", text)
    return Markup("<wbr>").join(_inert(part) for part in parts if part)


def command(text: str) -> Markup:
    """A command of the shell, which may break between its words."""
    words = (
        Markup('<span class="whole">{}</span>').format(_inert(word)) for word in text.split(" ")
    )
    return Markup(" ").join(words)


def prose(text: str) -> Markup:
    """A sentence in which `code` stands in backticks."""
    return Markup("").join(
        Markup("<code>{}</code>").format(command(part)) if n % 2 else _inert(part)
        for n, part in enumerate(text.split("`"))
    )


def _inert(text: str) -> Markup:
    return Markup('<bdi class="value" dir="auto">{}</bdi>').format(Markup("").join(_pieces(text)))


def _pieces(text: str) -> Iterator[Markup]:
    plain = ""
    for character in text:
        if character.isprintable() or character == "\n" or character in _JOINERS:
            plain += character
            continue
        yield escape(plain)
        plain = ""
        yield Markup('<span class="unseen">U+{}</span>').format(f"{ord(character):04X}")
    yield escape(plain)
