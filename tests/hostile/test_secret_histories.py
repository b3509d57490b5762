"""A secret that was none, or that a history of deploys could bring to light again.

Each history is a list of steps. After the run that first hears that a column is secret, and after
every step from then on, all that anybody can look at is searched for its values: every table of
the ledger, whatever commands print or write, the panel's pages, and the server's log, which has
every statement in it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator

import pytest

from tests.hostile.shown import is_silent, ledger_of, log_of
from tests.support.postgres import Database, OwnServer, run_own_server
from tests.support.shop import Done, Shop

FIRST, SECOND, LIVE = "mark-first-a1", "mark-second-b2", "mark-live-c3"
MARKS = (FIRST, SECOND, LIVE)
TABLE = (
    "CREATE TABLE accounts (id serial PRIMARY KEY, name text NOT NULL UNIQUE, token text,"
    " note text, tier text)"
)
DECLARED = "columns: {token: {secret: true, update: always}}"


@pytest.fixture(scope="module")
def talkative() -> Iterator[OwnServer]:
    """A server whose log has the text of every statement."""
    with run_own_server(settings={"log_statement": "all"}) as server:
        yield server


@pytest.fixture
def told(empty_shop: Shop, talkative: OwnServer) -> Iterator[Shop]:
    """A shop with accounts whose tokens the first release does not call secret."""
    shop = empty_shop
    name = f"told_{os.getpid()}_{time.monotonic_ns()}"
    talkative.execute(f"CREATE DATABASE {name}")
    shop.database = Database(talkative, name)
    (shop.directory.parent / "written").mkdir()
    shop.scripts.add("0001", TABLE)
    yield shop
    shop.database.close()


def accounts(shop: Shop, *rows: str, name: str = "accounts", policies: str = "") -> None:
    """Write a set of accounts; each row is the inside of a mapping."""
    listed = "".join(f"  - {{{row}}}\n" for row in rows)
    head = f"table: accounts\nkey: name\nremoved: delete\n{policies}\n"
    shop.write(f"seeds/core/{name}.yaml", (head + f"rows:\n{listed or '  []'}\n").encode())


def release(shop: Shop, number: str) -> Done:
    """Deploy a release, which must succeed, with a report of everything."""
    shop.configure(release=number)
    done = shop.run("--report", str(shop.directory.parent / "written" / "run.json"))
    assert done.exit_code == 0, done.stderr
    return done


def token(shop: Shop, name: str) -> str | None:
    value = shop.value("SELECT token FROM accounts WHERE name = %s", name)
    return None if value is None else str(value)


# -- histories: each leaves the shop after the run from which on nothing may be seen ------------


def declared_late(shop: Shop) -> None:
    """Two releases wrote the token in clear; the third one calls it secret."""
    accounts(shop, f"name: a, token: {FIRST}, note: x")
    release(shop, "1")
    accounts(shop, f"name: a, token: {SECOND}, note: second")
    release(shop, "2")
    assert SECOND in dict(ledger_of(shop))["seeder.changes"]
    accounts(shop, f"name: a, token: {SECOND}, note: second", policies=DECLARED)
    release(shop, "3")


def declared_while_pending(shop: Shop) -> None:
    """An ordinary deploy, which leaves the rest of the change to an update, hears of it."""
    accounts(shop, f"name: a, token: {FIRST}, note: x")
    release(shop, "1")
    accounts(shop, f"name: a, token: {SECOND}, note: second")
    assert shop.run().exit_code == 0
    assert SECOND in dict(ledger_of(shop))["seeder.pending_plan"]
    accounts(shop, f"name: a, token: {SECOND}, note: second", policies=DECLARED)
    release(shop, "1")


def declared_after_a_conflict(shop: Shop) -> None:
    """What was offered and kept out stands in the entry's notes."""
    accounts(shop, f"name: a, token: {FIRST}, note: x")
    release(shop, "1")
    shop.database.execute(f"UPDATE accounts SET token = '{LIVE}'")
    accounts(shop, f"name: a, token: {SECOND}, note: x")
    release(shop, "2")
    accounts(shop, "name: a, note: x")
    shop.write("seeds/core/secrets.yaml", _other(f"name: b, token: {FIRST}", DECLARED))
    release(shop, "3")


def dropped(shop: Shop) -> None:
    """The declaration goes, and the column stays in the catalog."""
    accounts(shop, f"name: a, token: {FIRST}, note: x", policies=DECLARED)
    release(shop, "1")
    accounts(shop, f"name: a, token: {SECOND}, note: second")
    release(shop, "2")
    accounts(shop, f"name: a, token: {FIRST}, note: z")
    release(shop, "3")


def left_together(shop: Shop) -> None:
    """Row and declaration leave in one release, and a removal keeps whole rows."""
    accounts(shop, f"name: a, token: {FIRST}", "name: b, note: x", policies=DECLARED)
    release(shop, "1")
    accounts(shop, "name: b, note: x")
    release(shop, "2")
    assert shop.rows("SELECT FROM accounts WHERE name = 'a'") == []


def neighbour(shop: Shop) -> None:
    """Another set on the same table writes the column without a word about it."""
    accounts(shop, f"name: a, token: {FIRST}", policies=DECLARED)
    shop.write("seeds/core/more.yaml", _other(f"name: b, token: {SECOND}, note: x"))
    release(shop, "1")
    shop.write("seeds/core/more.yaml", _other(f"name: b, token: {FIRST}, note: second"))
    release(shop, "2")


def neighbour_by_another_key(shop: Shop) -> None:
    """A set that knows the rows by another key, in a ledger table of its own."""
    shop.scripts.add("0002", "ALTER TABLE accounts ADD UNIQUE (note)")
    accounts(shop, f"name: a, token: {FIRST}", policies=f"{DECLARED}\nscope: {{tier: one}}")
    head = "table: public.accounts\nkey: note\nscope: {tier: two}\nremoved: delete\nrows:\n"
    shop.seed("more", head + f"  - {{note: nn, name: b, token: {SECOND}}}\n")
    release(shop, "1")
    shop.seed("more", head + f"  - {{note: nn, name: b, token: {FIRST}}}\n")
    release(shop, "2")
    shop.seed("more", head + "  []\n")
    release(shop, "3")


def elsewhere(shop: Shop) -> None:
    """The set that says so is for another environment."""
    shop.write(
        "seeds/core/more.yaml", _other("name: b, token: x", f"{DECLARED}\nenvironments: [dev]")
    )
    accounts(shop, f"name: a, token: {FIRST}, note: x")
    release(shop, "1")
    accounts(shop, f"name: a, token: {SECOND}, note: second")
    release(shop, "2")


def from_a_csv_file(shop: Shop) -> None:
    """Rows that are copied as a file, where the ledger alone knows of the secret."""
    accounts(shop, f"name: a, token: {FIRST}", policies=DECLARED)
    release(shop, "1")
    (shop.directory / "seeds/core/accounts.yaml").unlink()
    shop.write("seeds/core/more.csv", f"name,token\nb,{SECOND}\n")
    head = "table: accounts\nkey: name\nscope: {tier: two}\nrows_from: more.csv\n"
    shop.seed("more", head)
    release(shop, "2")
    shop.write("seeds/core/more.csv", f"name,token\nb,{FIRST}\nc,{SECOND}\n")
    shop.seed("more", head.replace("scope: {tier: two}\n", ""))
    release(shop, "3")


def renamed(shop: Shop) -> None:
    """The column has another name, by which the declaration is gone."""
    accounts(shop, f"name: a, token: {FIRST}, note: x")
    release(shop, "1")
    accounts(shop, f"name: a, token: {SECOND}, note: x", policies=DECLARED)
    release(shop, "2")
    shop.scripts.add("0002", "ALTER TABLE accounts RENAME token TO api_token")
    accounts(
        shop,
        f"name: a, api_token: {FIRST}, note: second",
        policies="columns: {api_token: {was: token}}",
    )
    release(shop, "3")
    accounts(shop, f"name: a, api_token: {SECOND}, note: z")
    release(shop, "4")


def renamed_and_declared(shop: Shop) -> None:
    """The declaration comes with the new name, and the old one is what the ledger has."""
    accounts(shop, f"name: a, token: {FIRST}, note: x")
    release(shop, "1")
    accounts(shop, f"name: a, token: {SECOND}, note: x")
    release(shop, "2")
    shop.scripts.add("0002", "ALTER TABLE accounts RENAME token TO api_token")
    accounts(
        shop,
        f"name: a, api_token: {SECOND}, note: x",
        policies="columns: {api_token: {was: token, secret: true}}",
    )
    release(shop, "3")


def undone(shop: Shop) -> None:
    """A run that wrote a token in clear is undone once it is secret."""
    declared_late(shop)
    shop.database.execute(f"UPDATE accounts SET token = '{LIVE}'")
    for run in ("3", "2"):
        done = shop.command("undo", run, "--yes", "--actor", "jo")
        assert done.exit_code == 0, done.stderr
    assert token(shop, "a") == LIVE
    assert shop.value("SELECT note FROM accounts") == "x"


def brought_back(shop: Shop) -> None:
    """A removed row comes back by undo, without the token that nobody kept."""
    accounts(shop, f"name: a, token: {FIRST}", "name: b, note: x")
    release(shop, "1")
    accounts(shop, "name: b, note: x")
    release(shop, "2")
    accounts(shop, "name: b, note: x", f"name: c, token: {SECOND}", policies=DECLARED)
    release(shop, "3")
    done = shop.command("undo", "2", "--yes", "--actor", "jo")
    assert done.exit_code == 0, done.stderr
    assert token(shop, "a") is None


def resolved_and_restored(shop: Shop) -> None:
    """Neither a conflict settled nor a row restored puts a token into the ledger."""
    accounts(shop, f"name: a, token: {FIRST}, note: x", f"name: b, token: {FIRST}")
    release(shop, "1")
    accounts(shop, f"name: a, token: {FIRST}, note: second", f"name: b, token: {SECOND}")
    shop.database.execute(f"UPDATE accounts SET note = 'live', token = '{LIVE}'")
    shop.database.execute("DELETE FROM accounts WHERE name = 'b'")
    shop.write("seeds/core/more.yaml", _other("name: d, token: x", DECLARED))
    release(shop, "2")
    for command in (
        ("resolve", "accounts/a", "--take", "live"),
        ("restore", "accounts/b"),
    ):
        done = shop.command(*command, "--actor", "jo")
        assert done.exit_code == 0, done.stderr
    assert (token(shop, "a"), token(shop, "b")) == (LIVE, SECOND)


def adopted(shop: Shop) -> None:
    """Rows that were here before, and an old catalog that did not call the token secret."""
    accounts(shop, f"name: a, token: {FIRST}")
    former = shop.directory.parent / "former"
    shutil.copytree(shop.directory, former)
    accounts(shop, f"name: a, token: {SECOND}", policies=DECLARED)
    shop.configure(release="1")
    assert shop.run("--mode", "none").exit_code == 0
    shop.database.execute(f"INSERT INTO accounts (name, token) VALUES ('a', '{LIVE}')")
    done = shop.command("adopt", "--as-of", str(former), "--actor", "jo")
    assert done.exit_code == 0, done.stderr
    release(shop, "2")


def removal_by_set(shop: Shop) -> None:
    """A row leaves by `removed: {set: ...}`, whose image is read by undo, and comes back."""
    removed = "removed: {set: {tier: gone}}"
    head = f"table: accounts\nkey: name\n{removed}\n"
    both = f"rows:\n  - {{name: a, token: {FIRST}, tier: x}}\n  - {{name: b, note: x}}\n"
    shop.seed("accounts", head + both)
    release(shop, "1")
    shop.seed("accounts", head + "rows:\n  - {name: b, note: x}\n")
    release(shop, "2")
    assert shop.rows("SELECT token, tier FROM accounts WHERE name = 'a'") == [(FIRST, "gone")]
    shop.seed("accounts", head + f"{DECLARED}\nrows:\n  - {{name: b, note: x, token: {SECOND}}}\n")
    release(shop, "3")
    done = shop.command("undo", "2", "--yes", "--actor", "jo")
    assert done.exit_code == 0, done.stderr
    assert shop.rows("SELECT token, tier FROM accounts WHERE name = 'a'") == [(FIRST, "x")]


def table_renamed(shop: Shop) -> None:
    """The table has another name, the ledger follows, and the declaration is gone."""
    accounts(shop, f"name: a, token: {FIRST}, note: x", policies=DECLARED)
    release(shop, "1")
    shop.scripts.add("0002", "ALTER TABLE accounts RENAME TO people")
    text = "table: people\nkey: name\nwas: {{table: accounts}}\nrows: [{{name: a, token: {}}}]\n"
    shop.seed("accounts", text.format(FIRST))
    release(shop, "2")
    shop.seed("accounts", text.format(SECOND))
    release(shop, "3")
    shop.scripts.add("0003", "ALTER TABLE people RENAME TO accounts")
    accounts(shop, f"name: a, token: {FIRST}", policies="was: {table: people}")
    release(shop, "4")


def key_renamed(shop: Shop) -> None:
    """Another key identifies the rows, in another table of the ledger, and says nothing."""
    shop.scripts.add("0002", "ALTER TABLE accounts ADD UNIQUE (note)")
    accounts(shop, f"name: a, token: {FIRST}, note: x", policies=DECLARED)
    release(shop, "1")
    text = (
        "table: accounts\nkey: note\nwas: {{key: name}}\nrows: [{{name: a, note: x, token: {}}}]\n"
    )
    shop.seed("accounts", text.format(FIRST))
    release(shop, "2")
    shop.seed("accounts", text.format(SECOND))
    release(shop, "3")
    shop.seed("accounts", text.format(SECOND).replace("name: a, note", "name: c, note"))
    release(shop, "4")
    accounts(shop, f"name: c, token: {FIRST}, note: x", policies="was: {key: note}")
    release(shop, "5")


def rolled_back(shop: Shop) -> None:
    """An older image, which does not know of the secret, runs again, and asks for its value."""
    accounts(shop, f"name: a, token: {FIRST}, note: x")
    former = shop.directory.parent / "former"
    release(shop, "1")
    shutil.copytree(shop.directory, former)
    accounts(shop, f"name: a, token: {SECOND}, note: x", policies=DECLARED)
    release(shop, "2")
    environ = {"SEEDER_PROJECT": str(former)}
    for arguments in ((), ("--mode", "update")):
        done = shop.run(*arguments, **environ)
        assert done.exit_code == 0, done.stderr
    for command in (("plan", "--mode", "update", "--json"), ("status", "--values")):
        done = shop.command(*command, **environ)
        assert FIRST not in done.stdout + done.stderr, command


def document_declared_late(shop: Shop) -> None:
    """Parts of a document in conflict stand in notes, in images and among the live values."""
    shop.scripts.add("0002", "ALTER TABLE accounts ALTER token TYPE jsonb USING to_jsonb(token)")
    merged = "columns: {token: {merge: map}}"
    accounts(shop, f"name: a, token: {{key: {FIRST}, b: 1}}", policies=merged)
    release(shop, "1")
    shop.database.execute(f"""UPDATE accounts SET token = '{{"key": "{LIVE}", "b": 1}}'""")
    accounts(shop, f"name: a, token: {{key: {SECOND}, b: 2}}", policies=merged)
    release(shop, "2")
    found = dict(ledger_of(shop))
    assert LIVE in "".join(found.values())
    accounts(shop, f"name: a, token: {{key: {SECOND}, b: 2}}", policies=DECLARED)
    release(shop, "3")


def moved(shop: Shop) -> None:
    """A row whose key changes in the release that also drops the declaration."""
    accounts(shop, f"name: a, token: {FIRST}, note: x")
    release(shop, "1")
    accounts(shop, f"name: a, token: {SECOND}, note: x", policies=DECLARED)
    release(shop, "2")
    accounts(shop, f"name: b, token: {FIRST}, note: x", policies="moved: [{from: a, to: b}]")
    release(shop, "3")


def scope_changed(shop: Shop) -> None:
    """Rows that are carried into another scope, by a set that does not say it any more."""
    shop.seed("accounts", _scoped("one", FIRST, DECLARED))
    release(shop, "1")
    shop.database.execute("UPDATE accounts SET tier = 'two'")
    shop.seed("accounts", _scoped("two", SECOND, "was: {scope: {tier: one}}"))
    release(shop, "2")
    shop.seed("accounts", _scoped("two", FIRST))
    release(shop, "3")


def by_default(shop: Shop) -> None:
    """The value is one of `defaults`, and the rows come from Python."""
    accounts(shop, "name: a", policies=f"defaults: {{token: {FIRST}}}")
    release(shop, "1")
    accounts(shop, "name: a", policies=f"defaults: {{token: {SECOND}}}\n{DECLARED}")
    release(shop, "2")
    shop.write(
        "seeds/core/made.py",
        "from seeder import rows\n\n@rows(table='accounts', key='name')\ndef made(context):\n"
        f"    yield {{'name': 'm', 'token': '{FIRST}'}}\n",
    )
    release(shop, "3")


def _scoped(tier: str, value: str, policies: str = "") -> str:
    head = f"table: accounts\nkey: name\nscope: {{tier: {tier}}}\n{policies}\n"
    return head + f"rows: [{{name: a, token: {value}}}]\n"


def _other(row: str, policies: str = "") -> bytes:
    return f"table: accounts\nkey: name\n{policies}\nrows:\n  - {{{row}}}\n".encode()


HISTORIES: tuple[Callable[[Shop], None], ...] = (
    declared_late,
    declared_while_pending,
    declared_after_a_conflict,
    dropped,
    left_together,
    neighbour,
    neighbour_by_another_key,
    elsewhere,
    from_a_csv_file,
    renamed,
    renamed_and_declared,
    undone,
    brought_back,
    resolved_and_restored,
    adopted,
    removal_by_set,
    table_renamed,
    key_renamed,
    rolled_back,
    document_declared_late,
    moved,
    scope_changed,
    by_default,
)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.__name__)
def test_no_history_brings_a_secret_to_light(told: Shop, history: Callable[[Shop], None]) -> None:
    history(told)
    (told.directory.parent / "written" / "run.json").unlink(missing_ok=True)
    since = len(log_of(told))
    is_silent(told, MARKS, since=since)
    told.write("seeds/core/zzz.yaml", _other("name: z, note: last"))
    release(told, "99")
    is_silent(told, MARKS, since=since)


def test_values_that_a_run_writes_stand_in_no_statement_that_the_server_logs(told: Shop) -> None:
    """Values of rows, of `defaults` and of variables, whatever columns they are for."""
    shop = told
    shop.environ |= {"TIER": SECOND, "TOKEN": LIVE}
    since = len(log_of(shop))
    text = "table: accounts\nkey: name\nremoved: delete\ndefaults: {tier: !env TIER}\nrows:\n"
    row = "  - {{name: a, token: !env TOKEN, note: {}}}\n"
    shop.seed("accounts", text + row.format(FIRST) + "  - {name: b}\n")
    release(shop, "1")
    written = shop.rows("SELECT note, tier, token FROM accounts WHERE name = 'a'")
    assert written == [(FIRST, SECOND, LIVE)]
    shop.environ |= {"TIER": f"{SECOND} 2", "TOKEN": f"{LIVE} 2"}
    shop.seed("accounts", text + row.format(f"{FIRST} 2"))
    release(shop, "2")
    for command in (("plan",), ("status", "--values"), ("undo", "2", "--yes", "--actor", "jo")):
        done = shop.command(*command)
        assert done.exit_code == 0, (command, done.stderr)
    assert shop.rows("SELECT note, tier, token FROM accounts WHERE name = 'a'") == written
    found = log_of(shop)[since:]
    assert "INSERT INTO" in found
    for mark in MARKS:
        assert mark not in found, [each for each in found.splitlines() if mark in each][:3]


@pytest.mark.parametrize(
    ("policies", "why"),
    [
        ("scope: {token: x}", "is in `scope`"),
        ("removed: {set: {token: x}}", "is set by `removed`"),
        ("deleted: token", "is the `deleted` column"),
    ],
)
@pytest.mark.parametrize("declared", ["by itself", "by a neighbour", "by a run before"])
def test_a_secret_is_refused_where_its_value_is_shown(
    told: Shop, policies: str, why: str, declared: str
) -> None:
    row = "name: a, note: x"
    if declared == "by a run before":
        told.write("seeds/core/more.yaml", _other("name: b, token: x", DECLARED))
        release(told, "1")
        (told.directory / "seeds/core/more.yaml").unlink()
    elif declared == "by a neighbour":
        told.write("seeds/core/more.yaml", _other("name: b, token: x", DECLARED))
    else:
        policies += "\ncolumns: {token: {secret: true}}"
    told.write("seeds/core/accounts.yaml", _other(row, policies))
    told.configure(release="2")
    before = [text for _, text in ledger_of(told)] if declared == "by a run before" else []
    done = told.run()
    assert done.exit_code == 10, done.stderr
    assert why in done.stderr
    if before:
        assert told.rows("SELECT FROM accounts WHERE name = 'a'") == []


def test_what_identifies_rows_cannot_become_secret(told: Shop) -> None:
    told.scripts.add("0002", "ALTER TABLE accounts ADD UNIQUE (token)")
    told.write(
        "seeds/core/more.yaml", b"table: accounts\nkey: token\nrows: [{token: t, name: nn}]\n"
    )
    release(told, "1")
    (told.directory / "seeds/core/more.yaml").unlink()
    accounts(told, "name: a, token: x", policies=DECLARED)
    told.configure(release="2")
    done = told.run()
    assert done.exit_code == 10, done.stderr
    assert "the ledger identifies the rows of set more by it" in done.stderr
