"""What speed rests on, in numbers that no busy machine changes: statements and imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.proxy import Proxy, proxied
from tests.support.shop import Shop

NEVER_NEEDED = {
    "sqlalchemy",
    "alembic",
    "flask",
    "yaml",
    "click",
    "msgspec",
    "tenacity",
    "mako",
    "structlog",
    "jinja2",
}
LATER = {
    "seeder.settle.approval",
    "seeder.catalog.loader",
    "seeder.database.ledger.tables.ledger",
    "seeder.database.connection.lock",
    "seeder.database.connection.session",
    "seeder.database.connection.wait",
    "seeder.look",
    "seeder.merge.model",
    "seeder.merge.plan",
    "seeder.panel",
    "seeder.phases.planning",
    "seeder.report.html",
    "seeder.phases.seeding",
    "seeder.settle",
}


@pytest.fixture
def proxy(empty_shop: Shop) -> Iterator[Proxy]:
    """In front of the shop's server, counting."""
    with proxied(empty_shop.database.server.conninfo) as proxy:
        yield proxy


def imported(shop: Shop, program: str, *arguments: str) -> set[str]:
    """Every module that a Python process has imported in the end."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules)", *arguments],
        env=shop.variables(PYTHONPATH=str(Path.cwd())),
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


def imported_by_run(shop: Shop) -> set[str]:
    """Every module that `seeder run` imports."""
    return imported(shop, "from seeder.__main__ import main; assert main() == 0", "run")


def statements(shop: Shop, proxy: Proxy, *arguments: str) -> list[str]:
    """What a run sends, without the look at whether anything is to do."""
    before = len(proxy.statements)
    done = shop.run(*arguments, DATABASE_URL=proxy.url(shop.database.name))
    assert done.exit_code == 0, done.stderr
    assert done.finished["result"] == "done"
    return [each.text for each in proxy.statements[before:]]


# A deploy that has nothing to do.


def test_an_unchanged_deploy_connects_once_and_asks_twice(shop: Shop, proxy: Proxy) -> None:
    shop.run()
    done = shop.run(DATABASE_URL=proxy.url(shop.database.name))
    assert done.finished["result"] == "nothing-to-do"
    assert proxy.connections == 1
    assert len(proxy.statements) == 2
    assert all(each.text.startswith("SELECT") for each in proxy.statements)


def test_an_unchanged_deploy_of_documents_that_people_changed_asks_twice_as_well(
    shop: Shop, proxy: Proxy
) -> None:
    shop.scripts.add("0003", "ALTER TABLE roles ADD COLUMN settings jsonb")
    head = "table: roles\nkey: code\ncolumns: {settings: {merge: map}}\nrows:\n"
    for seats in (5, 6):
        shop.seed("roles", f"{head}  - {{code: owner, level: 3, settings: {{seats: {seats}}}}}\n")
        assert shop.run("--mode", "update").exit_code == 0
        shop.database.execute("UPDATE roles SET settings = settings || '{\"mine\": 1}'")
    assert shop.value("SELECT settings FROM roles WHERE code = 'owner'") == {"seats": 6, "mine": 1}
    done = shop.run(DATABASE_URL=proxy.url(shop.database.name))
    assert done.finished["result"] == "nothing-to-do"
    assert len(proxy.statements) == 2


def test_an_unchanged_deploy_imports_nothing_that_only_work_needs(shop: Shop) -> None:
    shop.run()
    modules = imported_by_run(shop)
    assert "seeder.database.ledger.runs.unchanged" in modules
    assert {each.partition(".")[0] for each in modules} & NEVER_NEEDED == set()
    assert modules & LATER == set()
    assert shop.runs() == [("done", 0)]


def test_an_unchanged_deploy_imports_few_modules_beside_those_of_the_driver(shop: Shop) -> None:
    shop.run()
    more = imported_by_run(shop) - imported(shop, "import psycopg")
    own = {each for each in more if each.partition(".")[0] == "seeder"}
    folders = {each.rpartition(".")[0] for each in own}  # a docstring each, hardly more
    assert 10 < len(own - folders) <= 27, sorted(own - folders)
    assert len(folders) <= 15, sorted(folders)
    assert len(more - own) <= 45, sorted(more - own)


def test_a_run_that_has_work_imports_what_it_needs(shop: Shop) -> None:
    modules = imported_by_run(shop)
    assert {"seeder.phases.seeding", "seeder.phases.planning", "sqlalchemy", "yaml"} <= modules
    assert "seeder.merge.found" not in modules  # what only other commands return


# Statements go with sets, never with rows.


def fill(shop: Shop, rows: int, *, level: int = 1) -> None:
    """Give the set of roles so many rows, in a file of its own."""
    lines = [f"role-{n},{level + n}" for n in range(rows)]
    shop.write("seeds/core/roles.csv", "\n".join(["code,level", *lines, ""]))
    shop.seed("roles", "table: roles\nkey: code\nrows_from: roles.csv\n")


def counted(shop: Shop, proxy: Proxy, rows: int) -> tuple[int, int, int]:
    """How many statements a first load, an update of every row and one of a few rows take."""
    shop.database.execute("DROP SCHEMA IF EXISTS seeder CASCADE; DELETE FROM roles")
    fill(shop, rows)
    first = len(statements(shop, proxy))
    fill(shop, rows, level=2)
    every = len(statements(shop, proxy, "--mode", "update"))
    shop.database.execute("UPDATE roles SET level = -level WHERE level % 10 = 3")
    fill(shop, rows // 10 * 9, level=3)
    few = len(statements(shop, proxy, "--mode", "update"))
    return first, every, few


def test_statements_do_not_grow_with_rows(shop: Shop, proxy: Proxy) -> None:
    (shop.directory / "seeds/core/members.yaml").unlink()
    fill(shop, 1)
    shop.run()
    few, many = counted(shop, proxy, 100), counted(shop, proxy, 8_000)
    # From some size on a first load goes straight into the base.
    assert few[1:] == many[1:]
    assert few[0] < many[0] <= few[0] + 5
    assert counted(shop, proxy, 10_000) == many
    assert shop.value("SELECT count(*) FROM roles") == 10_000


def test_an_update_compares_and_judges_a_set_once_where_nobody_interferes(
    shop: Shop, proxy: Proxy
) -> None:
    (shop.directory / "seeds/core/members.yaml").unlink()
    fill(shop, 100)
    shop.run()
    fill(shop, 100, level=2)
    sent = statements(shop, proxy, "--mode", "update")
    for table in ("seeder_stage_1", "seeder_diff_1", "seeder_verdict_1"):
        into = f'INSERT INTO "pg_temp"."{table}"', f'COPY "pg_temp"."{table}"'
        filled = [each for each in sent if any(each.count(one) for one in into)]
        assert len(filled) == 1, filled
    assert shop.value("SELECT sum(level) FROM roles") == sum(range(2, 102))


def test_an_update_looks_up_no_row_on_its_own_that_has_not_changed(shop: Shop) -> None:
    def looked_up() -> int:
        scans = "SELECT idx_scan::int FROM pg_stat_user_indexes WHERE indexrelname = 'roles_pkey'"
        found = shop.value(scans)
        assert isinstance(found, int)
        return found

    (shop.directory / "seeds/core/members.yaml").unlink()
    fill(shop, 20_000)
    shop.run()
    shop.database.execute("ANALYZE")
    before = looked_up()
    shop.write(
        "seeds/core/roles.csv",
        (shop.directory / "seeds/core/roles.csv").read_text().replace("role-7,8", "role-7,9"),
    )
    assert shop.run("--mode", "update").finished["counts"]["update"] == 1
    assert looked_up() - before < 100


def test_statements_of_rows_with_references_do_not_grow_with_rows(shop: Shop, proxy: Proxy) -> None:
    shop.run()

    def load(rows: int) -> int:
        shop.database.execute("DROP SCHEMA IF EXISTS seeder CASCADE; TRUNCATE members, roles")
        lines = [f"person-{n}@example.test,owner" for n in range(rows)]
        shop.write("seeds/core/members.csv", "\n".join(["email,role_id", *lines, ""]))
        head = "table: members\nkey: email\ncolumns: {role_id: {ref: roles}}\n"
        shop.seed("members", head + "rows_from: members.csv\n")
        return len(statements(shop, proxy))

    few = load(100)
    assert few == load(1_000)
    # From some size on the rows stay in their file, and go straight into the base.
    assert load(10_000) == load(20_000) <= few + 13
    assert shop.value("SELECT count(*) FROM members") == 20_000


def test_a_first_load_sends_no_more_for_each_set_than_its_rows(
    empty_shop: Shop, proxy: Proxy
) -> None:
    def load(sets: int) -> int:
        empty_shop.database.execute("DROP SCHEMA IF EXISTS seeder CASCADE")
        for n in range(sets):
            empty_shop.database.execute(f"DROP TABLE IF EXISTS t{n} CASCADE")
            reference = f", parent int REFERENCES t{n - 1}" if n else ""
            empty_shop.database.execute(
                f"CREATE TABLE t{n} (id serial PRIMARY KEY, code text UNIQUE{reference})"
            )
            columns = f"columns: {{parent: {{ref: t{n - 1}}}}}\n" if n else ""
            parent = ", parent: a" if n else ""
            empty_shop.seed(
                f"t{n}", f"table: t{n}\nkey: code\n{columns}rows:\n  - {{code: a{parent}}}\n"
            )
        return len(statements(empty_shop, proxy))

    empty_shop.configure(migrations="none = true")
    five, ten, twenty = load(5), load(10), load(20)
    copy_and_its_end = 2
    assert ten - five == 5 * copy_and_its_end
    assert twenty - ten == 10 * copy_and_its_end
    assert five - 5 * copy_and_its_end <= 63


def test_a_revision_sends_three_statements_beside_its_own(empty_shop: Shop, proxy: Proxy) -> None:
    names = (f"{number:04}" for number in range(1, 100))

    def sent(revisions: int) -> int:
        for _, name in zip(range(revisions), names, strict=False):
            empty_shop.scripts.add(name, f"CREATE TABLE t{name} ()")
        return len(statements(empty_shop, proxy))

    sent(1)
    begin_version_and_commit_with_its_look_at_the_lock = 3
    assert sent(12) - sent(2) == 10 * (1 + begin_version_and_commit_with_its_look_at_the_lock)
