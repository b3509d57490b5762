"""docs/comparison.md: what it says of seeder's own run comes out so."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench import running
from benchmarks.comparison import HEAD, ITSELF, line, tell
from tests.docs.pages import DOCS, tables_of

RUN, READ = tables_of(DOCS / "comparison.md")


def test_the_story_with_seeder_ends_as_the_page_says(tmp_path: Path) -> None:
    with running(tmp_path, quick=True, rounds=1) as bench:
        told = line(ITSELF, tell(bench, ITSELF))
    assert RUN[-1] == list(told)
    assert {len(each) for each in RUN} == {len(HEAD)}


def test_what_was_read_of_a_tool_has_a_link() -> None:
    assert [tool for tool, *_ in READ[:-1] if not tool.startswith("[")] == []
