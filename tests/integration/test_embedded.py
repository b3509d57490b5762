"""The embedded server, as this account and (when the tests run as root) as another one."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from seeder.database.embedded import embedded_files, embedded_server
from seeder.errors import ConfigurationInvalid

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root must change accounts")


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that only its owner can enter, with a shelter root that all can."""
    tmp_path.chmod(0o700)
    root = Path(f"/var/tmp/seeder-test-{os.getpid()}")
    root.mkdir(mode=0o755)
    monkeypatch.setattr(embedded_files, "SHELTER_ROOT", root)
    yield tmp_path
    shutil.rmtree(root)


def one(server: embedded_server.EmbeddedServer, query: str) -> object:
    with psycopg.connect(server.conninfo()) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[call-overload]
    assert row is not None
    return row[0]


def test_data_survives_a_stop_and_a_start(private: Path) -> None:
    directory = private / "db"
    with (
        embedded_server.start(directory, sync=False) as server,
        psycopg.connect(server.conninfo()) as connection,
    ):
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    with embedded_server.start(directory, sync=False) as server:
        assert one(server, "SELECT n FROM kept") == 7
        assert one(server, "SELECT current_setting('server_encoding')") == "UTF8"


def test_a_running_server_is_reused(private: Path) -> None:
    with embedded_server.start(private, sync=False) as server:
        pid = one(server, "SELECT pg_backend_pid()")
        started = one(server, "SELECT pg_postmaster_start_time()")
        again = embedded_server.start(private)
        assert again == server
        assert one(again, "SELECT pg_postmaster_start_time()") == started
        assert pid


def test_a_stopped_server_can_be_stopped_again(private: Path) -> None:
    server = embedded_server.start(private, sync=False)
    server.stop()
    server.stop()


def test_settings_may_hold_spaces_and_quotes(private: Path) -> None:
    with embedded_server.start(
        private, settings={"cluster_name": 'it\'s "a" $HOME'}, sync=False
    ) as s:
        assert one(s, "SELECT current_setting('cluster_name')") == 'it\'s "a" $HOME'


def test_a_long_directory_name_still_gets_a_socket(private: Path) -> None:
    with embedded_server.start(private / ("long" * 30), sync=False) as server:
        assert one(server, "SELECT 1") == 1
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700


@needs_root
def test_root_changes_no_directory_that_it_did_not_make(private: Path) -> None:
    directory = private / "project" / ".seeder"
    directory.mkdir(parents=True)
    before = {path: path.stat() for path in (private, private / "project", directory)}
    with embedded_server.start(directory, sync=False) as server:
        assert one(server, "SELECT 1") == 1
        assert server.data.is_relative_to(embedded_files.SHELTER_ROOT)
        assert (directory / "data").resolve() == server.data.resolve()
    for path, status in before.items():
        assert (path.stat().st_mode, path.stat().st_uid) == (status.st_mode, status.st_uid)


@needs_root
def test_unreachable_programs_are_copied_once(private: Path) -> None:
    account = embedded_files.service_account(private)
    source = embedded_files.find_programs(None).parent.parent
    hidden = private / source.name
    shutil.copytree(source, hidden)
    libraries = source.with_name(f"{source.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, hidden.with_name(f"{hidden.name}.libs"))
    copy = embedded_files._copied(hidden)
    assert embedded_files._copied(hidden) == copy
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]
    programs = copy / source.name / "pginstall" / "bin"
    assert embedded_files.accessible(programs / "postgres", account)
    with embedded_server.start(private / "db", programs=programs, sync=False) as server:
        assert one(server, "SELECT 1") == 1


@needs_root
def test_a_planted_shelter_is_refused(private: Path) -> None:
    (embedded_files.SHELTER_ROOT / "elsewhere").mkdir()
    probe = embedded_files.shelter(private)
    probe.rmdir()
    probe.symlink_to(embedded_files.SHELTER_ROOT / "elsewhere")
    with pytest.raises(ConfigurationInvalid):
        embedded_server.start(private)


def test_data_of_another_version_is_refused(private: Path) -> None:
    server = embedded_server.start(private, sync=False)
    server.stop()
    (server.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(ConfigurationInvalid, match="Postgres 9"):
        embedded_server.start(private)


def test_without_the_wheel_the_hint_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationInvalid) as caught:
        embedded_files.find_programs(None)
    assert caught.value.hint == (
        "Install seeder with its extra `embedded`: docs/install.md says how."
    )


def test_a_throwaway_server_leaves_nothing_behind() -> None:
    with embedded_server.throwaway() as server:
        assert one(server, "SELECT current_setting('fsync')") == "off"
        data = server.data
    assert not data.parent.exists()


def test_every_test_gets_a_database_of_its_own(create_database) -> None:  # type: ignore[no-untyped-def]
    first, second = create_database(), create_database()
    first.execute("CREATE TABLE t ()")
    assert first.fetch("SELECT to_regclass('t') IS NULL") == [(False,)]
    assert second.fetch("SELECT to_regclass('t') IS NULL") == [(True,)]
    assert first.fetch("SELECT %s::int + 1", 2) == [(3,)]


# Several commands on one server.


@dataclass(frozen=True)
class Shared:
    """A directory for a server, and commands that use it, each in a process of its own."""

    directory: Path
    commands: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = subprocess.Popen(
            [sys.executable, "-m", "seeder", *arguments, "--embedded", str(self.directory)],
            env={"PATH": os.environ["PATH"], "SEEDER_PROJECT": "starter"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.commands.append(command)
        return command

    def start_waiting(self) -> subprocess.Popen[str]:
        """A command that uses the server until another one has seeded its database."""
        command = self.start("ready", "--wait-timeout", "120")
        assert command.stderr is not None
        assert any("readiness.awaited" in line for line in command.stderr)
        return command

    def command(self, *arguments: str) -> int:
        return end(self.start(*arguments))

    def running(self) -> bool:
        return (self.directory / "data" / "postmaster.pid").exists()


def end(command: subprocess.Popen[str]) -> int:
    command.communicate(timeout=120)
    return command.returncode


@pytest.fixture
def shared() -> Iterator[Shared]:
    directory = Path(tempfile.mkdtemp(prefix="seeder-test-"))
    directory.chmod(0o711)  # so that the account of the server can enter it
    made = Shared(directory)
    yield made
    for command in made.commands:
        command.kill()
        end(command)
    if made.running():
        embedded_server.start(directory).stop()
    shutil.rmtree(directory)


def test_a_server_stops_with_its_last_user_not_with_the_one_who_started_it(shared: Shared) -> None:
    first, second = shared.start_waiting(), shared.start_waiting()
    first.terminate()
    assert end(first) == 143
    assert shared.running()
    assert shared.command("run") == 0
    assert end(second) == 0
    assert not shared.running()


def test_commands_that_come_and_go_at_once_do_not_stop_each_others_server(shared: Shared) -> None:
    commands = []
    for _ in range(8):
        commands.append(shared.start("run", "--wait-timeout", "5"))
        time.sleep(0.1)
    assert [end(command) for command in commands] == [0] * 8
    assert not shared.running()


def test_a_server_whose_starter_was_killed_stops_with_the_next_user(shared: Shared) -> None:
    killed = shared.start_waiting()
    killed.kill()
    end(killed)
    assert shared.running()
    assert shared.command("wait") == 0
    assert not shared.running()


def test_a_server_that_somebody_else_started_is_left_running(shared: Shared) -> None:
    with embedded_server.start(shared.directory, sync=False):
        assert shared.command("wait") == 0
        assert shared.command("wait") == 0
        assert shared.running()
    assert shared.command("wait") == 0
    assert not shared.running()


def test_what_a_killed_command_left_half_made_is_waited_for_and_made_anew(shared: Shared) -> None:
    killed = shared.start("wait")
    while not (shared.directory / "data.unfinished" / "base").exists():
        assert killed.poll() is None
        time.sleep(0.005)
    killed.kill()
    assert shared.command("wait") == 0
    assert not shared.running()
