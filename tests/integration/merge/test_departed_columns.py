"""A column that rows no longer give goes back to its default, by the merge's rules."""

from __future__ import annotations

import pytest

from seeder.merge.choices import Take
from seeder.merge.model import Mode
from seeder.merge.plan import ColumnCase
from seeder.settle.resolve import resolve
from tests.support.events import Events
from tests.support.merge import Project, counts

TABLE = (
    "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
    " can_export boolean DEFAULT false, note text, made timestamptz DEFAULT now())"
)
NEVER = "2020-01-01 00:00:00+00"


def seed(project: Project, *rows: str, extra: str = "") -> None:
    listed = "".join(f"  - {row}\n" for row in rows)
    project.write("roles", f"table: roles\nkey: code\n{extra}rows:\n{listed}")


@pytest.fixture
def launched(project: Project) -> Project:
    """Three roles that may export, with notes."""
    project.sql(TABLE)
    seed(project, *(f"{{code: {code}, can_export: true, note: x}}" for code in "abc"))
    project.init()
    return project


def live(project: Project, columns: str = "code, can_export, note") -> list[tuple[object, ...]]:
    return project.rows(f"SELECT {columns} FROM roles ORDER BY code")


def test_what_a_row_no_longer_gives_becomes_the_columns_default(launched: Project) -> None:
    seed(launched, "{code: a, note: x}", "{code: b, can_export: true}", "{code: c, can_export: true, note: x}")  # fmt: skip  # noqa: E501
    assert counts(launched.update(), "roles") == {"update": 2}
    assert live(launched) == [("a", False, "x"), ("b", True, None), ("c", True, "x")]
    (column,) = launched.row_plan("roles/a").columns
    assert (column.name, column.live, column.desired) == ("can_export", "true", "false")
    assert column.reason == "the row no longer gives it; back to the column's default"
    launched.assert_settled()


@pytest.mark.parametrize("left", ["rows", "defaults"])
def test_what_no_row_gives_any_more_becomes_the_default_in_all(project: Project, left: str) -> None:
    project.sql(TABLE)
    if left == "rows":
        seed(project, "{code: a, can_export: true}", "{code: b, can_export: true}")
    else:
        seed(project, "{code: a}", "{code: b}", extra="defaults: {can_export: true}\n")
    project.init()
    project.sql("UPDATE roles SET note = 'Mine'")
    seed(project, "{code: a}", "{code: b}")
    assert counts(project.update(), "roles") == {"update": 2}
    assert live(project) == [("a", False, "Mine"), ("b", False, "Mine")]
    project.assert_settled()
    project.sql("UPDATE roles SET can_export = true")
    project.sql("ALTER TABLE roles ALTER can_export SET DEFAULT true")
    seed(project, "{code: a}", "{code: b}", "{code: c}")
    assert counts(project.update(), "roles") == {"insert": 1}


def test_a_value_that_a_person_changed_stays_and_is_a_conflict_until_it_is_settled(
    launched: Project,
) -> None:
    launched.sql("UPDATE roles SET note = 'Mine' WHERE code = 'a'")
    seed(launched, *(f"{{code: {code}, can_export: true}}" for code in "abc"))
    assert counts(launched.update(), "roles") == {"update": 2, "keep": 1, "conflicts": 1}
    assert live(launched, "code, note") == [("a", "Mine"), ("b", None), ("c", None)]
    launched.assert_settled()
    resolve(launched.settings(), log=Events(), addresses=["roles/a"], take=Take.DESIRED)
    assert live(launched, "code, note")[0] == ("a", None)
    launched.assert_settled()
    assert launched.value("SELECT columns FROM seeder.sets") == ["code", "can_export"]


def test_a_person_may_keep_what_the_row_no_longer_gives(launched: Project) -> None:
    launched.sql("UPDATE roles SET note = 'Mine' WHERE code = 'a'")
    seed(launched, "{code: a, can_export: true}", *(f"{{code: {c}, can_export: true, note: x}}" for c in "bc"))  # fmt: skip  # noqa: E501
    launched.update()
    resolve(launched.settings(), log=Events(), addresses=["roles/a"], take=Take.LIVE)
    launched.assert_settled()
    assert live(launched, "note") == [("Mine",), ("x",), ("x",)]


def test_a_column_that_returns_is_merged_with_what_was_applied(launched: Project) -> None:
    seed(launched, *(f"{{code: {code}, note: x}}" for code in "abc"))
    launched.update()
    seed(launched, *(f"{{code: {code}, can_export: true, note: x}}" for code in "abc"))
    assert counts(launched.update(), "roles") == {"update": 3}
    launched.assert_settled()


def test_a_default_that_varies_is_reported_once_and_the_value_stays(project: Project) -> None:
    project.sql(TABLE)
    seed(project, *(f'{{code: {code}, made: "{NEVER}"}}' for code in "ab"))
    project.init()
    seed(project, f'{{code: a, made: "{NEVER}"}}', "{code: b}")
    assert counts(project.update(), "roles") == {"record": 1}
    row = project.row_plan("roles/b")
    assert [(each.name, each.case) for each in row.columns] == [("made", ColumnCase.LET_GO)]
    project.assert_settled()
    seed(project, "{code: a}", "{code: b}")
    assert counts(project.update(), "roles") == {"record": 1}
    project.assert_settled()
    assert project.value(f"SELECT count(*) FROM roles WHERE made = '{NEVER}'") == 2


def test_a_row_that_never_gave_a_column_is_left_alone(project: Project) -> None:
    project.sql(TABLE)
    seed(project, "{code: a, note: x}", "{code: b}")
    project.init()
    project.sql("UPDATE roles SET note = 'Mine' WHERE code = 'b'")
    seed(project, "{code: a, note: m}", "{code: b}")
    assert counts(project.update(), "roles") == {"update": 1}
    assert live(project, "note") == [("m",), ("Mine",)]


def test_columns_written_on_insert_only_stay_as_they_are(project: Project) -> None:
    project.sql(TABLE)
    never = "columns: {note: {update: never}}\n"
    seed(project, "{code: a, note: x}", "{code: b, note: x}", extra=never)
    project.init()
    seed(project, "{code: a, note: x}", "{code: b}", extra=never)
    assert counts(project.update(), "roles") == {}
    seed(project, "{code: a}", "{code: b}")
    assert counts(project.update(), "roles") == {}
    assert live(project, "note") == [("x",), ("x",)]


def test_refresh_writes_defaults_over_what_was_changed_here(launched: Project) -> None:
    launched.environment = "dev"
    launched.sql("UPDATE seeder.meta SET environment = 'dev'")
    launched.sql("UPDATE roles SET note = 'Mine', can_export = NULL WHERE code = 'a'")
    seed(launched, "{code: a}", *(f"{{code: {c}, note: x}}" for c in "bc"))
    launched.run(Mode.REFRESH)
    assert live(launched) == [("a", False, None), ("b", False, "x"), ("c", False, "x")]


def test_a_reference_that_a_row_no_longer_gives_becomes_null(project: Project) -> None:
    project.sql("CREATE TABLE teams (id serial PRIMARY KEY, code text UNIQUE)")
    project.sql("CREATE TABLE people (id serial PRIMARY KEY, name text UNIQUE,"
                " team int REFERENCES teams)")  # fmt: skip
    project.write("teams", "table: teams\nkey: code\nrows: [{code: x}, {code: z}]\n")
    text = "table: people\nkey: name\n{}rows:\n  - {{name: a{}}}\n  - {{name: b{}}}\n"
    refers = "columns: {team: {ref: teams}}\n"
    project.write("people", text.format(refers, ", team: x", ", team: z"))
    project.init()
    project.write("people", text.format(refers, "", ", team: z"))
    assert counts(project.update(), "people") == {"update": 1}
    assert project.rows("SELECT team FROM people ORDER BY name") == [(None,), (2,)]
    project.assert_settled()
    project.write("people", text.format("", "", ""))
    assert counts(project.update(), "people") == {"update": 1}
    assert project.rows("SELECT team FROM people ORDER BY name") == [(None,), (None,)]
    project.assert_settled()


def test_a_column_leaves_a_csv_file(project: Project) -> None:
    project.sql(TABLE)
    project.write("roles", "table: roles\nkey: code\nrows_from: roles.csv\n")
    project.write("roles.csv", "code,can_export,note\na,true,x\nb,true,x\n")
    project.init()
    project.write("roles.csv", "code,note\na,x\nb,m\n")
    assert counts(project.update(), "roles") == {"update": 2}
    assert live(project) == [("a", False, "x"), ("b", False, "m")]
    project.assert_settled()


def test_a_deployed_catalog_is_pending_until_an_update_resets_the_column(launched: Project) -> None:
    seed(launched, *(f"{{code: {code}, note: x}}" for code in "abc"))
    assert launched.init().counts == {"pending": 1}
    assert live(launched)[0] == ("a", True, "x")
    assert counts(launched.update(), "roles") == {"update": 3}
