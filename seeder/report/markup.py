"""Pages out of templates: values of rows in them are inert, whole, and hide nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from seeder.merge.plan import REFERENCE
from seeder.report.differences import Piece, words
from seeder.report.values import parted
from seeder.report.words import moment

SHORT = 240
"""Characters of a value that are shown unfolded."""

LONGEST = 20_000
"""Characters of a value that a page holds."""

_JOINERS = "\u200c\u200d"
"""Invisible, and needed to write Persian and emoji."""


def environment(package: str) -> Environment:
    """The templates of a package, with filters for what people and databases have written."""
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    made.filters.update(value=value, address=address, command=command, prose=prose, moment=moment)
    return made


def value(text: str | None, *, secret: bool = False) -> Markup:
    """A value of a row, for any place in a page.

    Direction is isolated, so that a right-to-left value turns nothing around it; characters
    that are not seen (controls, direction overrides, odd spaces) are named instead of obeyed.
    """
    if secret:
        return Markup('<span class="null">secret</span>')
    if text is None:
        return Markup('<span class="null">NULL</span>')
    if text == "":
        return Markup('<span class="null">empty text</span>')
    if text.startswith(REFERENCE):
        key = text.removeprefix(REFERENCE)
        return Markup(
            '<span class="reference" title="a row that is not there yet">→ {}</span>'
        ).format(_inert(key))
    if len(text) <= SHORT:
        return _inert(text)
    cut = Markup('<span class="size">…</span>') if len(text) > LONGEST else ""
    return Markup(
        '<details class="long"><summary>{}… <span class="size">{} characters</span></summary>'
        "{}{}</details>"
    ).format(_inert(text[: SHORT // 2]), f"{len(text):,}", _inert(text[:LONGEST]), cut)


def marked(before: str | None, after: str | None) -> tuple[Markup, Markup]:
    """Both values, with what differs between them marked where they are alike in part."""
    pieces = words(before, after)
    if not pieces and before and after and before != after:
        start, _, end = found = parted(before, after)
        longest = max(len(before), len(after))
        if (len(start.before) + len(end.before)) * 3 >= longest and longest <= SHORT:
            pieces = found
    if not pieces:
        return value(before), value(after)
    return _of_pieces(pieces, after=False), _of_pieces(pieces, after=True)


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
        Markup("<code>{}</code>").format(command(part))
        if n % 2
        else Markup('<bdi dir="auto">{}</bdi>').format(Markup("").join(_pieces(part)))
        for n, part in enumerate(text.split("`"))
    )


def _visible(given: object) -> object:
    """Any other text, which may stand in an attribute or a title: unseen characters replaced."""
    if type(given) is not str or given.isprintable():
        return given
    return "".join(
        c if c.isprintable() or c in f"\n\t{_JOINERS}" else "\N{REPLACEMENT CHARACTER}"
        for c in given
    )


def _inert(text: str) -> Markup:
    return Markup('<bdi class="value" dir="auto">{}</bdi>').format(Markup("").join(_pieces(text)))


def _of_pieces(found: Sequence[Piece], *, after: bool) -> Markup:
    told = Markup("")
    for piece in found:
        text = Markup("").join(_pieces(piece.after if after else piece.before))
        told += text if piece.same or not text else Markup("<mark>{}</mark>").format(text)
    return Markup('<bdi class="value" dir="auto">{}</bdi>').format(told)


def _pieces(text: str) -> Iterator[Markup]:
    if text.isprintable():
        yield escape(text)
        return
    plain = ""
    for character in text:
        if character.isprintable() or character == "\n" or character in _JOINERS:
            plain += character
            continue
        yield escape(plain)
        plain = ""
        yield Markup('<span class="unseen">U+{}</span>').format(f"{ord(character):04X}")
    yield escape(plain)
