"""What else there may be on a database: publications, copies, event triggers."""

from __future__ import annotations

from tests.support.shop import ROLES_SEED, Shop


def edited(shop: Shop, release: str) -> None:
    """A new default, a row that is new and one that leaves, in another release."""
    text = ROLES_SEED.replace("key: code", "key: code\n    removed: delete")
    text = text.replace("editor, level: 2", "editor, level: 5").replace(
        "viewer", f"guest_{release}"
    )
    shop.seed("roles", text)
    shop.configure(release=release)


def test_a_publication_of_all_tables_stands_in_the_way_of_no_update(shop: Shop) -> None:
    shop.database.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    shop.configure(release="1")
    assert shop.run().exit_code == 0
    edited(shop, "2")
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    assert shop.rows("SELECT code, level FROM roles ORDER BY 1") == [
        ("editor", 5),
        ("guest_2", 1),
        ("owner", 3),
    ]
    undone = shop.command("undo", "2", "--yes")
    assert undone.exit_code == 0, undone.stderr
    assert shop.value("SELECT level FROM roles WHERE code = 'editor'") == 2


def test_a_copy_whose_sequences_did_not_travel_is_healed(shop: Shop) -> None:
    shop.configure(release="1")
    assert shop.run().exit_code == 0
    edited(shop, "2")
    # As after logical replication: the rows are there, every sequence is at its start.
    for (name,) in shop.rows("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S'"):
        shop.database.execute(f"ALTER SEQUENCE {name} RESTART")
    shop.seed("members", "table: members\nkey: email\nrows: []\n")
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    assert shop.rows("SELECT id, code FROM roles ORDER BY id") == [
        (1, "owner"),
        (2, "editor"),
        (4, "guest_2"),
    ]
    assert [run for run, _ in shop.runs()] == ["done", "done"]


def test_what_an_event_trigger_raises_is_shown(shop: Shop) -> None:
    shop.database.execute(
        "CREATE FUNCTION no_ddl() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the schema is frozen until Monday'; END $$;"
        " CREATE EVENT TRIGGER frozen ON ddl_command_start EXECUTE FUNCTION no_ddl()"
    )
    done = shop.run()
    assert done.exit_code == 18
    assert "the schema is frozen until Monday" in done.failed["message"]
    shop.database.execute("ALTER EVENT TRIGGER frozen DISABLE")
    assert shop.run().exit_code == 0
    shop.scripts.add("0003", "ALTER TABLE roles ADD note text")
    shop.database.execute("ALTER EVENT TRIGGER frozen ENABLE")
    done = shop.run()
    assert done.exit_code == 16
    assert "the schema is frozen until Monday" in done.failed["message"]


def test_what_a_trigger_of_a_table_raises_is_not_shown(shop: Shop) -> None:
    assert shop.run().exit_code == 0
    shop.database.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'not %', NEW.level; END $$;"
        " CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON roles"
        " FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    edited(shop, "2")
    done = shop.run()
    assert done.exit_code == 18
    assert "not 5" not in done.stderr
