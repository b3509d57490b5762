"""docs/first-superuser.md, carried out with the real frameworks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, write_files
from tests.support.postgres import Database
from tests.support.proxy import Proxy, proxied

PAGE = DOCS / "first-superuser.md"
FASTAPI = """
    CREATE TABLE users (
        id uuid PRIMARY KEY, email text NOT NULL UNIQUE, hashed_password text NOT NULL,
        created_at timestamptz NOT NULL, is_active boolean NOT NULL, is_superuser boolean NOT NULL
    )
"""
FLASK = """
    CREATE TABLE users (
        id serial PRIMARY KEY, email text NOT NULL UNIQUE, password_hash text NOT NULL,
        created_at timestamp NOT NULL, active boolean NOT NULL, is_admin boolean NOT NULL
    )
"""
SETTINGS = """
import os
from psycopg.conninfo import conninfo_to_dict
given = conninfo_to_dict(os.environ["DATABASE_URL"])
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": given["dbname"],
             "USER": given["user"], "HOST": given.get("host", ""), "PORT": given.get("port", ""),
             "PASSWORD": given.get("password", "")}}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
SECRET_KEY = "only for this test"
USE_TZ = True
"""


def by_fastapi(directory: Path, stored: str) -> bool:
    check = (
        "import sys; from app.security import verify_password as v; print(v('s3cret', sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", check, stored],
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout == "True\n"


def by_flask(_: Path, stored: str) -> bool:
    from werkzeug.security import check_password_hash

    return check_password_hash(stored, "s3cret")


def by_django(directory: Path, stored: str) -> bool:
    check = (
        "import sys; from django.contrib.auth.hashers import check_password as c;"
        " print(c('s3cret', sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", check, stored],
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "settings",
            "DATABASE_URL": "postgresql://me@/x",
        },
    )
    return done.stdout == "True\n"


def lines_until(job: subprocess.Popen[str], event: str) -> Iterator[str]:
    assert job.stderr is not None
    for line in job.stderr:
        yield line
        if event in line:
            return
    raise AssertionError("it ended before")


@pytest.mark.parametrize(
    ("framework", "ddl", "column", "verify"),
    [
        ("fastapi", FASTAPI, "hashed_password", by_fastapi),
        ("flask", FLASK, "password_hash", by_flask),
        ("django", None, "password", by_django),
    ],
)
def test_two_jobs_at_once_make_one_superuser_once_the_database_has_come(
    framework: str,
    ddl: str | None,
    column: str,
    verify: Callable[[Path, str], bool],
    tmp_path: Path,
    database: Database,
) -> None:
    write_files(PAGE, tmp_path)
    directory = tmp_path / framework
    environ = {
        **os.environ,
        "DATABASE_URL": database.url,
        "SEEDER_PROJECT": str(directory),
        "FIRST_SUPERUSER": "root@example.test",
        "FIRST_SUPERUSER_PASSWORD": "s3cret",
    }
    migrations = "none = true"
    if ddl is None:
        (directory / "settings.py").write_text(SETTINGS)
        environ["DJANGO_SETTINGS_MODULE"] = "settings"
        migrations = f'command = ["{sys.executable}", "-m", "django", "migrate"]'
        environ["PYTHONPATH"] = str(directory)
    else:
        database.execute(ddl)
    (directory / "seeder.toml").write_text(f"[migrations]\n{migrations}\n")
    command = [Path(sys.executable).parent / "seeder", "run", "--wait-timeout", "300"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    late = Proxy(database.server.conninfo, port).url(database.name)
    jobs = [
        subprocess.Popen(
            command, env={**environ, "DATABASE_URL": late}, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = ["".join(lines_until(job, "database.awaited")) for job in jobs]
    with proxied(database.server.conninfo, port=port):
        said = [before + job.communicate()[1] for before, job in zip(said, jobs, strict=True)]
    assert [job.returncode for job in jobs] == [0, 0], said
    assert "s3cret" not in "".join(said)
    table = "auth_user" if framework == "django" else "users"
    ((stored, email),) = database.fetch(f"SELECT {column}, email FROM {table}")
    assert email == "root@example.test"
    assert verify(directory, stored)
    database.execute(f"UPDATE {table} SET {column} = 'changed'")
    environ["FIRST_SUPERUSER_PASSWORD"] = "another"
    subprocess.run([*command, "--mode", "update"], env=environ, check=True, capture_output=True)
    assert database.fetch(f"SELECT {column} FROM {table}") == [("changed",)]
