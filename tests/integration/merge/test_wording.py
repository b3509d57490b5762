"""The sentences of rules are for people: other ones change nothing that is decided or done."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.fault.walk import PEOPLE, write_new, write_old
from tests.support.shop import Shop

# The tables are read when other modules are imported; so they are reworded first.
REWORDED = """
import sys
from msgspec.structs import replace
from seeder.merge import rules
for table in ("COLUMN_RULES", "IDENTITY_RULES", "ROW_RULES"):
    reworded = [replace(rule, reason="said otherwise") for rule in getattr(rules, table)]
    setattr(rules, table, tuple(reworded))
from seeder import cli
sys.exit(cli.main(sys.argv[1:], dict(__import__("os").environ)))
"""

TEXTS = frozenset({"reason"})


def reworded(shop: Shop, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", REWORDED, *arguments],
        env=shop.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def without_texts(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: without_texts(each) for name, each in found.items() if name not in TEXTS}
    return [without_texts(each) for each in found] if isinstance(found, list) else found


def test_a_plan_and_a_run_with_reworded_rules_decide_the_same(empty_shop: Shop) -> None:
    shop = empty_shop
    write_old(shop)
    assert shop.run().exit_code == 0
    shop.database.execute(PEOPLE)
    write_new(shop)
    assert shop.command("run", "--mode", "none").exit_code == 0
    planned = json.loads(shop.command("plan", "--json").stdout)
    as_reworded = json.loads(reworded(shop, "plan", "--json"))
    assert "said otherwise" in json.dumps(as_reworded)
    assert without_texts(as_reworded) == without_texts(planned)
    counts = {each["name"]: each["counts"] for each in planned["sets"]}
    assert any(each.get("conflicts") for each in counts.values())
    reworded(shop, "run")
    ran = json.loads(shop.command("show", "3", "--json").stdout)
    assert {each["name"]: each["counts"] for each in ran["run"]["sets"]} == counts
    assert shop.run("--mode", "update").finished["counts"].keys() <= {"keep"}
