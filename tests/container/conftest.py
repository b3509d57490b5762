"""A Docker engine, the image under test, a Postgres beside it, and jobs that run in containers.

Without an engine these tests are reported as not run; with REQUIRE_CONTAINERS set, as in CI,
its absence is a failure.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.config import testcontainers_config
from testcontainers.core.network import Network

ROOT = Path(__file__).parents[2]
IMAGES = Path(__file__).parent / "images"
USER, PASSWORD = "app", "correct-horse-battery"
_numbers = itertools.count(1)

# The fixtures below remove what they start; Ryuk would do so after a crash, from one more image.
testcontainers_config.ryuk_disabled = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.container)


def docker(
    *arguments: object, check: bool = True, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the `docker` command line."""
    command = ["docker", *(str(argument) for argument in arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **options
    )
    if check and done.returncode != 0:
        pytest.fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done


def build(context: Path, *options: object, tag: str) -> str:
    """Build an image, one process at a time for each, so that the layers are made once."""
    name = tag.replace(":", "-").replace("/", "-")
    lock = Path(os.environ.get("TMPDIR", "/tmp")) / f"seeder-test-image-{name}.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        buildkit = {**os.environ, "DOCKER_BUILDKIT": "1"}
        docker("build", *options, "--tag", tag, context, env=buildkit)
    return tag


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """A Docker engine that answers."""
    try:
        answers = docker("version", check=False).returncode == 0
    except FileNotFoundError:
        answers = False
    if not answers:
        if os.environ.get("REQUIRE_CONTAINERS"):
            pytest.fail("no Docker engine answers, and REQUIRE_CONTAINERS is set")
        pytest.skip("not run: no Docker engine answers")


@pytest.fixture(scope="session")
def image(engine: None) -> str:
    """The image, built from this checkout."""
    return build(ROOT, tag="seeder:test")


@pytest.fixture(scope="session")
def network(engine: None) -> Iterator[Network]:
    with Network() as network:
        yield network


@dataclass(frozen=True)
class Database:
    """A database that jobs reach by `url` and the test itself by `connect`."""

    name: str
    url: str
    outside: str

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.outside, autocommit=True)

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(query).fetchall()

    def value(self, query: str) -> Any:
        return self.fetch(query)[0][0]


def postgres(network: Network, alias: str) -> PostgresContainer:
    """A server, not yet started, that others on the network reach by its alias."""
    container = PostgresContainer(
        "postgres:17", username=USER, password=PASSWORD, dbname=USER, driver=None
    )
    return container.with_network(network).with_network_aliases(alias)


@pytest.fixture(scope="session")
def server(network: Network) -> Iterator[PostgresContainer]:
    """The server that this worker's tests share, known to jobs as `db`."""
    with postgres(network, "db") as container:
        yield container


@pytest.fixture
def db(server: PostgresContainer) -> Database:
    """A new, empty database."""
    name = f"test_{next(_numbers)}"
    outside = server.get_connection_url(driver=None).rpartition("/")[0]
    with psycopg.connect(f"{outside}/postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return Database(name, f"postgresql://{USER}:{PASSWORD}@db/{name}", f"{outside}/{name}")


@dataclass(frozen=True)
class Ran:
    """A job that has ended."""

    exit_code: int
    output: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]

    @property
    def finished(self) -> dict[str, Any]:
        """The last event, which is always `run.finished`."""
        last = self.events[-1]
        assert last["event"] == "run.finished", self.output
        return last


class Job:
    """A container with a job in it."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def output(self) -> str:
        done = docker("logs", self.name)
        return done.stdout + done.stderr

    def stop(self) -> None:
        """Send SIGTERM, as every platform does."""
        docker("kill", "--signal", "TERM", self.name)

    def wait(self, *, timeout: float = 240) -> Ran:
        code = docker("wait", self.name, timeout=timeout).stdout.strip()
        return Ran(int(code), self.output)


StartJob = Callable[..., Job]
RunJob = Callable[..., Ran]


@pytest.fixture
def start_job(image: str, network: Network) -> Iterator[StartJob]:
    """Start `docker run IMAGE ARGUMENTS` in the background, on the network of the databases."""
    started: list[Job] = []

    def start(
        *arguments: object,
        env: Mapping[str, str] | None = None,
        options: Sequence[object] = (),
        image: str = image,
        project: str | None = "starter",
    ) -> Job:
        env = ({} if project is None else {"SEEDER_PROJECT": project}) | dict(env or {})
        job = Job(f"seeder-test-{uuid.uuid4().hex[:12]}")
        variables = [part for name in env for part in ("--env", name)]
        started.append(job)
        docker(
            *("run", "--detach", "--name", job.name, "--network", network.name),
            *(*variables, *options, image, *arguments),
            env={**os.environ, **env},
        )
        return job

    yield start
    for job in started:
        docker("rm", "--force", "--volumes", job.name, check=False)


@pytest.fixture
def run_job(start_job: StartJob) -> RunJob:
    """`docker run IMAGE ARGUMENTS`, to its end."""

    def run(*arguments: object, **options: Any) -> Ran:
        return start_job(*arguments, **options).wait()

    return run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with a small catalog of one table; tests add to it."""
    project = tmp_path / "db"
    files = {
        "seeder.toml": 'identity = "colours"\n[migrations]\nalembic = "migrations"\n',
        "migrations/versions/0001_colours.py": revision(
            "0001", None, "CREATE TABLE colours (name text PRIMARY KEY, hex text)"
        ),
        "seeds/core/colours.yaml": (
            "table: colours\nkey: name\nrows:\n  - {name: green, hex: 00ff00}\n"
        ),
    }
    for name, text in files.items():
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return project


def revision(number: str, below: str | None, statement: str) -> str:
    """The text of an Alembic revision that runs one statement."""
    return (
        "from alembic import op\n"
        f"revision = {number!r}\n"
        f"down_revision = {below!r}\n"
        "def upgrade():\n"
        f"    op.execute({statement!r})\n"
        "def downgrade():\n"
        "    pass\n"
    )
