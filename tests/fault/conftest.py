"""What the tests of faults have in common."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.postgres import Database, OwnServer
from tests.support.shop import Shop

DATABASE = "app"


@pytest.fixture
def own_shop(shop: Shop, own_server: Callable[..., OwnServer]) -> Callable[..., OwnServer]:
    """Start a server with these settings and put the shop's database there."""

    def start(**wanted: object) -> OwnServer:
        server = own_server(**wanted)
        server.execute(f"CREATE DATABASE {DATABASE}")
        shop.database = Database(server, DATABASE)
        return server

    return start


@pytest.fixture
def later() -> Iterator[Callable[[float, Callable[[], object]], None]]:
    """Do something after some seconds: `later(2, server.start)`."""
    timers: list[threading.Timer] = []

    def plan(seconds: float, act: Callable[[], object]) -> None:
        timers.append(threading.Timer(seconds, act))
        timers[-1].start()

    yield plan
    for timer in timers:
        timer.cancel()
        timer.join()


def until(holds: Callable[[], object], *, seconds: float = 20) -> None:
    """Wait until something holds, or fail."""
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.05)
