"""Statements read well: no condition in them always or never holds."""

from __future__ import annotations

import re

import pytest

from tests.support.shop import MEMBERS_SEED, Shop

FOLDED = re.compile(r"\b(WHERE|AND|OR|NOT|WHEN) \(*(true|false)\b|\b0 (=|<>) 1\b")
HEAD = """
    table: roles
    key: code
    removed: delete
"""


def roles(head: str, *rows: tuple[str, int]) -> str:
    """A set of roles."""
    listed = "".join(f"      - {{code: {code}, level: {level}}}\n" for code, level in rows)
    return f"{head}    rows:\n{listed}"


@pytest.fixture(
    params=["", "    scope: {tenant: one}\n", "    deleted: gone\n", "    conflict: overwrite\n"],
    ids=["plain", "scope", "deleted", "overwrite"],
)
def policies(request: pytest.FixtureRequest) -> str:
    """What the set of roles asks for beside."""
    return HEAD + str(request.param)


def test_no_condition_in_a_statement_always_or_never_holds(shop: Shop, policies: str) -> None:
    shop.scripts.add(
        "0003", "ALTER TABLE roles ADD tenant text DEFAULT 'one', ADD gone timestamptz"
    )
    shop.environ["SEEDER_LOG_LEVEL"] = "sql"
    texts: list[str] = []

    def carried_out(*command: str) -> None:
        done = shop.command(*command)
        assert done.exit_code == 0, done.stderr
        texts.extend(each["sql"] for each in done.named("statement.executed"))

    shop.seed("roles", roles(policies, ("owner", 3), ("editor", 2), ("viewer", 1)))
    shop.seed("members", MEMBERS_SEED)
    carried_out("run")
    shop.database.execute("UPDATE roles SET level = 9 WHERE code <> 'viewer'")
    shop.seed("roles", roles(policies, ("owner", 4), ("editor", 2), ("late", 1)))
    carried_out("plan")
    carried_out("run", "--mode", "update")
    carried_out("status")
    carried_out("conflicts")
    carried_out("history")
    carried_out("show", "2")
    carried_out("undo", "2", "--yes")
    carried_out("run", "--mode", "update")
    shop.database.execute("DELETE FROM roles WHERE code = 'late'")
    carried_out("run", "--mode", "update")
    carried_out("restore", "roles/late")
    assert len(texts) > 200
    folded = {
        f"...{text[max(0, found.start() - 200) : found.end() + 40]}..."
        for text in texts
        for found in FOLDED.finditer(text)
    }
    assert not folded, "\n\n".join(sorted(folded))
