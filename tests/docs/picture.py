"""What a terminal shows, as a picture: text with ANSI colours into SVG.

Only what seeder's reports use is known: the inks of `seeder/report/layout.py`, and lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from seeder.report.layout import width_of

CELL, LEADING, SIZE = 8.4, 20, 14
"""Width of a character, height of a line and size of the letters, in pixels."""
MARGIN, BAR = 20, 38
"""Around the text, and the height of the window's title bar."""

INKS = {
    "": 'fill="#c9d1d9"',
    "1": 'fill="#f0f6fc" font-weight="700"',
    "2": 'fill="#8b949e"',
    "31": 'fill="#ff7b72"',
    "1;31": 'fill="#ff7b72" font-weight="700"',
    "32": 'fill="#7ee787"',
    "33": 'fill="#e3b341"',
    "36": 'fill="#79c0ff"',
}

_SGR = re.compile(r"\x1b\[([0-9;]*)m")
_SHELL = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
    ' height="{height}" role="img" aria-label="{title}">\n'
    "<title>{title}</title>\n"
    '<rect width="{width}" height="{height}" rx="10" fill="#0d1117"/>\n'
    '<path d="M0 10a10 10 0 0 1 10-10h{inner}a10 10 0 0 1 10 10v28H0z" fill="#161b22"/>\n'
    '<g fill="#30363d"><circle cx="22" cy="19" r="6"/><circle cx="42" cy="19" r="6"/>'
    '<circle cx="62" cy="19" r="6"/></g>\n'
    "<g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono',"
    ' monospace" font-size="{size}" xml:space="preserve" style="white-space:pre">\n'
    "{texts}</g>\n</svg>\n"
)


def picture(text: str, *, title: str, columns: int) -> str:
    """A terminal's text as an SVG image of a window, the same for the same text."""
    rows = text.rstrip("\n").split("\n")
    width = round(columns * CELL + 2 * MARGIN)
    return _SHELL.format(
        width=width,
        height=BAR + len(rows) * LEADING + 2 * MARGIN - 6,
        inner=width - 20,
        size=SIZE,
        title=escape(title),
        texts="".join(_texts(rows)),
    )


def _texts(rows: list[str]) -> Iterator[str]:
    for number, row in enumerate(rows):
        y = BAR + MARGIN + number * LEADING + SIZE - 4
        column = 0
        for ink, part in _parts(row):
            size = width_of(part)
            shown = part.strip()
            if shown:
                x = MARGIN + (column + len(part) - len(part.lstrip())) * CELL
                # The length is given, so that columns stay aligned whatever font there is.
                yield (
                    f'<text x="{x:.1f}" y="{y}" textLength="{width_of(shown) * CELL:.1f}"'
                    f" {INKS[ink]}>{escape(shown, quote=False)}</text>\n"
                )
            column += size


def _parts(row: str) -> Iterator[tuple[str, str]]:
    ink = ""
    found: list[tuple[str, str]] = []
    for place, part in enumerate(_SGR.split(row)):
        if place % 2:
            ink = "" if part == "0" else part
        elif part and found and ink in (found[-1][0], "") and part.isspace():
            found[-1] = (found[-1][0], found[-1][1] + part)
        elif part and found and ink == found[-1][0]:
            found[-1] = (ink, found[-1][1] + part)
        elif part:
            found.append((ink, part))
    return iter(found)
