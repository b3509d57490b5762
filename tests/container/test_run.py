"""The job as each platform starts it."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from testcontainers.core.network import Network

from tests.container.conftest import PASSWORD, USER, Database, RunJob, StartJob, docker, postgres

LOCKED_DOWN = [
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--user", "54321:54321", "--env", "HOME="),
]
"""As a restricted pod has it: nothing to write to, no rights, a user that nobody knows."""


def test_first_run_seeds_and_second_finds_nothing_to_do(run_job: RunJob, db: Database) -> None:
    env = {"DATABASE_URL": db.url}
    first = run_job(env=env)
    assert first.exit_code == 0, first.output
    assert db.value("SELECT count(*) FROM permissions") >= 40
    assert db.value("SELECT count(*) FROM users") == 0
    written = db.value("SELECT sum(n_tup_ins + n_tup_upd) FROM pg_stat_user_tables")
    second = run_job(env=env)
    assert second.exit_code == 0, second.output
    assert db.value("SELECT sum(n_tup_ins + n_tup_upd) FROM pg_stat_user_tables") == written


def test_whole_command_line_is_accepted_as_well(run_job: RunJob, db: Database) -> None:
    done = run_job("seeder", "run", env={"DATABASE_URL": db.url})
    assert done.exit_code == 0, done.output
    assert done.finished["exit_code"] == 0


def test_job_runs_locked_down_with_its_url_in_a_file(
    run_job: RunJob, db: Database, tmp_path: Path
) -> None:
    secret = tmp_path / "url"
    secret.write_text(db.url + "\n")
    secret.chmod(0o444)
    done = run_job(
        env={"SEEDER_DATABASE_URL_FILE": "/run/secrets/seeder/url"},
        options=[*LOCKED_DOWN, "--volume", f"{secret}:/run/secrets/seeder/url:ro"],
    )
    assert done.exit_code == 0, done.output
    assert db.value("SELECT count(*) FROM roles") == 7
    assert PASSWORD not in done.output


def test_developer_account_takes_its_password_from_the_environment(
    run_job: RunJob, db: Database
) -> None:
    env = {"DATABASE_URL": db.url, "SEEDER_ENVIRONMENT": "dev"}
    refused = run_job(env=env)
    assert refused.exit_code == 10, refused.output
    assert "DEV_PASSWORD" in refused.output
    done = run_job(env={**env, "DEV_PASSWORD": "staple-of-a-test"})
    assert done.exit_code == 0, done.output
    (stored,) = db.fetch("SELECT email, password_hash LIKE 'scrypt:%' FROM users")
    assert stored == ("dev@example.test", True)
    assert "staple-of-a-test" not in done.output


def test_job_waits_for_a_database_that_starts_late(start_job: StartJob, network: Network) -> None:
    url = f"postgresql://{USER}:{PASSWORD}@late-db/{USER}"
    job = start_job(env={"DATABASE_URL": url, "SEEDER_WAIT_TIMEOUT": "90"})
    time.sleep(2)
    with postgres(network, "late-db"):
        done = job.wait()
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("change", "exit_code"),
    [((PASSWORD, "wrong"), 11), (("/test_", "/no_such_"), 12), (("@db/", "@no-such-host/"), 30)],
    ids=["wrong password", "no such database", "no such host"],
)
def test_failures_keep_their_exit_code_and_the_password_to_themselves(
    run_job: RunJob, db: Database, change: tuple[str, str], exit_code: int
) -> None:
    env = {"DATABASE_URL": db.url.replace(*change), "SEEDER_WAIT_TIMEOUT": "12"}
    done = run_job(env=env)
    assert done.exit_code == exit_code, done.output
    assert done.finished["exit_code"] == exit_code
    assert done.finished["hint"]
    assert PASSWORD not in done.output


def test_summary_reaches_the_termination_log_and_the_report(
    run_job: RunJob, db: Database, tmp_path: Path
) -> None:
    message, reports = tmp_path / "termination-log", tmp_path / "reports"
    message.touch()
    message.chmod(0o666)
    reports.mkdir()
    reports.chmod(0o777)
    done = run_job(
        *("run", "--report", "/reports/run.json"),
        env={"DATABASE_URL": db.url},
        options=[
            *LOCKED_DOWN,
            *("--volume", f"{message}:/dev/termination-log"),
            *("--volume", f"{reports}:/reports"),
        ],
    )
    assert done.exit_code == 0, done.output
    assert 0 < message.stat().st_size < 2048
    assert json.loads(message.read_text())["exit_code"] == 0
    assert json.loads((reports / "run.json").read_text())["exit_code"] == 0


def test_ten_jobs_started_together_seed_once(start_job: StartJob, db: Database) -> None:
    jobs: list[object] = []
    threads = [
        threading.Thread(target=lambda: jobs.append(start_job(env={"DATABASE_URL": db.url})))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [job.wait().exit_code for job in jobs] == [0] * 10
    assert db.value("SELECT count(*) = count(DISTINCT name) FROM permissions")


def test_image_stays_as_it_was_after_a_run(start_job: StartJob, db: Database) -> None:
    job = start_job(env={"DATABASE_URL": db.url})
    assert job.wait().exit_code == 0
    ours = [line for line in docker("diff", job.name).stdout.splitlines() if "/opt" in line]
    assert ours == []
