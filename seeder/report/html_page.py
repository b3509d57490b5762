"""The frame of an HTML report: one file, no script, nothing loaded from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from seeder.report.html import Child, Html, joined, tag
from seeder.report.layout import Ink

_STYLE = Path(__file__).with_name("report.css")

_TONES = {
    Ink.GOOD: "good",
    Ink.CHANGED: "changed",
    Ink.BAD: "bad",
    Ink.LOUD: "loud",
    Ink.NOTE: "note",
}


def page(*, title: str, eyebrow: str, lead: Child, body: Iterable[Child], foot: str) -> str:
    """Make a whole document."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="robots", content="noindex"),
        # Whatever a value holds, the browser loads and runs nothing.
        tag(
            "meta",
            http_equiv="Content-Security-Policy",
            content="default-src 'none'; style-src 'unsafe-inline'",
        ),
        tag("title", title),
        tag("style", Html(_STYLE.read_text(encoding="utf-8"))),
    )
    main = tag(
        "main",
        tag("header", tag("p", eyebrow, class_="eyebrow"), tag("h1", title), lead),
        *body,
        tag("footer", foot),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', main), lang='en')}\n"


def tone(ink: Ink) -> str:
    """The class of what a terminal would write in this ink."""
    return _TONES.get(ink, "quiet")


def section(title: str, *children: Child, id_: str, note: str | None = None) -> Html:
    """Make a section with its heading, and a sentence that explains it."""
    return tag(
        "section",
        tag("h2", title),
        tag("p", prose(note), class_="about") if note else None,
        *children,
        id=id_,
    )


def tiles(parts: Iterable[tuple[str, Ink, str]]) -> Html:
    """Make the row of numbers at the top; each leads to its section."""
    return tag("ul", [_tile(text, ink, to) for text, ink, to in parts], class_="tiles")


def facts(pairs: Iterable[tuple[str, Child]]) -> Html:
    """Make a list of names and values."""
    return tag(
        "dl",
        [tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs],
        class_="facts",
    )


def folded(summary: Child, *children: Child, open_: bool) -> Html:
    """Make a part that can be closed and opened."""
    return tag("details", tag("summary", summary), *children, open=open_)


def prose(text: str) -> Html:
    """A sentence, its `commands` set as code."""
    parts = re.split(r"`([^`]+)`", text)
    return joined(*(tag("code", part) if n % 2 else part for n, part in enumerate(parts)))


def notices(texts: Iterable[str], *, kind: str) -> Iterator[Html]:
    """Make a framed sentence of each text."""
    for text in texts:
        yield tag("p", tag("strong", f"{kind}: "), prose(text), class_=f"notice {kind.lower()}")


def _tile(text: str, ink: Ink, to: str) -> Html:
    number, _, what = text.partition(" ")
    return tag(
        "li",
        tag("a", tag("b", number), f" {what}", href=f"#{to}"),
        class_=tone(ink),
    )
