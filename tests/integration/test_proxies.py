"""Real pgpool-II and HAProxy in front of the server; PgBouncer has `test_pooler.py`."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from seeder.database.connection.target import Target
from tests.integration.test_neighbours import edited
from tests.support.postgres import Database, OwnServer
from tests.support.shop import Shop

START = Callable[..., str]
ADVISORY = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def program(name: str, package: str) -> str:
    """Its path, or the test is not run."""
    found = shutil.which(name, path=os.defpath + ":/usr/sbin")
    if found is None:
        pytest.skip(f"not run: {package} is not installed")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str], *, port: int, socket_directory: Path) -> Iterator[None]:
    """A program that stands before the server, under the account that the socket belongs to."""
    account = pwd.getpwuid(socket_directory.stat().st_uid) if os.geteuid() == 0 else None
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )
    try:
        limit = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
                assert time.monotonic() < limit, f"{command[0]} does not answer"
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def room(owner: Path) -> Iterator[Path]:
    """A directory that the account of the server's socket may write to."""
    with tempfile.TemporaryDirectory(prefix="seeder-proxy-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(directory, owner.stat().st_uid, -1)
        yield directory


@pytest.fixture
def database(own_server: Callable[..., OwnServer]) -> Database:
    """On a server whose socket is known, wherever other tests have theirs."""
    server = own_server()
    server.execute("CREATE DATABASE shop TEMPLATE template0")
    return Database(server, "shop")


@pytest.fixture
def pgpool(database: Database) -> Iterator[str]:
    """A URL that leads through pgpool-II, as it is set up by itself, to the test's database."""
    given = Target.parse(database.url).parameters
    port, admin = free_port(), free_port()
    path = program("pgpool", "pgpool2")
    with room(Path(given["host"])) as directory:
        (directory / "pgpool.conf").write_text(
            "backend_clustering_mode = 'streaming_replication'\n"
            f"backend_hostname0 = '{given['host']}'\nbackend_port0 = {given['port']}\n"
            "backend_weight0 = 1\nbackend_flag0 = 'ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER'\n"
            f"listen_addresses = '127.0.0.1'\nport = {port}\npcp_port = {admin}\n"
            f"socket_dir = '{directory}'\npcp_socket_dir = '{directory}'\n"
            f"pid_file_name = '{directory}/pid'\nlogdir = '{directory}'\nwork_dir = '{directory}'\n"
            "num_init_children = 4\nsr_check_period = 0\nenable_pool_hba = off\n"
        )
        (directory / "none").touch()
        command = [path, "-n", "-f", f"{directory}/pgpool.conf", "-a", f"{directory}/none"]
        command += ["-F", f"{directory}/none"]
        with running(command, port=port, socket_directory=Path(given["host"])):
            yield f"postgresql://postgres@127.0.0.1:{port}/{given['dbname']}?sslmode=disable"


@pytest.fixture
def haproxy(database: Database) -> Iterator[START]:
    """Start HAProxy with a time after which it cuts what is silent; returns a URL through it."""
    given = Target.parse(database.url).parameters
    path = program("haproxy", "haproxy")
    with ExitStack() as stack:

        def start(timeout: str) -> str:
            port = free_port()
            directory = stack.enter_context(room(Path(given["host"])))
            (directory / "cfg").write_text(
                f"defaults\n mode tcp\n timeout connect 5s\n timeout client {timeout}\n"
                f" timeout server {timeout}\n"
                f"frontend in\n bind 127.0.0.1:{port}\n default_backend out\n"
                f"backend out\n server one unix@{given['host']}/.s.PGSQL.{given['port']}\n"
            )
            command = [path, "-db", "-q", "-f", f"{directory}/cfg"]
            stack.enter_context(running(command, port=port, socket_directory=Path(given["host"])))
            return f"postgresql://postgres@127.0.0.1:{port}/{given['dbname']}?sslmode=disable"

        yield start


def test_releases_go_through_pgpool_and_no_lock_is_left(shop: Shop, pgpool: str) -> None:
    shop.configure(release="1")
    done = shop.run(DATABASE_URL=pgpool)
    assert done.exit_code == 0, done.stderr
    shop.database.execute("UPDATE roles SET level = 7 WHERE code = 'owner'")
    shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    edited(shop, "2")
    done = shop.run(DATABASE_URL=pgpool)
    assert done.exit_code == 0, done.stderr
    found = "SELECT code, level FROM roles ORDER BY 1"
    assert shop.rows(found) == [("editor", 5), ("guest_2", 1), ("owner", 7)]
    undone = shop.command("undo", "2", "--yes", DATABASE_URL=pgpool)
    assert undone.exit_code == 0, undone.stderr
    assert shop.rows(found) == [("editor", 2), ("owner", 7), ("viewer", 1)]
    limit = time.monotonic() + 10
    while shop.value(ADVISORY):  # pgpool resets the session after the client has gone
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_a_release_goes_through_haproxy(shop: Shop, haproxy: START) -> None:
    shop.configure(release="1")
    done = shop.run(DATABASE_URL=haproxy("60s"))
    assert done.exit_code == 0, done.stderr
    assert shop.runs() == [("done", 0)]


@pytest.mark.parametrize(
    "long", ["SELECT pg_sleep(7)", "py:import time; time.sleep(7)"], ids=["in SQL", "in Python"]
)
def test_a_silence_that_haproxy_cuts_is_told_and_the_next_run_completes(
    shop: Shop, haproxy: START, long: str
) -> None:
    shop.configure(release="1")
    shop.scripts.add("0003", long, "ALTER TABLE roles ADD note text")
    done = shop.run(DATABASE_URL=haproxy("3s"))
    assert done.exit_code == 33, done.stderr
    assert "lost while applying revision 0003" in done.failed["message"]
    assert "connect to the server directly" in done.failed["hint"]
    assert shop.value("SELECT version_num FROM alembic_version") == "0002"
    assert shop.value("SELECT count(*) FROM roles") == 0
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    assert shop.value("SELECT count(*) FROM roles") == 3
    assert shop.value("SELECT version_num FROM alembic_version") == "0003"
