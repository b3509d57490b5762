"""A database that comes late, refuses, is silent, or is not the one it should be."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.fault.conftest import DATABASE
from tests.fault.servers import certificates, free_port, promote, standby_of, start_unready
from tests.support.postgres import OwnServer
from tests.support.proxy import proxied
from tests.support.shop import Done, Shop

Later = Callable[[float, Callable[[], object]], None]
OwnShop = Callable[..., OwnServer]


def reasons(done: Done) -> set[str]:
    """Why the attempts failed, as the log says."""
    return {event["reason"] for event in done.named("database.awaited")}


def succeeded(shop: Shop, done: Done) -> None:
    assert done.exit_code == 0, done.stderr
    assert done.named("database.ready")[0]["attempts"] > 1
    assert shop.value("SELECT count(*) FROM roles") == 3


# Late.


def test_a_database_that_starts_late_is_waited_for(
    shop: Shop, own_shop: OwnShop, later: Later
) -> None:
    server = own_shop()
    server.stop()
    later(8, server.start)
    done = shop.end(shop.start(SEEDER_WAIT_TIMEOUT="40"))
    succeeded(shop, done)
    assert "nothing listens at the address" in reasons(done)


def test_a_name_that_resolves_late_is_waited_for(
    shop: Shop, own_shop: OwnShop, later: Later, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, for a hosts file that only the job sees")
    port = free_port()
    own_shop(settings={"listen_addresses": "127.0.0.1", "port": str(port)})
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    later(8, lambda: hosts.write_text("127.0.0.1 localhost database.test\n"))
    mounted = f"mount --bind {hosts} /etc/hosts && exec {sys.executable} -m seeder run"
    child = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", mounted],
        env=shop.variables(
            DATABASE_URL=f"postgresql://postgres@database.test:{port}/{DATABASE}",
            SEEDER_WAIT_TIMEOUT="40",
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    shop.children.append(child)
    done = shop.end(child)
    succeeded(shop, done)
    assert "the host name does not resolve" in reasons(done)


def test_a_server_that_accepts_no_connections_yet_is_waited_for(
    shop: Shop, own_shop: OwnShop, later: Later
) -> None:
    server = own_shop()
    server.stop()
    # As a standby that may not be read it answers 57P03, as one that recovers does.
    (server.running.data / "standby.signal").touch()
    start_unready(server, hot_standby="off")
    later(8, lambda: promote(server))
    done = shop.end(shop.start(SEEDER_WAIT_TIMEOUT="40"))
    succeeded(shop, done)
    assert any("accepting connections" in reason for reason in reasons(done))


def test_a_server_without_a_free_slot_is_waited_for(
    shop: Shop, own_shop: OwnShop, later: Later
) -> None:
    server = own_shop(settings={"max_connections": "8", "max_wal_senders": "0"})
    taken: list[psycopg.Connection] = []
    with suppress(psycopg.OperationalError):
        while True:
            taken.append(server.connect())
    later(8, lambda: [each.close() for each in taken])
    done = shop.end(shop.start(SEEDER_WAIT_TIMEOUT="40"))
    succeeded(shop, done)
    assert "no free connection slot" in reasons(done)


# Refusing. The grace is ten seconds, so that the three of a kind run side by side.


def test_refusals_are_final_after_the_grace_and_not_at_the_deadline(
    shop: Shop, own_shop: OwnShop
) -> None:
    server = own_shop(hba=["local all all scram-sha-256"])
    server.execute("CREATE ROLE job LOGIN PASSWORD 'right-56f2'")
    login = {"user": "job", "password": "right-56f2"}
    with certificates() as (tls, own, other), proxied(server.conninfo) as proxy:
        proxy.tls = tls
        untrusted = {"sslmode": "verify-ca", "sslrootcert": str(other)}
        refused = {
            server.url(DATABASE, user="job", password="wrong-81c4"): (11, "its password"),
            server.url("elsewhere", **login): (12, "does not exist"),
            proxy.url(DATABASE, **login, **untrusted): (11, "not trusted"),
        }
        children = {url: shop.start(DATABASE_URL=url, SEEDER_WAIT_TIMEOUT="50") for url in refused}
        for url, (code, told) in refused.items():
            done = shop.end(children[url])
            assert done.exit_code == code, done.stderr
            assert told in done.failed["message"]
            assert done.failed["hint"]
            assert 9 < done.finished["phases"]["wait"] < 45
            for secret in ("wrong-81c4", "right-56f2"):
                assert secret not in done.stderr
        trusted = {"sslmode": "verify-ca", "sslrootcert": str(own)}
        server.execute(f"ALTER DATABASE {DATABASE} OWNER TO job")
        done = shop.end(shop.start(DATABASE_URL=proxy.url(DATABASE, **login, **trusted)))
        assert done.exit_code == 0, done.stderr


def test_a_role_and_a_database_that_are_created_late_are_waited_for(
    shop: Shop, own_shop: OwnShop, later: Later
) -> None:
    server = own_shop(hba=["local all all scram-sha-256"])

    def create() -> None:
        server.execute("CREATE ROLE job LOGIN PASSWORD 'right'")
        server.execute("CREATE DATABASE late OWNER job")

    later(8, create)
    done = shop.end(
        shop.start(
            DATABASE_URL=server.url("late", user="job", password="right"),
            SEEDER_WAIT_TIMEOUT="40",
        )
    )
    assert done.exit_code == 0, done.stderr
    assert "the server refuses this role or its password" in reasons(done)


# Silent, or not to be written to.


def test_a_silent_address_ends_with_30_at_the_end_of_the_wait(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        url = f"postgresql://u@127.0.0.1:{listener.getsockname()[1]}/d"
        done = shop.end(shop.start(DATABASE_URL=url, SEEDER_WAIT_TIMEOUT="5"))
    assert done.exit_code == 30, done.stderr
    assert done.failed["reason"] == "no answer in time"
    assert 4 < done.finished["phases"]["wait"] < 15


def test_a_standby_ends_with_30_and_is_written_to_once_it_is_promoted(
    shop: Shop, own_shop: OwnShop, later: Later, tmp_path: Path
) -> None:
    primary = own_shop(settings={"wal_level": "replica", "max_wal_senders": "4"})
    with standby_of(primary) as standby:
        url = standby.url(DATABASE)
        done = shop.end(shop.start(DATABASE_URL=url, SEEDER_WAIT_TIMEOUT="2"))
        assert done.exit_code == 30, done.stderr
        assert "standby" in done.failed["message"]
        later(8, lambda: standby.execute("SELECT pg_promote()"))
        done = shop.end(shop.start(DATABASE_URL=url, SEEDER_WAIT_TIMEOUT="40"))
        assert done.exit_code == 0, done.stderr
        assert reasons(done) == {"server is a standby"}
        with standby.connect(DATABASE) as connection:
            assert connection.execute("SELECT count(*) FROM roles").fetchone() == (3,)
