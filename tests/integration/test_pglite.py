"""PGlite behind its socket server: one session for all connections, so that no lock excludes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from seeder import job
from seeder.configuration.settings import Secret, Settings
from seeder.configuration.whereabouts import STARTER
from seeder.errors import ServerUnsupported
from seeder.settle.adopt import adopt
from tests.support.events import Events
from tests.support.postgres import url_of

PACKAGE = "@electric-sql/pglite-socket@0.2.17"


@pytest.fixture(scope="session")
def server_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the socket server is, fetched from the registry of npm."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        if os.environ.get("CI"):
            pytest.fail("Node.js is not installed")
        pytest.skip("Node.js is not installed")
    directory = tmp_path_factory.mktemp("pglite")
    subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--prefix", str(directory), PACKAGE],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return directory / "node_modules/.bin/pglite-server"


@pytest.fixture
def pglite(server_program: Path, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start a server and return its URL."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> str:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        output = tmp_path / "output"
        with output.open("wb") as file:
            running.append(
                subprocess.Popen(
                    ["node", str(server_program), "-p", str(port), *options],
                    stdout=file,
                    stderr=subprocess.STDOUT,
                )
            )
        until = time.monotonic() + 120
        while "listening" not in output.read_text():
            assert running[-1].poll() is None, output.read_text()
            assert time.monotonic() < until, output.read_text()
            time.sleep(0.1)
        return url_of(f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable")

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.mark.parametrize("options", [(), ("-m", "10")], ids=["one connection", "ten connections"])
def test_a_server_whose_lock_keeps_nobody_out_is_refused_before_anything_is_written(
    pglite: Callable[..., str], options: tuple[str, ...]
) -> None:
    url = pglite(*options)
    settings = Settings(
        database=Secret(url), project=STARTER, environment="production", environ={}, wait_timeout=30
    )
    for command in (job.run, adopt):
        with pytest.raises(ServerUnsupported) as caught:
            command(settings, log=Events())
        assert caught.value.exit_code == 13
        assert "PGlite" in str(caught.value.hint)
    with _connected(url) as connection:
        found = connection.execute("SELECT to_regnamespace('seeder') IS NULL").fetchone()
    assert found == (True,)


@retry(
    retry=retry_if_exception_type(psycopg.OperationalError),
    stop=stop_after_delay(30),
    wait=wait_fixed(0.1),
    reraise=True,
)
def _connected(url: str) -> psycopg.Connection:
    # With one connection at a time, the server turns away who comes before it noticed the end
    # of the last one.
    return psycopg.connect(url)
