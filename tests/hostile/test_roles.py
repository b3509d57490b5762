"""The roles of docs/security.md: they suffice, and there is nothing else that they can do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import psycopg
import pytest
from psycopg import sql

from seeder.catalog.assembling import assemble
from seeder.catalog.declaring import node_reader
from seeder.catalog.formats import csv_files, files, nodes, scalars, yaml_reader
from seeder.catalog.project import project
from seeder.configuration import environ
from tests.docs.pages import DOCS, blocks, table_after
from tests.support.postgres import Database
from tests.support.shop import MEMBERS, ROLES, ROLES_SEED, Done, Shop

PAGE = DOCS / "security.md"
ROLES_OF = ("seeder_job", "seeder_seeds", "seeder_panel", "shop_app")


def statements(role: str | None) -> str:
    """The block of the page that creates a role; None: the one before all of them."""
    wanted = f"CREATE ROLE {role} " if role else "REVOKE ALL ON DATABASE"
    (found,) = [each.text for each in blocks(PAGE) if wanted in each.text]
    return found


class Roles:
    """The page's roles, under names of this test's own: roles belong to the whole server."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.made: list[str] = []

    def create(self, role: str) -> None:
        """Run the page's statements for a role, as a superuser."""
        if not self.made:
            self._run(statements(None))
        self.made.append(role)
        self._run(statements(role))

    def url(self, role: str) -> str:
        """Where the role logs in."""
        return self.database.server.url(self.database.name, user=self.own(role))

    def own(self, role: str) -> str:
        """What the role is called here."""
        return f"{role}_{self.database.name}"

    def drop(self) -> None:
        """Remove them again."""
        for role in reversed(self.made):
            name = sql.Identifier(self.own(role))
            for statement in ("DROP OWNED BY {} CASCADE", "DROP ROLE {}"):
                with self.database.connect() as connection:
                    connection.execute(sql.SQL(statement).format(name))

    def _run(self, text: str) -> None:
        text = re.sub(r"\bDATABASE shop\b", f'DATABASE "{self.database.name}"', text)
        for role in ROLES_OF:
            text = re.sub(rf"\b{role}\b", self.own(role), text)
        self.database.execute(text)


@pytest.fixture
def roles(shop: Shop) -> Iterator[Roles]:
    made = Roles(shop.database)
    yield made
    made.drop()


def as_role(roles: Roles, role: str, statement: str) -> None:
    with psycopg.connect(roles.url(role), autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def is_denied(roles: Roles, role: str, denied: Sequence[str]) -> None:
    for statement in denied:
        try:
            as_role(roles, role, statement)
        except psycopg.errors.InsufficientPrivilege:
            continue
        pytest.fail(f"{role} may {statement}")


def went_well(done: Done) -> Done:
    assert done.exit_code == 0, done.stderr
    return done


SERVER = (
    "CREATE ROLE another",
    "CREATE DATABASE another",
    "CREATE SCHEMA another",
    "SELECT * FROM pg_authid",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/another'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT * FROM elsewhere.accounts",
    "CREATE TABLE elsewhere.mine ()",
)
"""What none of the roles may."""

ELSEWHERE = (
    "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.accounts (id int);"
    " CREATE TABLE public.orders (id serial PRIMARY KEY, text text UNIQUE)"
)


def test_the_jobs_role_suffices_for_every_command_of_a_jobs_life(shop: Shop, roles: Roles) -> None:
    shop.database.execute(ELSEWHERE)
    roles.create("seeder_job")
    shop.environ["DATABASE_URL"] = roles.url("seeder_job")
    shop.configure(release="1")
    went_well(shop.run())
    shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    shop.configure(release="2")
    shop.seed("roles", ROLES_SEED.replace("level: 3", "level: 30"))
    shop.write("seeds/update/2_note.sql", "UPDATE roles SET note = 'seen'")
    for arguments in (
        ["run"],
        ["plan"],
        ["status"],
        ["ready"],
        ["history"],
        ["show", "2"],
        ["undo", "2", "--yes"],
        ["requests"],
        ["prune", "--keep", "1d"],
        ["mark", "staging", "--database", shop.database.name],
    ):
        went_well(shop.command(*arguments))
    is_denied(roles, "seeder_job", SERVER)
    is_denied(roles, "seeder_job", ["SELECT * FROM orders", "DROP TABLE orders"])


@pytest.fixture
def seeds_only(shop: Shop, roles: Roles) -> Shop:
    """A shop whose tables a superuser has made, and whose job may fill two of them."""
    shop.database.execute(ELSEWHERE)
    shop.database.execute(f"{ROLES}; {MEMBERS}")
    roles.create("seeder_seeds")
    shop.environ["DATABASE_URL"] = roles.url("seeder_seeds")
    shop.configure(release="1", migrations="none = true")
    return shop


def test_a_job_that_only_seeds_inserts_updates_and_deletes_rows_of_its_tables(
    seeds_only: Shop, roles: Roles
) -> None:
    shop = seeds_only
    head = "table: roles\nkey: code\nremoved: delete\nrows:\n"
    owner, editor = "- {id: 1, code: owner, level: 3}\n", "- {id: 2, code: editor, level: 2}\n"
    auditor = "- {id: 40, code: auditor, level: 5}\n"
    shop.seed("roles", head + owner + editor)
    went_well(shop.run())
    shop.seed("roles", head + owner.replace("level: 3", "level: 30") + auditor)
    shop.configure(release="2", migrations="none = true")
    done = went_well(shop.run())
    assert done.finished["counts"] == {"insert": 1, "update": 1, "delete": 1}
    assert shop.value("SELECT nextval('roles_id_seq')") > 40
    went_well(shop.command("undo", "2", "--yes"))
    is_denied(roles, "seeder_seeds", SERVER)
    is_denied(
        roles,
        "seeder_seeds",
        [
            "SELECT * FROM orders",
            "DELETE FROM members",
            "TRUNCATE roles",
            "DROP TABLE roles",
            "ALTER TABLE roles ADD note text",
            "CREATE TABLE public.mine ()",
            "CREATE TRIGGER mine BEFORE INSERT ON roles FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        ],
    )


@pytest.mark.parametrize("way", ["a set", "a task"])
def test_what_is_beyond_the_role_ends_with_11_and_nothing_is_written(
    seeds_only: Shop, way: str
) -> None:
    shop = seeds_only
    went_well(shop.run())
    shop.configure(release="2", migrations="none = true")
    shop.seed("roles", ROLES_SEED.replace("level: 3", "level: 30"))
    if way == "a set":
        shop.seed("orders", "table: orders\nkey: text\nrows: [{text: mine}]\n")
    else:
        shop.write("seeds/update/2_orders.sql", "INSERT INTO orders (text) VALUES ('mine')")
    before = shop.snapshot(sequences=False)
    done = shop.run()
    assert done.exit_code == 11, done.stderr
    assert "orders" in str(done.failed)
    assert shop.snapshot(sequences=False) == before


def test_the_application_uses_the_tables_and_has_nothing_to_do_with_the_ledger(
    shop: Shop, roles: Roles
) -> None:
    shop.database.execute(ELSEWHERE)
    roles.create("seeder_job")
    roles.create("shop_app")
    went_well(shop.run(DATABASE_URL=roles.url("seeder_job")))
    for statement in (
        "INSERT INTO roles (code, level) VALUES ('mine', 1)",
        "UPDATE roles SET level = 2",
        "DELETE FROM roles WHERE code = 'mine'",
    ):
        as_role(roles, "shop_app", statement)
    is_denied(roles, "shop_app", SERVER)
    is_denied(
        roles,
        "shop_app",
        [
            "SELECT * FROM seeder.meta",
            "UPDATE seeder.base_1 SET state = 'd'",
            "INSERT INTO seeder.requests (project, plan_id, actor) VALUES (1, 'p', 'me')",
            "CREATE TABLE public.mine ()",
            "CREATE TEMPORARY TABLE mine ()",
        ],
    )


def test_the_panels_role_reads_the_ledger_asks_and_does_nothing_else(
    shop: Shop, roles: Roles
) -> None:
    shop.database.execute(ELSEWHERE)
    roles.create("seeder_job")
    shop.environ["DATABASE_URL"] = roles.url("seeder_job")
    went_well(shop.run())
    roles.create("seeder_panel")
    shop.scripts.add("0003", "CREATE TABLE tiers (code text PRIMARY KEY)")
    shop.seed("tiers", "table: tiers\nkey: code\nrows: [{code: free}]\n")
    shop.seed("roles", ROLES_SEED.replace("level: 3", "level: 30"))
    went_well(shop.run())
    for (table,) in shop.rows(
        "SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = 'seeder'::regnamespace"
        " AND relkind = 'r'"
    ):
        as_role(roles, "seeder_panel", f"SELECT * FROM seeder.{table}")
    ask = (
        "INSERT INTO seeder.requests (project, plan_id, actor)"
        " SELECT project, plan_id, 'jo' FROM seeder.pending_plan"
    )
    as_role(roles, "seeder_panel", ask)
    is_denied(roles, "seeder_panel", SERVER)
    is_denied(
        roles,
        "seeder_panel",
        [
            "SELECT * FROM roles",
            "UPDATE roles SET level = 1",
            "UPDATE seeder.requests SET state = 'applied'",
            "INSERT INTO seeder.requests (project, plan_id, actor, state)"
            " VALUES (1, 'p', 'jo', 'applied')",
            "UPDATE seeder.pending_plan SET plan_id = 'p'",
            "UPDATE seeder.base_1 SET state = 'd'",
            "CREATE TEMPORARY TABLE mine ()",
        ],
    )
    went_well(shop.run())
    assert shop.rows("SELECT state FROM seeder.requests") == [("applied",)]
    assert shop.value("SELECT level FROM roles WHERE code = 'owner'") == 30


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    told = [int(cell.replace(",", "")) for _, cell in table_after(PAGE, "What a file may cost")]
    assert told == [
        files.TEXT_LIMIT,
        environ.LIMIT,
        nodes.MAX_VALUES,
        yaml_reader.MAX_REPEATED,
        project.EXPAND_LIMIT,
        assemble.ENTRIES // assemble.ENTRIES_OF_A_COLUMN,
        nodes.MAX_DEPTH,
        csv_files._RECORD_LIMIT,
        scalars.MAX_DIGITS,
        node_reader.NAME_BYTES,
    ]
