"""An HTML report as a reader finds it: its elements, its text, and what a browser would obey."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "wbr"})
WITHIN_WORDS = frozenset({"b", "bdi", "code", "mark", "span", "wbr"})


@dataclass
class Page(HTMLParser):
    """A parsed page."""

    source: str
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    open_tags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.source)
        self.close()
        assert self.open_tags == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._between(tag)
        if tag not in VOID:
            self.open_tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag
        self._between(tag)

    def _between(self, tag: str) -> None:
        if tag not in WITHIN_WORDS:
            self.texts.append(" ")

    def handle_data(self, data: str) -> None:
        if self.open_tags and self.open_tags[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        """What is to be read, without the markup between."""
        return " ".join("".join(self.texts).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of the elements of one name."""
        return [attributes for name, attributes in self.tags if name == tag]

    def loads_or_runs(self) -> list[str]:
        """Whatever in it would run, or be fetched from elsewhere."""
        running = {"script", "iframe", "object", "embed", "link", "img", "base", "form", "svg"}
        found = [name for name, _ in self.tags if name in running]
        for name, attributes in self.tags:
            found += [f"{name} {key}" for key in attributes if key.startswith("on")]
            found += [f"{name} {key}" for key in ("src", "style", "srcset") if key in attributes]
            target = attributes.get("href")
            if target is not None and not target.startswith("#"):
                found.append(f"{name} href {target}")
        (style,) = self.source.split("<style>", 1)[1].split("</style>")[:1]
        return found + [word for word in ("url(", "@import") if word in style]
