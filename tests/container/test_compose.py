"""docker-compose.yml, through the real `docker compose`."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.container.conftest import ROOT, docker

Compose = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def compose(image: str, tmp_path: Path) -> Iterator[Compose]:
    """`docker compose` on a project of its own, with the image under test."""
    project = f"seeder-test-{uuid.uuid4().hex[:8]}"
    override = tmp_path / "image.yml"
    services: dict[str, Any] = {"services": {"seeder": {"image": image}}}
    override.write_text(json.dumps(services))
    files = ["--file", ROOT / "docker-compose.yml", "--file", override]

    def run(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return docker("compose", "--project-name", project, *files, *arguments, check=check)

    yield run
    docker("compose", "--project-name", project, *files, "down", "--volumes", "--timeout", "2")


def query(compose: Compose, text: str) -> str:
    psql = ("exec", "-T", "db", "psql", "-U", "app", "-d", "app", "-Atc", text)
    return compose(*psql).stdout.strip()


def wait_until_ready(compose: Compose) -> None:
    for _ in range(100):
        ready = ("exec", "-T", "db", "pg_isready", "-h", "127.0.0.1")
        if compose(*ready, check=False).returncode == 0:
            return
        time.sleep(0.2)
    pytest.fail("db did not become ready")


def states(compose: Compose) -> dict[str, str]:
    """Service to state, as `docker compose ps` has it."""
    lines = compose("ps", "--all", "--format", "json").stdout.splitlines()
    return {row["Service"]: row["State"] for row in map(json.loads, lines)}


def test_job_runs_alone_and_finds_nothing_to_do_when_run_again(compose: Compose) -> None:
    compose("run", "--rm", "seeder")
    assert query(compose, "SELECT count(*) FROM roles") == "7"
    assert query(compose, "SELECT email FROM users") == "dev@example.test"
    written = "SELECT sum(n_tup_ins + n_tup_upd) FROM pg_stat_user_tables"
    before = query(compose, written)
    compose("run", "--rm", "seeder")
    assert query(compose, written) == before


def test_web_starts_once_the_job_has_succeeded(compose: Compose) -> None:
    compose("up", "--detach")
    found = states(compose)
    assert found["web"] == "running"
    assert found["seeder"] == "exited"
    seeder, web = (
        json.loads(docker("inspect", compose("ps", "--all", "--quiet", name).stdout.strip()).stdout)
        for name in ("seeder", "web")
    )
    assert seeder[0]["State"]["ExitCode"] == 0
    assert seeder[0]["State"]["FinishedAt"] <= web[0]["State"]["StartedAt"]
    host = seeder[0]["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["Init"] is True


def test_web_does_not_start_when_the_job_fails(compose: Compose, tmp_path: Path) -> None:
    compose("up", "--detach", "db")
    wait_until_ready(compose)
    query(compose, "CREATE TABLE roles (name text)")  # in the way of a migration
    done = compose("up", "--detach", check=False)
    assert done.returncode != 0
    assert states(compose)["web"] == "created"
    assert "seeder" in done.stderr


def test_passwords_are_drawn_and_shown_nowhere(compose: Compose) -> None:
    compose("up", "--detach")
    read = ("run", "--rm", "secrets", "cat")
    passwords = [
        compose(*read, f"/run/secrets/{name}").stdout.strip()
        for name in ("database_password", "dev_password")
    ]
    assert len(set(passwords)) == 2
    ids = compose("ps", "--all", "--quiet").stdout.split()
    shown = docker("inspect", *ids).stdout + compose("logs").stdout
    for password in passwords:
        assert len(password) == 32
        assert password not in shown
