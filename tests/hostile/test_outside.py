"""A catalog reads its own project and nothing else, whatever its files say."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.shop import ROLES_SEED, Done, Shop

TREASURE = "treasure-5c1d"
ROWS = f"code,level\n{TREASURE},1\n"


@pytest.fixture
def outside(shop: Shop) -> Path:
    """A directory beside the project with rows, a seed set and migrations in it."""
    directory = shop.directory.parent / "outside"
    (directory / "core").mkdir(parents=True)
    (directory / "versions").mkdir()
    (directory / "roles.csv").write_text(ROWS)
    (directory / "core/roles.yaml").write_text(
        f"table: roles\nkey: code\nrows: [{{code: {TREASURE}, level: 1}}]\n"
    )
    return directory


def from_rows(shop: Shop, named: str) -> None:
    shop.seed("roles", f"table: roles\nkey: code\nrows_from: {named}\n")


def by_file_tag(shop: Shop, named: str) -> None:
    shop.seed("roles", f"table: roles\nkey: code\nrows: [{{code: !file {named}, level: 1}}]\n")


def by_setting(table: str, key: str) -> Callable[[Shop, str], None]:
    return lambda shop, named: shop.write("seeder.toml", f'[{table}]\n{key} = "{named}"\n') and None


def by_digest(shop: Shop, named: str) -> None:
    shop.configure(migrations=f'command = ["true"]\ndigest = ["{named}/*"]')


WAYS: dict[str, tuple[Callable[[Shop, str], None], str]] = {
    "rows_from": (from_rows, "roles.csv"),
    "!file": (by_file_tag, "roles.csv"),
    "[seeds] path": (by_setting("seeds", "path"), ""),
    "[migrations] alembic": (by_setting("migrations", "alembic"), ""),
    "[migrations] digest": (by_digest, ""),
}


def is_refused(shop: Shop) -> Done:
    done = shop.run()
    assert done.exit_code == 10, done.stderr
    assert TREASURE not in done.stdout + done.stderr
    assert "database.ready" not in done.names
    return done


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", ["absolute", "climbing", "climbing later"])
def test_a_path_out_of_the_project_is_refused(
    shop: Shop, outside: Path, way: str, form: str
) -> None:
    write, name = WAYS[way]
    if way in ("rows_from", "!file"):
        (shop.directory / "seeds/core/below").mkdir()
        climb = {"climbing": "../../..", "climbing later": "below/../../../.."}
    else:
        (shop.directory / "below").mkdir()
        climb = {"climbing": "..", "climbing later": "below/../.."}
    start = str(outside.parent) if form == "absolute" else climb[form]
    write(shop, f"{start}/outside/{name}".rstrip("/"))
    is_refused(shop)


@pytest.mark.parametrize("link", ["a file", "a directory", "a link to a link"])
def test_a_link_out_of_the_project_is_refused_where_rows_are_named(
    shop: Shop, outside: Path, link: str
) -> None:
    core = shop.directory / "seeds/core"
    match link:
        case "a file":
            (core / "roles.csv").symlink_to(outside / "roles.csv")
            from_rows(shop, "roles.csv")
        case "a directory":
            (core / "there").symlink_to(outside)
            from_rows(shop, "there/roles.csv")
        case _:
            (shop.directory / "first").symlink_to(outside)
            (core / "roles.csv").symlink_to("../../first/roles.csv")
            from_rows(shop, "roles.csv")
    is_refused(shop)


@pytest.mark.parametrize("link", ["seeds", "seeds/core", "seeds/core/roles.yaml", "migrations"])
def test_a_link_out_of_the_project_is_refused_in_place_of_a_part_of_it(
    shop: Shop, outside: Path, link: str
) -> None:
    path = shop.directory / link
    moved = shop.directory.parent / "moved"
    path.rename(moved)
    target = {"seeds": outside, "migrations": outside, "seeds/core": outside / "core"}
    path.symlink_to(target.get(link, outside / "core/roles.yaml"))
    is_refused(shop)


def test_a_link_within_the_project_is_followed(shop: Shop) -> None:
    # As Kubernetes mounts a ConfigMap: a link to a directory that is exchanged as a whole.
    (shop.directory / "seeds/core/roles.yaml").unlink()
    shop.write("seeds/.data/roles.yaml", ROLES_SEED)
    (shop.directory / "seeds/core/roles.yaml").symlink_to("../.data/roles.yaml")
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    assert shop.value("SELECT count(*) FROM roles") == 3


def test_a_loop_of_links_is_entered_once(shop: Shop) -> None:
    (shop.directory / "seeds/core/self").symlink_to("..")
    assert shop.run().exit_code == 0
    assert shop.value("SELECT count(*) FROM roles") == 3


def test_file_takes_one_file_and_no_device_or_pipe(shop: Shop) -> None:
    os.mkfifo(shop.directory / "seeds/core/pipe")
    by_file_tag(shop, "pipe")
    is_refused(shop)
