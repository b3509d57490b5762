"""The documents as data: pages, fenced blocks, tables, headings, links."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block.

    The second word behind the fence is the file that the block shows: ```` ```yaml db/a.yaml ````.
    """

    page: Path
    line: int
    """Of the fence, one-based."""
    language: str
    file: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every Markdown page of the repository."""
    found = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    for other in ("seeder", "deploy", "benchmarks", "examples"):
        found += (ROOT / other).rglob("*.md")
    return sorted(page for page in found if "node_modules" not in page.parts)


_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w-]*)(?: +(?P<file>\S+))? *\n"
    r"(?P<text>.*?)^(?P=indent)``` *$",
    re.DOTALL | re.MULTILINE,
)


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        yield Block(
            page=page,
            line=text.count("\n", 0, match.start()) + 1,
            language=match["language"],
            file=match["file"],
            text=textwrap.dedent(match["text"]),
        )


def without_blocks(page: Path) -> str:
    """The text of a page, fenced blocks left out."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def write_files(page: Path, directory: Path) -> list[Path]:
    """Write the files that a page shows below a directory."""
    written = []
    for block in blocks(page):
        if block.file is not None and block.language != "diff":
            path = directory / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            written.append(path)
    return written


def table_after(page: Path, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, cells as written."""
    text = page.read_text(encoding="utf-8")
    start = re.search(rf"^#+ {re.escape(heading)}$", text, re.MULTILINE)
    assert start is not None, f"{page} has no heading {heading!r}"
    tables = _tables(text[start.end() :])
    assert tables, f"no table below {heading!r}"
    return tables[0]


def tables_of(page: Path) -> list[list[list[str]]]:
    """The rows of every table of a page, cells as written."""
    return _tables(page.read_text(encoding="utf-8"))


def _tables(text: str) -> list[list[list[str]]]:
    return [
        [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in found.splitlines()[2:]
        ]
        for found in re.findall(r"^\|.*(?:\n\|.*)*", text, re.MULTILINE)
    ]


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page may be, as GitHub makes them."""
    found: dict[str, int] = {}
    names = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", without_blocks(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        names.add(slug if count == 0 else f"{slug}-{count}")
    return names
