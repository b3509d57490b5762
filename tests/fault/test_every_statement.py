"""The job ended at every statement it sends: nothing is ever half done.

A proxy counts what the job says. One undisturbed run gives the number of statements; then one
run per statement is disturbed just before that statement, on a database of its own, and is
followed by an ordinary one.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.fault.walk import PEOPLE, State, Walk, state_of, write_new, write_old
from tests.support.jobs import Job
from tests.support.postgres import Database, Server
from tests.support.proxy import Statement, proxied
from tests.support.shop import Shop

PARTS = 6
"""The long walk is cut into so many tests, for the processes of pytest-xdist."""

STRIDE = 7
"""The other walks take every so many statements, which is several in every phase."""


@pytest.fixture(params=["first launch", "update"])
def walk(
    request: pytest.FixtureRequest, empty_shop: Shop, create_database: Callable[[], Database]
) -> Iterator[Walk]:
    """A first launch on an empty database, or the update of one that people have worked on."""
    shop, template = empty_shop, None
    write_old(shop)
    if request.param == "update":
        before = create_database()
        assert shop.run(DATABASE_URL=before.url).exit_code == 0
        before.execute(PEOPLE)
        template = before.name
    write_new(shop)
    with proxied(shop.database.server.conninfo) as proxy:
        yield Walk(shop=shop, proxy=proxy, template=template)


@dataclass(frozen=True)
class Undisturbed:
    """What a run does that nobody disturbs."""

    before: State
    after: State
    statements: tuple[Statement, ...]

    def chosen(self) -> tuple[Statement, ...]:
        """Some of every phase, the first one and the commit."""
        return (*self.statements[:-1:STRIDE], self.statements[-1])


def kill(job: Job, statement: Statement) -> None:
    """End the process; the statement may still reach the server."""
    os.kill(job.pid, signal.SIGKILL)


def terminate_with(server: Server) -> Callable[[Job, Statement], None]:
    """End the server's side of the connection."""

    def terminate(job: Job, statement: Statement) -> None:
        with server.connect() as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", [statement.backend])

    return terminate


def interrupt(job: Job, statement: Statement) -> None:
    """Ask the process to stop, as a platform does."""
    os.kill(job.pid, signal.SIGTERM)
    time.sleep(0.01)


@pytest.fixture
def undisturbed(walk: Walk, server: Server) -> Undisturbed:
    """The walk's run as it is without faults."""
    with walk.database() as name:
        before = state_of(server.url(name))
        done = walk.run(name)
        assert done.exit_code == 0, done.stderr
        found = Undisturbed(before, state_of(server.url(name)), tuple(walk.proxy.statements))
    assert before.seeded != found.after.seeded
    assert len(found.statements) > 80
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_a_job_killed_at_any_statement_leaves_all_or_nothing_and_the_next_makes_up_for_it(
    walk: Walk, server: Server, undisturbed: Undisturbed, part: int
) -> None:
    for statement in undisturbed.statements[part::PARTS]:
        with walk.database() as name:
            done = walk.disturb(name, statement.number, kill)
            assert done.exit_code == -signal.SIGKILL
            is_made_up_for(walk, server.url(name), name, undisturbed, statement)


def test_a_terminated_connection_ends_with_33_and_the_next_run_makes_up_for_it(
    walk: Walk, server: Server, undisturbed: Undisturbed
) -> None:
    first = undisturbed.statements[0].backend
    for statement in undisturbed.chosen():
        with walk.database() as name:
            done = walk.disturb(name, statement.number, terminate_with(server))
            # The first connection only asks whether there is anything to do.
            expected = 0 if statement.backend == first else 33
            assert done.exit_code == expected, (statement, done.stderr)
            if expected:
                assert "connection was lost" in done.failed["message"]
                assert "run the job again" in done.failed["hint"].lower()
            is_made_up_for(walk, server.url(name), name, undisturbed, statement)


def test_a_signal_at_any_statement_ends_with_143_and_the_next_run_makes_up_for_it(
    walk: Walk, server: Server, undisturbed: Undisturbed
) -> None:
    for statement in undisturbed.chosen():
        with walk.database() as name:
            done = walk.disturb(name, statement.number, interrupt)
            assert done.exit_code == 128 + signal.SIGTERM, (statement, done.stderr)
            is_made_up_for(walk, server.url(name), name, undisturbed, statement)


def is_made_up_for(
    walk: Walk, url: str, name: str, undisturbed: Undisturbed, statement: Statement
) -> None:
    """Hold a disturbed database to the promise, before and after an ordinary run."""
    found = state_of(url)
    assert found.rows in (undisturbed.before.rows, undisturbed.after.rows), statement
    if found.rows == undisturbed.after.rows:
        assert found.ledger == undisturbed.after.ledger, statement
    again = walk.run(name)  # which waits for the lock for ten seconds at most
    assert again.exit_code == 0, (statement, again.stderr)
    assert state_of(url) == undisturbed.after, statement
