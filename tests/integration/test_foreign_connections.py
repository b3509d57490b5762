"""A connection that the project's code opens and that fails is the project's failure, not a loss.

Only where the job's own connection is gone is the lock gone with it.
"""

from __future__ import annotations

import re

import pytest

from tests.support.shop import Done, Shop

NOWHERE = "postgresql://nobody@127.0.0.1:1/x"
OPENED = {
    "by the driver": f"import psycopg; psycopg.connect('{NOWHERE}')",
    "by an engine": "from sqlalchemy import create_engine;"
    f" create_engine('{NOWHERE.replace('postgresql', 'postgresql+psycopg')}').connect()",
    "and closed": "import os, psycopg; c = psycopg.connect(os.environ['OTHER']);"
    " c.close(); c.execute('SELECT 1')",
    "and killed": "import os, psycopg; c = psycopg.connect(os.environ['OTHER']);"
    " c.execute('SELECT pg_terminate_backend(pg_backend_pid())')",
}


def is_told(done: Done, exit_code: int, place: str) -> None:
    assert done.exit_code == exit_code, done.stderr
    assert "a connection that it opened itself failed" in done.stderr
    assert re.search(place, done.stderr)
    assert "lost while" not in done.stderr
    assert NOWHERE not in done.stderr


@pytest.fixture
def told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("OTHER", shop.database.url)
    return shop


@pytest.mark.parametrize("how", OPENED)
def test_in_a_revision(told: Shop, how: str) -> None:
    told.scripts.add("0003", "py:" + OPENED[how])
    is_told(told.run(), 16, r"0003\.py:\d")
    assert told.value("SELECT version_num FROM alembic_version") == "0002"


@pytest.mark.parametrize("how", OPENED)
def test_in_env_py(told: Shop, how: str) -> None:
    told.write("migrations/env.py", OPENED[how])
    told.configure(migrations='alembic = "migrations"\nenv = "project"')
    is_told(told.run(), 16, "env.py:1")


@pytest.mark.parametrize("how", OPENED)
def test_in_a_task(told: Shop, how: str) -> None:
    told.configure(release="1")
    assert told.run().exit_code == 0
    told.write(
        "seeds/update/steps.py",
        "from seeder import task\n\n@task(release='2')\ndef step(connection):\n"
        f"    {OPENED[how]}\n",
    )
    told.configure(release="2")
    is_told(told.run(), 18, "seeds/update/steps.py:5")


def test_the_job_s_own_connection_is_lost_all_the_same(told: Shop) -> None:
    told.scripts.add("0003", "SELECT pg_terminate_backend(pg_backend_pid())")
    done = told.run()
    assert done.exit_code == 33, done.stderr
