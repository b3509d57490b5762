"""A network that swallows packets: neither an answer nor a reset.

Needs a network of its own, with the server, the job and nothing else in it: made with
`unshare`, as root. Everything that is started while the test is inside belongs to it.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.fault.conftest import DATABASE, until
from tests.fault.servers import free_port
from tests.support.postgres import OwnServer
from tests.support.shop import Shop

_NEW_NETWORK = 0x40000000
_SET_INTERFACE_FLAGS = 0x8914
_UP, _DOWN = 1, 0
_SLEEP = "SELECT pg_sleep(600)"


@contextmanager
def network() -> Iterator[None]:
    """Be in a network of our own for a while, or skip the test."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_NEW_NETWORK) != 0:
            pytest.skip("needs the privilege to make a network of its own")
        try:
            _switch("lo", _UP)
            yield
        finally:
            assert libc.setns(home, _NEW_NETWORK) == 0
    finally:
        os.close(home)


def fall_silent() -> None:
    """Carry no packet any more: no answer comes, nor a reset."""
    _switch("lo", _DOWN)


def _switch(interface: str, flags: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", interface.encode(), flags)
        fcntl.ioctl(any_socket, _SET_INTERFACE_FLAGS, request)


def test_a_network_that_falls_silent_is_given_up_by_the_job_and_by_the_server(
    shop: Shop, own_shop: Callable[..., OwnServer]
) -> None:
    with network():
        port = free_port()
        own_shop(
            settings={"listen_addresses": "127.0.0.1", "port": str(port)},
            hba=["host all all 127.0.0.1/32 trust"],
        )
        assert shop.run().exit_code == 0
        shop.configure(release="2")
        shop.write("seeds/update/2_slow.sql", _SLEEP)
        # Shorter than seeder's own, for the test's sake; the server's follow the client's.
        patience = (
            "keepalives_idle=1&keepalives_interval=1&keepalives_count=3&tcp_user_timeout=4000"
        )
        url = f"postgresql://postgres@127.0.0.1:{port}/{DATABASE}?{patience}"
        child = shop.start(DATABASE_URL=url)
        until(lambda: shop.rows(f"SELECT FROM pg_stat_activity WHERE query = '{_SLEEP}'"))
        fall_silent()
        silent = time.monotonic()
        done = shop.end(child)
        assert time.monotonic() - silent < 35, "nor the 40 s of seeder's own"
        assert done.exit_code == 33, done.stderr
        # Over the socket, which is no network, the server still answers.
        until(lambda: not shop.rows("SELECT FROM pg_locks WHERE locktype = 'advisory'"), seconds=15)
        (shop.directory / "seeds/update/2_slow.sql").unlink()
        assert shop.end(shop.start()).exit_code == 0


def test_the_server_watches_the_job_as_the_job_watches_the_server(
    shop: Shop, own_shop: Callable[..., OwnServer]
) -> None:
    port = free_port()
    own_shop(
        settings={"listen_addresses": "127.0.0.1", "port": str(port)},
        hba=["host all all 127.0.0.1/32 trust"],
    )
    from seeder.database.connection import session
    from seeder.database.connection.connect import connect
    from seeder.database.connection.target import Target

    with connect(Target.parse(f"postgresql://postgres@127.0.0.1:{port}/{DATABASE}")) as connection:
        session.prepare(connection)
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in (
                "tcp_keepalives_idle",
                "tcp_keepalives_interval",
                "tcp_keepalives_count",
                "tcp_user_timeout",
            )
        }
    assert shown == {
        "tcp_keepalives_idle": ("20",),
        "tcp_keepalives_interval": ("5",),
        "tcp_keepalives_count": ("4",),
        "tcp_user_timeout": ("40000",),
    }
