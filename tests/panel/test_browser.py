"""The panel in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from seeder.merge.plan import ColumnCase
from seeder.merge.plan_document import to_document
from tests.panel.conftest import AFTER, application, panel_url, run, store
from tests.panel.test_pages import HOSTILE
from tests.support.plans import a_column, a_plan, a_row, a_set
from tests.support.shop import Shop

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
AFTERWARDS = ("/", "/plan", "/conflicts", "/approvals", "/runs/3")
PAGES = ("/", "/plan", "/plan/sets/roles", "/conflicts", "/approvals", "/runs", "/runs/1")


@pytest.fixture
def url(waiting: Shop, serve: Callable[[Any], str]) -> str:
    """Where the application is served, while a plan waits."""
    return serve(application(panel_url(waiting)))


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page of Jo's; whatever the browser complains of fails the test."""
    context = browser.new_context(base_url=url, viewport=DESKTOP)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.goto("/login?as=jo")
    yield page
    context.close()
    refused = "Failed to load resource: the server responded with a status of"
    assert [each for each in complaints if not each.startswith(refused)] == []


def open_panel(page: Page, path: str = "/") -> None:
    page.goto(f"/admin/seeder{path}")


def test_a_plan_is_read_approved_applied_and_accounted_for(page: Page, waiting: Shop) -> None:
    open_panel(page)
    page.get_by_role("link", name="Look at the plan").click()
    row = page.get_by_role("row", name="level").filter(has_text="is updated")
    assert [cell.inner_text() for cell in row.get_by_role("cell").all()][:3] == ["3", "3", "30"]
    conflict = page.get_by_role("article", name="Conflict in roles/editor")
    table = conflict.get_by_role("table", name="Column level")
    assert [cell.inner_text() for cell in table.get_by_role("cell").all()] == ["2", "7", "20"]
    commands = page.get_by_role("group", name="Command")
    assert commands.first.inner_text() == "seeder resolve roles/editor --take live"
    page.get_by_role("button", name="Approve this plan").click()
    assert "approved" in page.get_by_role("status").inner_text()
    assert page.get_by_role("button").count() == 0
    run(waiting)
    page.reload()
    assert page.get_by_text("Nothing waits for an approval.").is_visible()
    page.get_by_role("link", name="run 3").click()
    assert page.get_by_text("jo@example.test").is_visible()
    assert waiting.value("SELECT level FROM roles WHERE code = 'owner'") == 30


def test_a_plan_that_was_replaced_while_it_was_read_is_refused(page: Page, waiting: Shop) -> None:
    open_panel(page, "/plan")
    waiting.seed("roles", AFTER + "      - {code: guest, level: 0}\n")
    run(waiting)
    page.get_by_role("button", name="Approve this plan").click()
    assert "Nothing was approved." in page.get_by_role("alert").inner_text()
    assert waiting.value("SELECT count(*) FROM seeder.requests") == 0
    page.get_by_role("link", name="Look at the plan of now").click()
    assert page.get_by_text("roles/guest").is_visible()
    page.get_by_role("button", name="Approve this plan").click()
    assert page.get_by_role("status").is_visible()


def test_the_keyboard_alone_approves(page: Page, waiting: Shop) -> None:
    open_panel(page)
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    tab_to(page, "Look at the plan")
    page.keyboard.press("Enter")
    page.wait_for_url("**/plan")
    tab_to(page, "Approve this plan")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.get_by_role("status").wait_for()
    assert waiting.value("SELECT count(*) FROM seeder.requests") == 1


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.innerText")).strip()


def tab_to(page: Page, text: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if focused(page) == text:
            return
    pytest.fail(f"60 times Tab do not lead to {text!r}")


def test_hostile_values_stay_text(page: Page, waiting: Shop) -> None:
    values = [*HOSTILE, "x" * 2000, "very long " * 200, "line\nbreak", "‮" * 30]
    rows = []
    for n, value in enumerate(values):
        conflict = a_column(value, case=ColumnCase.CONFLICT, live=value, desired=value)
        rows.append(a_row(f"roles/{n}{value}", columns=(conflict,), conflict=True))
        rows.append(a_row(f"roles/u{n}{value}", columns=(a_column(desired=value),)))
    plan = a_plan(sets=(a_set("roles", *rows),))
    store(waiting, plan.id, to_document(plan))
    for viewport in (DESKTOP, PHONE):
        page.set_viewport_size(viewport)
        for path in ("/plan", "/plan/sets/roles"):
            open_panel(page, path)
            assert page.locator("script, img, iframe, b").count() == 0
            assert "<script>alert(1)</script>" in page.locator("main").inner_text()
            assert overflow(page) <= 0
    folded = page.locator("details.long").first
    folded.locator("summary").press("Enter")
    assert folded.locator("bdi").last.is_visible()


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("paths", [PAGES, AFTERWARDS], ids=["before", "afterwards"])
def test_every_page_fits_and_can_be_read(
    browser: Browser, url: str, waiting: Shop, viewport: Any, scheme: Any, paths: tuple[str, ...]
) -> None:
    context = browser.new_context(base_url=url, viewport=viewport, color_scheme=scheme)
    page = context.new_page()
    page.goto("/login?as=jo")
    if paths is AFTERWARDS:
        open_panel(page, "/plan")
        page.get_by_role("button", name="Approve this plan").click()
        run(waiting)
    for path in paths:
        open_panel(page, path)
        assert overflow(page) <= 0, path
        assert page.locator("h1").count() == 1
        assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1
        assert page.get_by_role("navigation", name="Panel").is_visible()
        assert page.locator("table:not(:has(caption))").count() == 0
        assert skipped_headings(page) == [], path
        assert too_faint(page) == [], path
    context.close()


def skipped_headings(page: Page) -> list[str]:
    """Headings that are more than one level below the one before."""
    found = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5')].map(h => [+h.tagName[1], h.innerText])"
    )
    levels = [0, *(level for level, _ in found)]
    return [
        text for before, (level, text) in zip(levels, found, strict=False) if level > before + 1
    ]


def too_faint(page: Page) -> list[str]:
    """Texts whose contrast with what is behind them is below 4.5 (WCAG AA)."""
    return list(
        page.evaluate(
            """() => {
                const parse = c => c.match(/[\\d.]+/g).map(Number);
                const light = c => {
                    const [r, g, b] = c.map(v => (v /= 255) <= .03928
                        ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                    return .2126 * r + .7152 * g + .0722 * b;
                };
                const behind = e => {
                    for (; e; e = e.parentElement) {
                        const c = parse(getComputedStyle(e).backgroundColor);
                        if (c.length === 3 || c[3] === 1) return c.slice(0, 3);
                    }
                    return [255, 255, 255];
                };
                const faint = [];
                for (const e of document.querySelectorAll('body *')) {
                    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
                    const a = light(parse(getComputedStyle(e).color).slice(0, 3));
                    const b = light(behind(e));
                    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
                    if (ratio < 4.5) faint.push(`${e.innerText}: ${ratio.toFixed(1)}`);
                }
                return faint;
            }"""
        )
    )


def test_it_works_without_javascript(browser: Browser, url: str, waiting: Shop) -> None:
    context = browser.new_context(base_url=url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/login?as=jo")
    open_panel(page, "/plan")
    page.get_by_role("button", name="Approve this plan").click()
    assert page.get_by_role("status").is_visible()
    context.close()
    assert waiting.value("SELECT count(*) FROM seeder.requests") == 1


def test_a_user_without_the_right_is_forbidden(browser: Browser, url: str) -> None:
    context = browser.new_context(base_url=url)
    page = context.new_page()
    page.goto("/login?as=mo")
    answer = page.goto("/admin/seeder/plan")
    assert answer is not None
    assert answer.status == 403
    assert "roles" not in page.content()
    context.close()


def test_a_form_on_another_site_approves_nothing(
    browser: Browser, url: str, waiting: Shop, serve: Callable[[Any], str]
) -> None:
    plan_id = waiting.value("SELECT plan_id FROM seeder.pending_plan")

    def evil(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        return [
            f'<form method="post" action="{url}/admin/seeder/plan">'
            f'<input name="plan_id" value="{plan_id}"><button>Win</button></form>'.encode()
        ]

    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/login?as=jo")
    page.goto(serve(evil).replace("127.0.0.1", "localhost"))
    page.get_by_role("button", name="Win").click()
    page.wait_for_url("**/admin/seeder/plan")
    context.close()
    assert waiting.value("SELECT count(*) FROM seeder.requests") == 0
