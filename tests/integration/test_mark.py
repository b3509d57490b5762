"""`seeder mark`: a copied database gets a mark of its own."""

from __future__ import annotations

import pytest

from seeder.errors import ConfigurationInvalid
from seeder.merge.model import Mode
from seeder.settle.mark import mark
from tests.support.events import Events
from tests.support.merge import Project
from tests.support.shop import Shop


@pytest.fixture
def roles(project: Project) -> Project:
    project.sql("CREATE TABLE roles (id serial PRIMARY KEY, name text UNIQUE)")
    project.write("roles", "table: roles\nkey: name\nrows: [{name: owner}]\n")
    project.init()
    return project


def remark(project: Project, environment: str, name: str | None = None) -> None:
    mark(
        project.settings(),
        log=Events(),
        environment=environment,
        database=name or project.database.name,
    )


def test_a_run_for_the_new_environment_is_let_in_and_one_for_the_old_is_not(roles: Project) -> None:
    remark(roles, "dev")
    with pytest.raises(ConfigurationInvalid, match="marked dev"):
        roles.run(Mode.INIT)
    roles.environment = "dev"
    roles.run(Mode.REFRESH)


def test_another_name_than_that_of_the_connected_database_is_refused(roles: Project) -> None:
    with pytest.raises(ConfigurationInvalid, match="not production"):
        remark(roles, "dev", name="production")
    assert roles.value("SELECT environment FROM seeder.meta") == "production"


def test_a_copy_is_known_by_its_own_name_from_then_on(roles: Project) -> None:
    roles.sql("UPDATE seeder.meta SET database_name = 'old', database_oid = 1")
    remark(roles, "staging")
    assert roles.value(
        "SELECT database_name = current_database() AND d.oid = database_oid"
        " FROM seeder.meta JOIN pg_database d ON datname = current_database()"
    )


def test_open_requests_are_void(roles: Project) -> None:
    roles.sql(
        "INSERT INTO seeder.pending_plan (project, plan_id, document)"
        " VALUES (1, 'abc', '{\"provisional\": false}')"
    )
    roles.sql("INSERT INTO seeder.requests (project, plan_id, actor) VALUES (1, 'abc', 'jo')")
    remark(roles, "staging")
    assert roles.rows("SELECT state, run FROM seeder.requests") == [
        ("void", roles.value("SELECT max(id) FROM seeder.runs"))
    ]


def test_it_is_recorded(roles: Project) -> None:
    remark(roles, "staging")
    assert roles.rows(
        "SELECT mode, environment, result, summary ->> 'before' FROM seeder.runs"
        " ORDER BY id DESC LIMIT 1"
    ) == [("mark", "staging", "done", "production")]


def test_a_database_without_a_ledger_is_an_error(project: Project) -> None:
    with pytest.raises(ConfigurationInvalid, match="no ledger"):
        remark(project, "dev")


def test_a_run_names_the_database_as_it_is_marked(shop: Shop) -> None:
    shop.configure(release="1")
    shop.run()
    done = shop.command("mark", "staging", "--database", shop.database.name)
    lines = done.stdout.splitlines()
    assert lines == [
        f"Done: mark {shop.database.name} as staging; recorded as run 2.",
        "The database is marked staging now; before, it was marked production.",
    ]
    assert "1 mark" not in shop.command("history").stdout
    shop.environ["SEEDER_ENVIRONMENT"] = "staging"
    looks_again, unchanged = shop.run(), shop.run()
    assert "run.unchanged" not in looks_again.names
    assert "run.unchanged" in unchanged.names
    assert looks_again.finished["environment"] == "staging"
    assert unchanged.finished["environment"] == "staging"
    told = shop.run(SEEDER_LOG_FORMAT="text").stdout
    assert told == "Nothing to do: staging already has what this image asks for.\n"
