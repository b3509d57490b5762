"""docker-compose.yml, through the real `docker compose`."""

from __future__ import annotations

import json
import shutil
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
def catalog(tmp_path: Path) -> Path:
    """A copy of the bundled starter, to be edited; mounted in its place."""
    return shutil.copytree(ROOT / "seeder" / "starter", tmp_path / "db")


@pytest.fixture
def slow_start(tmp_path: Path) -> Path:
    """A directory for scripts that run while the database initialises itself."""
    directory = tmp_path / "initdb.d"
    directory.mkdir()
    return directory


@pytest.fixture
def compose(image: str, tmp_path: Path, catalog: Path, slow_start: Path) -> Iterator[Compose]:
    """`docker compose` on a project of its own, with the image under test."""
    project = f"seeder-test-{uuid.uuid4().hex[:8]}"
    override = tmp_path / "override.yml"
    services: dict[str, Any] = {
        "seeder": {"image": image, "volumes": [f"{catalog}:/db:ro"]},
        "db": {"volumes": [f"{slow_start}:/docker-entrypoint-initdb.d:ro"]},
    }
    override.write_text(json.dumps({"services": services}))
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
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Init"] is True
    longest_grace = 30
    assert seeder[0]["Config"]["StopTimeout"] == longest_grace


def test_web_does_not_start_when_the_job_fails(compose: Compose, tmp_path: Path) -> None:
    compose("up", "--detach", "db")
    wait_until_ready(compose)
    query(compose, "CREATE TABLE roles (name text)")  # in the way of a migration
    done = compose("up", "--detach", check=False)
    assert done.returncode != 0
    assert states(compose)["web"] == "created"
    assert "seeder" in done.stderr


def test_the_catalog_is_read_as_it_is_now(compose: Compose, catalog: Path) -> None:
    compose("run", "--rm", "seeder")
    label = "SELECT label FROM roles WHERE name = 'viewer'"
    file = catalog / "seeds" / "core" / "roles.yaml"
    before = query(compose, label)
    assert before in file.read_text(encoding="utf-8")
    file.write_text(file.read_text(encoding="utf-8").replace(before, "Onlooker"), encoding="utf-8")
    compose("run", "--rm", "seeder")
    assert query(compose, label) == "Onlooker"


def test_the_server_that_runs_while_the_database_initialises_does_not_count_as_healthy(
    compose: Compose, slow_start: Path
) -> None:
    script = slow_start / "slow.sh"
    script.write_text("touch /tmp/initialising; sleep 8; rm /tmp/initialising\n")
    script.chmod(0o755)
    compose("up", "--detach", "db")
    initialising = ("exec", "-T", "db", "test", "-e", "/tmp/initialising")
    for _ in range(300):
        if compose(*initialising, check=False).returncode == 0:
            break
        time.sleep(0.1)
    # The passing server answers on its socket, as a check without an address would see.
    on_socket = ("exec", "-T", "db", "pg_isready", "--username", "app", "--dbname", "app")
    assert compose(*on_socket).returncode == 0
    container = compose("ps", "--quiet", "db").stdout.strip()
    checked = "{{.State.Health.Status}} {{len .State.Health.Log}}"
    while compose(*initialising, check=False).returncode == 0:
        status, checks = docker("inspect", "--format", checked, container).stdout.split()
        assert status == "starting"
        time.sleep(0.3)
    assert int(checks) > 1, "the check ran while the database initialised itself"
    compose("run", "--rm", "seeder")
    assert query(compose, "SELECT count(*) FROM roles") == "7"


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
