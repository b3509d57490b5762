"""The same revisions by `alembic upgrade head` and by the job: the same database afterwards."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from seeder.database.embedded.embedded_files import find_programs
from tests.support.postgres import Database
from tests.support.revisions import Scripts
from tests.support.shop import Shop

REVISIONS = 500
BIN = Path(sys.executable).parent

KINDS = {
    "schema": """
        op.create_table("t{n}", sa.Column("id", sa.Integer, primary_key=True),
                        sa.Column("name", sa.String(40), server_default="new"))
        op.create_check_constraint("named{n}", "t{n}", "name <> ''")
    """,
    "data": """
        things = sa.table("things", sa.column("n", sa.Integer), sa.column("said", sa.Text))
        op.bulk_insert(things, [{{"n": {n}, "said": "a"}}, {{"n": -{n}, "said": None}}])
        op.execute(things.update().where(things.c.n == {n}).values(said="it's 100% :done"))
    """,
    "session": """
        from sqlalchemy.orm import Session
        with Session(bind=op.get_bind()) as session:
            session.execute(sa.text("INSERT INTO things VALUES (:n, 'session')"), {{"n": {n}}})
            session.flush()
    """,
    "autocommit": """
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY things_{n} ON things (n, said)")
            op.execute("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'm{n}'")
    """,
    "commit": """
        op.execute("INSERT INTO things VALUES ({n}, 'before')")
        op.get_bind().commit()
        op.execute("INSERT INTO things VALUES ({n}, 'after')")
    """,
    "second": """
        with op.get_bind().engine.begin() as other:
            other.execute(sa.text("INSERT INTO log VALUES (:n)"), {{"n": {n}}})
        op.execute("INSERT INTO things SELECT n, 'seen' FROM log WHERE n = {n}")
    """,
    "batch": """
        with op.batch_alter_table("things") as batch:
            batch.add_column(sa.Column("c{n}", sa.Numeric(10, 2), nullable=True))
        columns = [each["name"] for each in sa.inspect(op.get_bind()).get_columns("things")]
        op.execute(sa.text("INSERT INTO things VALUES (:n, :said)").bindparams(
            n=len(columns), said=op.get_context().config.get_main_option("colour")))
    """,
    "plpgsql": """
        op.execute('''
            CREATE FUNCTION f{n}(x int) RETURNS int LANGUAGE plpgsql AS $$
            BEGIN RETURN x % 7; END $$; CREATE VIEW v{n} AS SELECT f{n}({n}) AS "%";
        ''')
    """,
}
FIRST = """
    op.execute("CREATE TABLE things (n int, said text); CREATE TABLE log (n int)")
    op.execute("CREATE TYPE mood AS ENUM ('ok')")
"""


def write(versions: Path, name: str, down: object, body: str) -> None:
    (versions / f"{name}.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = {name!r}\ndown_revision = {down!r}\n\ndef upgrade():\n"
        + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
        + "\n"
    )


def generate(versions: Path) -> None:
    """A history with branches that are merged again, of every kind of revision."""
    chance = random.Random(18)
    write(versions, "r000", None, FIRST)
    ends, number = ["r000"], 1
    while number < REVISIONS:
        name = f"r{number:03}"
        if len(ends) == 1 and chance.random() < 0.1 and number < REVISIONS - 20:
            ends = [ends[0], ends[0]]
        if len(ends) == 2 and (chance.random() < 0.2 or number >= REVISIONS - 2):
            write(versions, name, tuple(dict.fromkeys(ends)), "pass")
            ends = [name]
        else:
            branch = chance.randrange(len(ends))
            # What follows a revision that commits by itself commits the rest of it in Alembic.
            kind = "schema" if number > REVISIONS - 5 else chance.choice(list(KINDS))
            write(versions, name, ends[branch], KINDS[kind].format(n=number))
            ends[branch] = name
        number += 1
    assert len(set(ends)) == 1


def run_alembic(directory: Path, database: Database) -> None:
    """By the real tool, with its own env.py, one transaction for each revision."""
    ini, env = directory / "alembic.ini", directory / "migrations/env.py"
    url = database.url.replace("postgresql:", "postgresql+psycopg:").replace("%", "%%")
    text = re.sub(
        r"^sqlalchemy.url = .*",
        lambda _: f"sqlalchemy.url = {url}\ncolour = red",
        ini.read_text(),
        flags=re.MULTILINE,
    )
    ini.write_text(text)
    env.write_text(
        env.read_text().replace(
            "connection=connection, target_metadata=target_metadata",
            "connection=connection, target_metadata=target_metadata,"
            " transaction_per_migration=True",
        )
    )
    subprocess.run(
        [BIN / "alembic", "upgrade", "head"], cwd=directory, check=True, capture_output=True
    )


def dump(database: Database) -> list[str]:
    """Schema and rows, in the order of the tables; each row is a line."""
    tool = find_programs(None) / "pg_dump"  # reads every older version
    done = subprocess.run(
        [tool, "--inserts", "--exclude-schema=seeder", database.url],
        check=True,
        capture_output=True,
        text=True,
    )
    # Each dump has a key of its own, that nothing in it may break out of.
    return [line for line in done.stdout.splitlines() if "restrict" not in line[:11]]


@pytest.fixture
def project(empty_shop: Shop) -> Shop:
    (empty_shop.directory / "migrations/versions").rmdir()
    (empty_shop.directory / "migrations").rmdir()
    subprocess.run(
        [BIN / "alembic", "init", "migrations"],
        cwd=empty_shop.directory,
        check=True,
        capture_output=True,
    )
    return empty_shop


@pytest.mark.parametrize("env", ["", 'env = "project"\n'])
def test_five_hundred_revisions_leave_the_same_database_as_alembic(
    project: Shop, create_database: Callable[[], Database], env: str
) -> None:
    generate(project.directory / "migrations/versions")
    theirs = create_database()
    run_alembic(project.directory, theirs)
    project.configure(migrations=f'alembic = "migrations"\n{env}')
    done = project.run()
    assert done.exit_code == 0, done.stderr[-2000:]
    expected = dump(theirs)
    assert dump(project.database) == expected
    assert any("it''s 100% :done" in line for line in expected)
    assert sum("'after'" in line for line in expected) > 10
    assert sum("'seen'" in line for line in expected) > 10


def test_a_revision_that_commits_by_itself_is_recorded_when_it_is_the_last(
    empty_shop: Shop, scripts: Scripts
) -> None:
    shop = empty_shop
    shop.configure(migrations='alembic = "migrations"')
    shop.scripts.add(
        "0001", "CREATE TABLE one ()", "py:op.get_bind().commit()", "CREATE TABLE two ()"
    )
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    assert shop.rows("SELECT version_num FROM alembic_version") == [("0001",)]
    assert shop.rows("SELECT to_regclass('one'), to_regclass('two')") == [("one", "two")]


def test_a_revision_that_fails_after_its_own_commit_is_told_as_partly_applied(
    empty_shop: Shop,
) -> None:
    shop = empty_shop
    shop.configure(migrations='alembic = "migrations"')
    shop.scripts.add("0001", "CREATE TABLE one ()", "py:op.get_bind().commit()", "SELECT 1 / 0")
    done = shop.run()
    assert done.exit_code == 16
    assert "committed a part of itself" in done.failed["hint"]
    assert shop.rows("SELECT to_regclass('one')") == [("one",)]


def test_values_bound_where_only_psycopg2_takes_them_are_taken(empty_shop: Shop) -> None:
    shop = empty_shop
    shop.configure(migrations='alembic = "migrations"\noptions = {size = "7"}')
    shop.scripts.add(
        "0001",
        "CREATE TABLE t (n int, said text DEFAULT 'x')",
        "py:from alembic import context",
        "py:n = int(context.get_x_argument(as_dictionary=True)['size'])",
        "py:bind = op.get_bind()",
        "py:bind.execute(sa.text('DO $$ BEGIN INSERT INTO t VALUES (:n); END $$'), {'n': n})",
        "py:default = sa.text('ALTER TABLE t ALTER said SET DEFAULT :said')",
        "py:bind.execute(default, {'said': \"it's\"})",
        "py:both = sa.text('INSERT INTO t VALUES (:n); INSERT INTO t VALUES (:n)')",
        "py:bind.execute(both, {'n': 8})",
        "py:bind.exec_driver_sql('INSERT INTO t (n) VALUES (%s)', (9,))",
    )
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    assert shop.rows("SELECT n, said FROM t ORDER BY n") == [
        (7, "x"),
        (8, "it's"),
        (8, "it's"),
        (9, "it's"),
    ]


OPERATIONS = """
from alembic.operations import MigrateOperation, Operations

@Operations.register_operation("create_colour")
class CreateColour(MigrateOperation):
    def __init__(self, name):
        self.name = name

    @classmethod
    def create_colour(cls, operations, name):
        return operations.invoke(cls(name))

@Operations.implementation_for(CreateColour)
def create_colour(operations, operation):
    operations.execute(f"CREATE TABLE colour_{operation.name} ()")
"""


def test_operations_of_another_package_are_imported_or_named(empty_shop: Shop) -> None:
    shop = empty_shop
    shop.configure(migrations='alembic = "migrations"')
    shop.scripts.add("0001", "py:op.create_colour('red')")
    done = shop.run()
    assert done.exit_code == 16
    assert done.failed["message"].startswith(
        "Failed in revision 0001 at 0001.py:8: AttributeError: module 'alembic.op' has no attribute"
        " 'create_colour'."
    )
    assert "import = [...]" in done.failed["hint"]
    (shop.directory / "colour_operations.py").write_text(OPERATIONS)
    shop.configure(migrations='alembic = "migrations"\nimport = ["colour_operations"]')
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    assert shop.rows("SELECT to_regclass('colour_red')") == [("colour_red",)]


def test_operations_are_found_in_what_env_py_imports_of_installed_packages(
    empty_shop: Shop, tmp_path: Path
) -> None:
    shop = empty_shop
    installed = tmp_path / "site-packages"
    (installed / "colours/alembic").mkdir(parents=True)
    (installed / "colours/__init__.py").write_text("")
    (installed / "colours/alembic/__init__.py").write_text(OPERATIONS)
    shop.write(
        "migrations/env.py",
        """
        import colours.alembic
        import shop_models_that_the_job_does_not_have
        raise RuntimeError("it is not run")
        """,
    )
    shop.configure(migrations='alembic = "migrations"')
    shop.scripts.add("0001", "py:op.create_colour('red')")
    done = shop.end(shop.start(PYTHONPATH=str(installed)))
    assert done.exit_code == 0, done.stderr
    assert shop.rows("SELECT to_regclass('colour_red')") == [("colour_red",)]


def test_a_revision_reads_the_context_that_alembic_gives_it(project: Shop) -> None:
    ini = project.directory / "alembic.ini"
    ini.write_text(ini.read_text() + "\n[shop]\ncolour = red\n")
    write(
        project.directory / "migrations/versions",
        "0001",
        None,
        """
        context, config = op.get_context(), op.get_context().config
        assert context.opts["transaction_per_migration"] and not context.opts["as_sql"]
        assert context.opts["script"].get_current_head() == "0001"
        assert context.environment_context.get_x_argument(as_dictionary=True) == {"size": "7"}
        assert config.get_section("shop")["colour"] == "red", config.get_section("shop")
        assert config.config_file_name.endswith("alembic.ini"), config.config_file_name
        assert config.config_ini_section == "alembic", config.config_ini_section
        assert config.attributes["size"] == "7", config.attributes
        """,
    )
    project.configure(migrations='alembic = "migrations"\noptions = {size = "7"}')
    done = project.run()
    assert done.exit_code == 0, done.stderr
    assert project.rows("SELECT version_num FROM alembic_version") == [("0001",)]
