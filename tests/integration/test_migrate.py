"""Migrations against real databases: what is applied, what is kept, and what is told."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

import pytest

from seeder.database.connection import lock, session
from seeder.database.migrations.lineage import KnownRevision, Lineage, MigrationState
from seeder.database.migrations.migrate import MigrationOutcome, upgrade
from seeder.database.migrations.revisions import RevisionGraph, read_graph
from seeder.database.migrations.version_table import current
from seeder.errors import (
    AccessDenied,
    ConfigurationInvalid,
    ConnectionLost,
    DeadlineExceeded,
    Interrupted,
    MigrationFailed,
    MigrationPartial,
    MigrationsInvalid,
    RetriesExhausted,
    RevisionUnknown,
)
from seeder.merge.model import Migrations
from tests.support.events import Events
from tests.support.postgres import Database
from tests.support.revisions import Scripts

KEY = lock.key_of("seeder")
AUTOCOMMIT = "py:with op.get_context().autocommit_block():"


class Job:
    """A job's connection with the lock, and its migrations."""

    def __init__(self, database: Database, scripts: Scripts, events: Events) -> None:
        self.connection = database.connect()
        self.scripts = scripts
        self.events = events
        session.prepare(self.connection)
        lock.acquire(self.connection, KEY, timeout=1, log=events)

    def migrate(self, migrations: Migrations | None = None, **options: Any) -> MigrationOutcome:
        return upgrade(
            self.connection,
            migrations or self.scripts.migrations(),
            project=self.scripts.project,
            lock_key=KEY,
            log=self.events,
            **options,
        )


@pytest.fixture
def job(database: Database, scripts: Scripts, events: Events) -> Job:
    return Job(database, scripts, events)


def test_pending_revisions_are_applied_once(
    job: Job, scripts: Scripts, database: Database, events: Events
) -> None:
    scripts.add("0001", "CREATE TABLE one (n int)")
    scripts.add("0002", "CREATE TABLE two (n int)")
    assert job.migrate() == MigrationOutcome(
        state=MigrationState.UPGRADED, before=(), after=("0002",), applied=("0001", "0002")
    )
    assert [e["revision"] for e in events.named("migration.applied")] == ["0001", "0002"]
    assert database.fetch("SELECT version_num FROM alembic_version") == [("0002",)]
    assert database.fetch("SELECT to_regclass('two') IS NOT NULL") == [(True,)]
    assert job.migrate() == MigrationOutcome(
        state=MigrationState.UP_TO_DATE, before=("0002",), after=("0002",)
    )
    assert job.connection.autocommit
    lock.verify(job.connection, KEY)
    session.restore(job.connection, lock_key=KEY)


def test_no_migrations_are_nothing_to_do(job: Job) -> None:
    assert job.migrate(Migrations()).state is MigrationState.NONE
    assert current(job.connection, Migrations()) == ()


def test_a_version_table_may_be_named_and_lie_in_a_schema_of_its_own(
    job: Job, scripts: Scripts, database: Database
) -> None:
    scripts.add("0001", "CREATE TABLE one ()")
    migrations = scripts.migrations(version_table='odd "name', version_table_schema="Meta")
    job.migrate(migrations)
    assert current(job.connection, migrations) == ("0001",)
    assert database.fetch("""SELECT version_num FROM "Meta"."odd ""name" """) == [("0001",)]
    assert job.migrate(migrations).state is MigrationState.UP_TO_DATE


def test_an_empty_version_table_means_that_nothing_was_applied(
    job: Job, scripts: Scripts, database: Database
) -> None:
    database.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    scripts.add("0001")
    assert job.migrate().applied == ("0001",)


def test_a_failing_revision_keeps_what_was_applied_before_it(
    job: Job, scripts: Scripts, database: Database
) -> None:
    scripts.add("0001", "CREATE TABLE one (name text UNIQUE)")
    scripts.add("0002", "INSERT INTO one VALUES ('hunter2')")
    scripts.add("0003", "CREATE TABLE three ()", "INSERT INTO one VALUES ('hunter2')")
    scripts.add("0004")
    with pytest.raises(MigrationFailed) as caught:
        job.migrate()
    error = caught.value
    assert error.exit_code == 16
    assert "revision 0003 (0003.py:9)" in error.message
    assert "23505" in error.message
    assert "Applied before it: 0001, 0002" in error.message
    assert "hunter2" not in f"{error.message} {error.hint} {error.facts}"
    assert error.facts["applied"] == ("0001", "0002")
    assert error.facts["constraint"] == "one_name_key"
    assert database.fetch("SELECT version_num FROM alembic_version") == [("0002",)]
    assert database.fetch("SELECT to_regclass('three') IS NULL") == [(True,)]
    session.restore(job.connection, lock_key=KEY)


def test_no_revision_waits_for_the_disk_and_what_is_recorded_afterwards_does(
    database: Database, scripts: Scripts, events: Events
) -> None:
    database.execute(f"ALTER DATABASE {database.name} SET synchronous_commit = 'local'")
    job = Job(database, scripts, events)
    setting = "SELECT current_setting('synchronous_commit')"
    scripts.add("0001", f"CREATE TABLE one AS {setting} AS n")
    job.migrate()
    session.restore(job.connection, lock_key=KEY)
    assert database.fetch("SELECT n FROM one") == [("off",)]
    assert job.connection.execute(setting).fetchone() == ("local",)


def test_an_exception_of_a_revision_is_told_by_its_line(job: Job, scripts: Scripts) -> None:
    scripts.add("0001", "SELECT 1", "py:raise ValueError('hunter2')")
    with pytest.raises(
        MigrationFailed, match=r"revision 0001 at 0001\.py:9: ValueError\."
    ) as caught:
        job.migrate()
    assert "hunter2" not in caught.value.message


def test_a_missing_privilege_is_told_as_such(job: Job, scripts: Scripts) -> None:
    scripts.add("0001", "SET LOCAL ROLE pg_monitor", "CREATE SCHEMA s")
    with pytest.raises(AccessDenied):
        job.migrate()


def test_a_lost_lock_keeps_the_revision_from_committing(
    job: Job, scripts: Scripts, database: Database
) -> None:
    scripts.add("0001", "CREATE TABLE one ()")
    scripts.add("0002", "CREATE TABLE two ()", "SELECT pg_advisory_unlock_all()")
    with pytest.raises(ConnectionLost):
        job.migrate()
    assert database.fetch("SELECT version_num FROM alembic_version") == [("0001",)]
    assert database.fetch("SELECT to_regclass('two') IS NULL") == [(True,)]


def test_a_lost_connection_leaves_nothing_of_the_revision(
    job: Job, scripts: Scripts, database: Database
) -> None:
    scripts.add("0001", "CREATE TABLE one ()", "SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(ConnectionLost):
        job.migrate()
    assert database.fetch("SELECT to_regclass('one') IS NULL") == [(True,)]


def test_concurrently_works_and_keeps_the_lock(job: Job, scripts: Scripts) -> None:
    scripts.add("0001", "CREATE TABLE one (n int)")
    scripts.add("0002", AUTOCOMMIT, "py:    op.execute('CREATE INDEX CONCURRENTLY i ON one (n)')")
    scripts.add("0003", "CREATE TABLE three ()")
    assert job.migrate().applied == ("0001", "0002", "0003")
    lock.verify(job.connection, KEY)
    assert job.connection.isolation_level is None


def test_concurrently_outwaits_a_transaction_longer_than_the_lock_timeout(
    job: Job, scripts: Scripts, database: Database
) -> None:
    database.execute("CREATE TABLE one (n int)")
    scripts.add("0001", AUTOCOMMIT, "py:    op.execute('CREATE INDEX CONCURRENTLY i ON one (n)')")
    other = database.connect()
    other.execute("BEGIN")
    other.execute("INSERT INTO one VALUES (1)")
    timer = threading.Timer(0.8, other.close)
    timer.start()
    assert job.migrate(ddl_lock_timeout=0.2).applied == ("0001",)
    timer.join()
    row = job.connection.execute("SHOW lock_timeout").fetchone()
    assert row == ("200ms",)


def test_a_lock_conflict_is_retried_until_it_clears(
    job: Job, scripts: Scripts, database: Database, events: Events
) -> None:
    database.execute("CREATE TABLE one (n int)")
    scripts.add("0001", "CREATE TABLE before_it ()")
    scripts.add("0002", "CREATE TABLE two ()", "ALTER TABLE one ADD m int")
    other = database.connect()
    other.execute("BEGIN")
    other.execute("SELECT * FROM one")
    timer = threading.Timer(0.5, other.close)
    timer.start()
    assert job.migrate(ddl_lock_timeout=0.1).applied == ("0001", "0002")
    timer.join()
    assert events.named("migration.retried")[0]["sqlstate"] == "55P03"
    assert events.named("migration.retried")[0]["revision"] == "0002"
    assert len(events.named("migration.applied")) == 2


def test_a_lock_conflict_that_stays_exhausts_the_retries(
    job: Job, scripts: Scripts, database: Database
) -> None:
    database.execute("CREATE TABLE one (n int)")
    scripts.add("0001", "ALTER TABLE one ADD m int")
    other = database.connect()
    other.execute("BEGIN")
    other.execute("SELECT * FROM one")
    with pytest.raises(RetriesExhausted) as caught:
        job.migrate(ddl_lock_timeout=0.1, deadline=time.monotonic() + 1)
    assert caught.value.exit_code == 32
    assert caught.value.facts["revision"] == "0001"


def test_a_revision_that_committed_a_part_is_never_retried(
    job: Job, scripts: Scripts, database: Database, events: Events
) -> None:
    database.execute("CREATE TABLE one (n int)")
    scripts.add(
        "0001",
        AUTOCOMMIT,
        "py:    op.execute('CREATE TABLE half ()')",
        "ALTER TABLE one ADD m int",
    )
    other = database.connect()
    other.execute("BEGIN")
    other.execute("SELECT * FROM one")
    with pytest.raises(RetriesExhausted) as caught:
        job.migrate(ddl_lock_timeout=0.1)
    assert events.named("migration.retried") == []
    assert caught.value.hint is not None
    assert "committed a part" in caught.value.hint


def test_an_invalid_index_is_told_until_it_is_repaired(
    job: Job, scripts: Scripts, database: Database
) -> None:
    database.execute("CREATE TABLE one (n int); INSERT INTO one VALUES (1), (1)")
    create = "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_n ON one (n)"
    scripts.add("0001", AUTOCOMMIT, f"py:    op.execute({create!r})")
    with pytest.raises(MigrationPartial, match=r"public\.one_n") as caught:
        job.migrate()
    assert caught.value.exit_code == 17
    assert caught.value.facts["revision"] == "0001"
    for _ in range(2):  # IF NOT EXISTS "succeeds" on what the first run left
        with pytest.raises(MigrationPartial):
            job.migrate()
    database.execute("DELETE FROM one")
    database.execute("REINDEX INDEX CONCURRENTLY one_n")
    assert job.migrate().state is MigrationState.UPGRADED


def test_an_index_that_somebody_is_building_is_not_an_invalid_one(
    job: Job, scripts: Scripts, database: Database
) -> None:
    database.execute("CREATE TABLE one (n int); CREATE TABLE parent (n int) PARTITION BY LIST (n)")
    database.execute("CREATE INDEX ON ONLY parent (n)")
    blocker, builder = database.connect(), database.connect()
    blocker.execute("BEGIN")
    blocker.execute("INSERT INTO one VALUES (1)")
    build = threading.Thread(
        target=builder.execute, args=("CREATE INDEX CONCURRENTLY one_n ON one (n)",)
    )
    build.start()
    while not database.fetch("SELECT FROM pg_index WHERE NOT indisvalid AND indisready IS FALSE"):
        time.sleep(0.02)
    scripts.add("0001", "CREATE TABLE two ()")
    try:
        assert job.migrate().applied == ("0001",)
    finally:
        blocker.execute("COMMIT")
        build.join()


def test_the_deadline_stops_between_revisions(job: Job, scripts: Scripts) -> None:
    scripts.add("0001", "SELECT pg_sleep(0.5)")
    scripts.add("0002")
    with pytest.raises(DeadlineExceeded) as caught:
        job.migrate(deadline=time.monotonic() + 0.4)
    assert caught.value.facts["applied"] == ("0001",)


def test_an_interrupt_rolls_the_running_revision_back(
    job: Job, scripts: Scripts, database: Database
) -> None:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    scripts.add("0001", "CREATE TABLE one ()", "SELECT pg_sleep(30)")
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        with pytest.raises(Interrupted):
            job.migrate()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert database.fetch("SELECT to_regclass('one') IS NULL") == [(True,)]
    assert database.fetch(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(30)%'"
        " AND state = 'active'"
    ) == [(0,)]


def test_a_revision_that_leaves_a_session_setting_is_undone_by_restore(
    job: Job, scripts: Scripts
) -> None:
    scripts.add("0001", "SELECT set_config('search_path', '', false)", "CREATE TABLE public.t ()")
    with pytest.raises(MigrationFailed):
        job.migrate()  # as with Alembic itself, the version table is not found again
    session.restore(job.connection, lock_key=KEY)


GRAPH = RevisionGraph(revisions={"a": (), "b": ("a",)}, heads=("b",))


def known(**revisions: str) -> dict[str, KnownRevision]:
    """What the ledger keeps of empty revisions, each with the name of the one below it."""
    return {
        name: KnownRevision(
            down=tuple(down.split()), file=f"versions/{name}.py", digest="", texts={"": ""}
        )
        for name, down in revisions.items()
    }


def test_an_image_older_than_its_database_migrates_nothing(
    job: Job, scripts: Scripts, database: Database, events: Events
) -> None:
    scripts.add("a")
    scripts.add("b")
    job.migrate()
    database.execute("UPDATE alembic_version SET version_num = 'd'")
    assert job.migrate(known=known(a="", b="a", c="b", d="c")) == MigrationOutcome(
        state=MigrationState.OLDER_IMAGE, before=("d",), after=("d",)
    )
    assert events.named("migration.older_image")
    with pytest.raises(RevisionUnknown) as caught:
        job.migrate()
    assert caught.value.exit_code == 15


@pytest.mark.parametrize(
    ("revisions", "expected"),
    [
        ((), MigrationState.UPGRADED),
        (("a",), MigrationState.UPGRADED),
        (("b",), MigrationState.UP_TO_DATE),
        (("c",), MigrationState.OLDER_IMAGE),
    ],
)
def test_the_state_follows_from_the_graph(
    revisions: tuple[str, ...], expected: MigrationState
) -> None:
    lineage = Lineage(revisions, GRAPH, known=known(a="", b="a", c="b"))
    assert lineage.standing().state is expected


def test_another_branch_is_not_a_newer_image() -> None:
    with pytest.raises(RevisionUnknown, match=r"by another history .*: b was not applied\."):
        Lineage(("x",), GRAPH, known=known(a="", x="a")).standing()


def test_several_heads_may_be_the_target(job: Job, scripts: Scripts) -> None:
    scripts.add("root")
    scripts.add("left", down="root")
    scripts.add("right", down="root")
    with pytest.raises(MigrationsInvalid):
        job.migrate()
    outcome = job.migrate(scripts.migrations(target="heads"))
    assert outcome.after == ("left", "right")


ENV = """
from alembic import context
connection = context.config.attributes["connection"]
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
"""


def test_the_project_s_env_py_runs_on_seeder_s_connection(
    job: Job, scripts: Scripts, database: Database
) -> None:
    (scripts.directory / "env.py").write_text(ENV)
    scripts.add("0001", "CREATE TABLE one ()")
    outcome = job.migrate(scripts.migrations(project_env=True))
    assert outcome.applied == ("0001",)
    assert database.fetch("SELECT version_num FROM alembic_version") == [("0001",)]
    lock.verify(job.connection, KEY)


def test_an_env_py_that_commits_nothing_is_noticed(job: Job, scripts: Scripts) -> None:
    env = ENV.replace(
        "context.configure", "connection.exec_driver_sql('SELECT 1')\ncontext.configure"
    )
    (scripts.directory / "env.py").write_text(env)
    scripts.add("0001", "CREATE TABLE one ()")
    with pytest.raises(MigrationFailed, match="version table does not show it"):
        job.migrate(scripts.migrations(project_env=True))


def command(code: str) -> Migrations:
    return Migrations(command=(sys.executable, "-c", code))


def test_a_command_runs_in_the_project_and_its_output_is_logged(
    job: Job, scripts: Scripts, events: Events
) -> None:
    code = "import os; print(os.getcwd()); print(os.environ['X']); print('postgres://u:pw@h/d')"
    outcome = job.migrate(command(code), environment={"X": "given"})
    assert outcome.state is MigrationState.UP_TO_DATE
    assert [e["line"] for e in events.named("migration.output")] == [
        str(scripts.project.resolve()),
        "given",
        "postgres://***@h/d",
    ]


def test_a_failing_command_is_a_failed_migration(job: Job) -> None:
    with pytest.raises(MigrationFailed, match="exit code 3"):
        job.migrate(command("raise SystemExit(3)"))
    with pytest.raises(ConfigurationInvalid):
        job.migrate(Migrations(command=("/no/such/program",)))


def test_a_command_is_stopped_with_its_children_when_the_lock_is_lost(
    job: Job, database: Database, scripts: Scripts
) -> None:
    mark = scripts.project / "survived"
    grandchild = f"import time; time.sleep(4); open({str(mark)!r}, 'w')"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    pid = job.connection.info.backend_pid
    timer = threading.Timer(0.5, database.execute, ("SELECT pg_terminate_backend(%s)", pid))
    timer.start()
    with pytest.raises(ConnectionLost):
        job.migrate(command(code))
    timer.join()
    time.sleep(2.5)
    assert not mark.exists()


def test_a_command_is_stopped_at_the_deadline(job: Job) -> None:
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        job.migrate(command("import time; time.sleep(60)"), deadline=time.monotonic() + 0.5)
    assert time.monotonic() - started < 5


def test_the_graph_of_an_unchanged_directory_is_equal(scripts: Scripts) -> None:
    scripts.add("0001")
    first, second = (read_graph(scripts.migrations()) for _ in range(2))
    assert (first.revisions, first.heads, first.files, first.texts) == (
        second.revisions,
        second.heads,
        second.files,
        second.texts,
    )


def test_importing_the_package_imports_no_alembic(database: Database) -> None:
    import subprocess

    code = (
        "import sys, seeder.database.migrations.migrate;"
        "print(sorted(m for m in ('alembic', 'sqlalchemy') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
