"""Migrations of projects as Alembic's own template makes them, where the job is the image."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.container.conftest import Database, RunJob, build, revision
from tests.reference.test_sqlalchemy_1_4 import PINNED, REVISION

FROM_ENVIRONMENT = (
    "import os; target_metadata = None;"
    " config.set_main_option('sqlalchemy.url', os.environ['DATABASE_URL'].replace('%', '%%'))"
)


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """An application's directory without migrations, whose seeds want a table."""
    directory = tmp_path / "app"
    (directory / "seeds" / "core").mkdir(parents=True)
    (directory / "seeds" / "core" / "roles.yaml").write_text(
        "table: roles\nkey: code\nrows:\n  - {code: owner}\n"
    )
    return directory


def test_a_project_on_sqlalchemy_1_4_migrates_by_its_own_alembic_in_its_own_image(
    run_job: RunJob, db: Database, application: Path, image: str
) -> None:
    (application / "0001.py").write_text(REVISION)
    (application / "seeder.toml").write_text(
        '[migrations]\ncommand = ["/app/.venv/bin/alembic", "upgrade", "head"]\n'
        'digest = ["migrations/**/*.py"]\n'
    )
    (application / "Dockerfile").write_text(
        "FROM python:3.13-slim\nWORKDIR /app\n"
        f"RUN python3 -m venv .venv && .venv/bin/pip install --quiet {' '.join(PINNED)}\n"
        f"COPY --from={image} /opt/seeder /opt/seeder\n"
        "RUN .venv/bin/alembic init migrations >/dev/null"
        f""" && sed -i "s/^target_metadata = None/{FROM_ENVIRONMENT}/" migrations/env.py\n"""
        "COPY 0001.py migrations/versions/\nCOPY seeder.toml ./\nCOPY seeds seeds\n"
    )
    own = build(application, tag="seeder-test-sqlalchemy-1-4")
    run = {
        "image": own,
        "project": "/app",
        "env": {"DATABASE_URL": db.url},
        "options": ["--entrypoint", "/opt/seeder/bin/seeder"],
    }
    done = run_job("run", **run)
    assert done.exit_code == 0, done.output
    lines = [each["line"] for each in done.events if each["event"] == "migration.output"]
    assert "on 1.4.54 psycopg2" in lines
    assert db.fetch("SELECT code FROM roles") == [("owner",)]
    again = run_job("run", **run)
    assert again.finished["result"] == "nothing-to-do"
    assert "migration.output" not in again.output


def test_an_env_py_that_names_no_driver_runs_in_the_image_which_has_no_psycopg2(
    run_job: RunJob, db: Database, application: Path
) -> None:
    alembic = Path(sys.executable).with_name("alembic")
    command = [alembic, "init", "migrations"]
    subprocess.run(command, cwd=application, check=True, capture_output=True)
    statement = "CREATE TABLE roles (code text PRIMARY KEY)"
    (application / "migrations/versions/0001.py").write_text(revision("0001", None, statement))
    (application / "seeder.toml").write_text(
        '[migrations]\nalembic = "migrations"\nenv = "project"\n'
    )
    done = run_job(
        project="/app",
        env={"DATABASE_URL": db.url},
        options=["--volume", f"{application}:/app:ro"],
    )
    assert done.exit_code == 0, done.output
    assert db.fetch("SELECT code FROM roles") == [("owner",)]
    assert db.fetch("SELECT version_num FROM alembic_version") == [("0001",)]
