"""An undo on a protected database has to be confirmed."""

from __future__ import annotations

import pytest

from tests.report.terminal import on_a_terminal
from tests.support.shop import Shop

ROLES = "table: roles\nkey: code\nrows:\n  - {{code: owner, level: {level}}}\n"
LEVEL = "SELECT level FROM roles"


@pytest.fixture
def raised(empty_shop: Shop) -> Shop:
    """Run 2 has raised a level from 1 to 2."""
    shop = empty_shop
    shop.scripts.add("0001", "CREATE TABLE roles (code text PRIMARY KEY, level int)")
    for level in (1, 2):
        shop.seed("roles", ROLES.format(level=level))
        shop.configure(release=str(level))
        assert shop.run().exit_code == 0
    return shop


def test_without_a_terminal_yes_has_to_say_so(raised: Shop) -> None:
    done = raised.command("undo", "2")
    assert (done.exit_code, done.failed["code"]) == (10, "confirmation-missing")
    assert "marked production" in done.failed["message"]
    assert "--yes" in done.failed["hint"]
    assert raised.value(LEVEL) == 2
    assert raised.command("undo", "2", "--dry-run").exit_code == 0
    assert raised.value(LEVEL) == 2
    assert raised.command("undo", "2", "--yes").exit_code == 0
    assert raised.value(LEVEL) == 1


@pytest.mark.parametrize(
    ("typed", "code", "level"), [("y\n", 0, 1), ("YES\n", 0, 1), ("n\n", 10, 2), ("\n", 10, 2)]
)
def test_a_terminal_is_shown_what_would_be_done_and_asked(
    raised: Shop, typed: str, code: int, level: int
) -> None:
    given, shown = on_a_terminal(["undo", "2"], raised.variables(NO_COLOR="1"), typed=typed)
    before, asked, after = shown.partition("Take this back? [y/N] ")
    assert asked
    assert "level  2 → 1" in before
    assert ("Done: undo run 2" in after) is (level == 1)
    assert (given, raised.value(LEVEL)) == (code, level)


def test_a_disposable_database_is_not_asked_about(raised: Shop) -> None:
    name = raised.database.url.rpartition("/")[2].partition("?")[0]
    marked = raised.command("mark", "dev", "--database", name)
    assert marked.exit_code == 0, marked.stderr
    done = raised.command("undo", "2")
    assert done.exit_code == 0, done.stderr
    assert raised.value(LEVEL) == 1
