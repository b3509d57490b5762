"""People write while a run does: none of their edits is lost, and the run comes through."""

from __future__ import annotations

import random
import threading
import time

import psycopg
import pytest

from seeder.errors import RetriesExhausted, SeedingFailed
from tests.support.merge import Project, counts

SIZE = 400


def seed(project: Project, value: int, *, size: int = SIZE, head: str = "") -> None:
    rows = "".join(f"  - {{code: c{n:05}, val: {value}}}\n" for n in range(size))
    project.write("t", f"table: t\nkey: code\n{head}rows:\n{rows}")


TABLE = (
    "CREATE TABLE t (id serial PRIMARY KEY, code text UNIQUE NOT NULL, val int, hits int DEFAULT 0)"
)


def test_no_edit_is_lost_while_updates_run(project: Project) -> None:
    project.sql(TABLE)
    project.surveyed = False
    seed(project, 0)
    project.init()
    stop = threading.Event()
    edits: dict[str, int] = {}
    bumps: dict[str, int] = {}
    guard = threading.Lock()

    def edit(number: int) -> None:
        choice = random.Random(number)
        with psycopg.connect(project.database.url, autocommit=True) as connection:
            while not stop.is_set():
                # Each writer has codes of its own, so that its last value is the one to find.
                code = f"c{choice.randrange(SIZE // 4) * 4 + number:05}"
                value = choice.randrange(10**6, 10**7)
                with connection.transaction():
                    connection.execute("UPDATE t SET val = %s WHERE code = %s", [value, code])
                    if choice.random() < 0.2:
                        time.sleep(0.003)
                with guard:
                    edits[code] = value

    def bump() -> None:
        choice = random.Random(99)
        with psycopg.connect(project.database.url, autocommit=True) as connection:
            while not stop.is_set():
                code = f"c{choice.randrange(SIZE):05}"
                connection.execute("UPDATE t SET hits = hits + 1 WHERE code = %s", [code])
                with guard:
                    bumps[code] = bumps.get(code, 0) + 1

    writers = [threading.Thread(target=edit, args=[n]) for n in range(3)]
    writers.append(threading.Thread(target=bump))
    for writer in writers:
        writer.start()
    try:
        updated = 0
        for value in range(1, 9):
            seed(project, value)
            updated += counts(project.update(), "t").get("update", 0)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    live = dict(project.rows("SELECT code, val FROM t"))
    lost = [code for code, value in edits.items() if live[code] != value]
    assert lost == []
    assert dict(project.rows("SELECT code, hits FROM t WHERE hits > 0")) == bumps
    assert updated > 0
    assert live["c00003"] == 8  # a row that nobody edits has the last default
    assert sum(bumps.values()) > 50
    assert len(edits) > 50


def test_rows_that_people_lock_for_a_while_are_waited_for(project: Project) -> None:
    project.sql(TABLE)
    project.surveyed = False
    seed(project, 0, size=5)
    project.init()
    seed(project, 1, size=5)
    holder = project.database.connect()
    holder.execute("BEGIN")
    holder.execute("UPDATE t SET val = 77 WHERE code = 'c00002'")
    threading.Timer(0.7, lambda: holder.execute("COMMIT")).start()
    result = project.update()
    assert counts(result, "t") == {"update": 4, "keep": 1, "conflicts": 1}
    assert project.rows("SELECT val FROM t ORDER BY code") == [(1,), (1,), (77,), (1,), (1,)]


def test_rows_that_stay_locked_exhaust_the_retries_and_leave_nothing_behind(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.sql(TABLE)
    project.surveyed = False
    seed(project, 0, size=5)
    project.init()
    seed(project, 1, size=5)
    before = project.snapshot()
    holder = project.database.connect()
    holder.execute("BEGIN")
    holder.execute("SELECT FROM t WHERE code = 'c00002' FOR UPDATE")
    settings = project.settings
    monkeypatch.setattr(
        project,
        "settings",
        lambda *args, **rest: _with(settings(*args, **rest), ddl_lock_timeout=0.1),
    )
    with pytest.raises(RetriesExhausted) as caught:
        project.update()
    assert caught.value.exit_code == 32
    holder.execute("ROLLBACK")
    assert project.snapshot() == before
    assert counts(project.update(), "t") == {"update": 5}


def _with(settings: object, **changes: object) -> object:
    import dataclasses

    return dataclasses.replace(settings, **changes)  # type: ignore[type-var]


def test_a_row_that_somebody_inserts_at_the_same_moment_is_adopted_on_a_second_try(
    project: Project,
) -> None:
    project.sql(TABLE)
    project.surveyed = False
    seed(project, 0, size=3)
    project.init()
    seed(project, 0, size=4)
    other = project.database.connect()
    other.execute("BEGIN")
    other.execute("INSERT INTO t (code, val) VALUES ('c00003', 77)")
    threading.Timer(0.5, lambda: other.execute("COMMIT")).start()
    result = project.update()
    assert counts(result, "t") == {"adopt": 1, "conflicts": 1}
    assert project.value("SELECT val FROM t WHERE code = 'c00003'") == 77


def test_a_row_that_somebody_deletes_while_it_is_updated_stays_deleted(project: Project) -> None:
    project.sql(TABLE)
    project.surveyed = False
    seed(project, 0, size=5)
    project.init()
    seed(project, 1, size=5)
    other = project.database.connect()
    other.execute("BEGIN")
    other.execute("DELETE FROM t WHERE code = 'c00001'")
    threading.Timer(0.5, lambda: other.execute("COMMIT")).start()
    result = project.update()
    assert counts(result, "t") == {"update": 4, "record": 1}
    assert project.entry("t", "c00001")["state"] == "d"
    assert project.value("SELECT count(*) FROM t") == 4
    project.assert_settled()


def test_a_leaving_row_that_somebody_edits_meanwhile_is_not_deleted(project: Project) -> None:
    project.sql(TABLE)
    project.surveyed = False
    seed(project, 0, size=5, head="removed: delete\n")
    project.init()
    seed(project, 0, size=3, head="removed: delete\n")
    other = project.database.connect()
    other.execute("BEGIN")
    other.execute("UPDATE t SET val = 77 WHERE code = 'c00004'")
    threading.Timer(0.5, lambda: other.execute("COMMIT")).start()
    result = project.update()
    assert counts(result, "t") == {"delete": 1, "keep": 1, "conflicts": 1}
    assert project.value("SELECT val FROM t WHERE code = 'c00004'") == 77


def test_a_child_that_somebody_inserts_meanwhile_holds_its_parent(project: Project) -> None:
    project.sql(TABLE)
    project.sql("CREATE TABLE child (t_id int REFERENCES t ON DELETE CASCADE)")
    project.surveyed = False
    seed(project, 0, size=5, head="removed: delete\n")
    project.init()
    seed(project, 0, size=4, head="removed: delete\n")
    other = project.database.connect()
    other.execute("BEGIN")
    other.execute("INSERT INTO child SELECT id FROM t WHERE code = 'c00004'")
    threading.Timer(0.5, lambda: other.execute("COMMIT")).start()
    result = project.update()
    assert counts(result, "t") == {"keep": 1, "conflicts": 1}
    assert project.value("SELECT count(*) FROM child") == 1


def test_a_marked_row_that_somebody_edits_meanwhile_keeps_the_edit(project: Project) -> None:
    project.sql(TABLE)
    project.surveyed = False
    head = "removed: {set: {val: -1}}\n"
    seed(project, 0, size=3, head=head)
    project.init()
    seed(project, 0, size=2, head=head)
    other = project.database.connect()
    other.execute("BEGIN")
    other.execute("UPDATE t SET val = 77 WHERE code = 'c00002'")
    threading.Timer(0.5, lambda: other.execute("COMMIT")).start()
    project.update()
    assert project.value("SELECT val FROM t WHERE code = 'c00002'") == 77


def test_a_rejected_row_leaves_no_trace_of_the_run_but_its_failure(project: Project) -> None:
    project.sql(TABLE)
    project.surveyed = False
    seed(project, 0, size=3)
    project.init()
    project.sql("ALTER TABLE t ADD CHECK (val < 5)")
    seed(project, 9, size=5)
    before = project.snapshot()
    with pytest.raises(SeedingFailed) as caught:
        project.update()
    assert caught.value.exit_code == 18
    assert project.snapshot() == {
        **before,
        "public.t_id_seq": project.snapshot()["public.t_id_seq"],
    }
    assert project.value("SELECT result FROM seeder.runs ORDER BY id DESC LIMIT 1") == "failed"
