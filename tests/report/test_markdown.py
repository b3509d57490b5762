"""A plan as a comment on a pull request: short enough, and obeyed by nobody."""

from __future__ import annotations

import html
import re

import pytest
from msgspec.structs import replace

from seeder.merge.plan import ColumnCase, RowAction
from seeder.report import markdown
from tests.report.conftest import HOSTILE, SECRET
from tests.support.plans import a_column, a_plan, a_row, a_set
from tests.support.shop import Shop

GITHUB = 65_536
"""Characters that GitHub takes for a comment."""


def test_a_comment_leads_with_the_numbers_and_then_the_conflicts(second: Shop) -> None:
    text = second.command("plan", "--markdown").stdout
    assert text.startswith(f"{markdown.MARKER}\n### seeder plan: production, release 2\n")
    told = text.index("**1 to insert, 3 to update, 1 to delete, 1 left alone, 1 in conflict.**")
    row = "| <code>price</code> | <code>59</code> | <code>65</code> | <code>69</code> |"
    conflict, changed = text.index(row), text.index("```diff\n# 1 to insert")
    assert told < conflict < changed
    assert "seeder resolve tiers/team --take desired\n" in text
    assert "-     about: 'For trying things out'\n+     about: 'For trying it out'\n" in text
    assert "# 1 left alone: deleted here; stays deleted\n  tiers/gone\n" in text
    assert SECRET not in text


def test_what_else_happens_to_a_row_in_conflict_is_shown_with_it(second: Shop) -> None:
    text = second.command("plan", "--markdown").stdout
    conflict = text.partition("For you to decide")[2].partition("seeder resolve")[0]
    assert "-     name: 'Team'\n+     name: 'Teams'\n" in conflict


def hostile(value: str) -> str:
    """A plan in which a value stands wherever one can."""
    conflict = a_column(value, case=ColumnCase.CONFLICT, asked=value, live="a", desired="b")
    rows = (
        a_row(f"roles/{value}"),
        a_row(f"roles/c{value}", action=RowAction.KEEP, conflict=True, columns=(conflict,)),
    )
    made = a_plan(
        sets=(a_set(value, *rows),), warnings=(value,), migrations=(value,), tasks=(value,)
    )
    return markdown.plan(replace(made, release=value, reason=value))


def outside_of_blocks(text: str) -> str:
    """What is not in a fenced block or in an element for code, where nobody is mentioned."""
    text = re.sub(r"^(`{3,})\w*\n.*?^\1\n", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"<code>.*?</code>", "", text)


def outside_of_markup(text: str) -> str:
    """What is neither a fenced block nor markup of ours."""
    text = re.sub(r"^(`{3,})\w*\n.*?^\1\n", "", text, flags=re.DOTALL | re.MULTILINE)
    text = text.removeprefix(markdown.MARKER)
    text = re.sub(r"</?(?:details|summary|sub|code)>", "", text)
    return re.sub(r"^#+ |^> ?(\[!WARNING\])?|^\|[-|]+\|$|\*\*", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_no_value_is_read_as_markup_or_mentions_anybody(value: str) -> None:
    made = hostile(value)
    assert not re.search(r"[@#]\w", html.unescape(outside_of_blocks(made)))
    text = outside_of_markup(made)
    assert not re.search(r"[<>`\[\]*]|https?:|[\x00-\x08\x0b-\x1f\u202a-\u202e]", text)
    for row in text.splitlines():
        assert row.count("|") in (0, 5)


def test_a_mention_and_a_reference_are_broken() -> None:
    text = markdown.plan(a_plan(reason="for @team and #12"))
    assert "for &#64;\N{WORD JOINER}team and &#35;\N{WORD JOINER}12" in text


def test_a_fence_is_longer_than_any_within_it() -> None:
    text = markdown.plan(a_plan(sets=(a_set("roles", a_row("roles/```` x")),)))
    assert "\n`````diff\n" in text
    assert text.count("`````") == 2


@pytest.mark.parametrize("many", [50, 5_000])
def test_the_longest_plan_fits_into_a_comment_and_says_that_there_is_more(many: int) -> None:
    conflict = a_column(
        case=ColumnCase.CONFLICT, asked="|" * 900, live="<" * 900, desired="&" * 900
    )
    rows = [a_row(f"roles/{n}{'é' * 200}") for n in range(many)]
    rows += [
        a_row(f"roles/c{n}", action=RowAction.KEEP, conflict=True, columns=(conflict,))
        for n in range(many)
    ]
    sets = [a_set(f"set{n}", *rows) for n in range(3)]
    text = markdown.plan(a_plan(sets=tuple(sets)))
    assert 10_000 < len(text) < GITHUB
    assert "more" in text or "does not fit" in text
    assert text.count("<details>") == text.count("</details>")
    assert len(re.findall(r"^`{3,}", text, re.MULTILINE)) % 2 == 0


def test_a_plan_of_nothing_is_one_sentence() -> None:
    assert "**Nothing to do.**" in markdown.plan(a_plan(sets=()))


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x85", "\N{LINE SEPARATOR}"])
def test_no_end_of_a_line_within_a_value_ends_a_line_of_a_block(end: str) -> None:
    text = hostile(f"a{end}# b")
    blocks = re.findall(r"^```\w*\n(.*?)^```\n", text, flags=re.DOTALL | re.MULTILINE)
    assert blocks
    assert not any(line.startswith("# b") for block in blocks for line in block.splitlines())
    assert end not in text
