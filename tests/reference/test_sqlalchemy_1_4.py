"""A project on SQLAlchemy 1.4 and psycopg2: migrated by `command`, in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.shop import Shop

PINNED = ("sqlalchemy==1.4.54", "alembic==1.13.3", "psycopg2-binary==2.9.10")
REVISION = """
import sqlalchemy
from alembic import op
revision = "0001"
down_revision = None

def upgrade():
    print("on", sqlalchemy.__version__, op.get_bind().dialect.driver)
    op.get_bind().execute("CREATE TABLE roles (code text PRIMARY KEY)")
    op.get_bind().execute(sqlalchemy.text("DO $$ BEGIN PERFORM :n; END $$"), n=1)
"""


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` directory of the application's own environment."""
    directory = tmp_path_factory.mktemp("application")
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    subprocess.run([directory / "bin/pip", "install", "--quiet", *PINNED], check=True)
    return directory / "bin"


def test_the_job_migrates_by_the_application_s_own_alembic(
    application: Path, empty_shop: Shop
) -> None:
    shop = empty_shop
    (shop.directory / "migrations/versions").rmdir()
    (shop.directory / "migrations").rmdir()
    subprocess.run(
        [application / "alembic", "init", "migrations"],
        cwd=shop.directory,
        check=True,
        capture_output=True,
    )
    (shop.directory / "migrations/versions/0001.py").write_text(REVISION)
    env = shop.directory / "migrations/env.py"
    env.write_text(
        env.read_text().replace(
            "target_metadata = None",
            "import os\ntarget_metadata = None\n"
            "url = os.environ['DATABASE_URL'].replace('%', '%%')\n"
            "config.set_main_option('sqlalchemy.url', url)",
        )
    )
    shop.seed("roles", "table: roles\nkey: code\nrows: [{code: owner}]\n")
    shop.configure(
        migrations=f'command = ["{application}/alembic", "upgrade", "head"]\n'
        'digest = ["migrations/**/*.py"]'
    )
    before = version("alembic"), version("sqlalchemy")
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    assert "on 1.4.54 psycopg2" in [each["line"] for each in done.named("migration.output")]
    assert shop.rows("SELECT code FROM roles") == [("owner",)]
    assert shop.run().named("migration.output") == []
    assert (version("alembic"), version("sqlalchemy")) == before
