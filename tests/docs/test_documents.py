"""docs/merge.md, inside documents: every line of the table, carried out."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from seeder.merge.documents import Sides, equal, merge, read, token_of
from seeder.merge.model import Strategy, Way
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/merge.md").read_text(encoding="utf-8")
LINES = re.findall(
    r"^\| (set|map|list|list, moved) \| (`.*?`|missing) \| "
    r"`(.*?)` \| `(.*?)` \| `(.*?)` \| (.*?) \|$",
    PAGE,
    re.MULTILINE,
)
LIST = Strategy(way=Way.LIST, by=("sku",))
STRATEGIES = {
    "set": Strategy(way=Way.SET),
    "map": Strategy(way=Way.MAP),
    "list": LIST,
    "list, moved": replace(LIST, moved=((token_of(["x"]), token_of(["w"])),)),
}


def test_the_page_has_lines_for_every_way() -> None:
    assert {line[0] for line in LINES} == set(STRATEGIES)
    assert len(LINES) == 17


@pytest.mark.parametrize("line", LINES, ids=[line[5] for line in LINES])
def test_a_document_becomes_what_its_line_says(line: tuple[str, ...]) -> None:
    way, asked, live, desired, becomes, told = line
    base = read(None if asked == "missing" else asked.strip("`"))
    sides = Sides(asked=base, stored=base, live=read(live), desired=read(desired))
    found = merge(sides, STRATEGIES[way])
    assert equal(found.value, read(becomes))
    assert found.conflicts is told.startswith("conflict")
