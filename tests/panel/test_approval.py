"""Approving: one row in the ledger, and what the next run makes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from psycopg.types.json import Jsonb

from seeder.merge.plan_document import to_document
from tests.panel.conftest import AFTER, Site, run, store, visible
from tests.support.plans import a_plan
from tests.support.shop import Shop

Visit = Callable[..., Site]


def requests(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows("SELECT plan_id, actor, state, run FROM seeder.requests ORDER BY id")


def pending(shop: Shop) -> str:
    return str(shop.value("SELECT plan_id FROM seeder.pending_plan"))


def test_an_approval_writes_one_request_and_nothing_else(waiting: Shop, visit: Visit) -> None:
    site = visit(waiting)
    form = site.form()
    before = waiting.snapshot()
    answer = site.approve(form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/seeder/plan")
    assert requests(waiting) == [(pending(waiting), "jo@example.test", "open", None)]
    after = waiting.snapshot()
    assert {name for name in after if after[name] != before[name]} == {"seeder.requests"}


def test_the_next_run_applies_the_plan_once_and_the_panel_says_so(
    waiting: Shop, visit: Visit
) -> None:
    site = visit(waiting)
    site.approve()
    text = visible(site.text("/plan"))
    assert "This plan is approved. By jo@example.test" in text
    assert "Approve this plan" not in text
    run(waiting)
    assert waiting.rows("SELECT code, level FROM roles ORDER BY level") == [
        ("viewer", 1),
        ("auditor", 5),
        ("editor", 7),
        ("owner", 30),
    ]
    assert "applied by run 3" in visible(site.text("/approvals"))
    assert "applied by run 3" in visible(site.text("/plan"))
    assert "Asked for by jo@example.test" in visible(site.text("/runs/3"))
    run(waiting)
    assert [state for *_, state, _ in requests(waiting)] == ["applied"]


def test_a_second_approval_shows_the_first(waiting: Shop, visit: Visit) -> None:
    jo, other = visit(waiting), visit(waiting, actor=lambda: "ann@example.test")
    form, theirs = jo.form(), other.form()
    assert jo.approve(form).status_code == 303
    assert jo.approve(form).status_code == 303
    assert other.approve(theirs).status_code == 303
    assert len(requests(waiting)) == 1
    assert "By jo@example.test" in visible(other.text("/plan"))


def test_two_clicks_at_the_same_moment_are_one_approval(waiting: Shop, visit: Visit) -> None:
    sites = [visit(waiting) for _ in range(6)]
    forms = [site.form() for site in sites]
    gate = threading.Barrier(len(sites))
    answers: list[int] = []

    def click(site: Site, form: dict[str, str]) -> None:
        gate.wait()
        answers.append(site.approve(form).status_code)

    threads = [threading.Thread(target=click, args=each) for each in zip(sites, forms, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [303] * 6
    assert len(requests(waiting)) == 1


def test_a_plan_that_was_replaced_is_refused(waiting: Shop, visit: Visit) -> None:
    site = visit(waiting)
    form = site.form()
    waiting.seed("roles", AFTER + "      - {code: guest, level: 0}\n")
    run(waiting)
    assert pending(waiting) != form["plan_id"]
    answer = site.approve(form)
    assert answer.status_code == 409
    assert "Nothing was approved." in answer.text
    assert 'href="/admin/seeder/plan"' in answer.text
    assert requests(waiting) == []
    assert site.approve().status_code == 303


def test_a_plan_that_waits_no_more_is_refused(waiting: Shop, visit: Visit) -> None:
    site = visit(waiting)
    form = site.form()
    run(waiting, "--mode", "update")
    answer = site.approve(form)
    assert answer.status_code == 409
    assert "No plan waits any more" in answer.text
    assert requests(waiting) == []


def test_what_was_never_a_plan_is_refused(waiting: Shop, visit: Visit) -> None:
    site = visit(waiting)
    form = site.form()
    for plan_id in ("", "x", "'; DROP TABLE seeder.requests; --", "\x00"):
        assert site.approve({**form, "plan_id": plan_id}).status_code == 409
    del form["plan_id"]
    assert site.approve(form).status_code == 409
    assert requests(waiting) == []


def test_a_provisional_plan_and_one_that_cannot_be_shown_are_refused(
    waiting: Shop, visit: Visit
) -> None:
    site = visit(waiting)
    form = site.form()
    plan = a_plan(provisional=True)
    store(waiting, plan.id, to_document(plan))
    assert "A provisional plan cannot be approved" in visible(site.text("/plan"))
    assert site.approve({**form, "plan_id": plan.id}).status_code == 409
    store(waiting, plan.id, {"format": 99})
    assert site.approve({**form, "plan_id": plan.id}).status_code == 409
    assert requests(waiting) == []


def test_a_row_edited_after_the_approval_makes_it_stale(waiting: Shop, visit: Visit) -> None:
    site = visit(waiting)
    site.approve()
    waiting.database.execute("UPDATE roles SET level = 4 WHERE code = 'owner'")
    run(waiting)
    assert waiting.value("SELECT level FROM roles WHERE code = 'owner'") == 4
    assert "stale by run 3" in visible(site.text("/approvals"))
    assert "Approve this plan" in site.text("/plan")


def test_an_approval_of_a_plan_that_was_replaced_is_said_to_be_lost(
    waiting: Shop, visit: Visit
) -> None:
    site = visit(waiting)
    site.approve()
    waiting.database.execute("UPDATE seeder.pending_plan SET plan_id = %s", "f" * 64)
    assert "marks this approval stale" in visible(site.text("/approvals"))


def test_a_database_marked_anew_voids_the_approval(waiting: Shop, visit: Visit) -> None:
    site = visit(waiting)
    site.approve()
    name = waiting.database.name
    assert waiting.command("mark", "staging", "--database", name).exit_code == 0
    assert "void" in visible(site.text("/approvals"))


def test_a_hostile_name_is_written_as_it_is_and_shown_inert(waiting: Shop, visit: Visit) -> None:
    site = visit(waiting, actor=lambda: "<b onmouseover=alert(1)>jo</b>")
    site.approve()
    assert requests(waiting)[0][1] == "<b onmouseover=alert(1)>jo</b>"
    for path in ("/", "/plan", "/approvals"):
        assert "<b onmouseover" not in site.text(path)


def test_a_request_of_the_shell_is_seen_by_the_panel(waiting: Shop, visit: Visit) -> None:
    assert waiting.command("approve", pending(waiting), "--actor", "cli").exit_code == 0
    assert "By cli" in visible(visit(waiting).text("/plan"))


def test_documents_may_hold_what_json_may(waiting: Shop, visit: Visit) -> None:
    waiting.database.execute(
        "UPDATE seeder.pending_plan SET document = %s", Jsonb({"format": None})
    )
    assert "cannot show" in visit(waiting).text("/plan")
