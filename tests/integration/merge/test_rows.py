"""The row table: new, adopted, deleted, soft-deleted; the guard, refresh, ordinary deploys."""

from __future__ import annotations

import pytest

from seeder.errors import SeedingFailed
from seeder.merge.model import Mode
from seeder.merge.plan import SetDecision
from tests.support.coded_roles import ROLES, codes, launch, seed, state
from tests.support.merge import Project, counts, outcome


@pytest.fixture
def launched(project: Project) -> Project:
    """Roles a, b and c, seeded."""
    return launch(project)


def test_a_row_new_in_the_catalog_is_inserted(launched: Project) -> None:
    seed(launched, "a", "b", "c", "d")
    assert counts(launched.update(), "roles") == {"insert": 1}
    assert codes(launched) == ["a", "b", "c", "d"]
    assert launched.value("SELECT id FROM roles WHERE code = 'd'") == 4
    launched.assert_settled()


def test_a_row_new_in_the_catalog_that_is_already_there_is_adopted(launched: Project) -> None:
    launched.sql("INSERT INTO roles (code, name) VALUES ('d', 'Theirs')")
    seed(launched, "a", "b", "c", "d")
    assert counts(launched.update(), "roles") == {"adopt": 1, "conflicts": 1}
    assert launched.value("SELECT name FROM roles WHERE code = 'd'") == "Theirs"
    assert counts(launched.update(), "roles") == {}
    launched.assert_settled()


def test_a_row_that_a_person_deleted_is_never_reinserted(launched: Project) -> None:
    launched.sql("DELETE FROM roles WHERE code = 'b'")
    assert counts(launched.update(), "roles") == {"record": 1}
    assert codes(launched) == ["a", "c"]
    assert state(launched, "b") == "d"
    seed(launched, "a", "b", "c", names={"b": "New"})
    assert counts(launched.update(), "roles") == {"keep": 1}
    assert codes(launched) == ["a", "c"]
    launched.assert_settled()


def test_a_deletion_outlives_leaving_the_catalog_and_coming_back(launched: Project) -> None:
    launched.sql("DELETE FROM roles WHERE code = 'b'")
    seed(launched, "a", "c", head="removed: delete\n")
    launched.update()
    seed(launched, "a", "b", "c", head="removed: delete\n")
    launched.update()
    assert codes(launched) == ["a", "c"]
    launched.assert_settled()


def test_a_deletion_is_noticed_even_by_an_update_that_changes_nothing_else(
    launched: Project,
) -> None:
    launched.sql("DELETE FROM roles WHERE code = 'b'")
    launched.init()
    launched.update()
    launched.assert_settled()
    assert codes(launched) == ["a", "c"]


# -- soft deletion --------------------------------------------------------------------------


@pytest.mark.parametrize(("column", "mark"), [("deleted_at", "now()"), ("is_deleted", "true")])
def test_a_soft_deleted_row_is_gone_and_gets_no_twin(
    project: Project, column: str, mark: str
) -> None:
    project.sql(
        "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL, name text,"
        " deleted_at timestamptz, is_deleted boolean)"
    )
    project.sql(
        f"CREATE UNIQUE INDEX ON roles (code) WHERE {column} IS NOT TRUE"
        if column == "is_deleted"
        else "CREATE UNIQUE INDEX ON roles (code) WHERE deleted_at IS NULL"
    )
    seed(project, "a", "b", "c", head=f"deleted: {column}\n")
    project.init()
    project.sql(f"UPDATE roles SET {column} = {mark} WHERE code = 'b'")
    assert counts(project.update(), "roles") == {"record": 1}
    seed(project, "a", "b", "c", head=f"deleted: {column}\n", names={"b": "New"})
    assert counts(project.update(), "roles") == {"keep": 1}
    assert project.rows("SELECT code, name FROM roles ORDER BY id") == [
        ("a", "A"),
        ("b", "B"),
        ("c", "C"),
    ]
    project.assert_settled()


def test_a_row_soft_deleted_before_seeder_came_gets_no_twin(project: Project) -> None:
    project.sql(ROLES)
    project.sql("INSERT INTO roles (code, name, deleted_at) VALUES ('a', 'Old', now())")
    seed(project, "a", "b", head="deleted: deleted_at\n")
    project.update()
    assert project.rows("SELECT code, name FROM roles ORDER BY id") == [("a", "Old"), ("b", "B")]
    project.assert_settled()


def test_a_soft_deleted_row_that_a_person_brings_back_is_recorded_as_live(
    launched: Project,
) -> None:
    seed(launched, "a", "b", "c", head="deleted: deleted_at\n")
    launched.sql("UPDATE roles SET deleted_at = now() WHERE code = 'b'")
    launched.update()
    assert state(launched, "b") == "d"
    launched.sql("UPDATE roles SET deleted_at = NULL WHERE code = 'b'")
    launched.update()
    assert state(launched, "b") == "a"
    launched.assert_settled()


# -- the guard ------------------------------------------------------------------------------


def test_all_rows_of_three_gone_stops_the_run(launched: Project) -> None:
    launched.sql("TRUNCATE roles")
    with pytest.raises(SeedingFailed) as caught:
        launched.update()
    assert caught.value.exit_code == 18
    assert "roles" in str(caught.value)
    launched.update(allow_missing=("roles",))
    assert codes(launched) == []
    launched.assert_settled()


def test_two_of_three_gone_is_a_persons_business(launched: Project) -> None:
    launched.sql("DELETE FROM roles WHERE code <> 'a'")
    assert counts(launched.update(), "roles") == {"record": 2}


def test_over_half_of_ten_gone_or_rekeyed_stops_the_run(project: Project) -> None:
    project.sql(ROLES)
    names = [f"r{n}" for n in range(10)]
    seed(project, *names)
    project.init()
    project.sql("DELETE FROM roles WHERE id <= 3; UPDATE roles SET code = code || 'x' WHERE id > 7")
    with pytest.raises(SeedingFailed):
        project.update()
    project.sql("UPDATE roles SET code = trim(trailing 'x' from code)")
    assert counts(project.update(), "roles") == {"record": 3}


def test_rows_that_left_the_catalog_do_not_excuse_those_that_vanished(project: Project) -> None:
    project.sql(ROLES)
    names = [f"r{n}" for n in range(12)]
    seed(project, *names)
    project.init()
    project.sql("DELETE FROM roles")
    seed(project, *names[:4])
    with pytest.raises(SeedingFailed):
        project.update()


# -- refresh and ordinary deploys -----------------------------------------------------------


def test_refresh_brings_every_row_to_its_desired_value(project: Project) -> None:
    project.environment = "dev"
    project.sql(ROLES)
    seed(project, "a", "b", "c")
    project.run()
    project.sql("UPDATE roles SET name = 'Mine' WHERE code = 'a'; DELETE FROM roles WHERE code='b'")
    result = project.run(Mode.REFRESH)
    assert counts(result, "roles") == {"update": 1, "insert": 1}
    assert project.rows("SELECT code, name FROM roles ORDER BY code") == [
        ("a", "A"),
        ("b", "B"),
        ("c", "C"),
    ]
    project.assert_settled()
    project.assert_settled(mode=Mode.REFRESH)


def test_refresh_brings_back_what_a_person_deleted_long_ago(project: Project) -> None:
    project.environment = "dev"
    project.sql(ROLES)
    seed(project, "a", "b", "c")
    project.run()
    project.sql("DELETE FROM roles WHERE code = 'b'")
    project.update()
    assert state(project, "b") == "d"
    project.run(Mode.REFRESH)
    assert codes(project) == ["a", "b", "c"]
    assert state(project, "b") == "a"
    project.assert_settled()


def test_refresh_of_a_table_that_seeder_never_saw(project: Project) -> None:
    project.environment = "dev"
    project.sql(ROLES)
    project.sql("INSERT INTO roles (code, name) VALUES ('a', 'Mine'), ('z', 'Z')")
    seed(project, "a", "b")
    project.run(Mode.REFRESH)
    assert project.rows("SELECT code, name FROM roles ORDER BY code") == [
        ("a", "A"),
        ("b", "B"),
        ("z", "Z"),
    ]
    project.assert_settled()


def test_an_ordinary_deploy_touches_nothing_that_was_seeded(launched: Project) -> None:
    seed(launched, "a", "b", "c", "d", names={"a": "New"})
    before = launched.snapshot()
    result = launched.init()
    assert outcome(result, "roles").decision is SetDecision.PENDING
    assert launched.snapshot() == before


def test_when_missing_inserts_rows_never_seeded_on_an_ordinary_deploy(launched: Project) -> None:
    launched.sql("DELETE FROM roles WHERE code = 'b'; UPDATE roles SET name = 'Mine'")
    seed(launched, "a", "b", "c", "d", head="when: missing\n", names={"a": "New"})
    result = launched.init()
    assert counts(result, "roles") == {"insert": 1}
    assert launched.rows("SELECT code, name FROM roles ORDER BY code") == [
        ("a", "Mine"),
        ("c", "Mine"),
        ("d", "D"),
    ]
    result = launched.update()
    assert "b" not in codes(launched)
    assert launched.value("SELECT name FROM roles WHERE code = 'a'") == "Mine"


def test_when_missing_does_not_swallow_what_an_update_would_bring(launched: Project) -> None:
    seed(launched, "a", "b", "c", "d", head="when: missing\n", names={"a": "New"})
    launched.init()
    launched.init()
    assert counts(launched.update(), "roles") == {"update": 1}
    assert launched.value("SELECT name FROM roles WHERE code = 'a'") == "New"


def test_when_missing_leaves_live_rows_of_the_same_key_alone(launched: Project) -> None:
    launched.sql("INSERT INTO roles (code, name) VALUES ('d', 'Theirs')")
    seed(launched, "a", "b", "c", "d", head="when: missing\n")
    launched.init()
    assert launched.value("SELECT name FROM roles WHERE code = 'd'") == "Theirs"
