"""All that anybody can look at: ledger, what commands print or write, pages, the server's log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
from flask import Flask
from psycopg import sql

from seeder.panel import panel
from tests.support.postgres import OwnServer
from tests.support.shop import Shop


def ledger_of(shop: Shop) -> Iterator[tuple[str, str]]:
    """Every table of the ledger, with all that is in it."""
    with psycopg.connect(shop.database.url, autocommit=True) as connection:
        for (name,) in connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'seeder'::regnamespace"
            " AND relkind = 'r'"
        ).fetchall():
            rows = connection.execute(
                sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier("seeder", name))
            ).fetchall()
            yield f"seeder.{name}", "\n".join(row[0] for row in rows)


def pages_of(shop: Shop) -> Iterator[tuple[str, str]]:
    """The panel's pages of all plans and runs."""
    app = Flask("tests.hostile.application")
    app.secret_key = "for tests"
    app.register_blueprint(
        panel(
            connect=lambda: psycopg.connect(shop.database.url),
            authorize=lambda: True,
            actor=lambda: "jo",
        ),
        url_prefix="/seeder",
    )
    client = app.test_client()
    runs = [row[0] for row in shop.rows("SELECT id FROM seeder.runs")]
    for path in ("/", "/plan", "/conflicts", "/runs", *(f"/runs/{run}" for run in runs)):
        answer = client.get(f"/seeder{path}")
        assert answer.status_code == 200, (path, answer.text)
        yield f"page {path}", answer.text


def shown(shop: Shop, since: int) -> Iterator[tuple[str, str]]:
    """All that anybody can look at; `since` is where the server's log is read from."""
    written = shop.directory.parent / "written"
    commands = [
        ("plan", "--mode", "update", "--json"),
        ("plan", "--out", str(written / "plan.json"), "--html", str(written / "plan.html")),
        ("plan", "--mode", "update", "-v"),
        ("status", "--json"),
        ("status", "--values"),
        ("conflicts", "--kept"),
        ("requests",),
        ("history",),
        ("check",),
        ("export", "accounts"),
        *(
            command
            for (run,) in shop.rows("SELECT id FROM seeder.runs WHERE mode <> 'undo'")
            for command in (("show", str(run)), ("undo", str(run), "--dry-run"))
        ),
    ]
    for command in commands:
        done = shop.command(*command)
        assert done.exit_code == 0, (command, done.stderr)
        yield f"{command} stdout", done.stdout
        yield f"{command} stderr", done.stderr
    yield from ledger_of(shop)
    yield from pages_of(shop)
    for path in written.iterdir():
        yield path.name, path.read_text()
    yield "the server's log", log_of(shop)[since:]


def log_of(shop: Shop) -> str:
    """What the server has logged so far."""
    server = shop.database.server
    assert isinstance(server, OwnServer)
    return _log(server).read_text(errors="replace")


def _log(server: OwnServer) -> Path:
    (found,) = server.running.data.parent.rglob("*.log")
    return found


def is_silent(shop: Shop, marks: Iterable[str], *, since: int) -> None:
    """Fail where a mark shows; `since` is where the server's log is read from."""
    found = dict(shown(shop, since))
    for place in ("seeder.bases", "page /runs", "plan.json", "the server's log"):
        assert found[place], f"nothing was searched in {place}"
    for place, text in found.items():
        for mark in marks:
            assert mark not in text, f"{mark} in {place}:\n{text}"
