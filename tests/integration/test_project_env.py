"""`env = "project"`: the env.py that Alembic's and Flask-Migrate's own templates write, as it is.

Each project is made by the real tool, in a process of its own, and changed only where the tool
says so: the URL in its configuration, or the application's own settings.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy

from tests.support.postgres import Database
from tests.support.shop import Done, Shop

BIN = Path(sys.executable).parent
REVISION = """
    import sqlalchemy as sa
    from alembic import op
    revision = "0001"
    down_revision = None

    def upgrade():
        op.create_table("roles", sa.Column("code", sa.Text, primary_key=True))
        print("created roles")
"""


def tool(directory: Path, *command: str, **environ: str) -> str:
    """What one of the project's tools prints."""
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=directory,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def project(empty_shop: Shop) -> Shop:
    """A project without migrations, whose seeds want the table that they make."""
    empty_shop.seed("roles", "table: roles\nkey: code\nrows: [{code: owner}]\n")
    (empty_shop.directory / "migrations/versions").rmdir()
    (empty_shop.directory / "migrations").rmdir()
    return empty_shop


def made_by_alembic(shop: Shop, template: str, *lines: str) -> None:
    tool(shop.directory, "alembic", "init", "--template", template, "migrations")
    write(shop, "migrations/versions/0001.py", REVISION)
    shop.configure(migrations="\n".join(['alembic = "migrations"', 'env = "project"', *lines]))


def write(shop: Shop, name: str, text: str) -> None:
    path = shop.directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"))


def name_driver(shop: Shop, scheme: str) -> None:
    ini = shop.directory / "alembic.ini"
    url = f"sqlalchemy.url = {scheme}://me@localhost/mine"
    ini.write_text(re.sub(r"^sqlalchemy.url = .*", url, ini.read_text(), flags=re.MULTILINE))


def migrated(shop: Shop, done: Done) -> None:
    assert done.exit_code == 0, done.stderr
    assert shop.rows("SELECT code FROM roles") == [("owner",)]
    assert shop.rows("SELECT version_num FROM alembic_version") == [("0001",)]
    assert "created roles" in [each["line"] for each in done.named("migration.output")]
    assert done.events[-1]["event"] == "run.finished"


@pytest.mark.parametrize("way", ["", 'env = "project"'])
def test_a_folder_beside_the_scripts_never_hides_an_installed_package(
    project: Shop, way: str
) -> None:
    tool(project.directory, "alembic", "init", "shop/migrations")
    write(project, "shop/packaging/__init__.py", "raise ValueError\n")
    write(project, "shop/models.py", "NAME = 'roles'\n")
    uses = "from packaging.version import Version\nfrom shop.models import NAME\n"
    write(project, "shop/migrations/versions/0001.py", uses + textwrap.dedent(REVISION))
    project.configure(migrations=f'alembic = "shop/migrations"\n{way}')
    migrated(project, project.end(project.start()))


@pytest.mark.parametrize("kind", ["generic", "async", "pyproject", "pyproject_async"])
def test_a_template_of_alembic_runs_as_it_is(project: Shop, kind: str) -> None:
    if kind.startswith("pyproject"):
        write(project, "pyproject.toml", '[project]\nname = "shop"\nversion = "1"\n')
    made_by_alembic(project, kind)
    migrated(project, project.run())
    assert project.run().events[-1]["event"] == "run.finished"


def test_an_asynchronous_env_py_runs_where_an_event_loop_runs_already(project: Shop) -> None:
    # As in an application that starts, a notebook, or a test beside Playwright.
    made_by_alembic(project, "async")

    async def starts() -> Done:
        return project.run()

    # A process that has used Playwright has a running loop for good.
    runs_already = asyncio._get_running_loop() is not None
    migrated(project, project.run() if runs_already else asyncio.run(starts()))


@pytest.mark.parametrize(
    ("template", "scheme", "driver"),
    [
        ("async", "postgresql+asyncpg", "asyncpg"),
        ("async", "postgresql+psycopg", "psycopg"),
        ("generic", "postgresql+psycopg", "psycopg"),
        ("generic", "postgresql+psycopg2", "psycopg2"),
        # SQLAlchemy's own choice: psycopg2 in 2.0, psycopg in 2.1.
        ("generic", "postgresql", sqlalchemy.make_url("postgresql:///d").get_dialect().driver),
    ],
)
def test_the_driver_that_the_configuration_names_is_used_for_the_job_s_database(
    project: Shop, template: str, scheme: str, driver: str
) -> None:
    made_by_alembic(project, template)
    name_driver(project, scheme)
    write(
        project,
        "migrations/versions/0002.py",
        """
        from alembic import op
        revision = "0002"
        down_revision = "0001"

        def upgrade():
            print("driver", op.get_bind().dialect.driver)
            print("same", op.get_context().config.get_main_option("sqlalchemy.url")[:18])
        """,
    )
    done = project.run()
    assert done.exit_code == 0, done.stderr
    assert f"driver {driver}" in [each["line"] for each in done.named("migration.output")]


def test_what_only_psycopg2_takes_runs_where_env_py_connects_through_it(project: Shop) -> None:
    made_by_alembic(project, "generic")
    name_driver(project, "postgresql+psycopg2")
    write(
        project,
        "migrations/versions/0002.py",
        """
        import sqlalchemy as sa
        from alembic import op
        revision = "0002"
        down_revision = "0001"

        def upgrade():
            bind = op.get_bind()
            bind.execute(sa.text("DO $$ BEGIN PERFORM :n; END $$"), {"n": 1})
            bind.execute(sa.text("SET LOCAL work_mem = :w"), {"w": "1MB"})
            bind.exec_driver_sql("INSERT INTO roles VALUES (%s); SELECT 1", ("by psycopg2",))
        """,
    )
    done = project.run()
    assert done.exit_code == 0, done.stderr
    assert project.rows("SELECT code FROM roles ORDER BY 1") == [("by psycopg2",), ("owner",)]


def test_several_databases_are_migrated_together(
    project: Shop, create_database: Callable[[], Database]
) -> None:
    other = create_database()
    made_by_alembic(project, "multidb")
    write(
        project,
        "migrations/versions/0001.py",
        """
        from alembic import op
        revision = "0001"
        down_revision = None

        def upgrade(engine_name):
            globals()[f"upgrade_{engine_name}"]()

        def upgrade_engine1():
            op.execute("CREATE TABLE roles (code text PRIMARY KEY)")
            print("created roles")

        def upgrade_engine2():
            op.execute("CREATE TABLE elsewhere ()")
        """,
    )
    ini = project.directory / "alembic.ini"
    text = ini.read_text()
    for url, name in (
        (project.database.url, "driver://user:pass@localhost/dbname"),
        (other.url, "driver://user:pass@localhost/dbname2"),
    ):
        url = url.replace("postgresql:", "postgresql+psycopg:").replace("%", "%%")
        text = text.replace(f"sqlalchemy.url = {name}\n", f"sqlalchemy.url = {url}\n")
    ini.write_text(text)
    migrated(project, project.run())
    assert other.fetch("SELECT to_regclass('elsewhere')") == [("elsewhere",)]
    assert other.fetch("SELECT version_num FROM alembic_version") == [("0001",)]


APP = """
    import os
    from flask import Flask
    from flask_migrate import Migrate
    from flask_sqlalchemy import SQLAlchemy

    db = SQLAlchemy()
    migrate = Migrate()

    class Role(db.Model):
        __tablename__ = "roles"
        code = db.Column(db.Text, primary_key=True)

    @migrate.configure
    def configure(config):
        print("configured with", getattr(config.cmd_opts, "x", None))
        return config

    def create_app(name="shop"):
        app = Flask(name)
        app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"].replace(
            "postgresql:", "postgresql+psycopg:"
        )
        db.init_app(app)
        migrate.init_app(app, db)
        return app
"""


@pytest.mark.parametrize(
    ("module", "lines", "environ"),
    [
        ("shop", 'flask = "shop:create_app()"', {}),
        ("shop", "", {"FLASK_APP": "shop:create_app('other')"}),
        ("wsgi", "", {}),
    ],
)
def test_flask_migrate_s_env_py_finds_the_application(
    project: Shop, module: str, lines: str, environ: dict[str, str]
) -> None:
    sys.modules.pop("wsgi", None)
    write(project, f"{module}.py", APP)
    flask = {"FLASK_APP": module, "DATABASE_URL": project.database.url}
    tool(project.directory, "flask", "db", "init", **flask)
    tool(project.directory, "flask", "db", "migrate", "--rev-id", "0001", **flask)
    revision = next((project.directory / "migrations/versions").glob("*.py"))
    text = revision.read_text()
    revision.write_text(
        text.replace("def upgrade():\n", 'def upgrade():\n    print("created roles")\n')
    )
    project.configure(
        migrations=f'alembic = "migrations"\nenv = "project"\n{lines}\noptions = {{tenant = "a"}}'
    )
    done = project.run(**environ)
    migrated(project, done)
    assert "configured with ['tenant=a']" in [e["line"] for e in done.named("migration.output")]
    assert tool(project.directory, "flask", "db", "current", **flask).endswith("0001 (head)\n")


def test_flask_migrate_s_several_databases_are_migrated_together(
    project: Shop, create_database: Callable[[], Database]
) -> None:
    other = create_database()
    bind = """app.config["SQLALCHEMY_BINDS"] = {"other": os.environ["OTHER_URL"]}
        db.init_app"""
    model = """class Elsewhere(db.Model):
        __bind_key__ = "other"
        id = db.Column(db.Integer, primary_key=True)

    @migrate"""
    text = APP.replace("db.init_app", bind, 1).replace("@migrate", model, 1)
    write(project, "wsgi.py", text)
    sys.modules.pop("wsgi", None)
    url = other.url.replace("postgresql:", "postgresql+psycopg:")
    flask = {"FLASK_APP": "wsgi", "DATABASE_URL": project.database.url, "OTHER_URL": url}
    tool(project.directory, "flask", "db", "init", "--multidb", **flask)
    tool(project.directory, "flask", "db", "migrate", "--rev-id", "0001", **flask)
    revision = next((project.directory / "migrations/versions").glob("*.py"))
    revision.write_text(
        revision.read_text().replace(
            "def upgrade_():\n", 'def upgrade_():\n    print("created roles")\n'
        )
    )
    project.configure(migrations='alembic = "migrations"\nenv = "project"')
    migrated(project, project.end(project.start(OTHER_URL=url)))
    assert other.fetch("SELECT to_regclass('elsewhere')") == [("elsewhere",)]
    assert other.fetch("SELECT version_num FROM alembic_version") == [("0001",)]


ENV = """
    from alembic import context

    config = context.config
    connectable = config.attributes.get("connection", None)
    with connectable.connect() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
"""


def test_the_connection_in_the_attributes_is_the_job_s_own_as_pytest_alembic_expects_it(
    project: Shop,
) -> None:
    made_by_alembic(project, "generic")
    write(project, "migrations/env.py", ENV)
    write(
        project,
        "migrations/versions/0001.py",
        REVISION + '        op.execute("SELECT pg_catalog.pg_backend_pid()")\n',
    )
    migrated(project, project.run())
    connectable = ENV.replace(
        "with connectable.connect() as connection:", "if connection := connectable:"
    )
    write(project, "migrations/env.py", connectable)
    write(
        project,
        "migrations/versions/0002.py",
        'revision = "0002"\ndown_revision = "0001"\n\ndef upgrade():\n    pass\n',
    )
    assert project.run().exit_code == 0
    assert project.rows("SELECT version_num FROM alembic_version") == [("0002",)]


def test_options_are_arguments_and_attributes_and_the_section_is_the_named_one(
    project: Shop,
) -> None:
    made_by_alembic(
        project, "generic", 'section = "staging"', 'options = {tenant = "a b", debug = ""}'
    )
    ini = project.directory / "alembic.ini"
    ini.write_text(ini.read_text() + "\n[staging]\ncolour = red\n")
    env = project.directory / "migrations/env.py"
    env.write_text(
        env.read_text()
        .replace(
            "target_metadata = None",
            "print(context.get_x_argument(as_dictionary=True), config.attributes['tenant'],"
            " config.get_main_option('colour'), config.config_ini_section,"
            " sorted(config.get_section('staging')))",
        )
        .replace("target_metadata=target_metadata", "target_metadata=None")
    )
    done = project.run()
    migrated(project, done)
    assert (
        "{'tenant': 'a b', 'debug': ''} a b red staging"
        " ['colour', 'here', 'script_location', 'sqlalchemy.url']"
    ) in [each["line"] for each in done.named("migration.output")]


def test_what_env_py_does_to_logging_is_over_when_it_is_over(project: Shop) -> None:
    import logging

    before = logging.getLogger("some.library")
    root = list(logging.getLogger().handlers)
    made_by_alembic(project, "generic")
    done = project.run()
    migrated(project, done)
    assert not before.disabled
    assert logging.getLogger().handlers == root
    said = [each["line"] for each in done.named("migration.output")]
    assert any("Running upgrade  -> 0001" in line for line in said)


@pytest.mark.parametrize(
    ("change", "said", "hint"),
    [
        (
            "import nosuchmodule",
            r"Failed in env\.py at migrations/env\.py:\d+: ModuleNotFoundError: No module named"
            r" 'nosuchmodule'\.",
            "Install the package that has nosuchmodule",
        ),
        (
            'import os; os.environ["SHOP_SECRET"]',
            r"at migrations/env\.py:\d+: KeyError: the environment variable SHOP_SECRET is not set",
            "Set SHOP_SECRET for the job.",
        ),
        (
            "context.configure_all()",
            r"at migrations/env\.py:\d+: AttributeError: module 'alembic.context' has no attribute"
            r" 'configure_all'",
            "",
        ),
        (
            "len(5)",
            r"at migrations/env\.py:\d+: TypeError: object of type 'int' has no len\(\)",
            "",
        ),
        (
            "int('hunter2')",
            r"at migrations/env\.py:\d+: ValueError\.",
            "",
        ),
        (
            "import settings",
            r"at settings\.py:1: ValueError\.",
            "",
        ),
    ],
)
def test_an_error_in_env_py_is_told_by_its_place_class_and_names(
    project: Shop, change: str, said: str, hint: str
) -> None:
    made_by_alembic(project, "generic")
    write(project, "settings.py", "\nint('hunter2')\n")
    env = project.directory / "migrations/env.py"
    env.write_text(env.read_text().replace("target_metadata = None", change))
    done = project.run()
    assert done.exit_code == 16
    assert re.search(said, done.failed["message"]), done.failed
    assert hint in done.failed["hint"]
    assert "hunter2" not in done.stderr


def test_a_url_that_cannot_be_interpolated_is_of_no_matter_since_the_job_s_own_counts(
    project: Shop,
) -> None:
    made_by_alembic(project, "generic")
    name_driver(project, "postgresql+psycopg")
    ini = project.directory / "alembic.ini"
    ini.write_text(ini.read_text().replace("me@", "me:p%40ss@"))
    migrated(project, project.run())


def test_an_error_in_an_application_that_is_installed_is_told_by_its_line(
    project: Shop, tmp_path: Path
) -> None:
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed/application.py").write_text(
        "\ndef create():\n    raise TypeError('x')\n"
    )
    made_by_alembic(project, "generic", 'flask = "application:create()"')
    done = project.end(project.start(PYTHONPATH=str(tmp_path / "installed")))
    assert done.exit_code == 16
    assert done.failed["message"].startswith("Failed in env.py at application.py:3: TypeError.")


def test_a_wrong_ini_is_named(project: Shop) -> None:
    made_by_alembic(project, "generic")
    ini = project.directory / "alembic.ini"
    whole = ini.read_text()
    ini.write_text("script_location = migrations\n" + whole)
    done = project.run()
    assert done.exit_code == 14
    assert (
        "Alembic's configuration cannot be read: MissingSectionHeaderError"
        in done.failed["message"]
    )
    assert done.failed["problems"][0].startswith("alembic.ini:1: ")
    ini.write_text(whole.replace("[loggers]", "[logers]"))
    done = project.run()
    assert done.exit_code == 16
    assert re.search(r"env\.py at migrations/env\.py:\d+: KeyError", done.failed["message"])
