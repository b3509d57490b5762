"""Whose database it is: the project, the schema, and several of them in one ledger."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.shop import Done, Shop

ROLES = """
    table: roles
    key: code
    rows:
      - {code: owner, level: 3}
"""
CREATE = "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, level int NOT NULL)"


def becomes(shop: Shop, identity: str | None, *, release: str = "1", more: str = "") -> None:
    """Write seeder.toml of a project of that identity, without migrations if there are none."""
    line = "" if identity is None else f'identity = "{identity}"\n'
    how = 'alembic = "migrations"' if (shop.directory / "migrations").is_dir() else "none = true"
    shop.write("seeder.toml", f'{line}release = "{release}"\n[migrations]\n{how}\n{more}')


def leads_to(shop: Shop, *schemas: str) -> None:
    """Set the search_path of the database, as a role's is."""
    name = shop.database.name
    shop.database.execute(f"ALTER DATABASE {name} SET search_path = {', '.join(schemas)}")


def claim(shop: Shop, *arguments: str) -> Done:
    return shop.command("claim", "--database", shop.database.name, *arguments)


def levels(shop: Shop, table: str = "roles") -> list[tuple[Any, ...]]:
    return shop.rows(f"SELECT code, level FROM {table} ORDER BY code")


@pytest.fixture
def roles(empty_shop: Shop) -> Shop:
    """Roles, seeded by the project `shop`, whose migrations are somebody else's."""
    empty_shop.database.execute(CREATE)
    empty_shop.seed("roles", ROLES)
    becomes(empty_shop, "shop")
    assert empty_shop.run().exit_code == 0
    return empty_shop


# -- no project but the one that is meant ---------------------------------------------------


def test_without_a_project_nothing_is_seeded(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("nowhere"))
    before = shop.snapshot()
    done = shop.run(SEEDER_PROJECT="")
    assert done.exit_code == 10
    assert "--project starter" in str(done.failed["problems"])
    assert shop.snapshot() == before


def test_the_project_around_the_working_directory_is_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.directory.parent)  # the project is in db/
    assert shop.run(SEEDER_PROJECT="").finished["counts"]["insert"] == 4
    monkeypatch.chdir(shop.directory / "seeds")
    assert "run.unchanged" in shop.run(SEEDER_PROJECT="").names


# -- another project ------------------------------------------------------------------------


def test_another_projects_image_is_refused_by_all_that_look_at_the_catalog(roles: Shop) -> None:
    becomes(roles, "billing")
    before = roles.snapshot()
    for command in (
        ["run"],
        ["plan"],
        ["status"],
        ["ready"],
        ["adopt"],
        ["restore", "roles/owner"],
    ):
        done = roles.command(*command)
        assert done.exit_code == 10, command
        assert "belongs to the project shop" in done.failed["message"]
        assert "billing" in done.failed["message"]
    assert roles.snapshot() == before
    assert roles.runs() == [("done", 0)], "a refused run leaves no trace"


def test_the_same_revision_numbers_do_not_make_it_the_same_project(shop: Shop) -> None:
    shop.run()
    shop.write("seeder.toml", 'identity = "other"\n[migrations]\nalembic = "migrations"\n')
    assert (shop.run().exit_code, shop.command("ready").exit_code) == (10, 10)


def test_a_claim_hands_the_database_over_with_all_that_is_known_of_it(roles: Shop) -> None:
    roles.database.execute("UPDATE roles SET level = 9")
    becomes(roles, "billing")
    assert claim(roles).exit_code == 0
    assert roles.command("ready", "--release").exit_code == 0
    becomes(roles, "billing", release="2")
    roles.seed("roles", ROLES.replace("level: 3", "level: 4"))
    assert roles.run().finished["counts"] == {"conflicts": 1, "keep": 1}
    assert levels(roles) == [("owner", 9)], "it is still known that a person changed it"
    becomes(roles, "shop")
    assert roles.run().exit_code == 10


def test_a_claim_needs_the_databases_name_an_identity_and_one_record(roles: Shop) -> None:
    becomes(roles, "billing")
    assert roles.command("claim", "--database", "another").exit_code == 10
    assert claim(roles, "--beside").exit_code == 0
    becomes(roles, "third")
    done = claim(roles)
    assert done.exit_code == 10
    assert "--from" in done.failed["hint"]
    assert claim(roles, "--from", "billing").exit_code == 0
    becomes(roles, None)
    done = claim(roles)
    assert (done.exit_code, "identity" in done.failed["message"]) == (10, True)


def test_claiming_what_is_ones_own_does_nothing(roles: Shop) -> None:
    done = claim(roles)
    assert (done.exit_code, "already" in done.stdout) == (0, True)
    assert roles.runs() == [("done", 0)]


# -- a project without an identity ----------------------------------------------------------


@pytest.fixture
def nameless(empty_shop: Shop) -> Shop:
    empty_shop.database.execute(CREATE)
    empty_shop.seed("roles", ROLES)
    becomes(empty_shop, None)
    return empty_shop


def test_a_project_without_an_identity_works_and_is_told_to_have_one(nameless: Shop) -> None:
    done = nameless.run()
    assert done.exit_code == 0
    (warning,) = [each["message"] for each in done.named("run.warned")]
    assert 'identity = "' in warning
    assert "run.unchanged" in nameless.run().names
    assert nameless.command("ready").exit_code == 0


def test_adding_the_line_changes_nothing_and_an_image_from_before_goes_on(nameless: Shop) -> None:
    nameless.run()
    becomes(nameless, "shop")
    done = nameless.run()
    assert (done.exit_code, done.finished["result"]) == (0, "nothing-to-do")
    assert nameless.rows("SELECT identity FROM seeder.projects") == [("shop",)]
    becomes(nameless, None)
    assert nameless.run().exit_code == 0, "a rolled-back image"
    becomes(nameless, "billing")
    assert nameless.run().exit_code == 10


def test_another_project_does_not_take_over_what_has_no_identity(nameless: Shop) -> None:
    nameless.run()
    becomes(nameless, "billing")
    assert nameless.command("ready", SEEDER_WAIT_TIMEOUT="0.1").exit_code == 30
    (nameless.directory / "seeds/core/roles.yaml").rename(
        nameless.directory / "seeds/core/invoices.yaml"
    )
    assert nameless.run().exit_code == 10


# -- several projects -----------------------------------------------------------------------


def test_two_projects_on_one_database_have_releases_sets_and_tasks_of_their_own(
    roles: Shop,
) -> None:
    roles.database.execute("CREATE TABLE invoices (code text PRIMARY KEY)")
    becomes(roles, "billing")
    assert claim(roles, "--beside").exit_code == 0
    (roles.directory / "seeds/core/roles.yaml").unlink()
    roles.seed("invoices", "{table: invoices, key: code, rows: [{code: first}]}")
    roles.write("seeds/update/1_note.sql", "INSERT INTO invoices VALUES ('task')")
    assert roles.command("ready", "--release", SEEDER_WAIT_TIMEOUT="0.1").exit_code == 30
    done = roles.run()
    assert (done.exit_code, done.finished["counts"]) == (0, {"insert": 1})
    assert done.named("run.warned") == [], "no word of the other project's sets"
    assert roles.command("ready", "--release").exit_code == 0
    assert roles.rows(
        "SELECT p.identity, r.release FROM seeder.releases r"
        " JOIN seeder.projects p ON p.id = r.project ORDER BY 1"
    ) == [("billing", "1"), ("shop", "1")]
    assert roles.rows(
        "SELECT p.identity FROM seeder.tasks t JOIN seeder.projects p ON p.id = t.project"
    ) == [("billing",)]
    assert "run.unchanged" in roles.run().names
    becomes(roles, "billing", release="2")
    assert roles.run().named("run.warned") == []
    # And the first one goes on as if it were alone.
    (roles.directory / "seeds/core/invoices.yaml").unlink()
    (roles.directory / "seeds/update/1_note.sql").unlink()
    roles.seed("roles", ROLES)
    becomes(roles, "shop")
    assert roles.run().finished["result"] == "nothing-to-do"
    assert "run.unchanged" in roles.run().names
    assert json.loads(roles.command("status", "--json").stdout)["releases"][0]["release"] == "1"


def test_two_projects_that_seed_one_row_each_remember_what_they_asked_for(roles: Shop) -> None:
    becomes(roles, "billing")
    claim(roles, "--beside")
    assert roles.run("--mode", "update").exit_code == 0
    becomes(roles, "billing", release="2")
    roles.seed("roles", ROLES.replace("level: 3", "level: 4"))
    assert roles.run().finished["counts"] == {"update": 1}
    becomes(roles, "shop", release="2")
    roles.seed("roles", ROLES.replace("level: 3", "level: 5"))
    assert roles.run().finished["counts"] == {"conflicts": 1, "keep": 1}
    assert levels(roles) == [("owner", 4)]


def test_what_one_project_calls_secret_is_so_in_the_records_of_all(empty_shop: Shop) -> None:
    shop, mark = empty_shop, "s3cr3t-t0k3n"
    shop.database.execute("CREATE TABLE accounts (code text PRIMARY KEY, token text)")
    plain = f"{{table: accounts, key: code, rows: [{{code: %s, token: {mark}}}]}}"
    shop.seed("accounts", plain % "first")
    becomes(shop, "shop")
    assert shop.run().exit_code == 0
    assert mark in ledger_text(shop)

    secret = "{table: accounts, key: code, columns: {token: {secret: true}}, rows: [%s]}"
    shop.seed("accounts", secret % f"{{code: second, token: {mark}}}")
    becomes(shop, "billing")
    assert claim(shop, "--beside").exit_code == 0
    done = shop.run("--mode", "update")
    assert done.exit_code == 0, done.stderr
    assert mark not in ledger_text(shop)

    shop.seed("accounts", plain % "first" + "\n")
    becomes(shop, "shop", release="2")
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    assert mark not in ledger_text(shop) + done.stderr


def ledger_text(shop: Shop) -> str:
    tables = shop.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'seeder'::regnamespace AND relkind = 'r'"
    )
    return "".join(repr(shop.rows(f"SELECT t::text FROM seeder.{table} t")) for (table,) in tables)


# -- another schema -------------------------------------------------------------------------


@pytest.fixture
def app(empty_shop: Shop) -> Shop:
    """A project whose role works in the schema `app`; its migrations are seeder's."""
    empty_shop.database.execute("CREATE SCHEMA app")
    leads_to(empty_shop, "app", "public")
    empty_shop.scripts.add("0001", CREATE)
    empty_shop.seed("roles", ROLES)
    becomes(empty_shop, "shop")
    assert empty_shop.run().exit_code == 0
    return empty_shop


def test_a_lost_search_path_is_refused_naming_both_schemas(app: Shop) -> None:
    app.database.execute("UPDATE app.roles SET level = 9")
    leads_to(app, "public")
    becomes(app, "shop", release="2")
    app.scripts.add("0002", "ALTER TABLE roles ADD note text")
    before = app.snapshot()
    for command in ("run", "plan", "status", "ready"):
        done = app.command(command)
        assert done.exit_code == 10
        assert "works in the schema app" in done.failed["message"]
        assert "leads to the schema public" in done.failed["message"]
    assert app.snapshot() == before
    leads_to(app, "app", "public")
    assert app.run().exit_code == 0
    assert levels(app, "app.roles") == [("owner", 9)]
    assert app.value("SELECT to_regclass('public.roles')") is None


def test_a_second_tenant_is_not_taken_for_the_first(app: Shop) -> None:
    app.database.execute("CREATE SCHEMA two")
    leads_to(app, "two", "public")
    assert app.run().exit_code == 10
    assert app.command("ready").exit_code == 10
    assert claim(app, "--beside").exit_code == 0
    assert app.command("ready", SEEDER_WAIT_TIMEOUT="0.1").exit_code == 30
    assert app.run().finished["counts"] == {"insert": 1}
    assert levels(app, "two.roles") == [("owner", 3)]
    assert "run.unchanged" in app.run().names
    assert app.command("ready", "--release").exit_code == 0
    leads_to(app, "app", "public")
    assert app.run().finished["result"] == "nothing-to-do"
    assert "run.unchanged" in app.run().names


def test_tables_that_moved_to_another_schema_keep_their_memory_after_a_claim(app: Shop) -> None:
    app.database.execute("UPDATE app.roles SET level = 9")
    app.database.execute(
        "CREATE SCHEMA two; ALTER TABLE app.roles SET SCHEMA two;"
        "ALTER TABLE app.alembic_version SET SCHEMA two"
    )
    leads_to(app, "two", "public")
    assert app.run().exit_code == 10
    assert claim(app).exit_code == 0
    becomes(app, "shop", release="2")
    app.seed("roles", ROLES.replace("level: 3", "level: 4"))
    assert app.run().finished["counts"] == {"conflicts": 1, "keep": 1}
    assert levels(app, "two.roles") == [("owner", 9)]


def test_a_table_that_hides_the_seeded_one_is_refused(roles: Shop) -> None:
    roles.database.execute("CREATE SCHEMA app")
    leads_to(roles, "app", "public")
    assert claim(roles).exit_code == 0
    assert roles.run().exit_code == 0
    roles.database.execute("CREATE TABLE app.roles (LIKE public.roles INCLUDING ALL)")
    becomes(roles, "shop", release="2")
    for command in ("run", "plan", "status"):
        done = roles.command(command)
        assert done.exit_code == 10
        (problem,) = done.failed["problems"]
        assert "seeded in public.roles, and `roles` leads to app.roles now" in problem
    assert levels(roles, "app.roles") == []


def test_a_schema_that_the_migrations_made_is_no_other_one(empty_shop: Shop) -> None:
    leads_to(empty_shop, "app", "public")
    empty_shop.scripts.add("0001", f"CREATE SCHEMA app; {CREATE}")
    empty_shop.seed("roles", ROLES)
    becomes(empty_shop, "shop")
    assert empty_shop.run().exit_code == 0
    assert levels(empty_shop, "app.roles") == [("owner", 3)]
    assert "run.unchanged" in empty_shop.run().names
