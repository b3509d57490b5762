"""`together`: columns that only make sense together are decided as one value."""

from __future__ import annotations

import pytest

from seeder.errors import ConfigurationInvalid
from seeder.merge.choices import Take
from seeder.merge.plan import ColumnCase
from seeder.settle.resolve import resolve
from seeder.settle.undo import undo
from tests.support.events import Events
from tests.support.merge import Project, counts

TABLE = (
    "CREATE TABLE plans (id serial PRIMARY KEY, code text NOT NULL UNIQUE, amount numeric,"
    " currency text, label text)"
)
HEAD = "table: plans\nkey: code\ntogether: [[amount, currency]]\nrows:\n"


def seed(project: Project, row: str, head: str = HEAD) -> None:
    project.write("plans", f"{head}  - {{code: a, {row}}}\n")


def live(project: Project) -> tuple[object, ...]:
    ((amount, currency, label),) = project.rows("SELECT amount::int, currency, label FROM plans")
    return amount, currency, label


@pytest.fixture
def priced(project: Project) -> Project:
    project.sql(TABLE)
    seed(project, "amount: 10, currency: EUR, label: A")
    project.init()
    return project


def test_an_amount_that_a_person_changed_keeps_its_currency(priced: Project) -> None:
    priced.sql("UPDATE plans SET amount = 12")
    seed(priced, "amount: 10, currency: USD, label: B")
    assert counts(priced.update(), "plans") == {"update": 1, "conflicts": 1}
    cases = {each.name: each.case for each in priced.row_plan("plans/a").columns}
    assert cases == {
        "amount": ColumnCase.CONFLICT,
        "currency": ColumnCase.CONFLICT,
        "label": ColumnCase.UPDATE,
    }
    assert live(priced) == (12, "EUR", "B")
    priced.assert_settled()


def test_both_follow_the_catalog_where_nobody_changed_either(priced: Project) -> None:
    seed(priced, "amount: 11, currency: USD, label: A")
    assert counts(priced.update(), "plans") == {"update": 1}
    assert live(priced) == (11, "USD", "A")
    priced.assert_settled()


def test_without_it_the_two_are_torn_apart(priced: Project) -> None:
    priced.sql("UPDATE plans SET amount = 12")
    seed(priced, "amount: 10, currency: USD, label: A", HEAD.replace("together", "#"))
    priced.update()
    assert live(priced) == (12, "USD", "A")


def test_settling_one_settles_all_of_its_group(priced: Project) -> None:
    priced.sql("UPDATE plans SET amount = 12, label = 'mine'")
    seed(priced, "amount: 10, currency: USD, label: B")
    priced.update()
    resolve(priced.settings(), log=Events(), addresses=["plans/a#currency"], take=Take.DESIRED)
    assert live(priced) == (10, "USD", "mine")
    priced.assert_settled()


def test_undo_takes_back_both_or_neither(priced: Project) -> None:
    seed(priced, "amount: 11, currency: USD, label: B")
    priced.update()
    run = priced.value("SELECT max(run) FROM seeder.changes")
    priced.sql("UPDATE plans SET amount = 12")
    undo(priced.settings(), log=Events(), run=run, dry_run=False)
    assert live(priced) == (12, "USD", "A")
    priced.sql("UPDATE plans SET amount = 11")
    undo(priced.settings(), log=Events(), run=run, dry_run=False)
    assert live(priced) == (10, "EUR", "A")


def test_a_row_that_gives_neither_leaves_both_alone(priced: Project) -> None:
    priced.write(
        "plans",
        HEAD + "  - {code: a, amount: 10, currency: EUR, label: A}\n  - {code: b, label: B}\n",
    )
    assert counts(priced.update(), "plans") == {"insert": 1}
    priced.assert_settled()


@pytest.mark.parametrize(
    ("head", "row", "message", "line"),
    [
        (HEAD.replace("[[amount, currency]]", "[amount]"), "label: A", "columns of a group", 3),
        (HEAD.replace("[[amount, currency]]", "[[amount]]"), "label: A", "columns of a group", 3),
        (HEAD.replace("amount,", "code,"), "label: A", "identifies the row", 3),
        (HEAD.replace("currency]", "amount]"), "label: A", "twice", 3),
        (
            HEAD.replace("rows:", "columns: {amount: {update: always}}\nrows:"),
            "amount: 1, currency: EUR",
            "of its own",
            3,
        ),
        (HEAD, "amount: 1", "`amount` is given without `currency`", 5),
    ],
)
def test_what_cannot_be_decided_together_is_told_with_its_line(
    project: Project, head: str, row: str, message: str, line: int
) -> None:
    project.sql(TABLE)
    seed(project, row, head)
    with pytest.raises(ConfigurationInvalid) as caught:
        project.init()
    told = [each for each in caught.value.problems if message in each.message]
    assert [each.line for each in told] == [line]


def test_a_unique_column_is_refused(project: Project) -> None:
    project.sql(TABLE + "; ALTER TABLE plans ADD UNIQUE (currency)")
    seed(project, "amount: 1, currency: EUR")
    with pytest.raises(ConfigurationInvalid) as caught:
        project.init()
    assert "is unique, and cannot be written together" in caught.value.problems[0].message
