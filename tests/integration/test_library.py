"""`seeder.run()` and `seeder.plan()`, as an application calls them."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url

import seeder
from seeder.merge.mode import Mode
from seeder.merge.result import Result
from tests.support.postgres import Database

SETS = """
    table: tiers
    key: code
    rows:
      - {code: free, seats: 3}
      - {code: team, seats: 25}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with one revision and one set."""
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "seeds" / "core").mkdir(parents=True)
    (tmp_path / "seeder.toml").write_text('identity = "shop"\nrelease = "1"\n')
    (tmp_path / "seeds" / "core" / "tiers.yaml").write_text(SETS)
    (versions / "0001.py").write_text(
        "import os, sys\n"
        "from alembic import op\n"
        'revision, down_revision = "0001", None\n'
        "def upgrade():\n"
        '    print("a revision prints"); print("and complains", file=sys.stderr)\n'
        '    op.execute("CREATE TABLE tiers (code text PRIMARY KEY, seats int)")\n'
    )
    return tmp_path


def test_results_are_values_and_nothing_is_printed(
    shop: Path, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    planned = seeder.plan(shop, database=database.url)
    assert planned.migrations == ("0001",)
    done = seeder.run(shop, database=make_url(database.url))
    assert (done.result, dict(done.counts), done.revision_after) == (
        Result.DONE,
        {"insert": 2},
        ("0001",),
    )
    again = seeder.run(str(shop), database=database.url)
    assert again.result is Result.NOTHING_TO_DO
    refresh = seeder.plan(shop, database=database.url, mode="update")
    assert (refresh.mode, refresh.standing) == (Mode.UPDATE, 0)
    assert capfd.readouterr() == ("", "")


def test_the_process_stays_as_it_was(shop: Path, database: Database) -> None:
    numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM]

    def state() -> list[object]:
        handlers = [signal.getsignal(number) for number in numbers]
        root = logging.getLogger()
        return [handlers, list(root.handlers), root.level, Path.cwd(), dict(os.environ)]

    before = state()
    seeder.run(shop, database=database.url)
    assert state() == before


def test_events_are_those_of_the_log(shop: Path, database: Database) -> None:
    events: list[seeder.library.Event] = []
    seeder.run(shop, database=database.url, on_event=events.append)
    names = [event["event"] for event in events]
    assert names[0] == "run.started"
    assert {"migration.applied", "catalog.read"} <= set(names)
    said = [event["line"] for event in events if event["event"] == "migration.output"]
    assert said == ["a revision prints", "and complains"]
    assert all(event["level"] in ("info", "warning") for event in events)


def test_options_are_those_of_the_command_line(shop: Path, database: Database) -> None:
    with pytest.raises(seeder.SeederError) as raised:
        seeder.run(shop, database=database.url, mode="often", wait_timeout=-1)
    assert raised.value.exit_code == 10
    assert len(raised.value.problems) == 2
    with pytest.raises(TypeError, match="wait_timout"):
        seeder.run(shop, database=database.url, wait_timout=3)  # type: ignore[call-arg]
    environ = {"SEEDER_MODE": "none", "DATABASE_URL": database.url}
    assert seeder.run(shop, environ=environ).sets == ()
    with pytest.raises(seeder.SeederError, match="marked production"):
        seeder.run(shop, environ=environ | {"SEEDER_ENVIRONMENT": "staging"})


def test_an_error_keeps_secrets_to_itself(shop: Path, database: Database) -> None:
    (shop / "seeds" / "core" / "tiers.yaml").write_text(
        SETS.replace("seats: 3", "seats: !env SEATS") + "env: [SEATS]\n".replace("env", "# env")
    )
    environ = {"DATABASE_URL": database.url, "SEATS": "hunter2-seats"}
    with pytest.raises(seeder.SeederError) as raised:
        seeder.run(shop, environ=environ)
    error = raised.value
    told = [str(error), error.message, error.hint, *(str(each) for each in error.problems)]
    assert "hunter2-seats" not in "".join(map(str, told))
    assert error.exit_code != 1


def test_threads_take_turns(shop: Path, create_database: Callable[[], Database]) -> None:
    databases = [create_database() for _ in range(3)]
    done: list[Result] = []

    def work(database: Database) -> None:
        done.append(seeder.run(shop, database=database.url).result)

    threads = [threading.Thread(target=work, args=[each]) for each in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [Result.DONE] * 3
