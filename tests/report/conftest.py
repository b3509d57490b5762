"""A shop before its second release: people have edited, deleted and renamed in the meantime."""

from __future__ import annotations

import pytest

from tests.support.shop import Shop

TIERS = (
    "CREATE TABLE tiers (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text NOT NULL,"
    " price numeric, about text, token text)"
)
SECRET = "hunter2-and-more"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "\x1b[2Jescape \x07bell",
    "| pipe `tick` @team #1 </details> -->",
    "😀 👩\N{ZERO WIDTH JOINER}🔧 \N{COMBINING ACUTE ACCENT}e",
    "w" * 5_000,
)
"""What a value, or a key, may hold."""

FIRST = """
    table: tiers
    key: code
    removed: delete
    columns:
      token: {secret: true, update: never}
    rows:
      - {code: free, name: Free, price: 0, about: For trying things out, token: hunter2-and-more}
      - {code: team, name: Team, price: 59, about: For several people, token: hunter2-and-more}
      - {code: site, name: Site, price: 99, about: For several sites, token: hunter2-and-more}
      - {code: gone, name: Gone, price: 1, about: Nobody wants it, token: hunter2-and-more}
      - {code: left, name: Left, price: 2, about: Leaves the catalog, token: hunter2-and-more}
"""
SECOND = """
    table: tiers
    key: code
    removed: delete
    columns:
      token: {secret: true, update: never}
    rows:
      - {code: free, name: Free, price: 0, about: For trying it out, token: hunter2-and-more}
      - {code: team, name: Teams, price: 69, about: For several people, token: hunter2-and-more}
      - {code: site, name: Sites, price: 99, about: For several sites, token: hunter2-and-more}
      - {code: gone, name: Gone, price: 1, about: Nobody wants it, token: hunter2-and-more}
      - {code: new, name: New, price: 9, about: Fresh, token: hunter2-and-more}
"""


@pytest.fixture
def launched(empty_shop: Shop) -> Shop:
    """Seeded once, as release 1."""
    empty_shop.scripts.add("0001", TIERS)
    empty_shop.seed("tiers", FIRST)
    empty_shop.configure(release="1")
    done = empty_shop.run()
    assert done.exit_code == 0, done.stderr
    return empty_shop


@pytest.fixture
def second(launched: Shop) -> Shop:
    """Release 2 waits: a row to insert, to update, to delete, kept deleted, and in conflict.

    `tiers/team` is in conflict in its price and updated in its name.
    """
    launched.database.execute("UPDATE tiers SET price = 65 WHERE code = 'team'")
    launched.database.execute("DELETE FROM tiers WHERE code = 'gone'")
    launched.seed("tiers", SECOND)
    launched.configure(release="2")
    return launched
