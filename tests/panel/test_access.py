"""Who gets in, from where, and what the database lets the panel do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from seeder.panel import panel
from tests.panel.conftest import Site, panel_url, run
from tests.support.shop import Shop

Visit = Callable[..., Site]
PATHS = (
    *("/", "/plan", "/plan/sets/roles", "/conflicts", "/approvals", "/runs", "/runs/1"),
    "/static/panel.css",
)
GIVEN: dict[str, Any] = {
    "connect": lambda: None,
    "authorize": lambda: True,
    "actor": lambda: "jo",
}


def requests(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows("SELECT plan_id, actor, state FROM seeder.requests ORDER BY id")


# -- the application's check -------------------------------------------------------------


@pytest.mark.parametrize("missing", ["connect", "authorize", "actor"])
def test_there_is_no_panel_without_its_functions(missing: str) -> None:
    with pytest.raises(TypeError, match=missing):
        panel(**{name: value for name, value in GIVEN.items() if name != missing})
    for nothing in (None, True, "yes"):
        with pytest.raises(TypeError, match=missing):
            panel(**(GIVEN | {missing: nothing}))


@pytest.mark.parametrize("path", PATHS)
def test_nobody_is_sent_to_the_login_page(waiting: Shop, visit: Visit, path: str) -> None:
    answer = visit(waiting, None).get(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login")


@pytest.mark.parametrize("path", PATHS)
def test_a_user_without_the_right_gets_403(waiting: Shop, visit: Visit, path: str) -> None:
    answer = visit(waiting, "mo").get(path)
    assert answer.status_code == 403
    assert "roles" not in answer.text


@pytest.mark.parametrize("user", [None, "mo", "lee"])
def test_who_may_not_approve_cannot(waiting: Shop, visit: Visit, user: str | None) -> None:
    form = visit(waiting).form()
    answer = visit(waiting, user).approve(form)
    assert answer.status_code == (302 if user is None else 403)
    assert requests(waiting) == []


def test_who_may_only_look_sees_no_button_and_gets_no_token(waiting: Shop, visit: Visit) -> None:
    site = visit(waiting, "lee")
    text = site.text("/plan")
    with site.client.session_transaction() as session:
        assert "_seeder_panel_token" not in session
    assert "<form" not in text
    assert "a right that you do not have" in text


@pytest.mark.parametrize("answer", [None, 1, "yes", object(), ("", 200)])
def test_only_true_opens_the_door(waiting: Shop, visit: Visit, answer: object) -> None:
    assert visit(waiting, authorize=lambda: answer).get().status_code == 500


def test_a_coroutine_opens_nothing(waiting: Shop, visit: Visit) -> None:
    async def coroutine() -> bool:
        return True

    waits = coroutine()
    assert visit(waiting, authorize=lambda: waits).get().status_code == 500
    waits.close()


@pytest.mark.parametrize("name", [None, "", "  ", 7])
def test_an_approval_without_a_name_is_none(waiting: Shop, visit: Visit, name: object) -> None:
    site = visit(waiting, actor=lambda: name)
    assert site.approve().status_code == 500
    assert requests(waiting) == []


# -- where a request comes from ----------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "x", "é"])
def test_an_approval_without_the_sessions_token_is_refused(site: Site, token: str | None) -> None:
    form = site.form()
    del form["seeder_token"]
    answer = site.approve(form if token is None else {**form, "seeder_token": token})
    assert answer.status_code == 400
    assert "Nothing was approved." in answer.text


def test_the_token_of_another_session_is_refused(waiting: Shop, visit: Visit) -> None:
    theirs, own = visit(waiting).form(), visit(waiting)
    own.form()
    assert own.approve(theirs).status_code == 400
    assert requests(waiting) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 400),
        ({"Sec-Fetch-Site": "same-site"}, 400),
        ({"Sec-Fetch-Site": "none"}, 400),
        ({"Origin": "https://evil.test"}, 400),
        ({"Origin": "null"}, 400),
        ({"Origin": ""}, 400),
        ({"Origin": "http://["}, 400),
        ({"Origin": "https://localhost.evil.test"}, 400),
        ({"Origin": "https://evil.test", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "https://localhost"}, 303),
    ],
)
def test_an_approval_comes_from_the_panels_own_page(
    site: Site, headers: dict[str, str], status: int
) -> None:
    assert site.approve(headers=headers).status_code == status


def test_nothing_but_the_form_approves(site: Site) -> None:
    form = site.form()
    answer = site.client.get("/admin/seeder/plan", query_string=form)
    assert answer.status_code == 200
    assert "Approve this plan" in answer.text
    for path in ("/", "/runs", "/conflicts"):
        assert site.client.post(f"/admin/seeder{path}", data=form).status_code == 405


def test_pages_carry_headers_that_let_nothing_else_in(site: Site) -> None:
    headers = site.get("/plan").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    for path in PATHS:
        for name in ("Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options"):
            assert site.get(path).headers[name] == headers[name]
    assert site.get("/static/panel.css").headers["Cache-Control"] == "no-cache"
    for path in PATHS[:-1]:
        text = site.text(path)
        for forbidden in ("<script", "style=", "onclick", "javascript:", "http://", "https://"):
            assert forbidden not in text


# -- the database role -------------------------------------------------------------------

FORBIDDEN = (
    "UPDATE seeder.requests SET state = 'applied'",
    "DELETE FROM seeder.requests",
    "INSERT INTO seeder.requests (project, plan_id, actor, state) VALUES (1, 'p', 'jo', 'applied')",
    "INSERT INTO seeder.requests (project, plan_id, actor, run) VALUES (1, 'p', 'jo', 1)",
    "INSERT INTO seeder.requests (project, plan_id, actor, requested_at)"
    " VALUES (1, 'p', 'jo', now())",
    "TRUNCATE seeder.requests",
    "LOCK TABLE seeder.requests IN EXCLUSIVE MODE",
    "UPDATE seeder.pending_plan SET plan_id = 'x'",
    "DELETE FROM seeder.pending_plan",
    "UPDATE seeder.meta SET environment = 'dev'",
    "UPDATE seeder.runs SET actor = 'jo'",
    "INSERT INTO seeder.releases (project, release, run) VALUES (1, '9', 1)",
    "DELETE FROM seeder.changes",
    "UPDATE seeder.base_1 SET state = 'd'",
    "CREATE TABLE seeder.mine ()",
    "DROP TABLE seeder.requests",
    "SELECT * FROM roles",
    "SELECT * FROM members",
    "UPDATE roles SET level = 1",
    "INSERT INTO roles (code, level) VALUES ('x', 1)",
)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_role_can_do_nothing_else(waiting: Shop, statement: str) -> None:
    with (
        psycopg.connect(panel_url(waiting)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)  # type: ignore[call-overload]


def test_the_role_reads_tables_that_the_ledger_gets_later(waiting: Shop, visit: Visit) -> None:
    waiting.scripts.add("0003", "CREATE TABLE tiers (code text PRIMARY KEY, name text)")
    waiting.seed("tiers", "table: tiers\nkey: code\nrows:\n  - {code: free, name: Free}\n")
    run(waiting)
    assert waiting.value("SELECT count(*) FROM seeder.bases") == 3
    assert "No conflict is open" not in visit(waiting).text("/conflicts")
