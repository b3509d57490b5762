"""Reports in a real browser: on a phone, in the dark, on paper, and with nothing loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.report.conftest import HOSTILE
from tests.report.test_html import hostile_source
from tests.support.shop import Shop

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

CONTRAST = """
() => {
  const channel = c => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const parts = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) =>
    .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const behind = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parts(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own) continue;
    const [a, b] = [parts(getComputedStyle(element).color), behind(element)].map(light);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) poor.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
  }
  return poor;
}
"""
"""Elements whose text has less contrast than WCAG's AA asks for."""

CUT = """
() => [...document.querySelectorAll('main *')].filter(
  each => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0
    && getComputedStyle(each).display !== 'inline'
    && getComputedStyle(each).overflowX !== 'visible' && !each.closest('.scroll')
).map(each => each.outerHTML.slice(0, 80))
"""
"""Elements that hide a part of their text."""


@pytest.fixture
def pages(second: Shop, tmp_path: Path) -> dict[str, Path]:
    """A plan, the report of its run, that of a failure, and a plan of hostile values."""
    files = {name: tmp_path / f"{name}.html" for name in ("plan", "run", "failure", "hostile")}
    assert second.command("plan", "--html", str(files["plan"])).exit_code == 0
    assert second.run("--report", str(files["run"])).exit_code == 0
    second.seed("tiers", "tabel: tiers\nkey: code\nrows:\n  - {code: a, name: x}\n")
    assert second.run("--report", str(files["failure"])).exit_code == 10
    files["hostile"].write_text(hostile_source("".join(HOSTILE)), encoding="utf-8")
    return files


@pytest.fixture
def asked(context: BrowserContext) -> list[str]:
    """What the pages of the context ask for, beside themselves."""
    found: list[str] = []
    context.on("request", lambda request: found.append(request.url))
    return found


@pytest.fixture(params=["light", "dark"])
def context(browser: Browser, request: Any) -> Iterator[BrowserContext]:
    """A phone, by day and by night."""
    made = browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, color_scheme=request.param
    )
    yield made
    made.close()


def test_a_phone_shows_each_page_whole_readable_and_without_the_network(
    context: BrowserContext, pages: dict[str, Path], asked: list[str]
) -> None:
    for file in pages.values():
        page = context.new_page()
        dialogs: list[str] = []
        page.on("dialog", lambda dialog, found=dialogs: found.append(dialog.message))
        page.goto(file.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert (file.name, width) == (file.name, 390)
        assert (file.name, page.evaluate(CONTRAST)) == (file.name, [])
        assert (file.name, page.evaluate(CUT)) == (file.name, [])
        assert dialogs == []
        page.close()
    assert asked == [file.as_uri() for file in pages.values()]


def test_a_print_shows_what_was_closed_on_the_screen(
    browser: Browser, second: Shop, tmp_path: Path
) -> None:
    rows = "\n".join(f"  - {{code: t{n}, name: Some}}" for n in range(30))
    second.seed("tiers", f"table: tiers\nkey: code\nrows:\n{rows}\n")
    file = tmp_path / "plan.html"
    assert second.command("plan", "--html", str(file)).exit_code == 0
    page = browser.new_page()
    page.goto(file.as_uri())
    last = page.get_by_text("tiers/t29", exact=True)
    assert not last.is_visible()
    page.emulate_media(media="print")
    assert last.is_visible()
    page.close()
