"""Markup out of plain values: everything is escaped unless it is markup already."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import TypeAlias


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Child: TypeAlias = "str | Html | Iterable[str | Html] | None"

_KEPT = "\n\t\u200c\u200d"
"""Line breaks, and the joiners that Persian and emoji are written with."""

_VOID = frozenset({"meta", "wbr"})


def tag(name: str, /, *children: Child, **attributes: str | int | bool | None) -> Html:
    """Make an element; an attribute of None or False is left out, `class_` is `class`."""
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*children: Child) -> Html:
    """Put markup and texts one after another."""
    return Html("".join(_each(children)))


def escape(value: object) -> Html:
    """Turn a value into markup that shows it as it is, and nothing else."""
    return Html(html.escape(visible(str(value)), quote=True))


def visible(text: str) -> str:
    """The text with characters that nobody would see, or that reorder others, replaced."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in _KEPT else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def _each(children: Iterable[Child]) -> Iterable[Html]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Html):
            yield child
        elif isinstance(child, str):
            yield escape(child)
        else:
            yield from _each(child)
