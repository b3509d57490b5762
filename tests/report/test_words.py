"""Whoever settles a conflict reads the same words wherever it is seen."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from seeder.command_line.group import seeder
from seeder.merge.choices import AFTERWARDS, MEANING, UNTIL_THEN, Take, command
from seeder.merge.rules import ROW_RULES
from seeder.report.words import ACTIONS
from tests.support.shop import Shop

ADDRESS = "tiers/team"


def plain(text: str) -> str:
    """A text without markup, line breaks, and the capital that begins a sentence."""
    text = re.sub(r"<style>.*?</style>|<[^>]+>|`", "", text, flags=re.DOTALL)
    return " ".join(html.unescape(text).split()).lower()


@pytest.fixture
def seen(second: Shop, tmp_path: Path) -> dict[str, str]:
    """What each report of the same conflict says."""
    page, report = tmp_path / "plan.html", tmp_path / "report.html"
    plan = second.command("plan", "--html", str(page)).stdout
    comment = second.command("plan", "--markdown").stdout
    run = second.run("--report", str(report), SEEDER_LOG_FORMAT="text").stdout
    return {
        "plan": plain(plan),
        "comment": plain(comment),
        "page": plain(page.read_text(encoding="utf-8")),
        "run": plain(run),
        "report": plain(report.read_text(encoding="utf-8")),
    }


@pytest.mark.parametrize("take", list(Take))
def test_each_report_says_what_a_choice_means_and_how_it_is_made(
    seen: dict[str, str], take: Take
) -> None:
    for words in (MEANING[take], command(ADDRESS, take), UNTIL_THEN):
        assert [name for name, text in seen.items() if plain(words) not in text] == []


@pytest.mark.parametrize("take", list(Take))
def test_the_command_and_its_help_say_it_in_the_same_words(second: Shop, take: Take) -> None:
    assert second.run().exit_code == 0
    told = plain(CliRunner().invoke(seeder, ["resolve", "--help"]).output)
    assert f"{take}: {MEANING[take]}".lower() in told
    assert plain(MEANING[take]) in plain(second.command("status").stdout)
    settled = second.command("resolve", ADDRESS, "--take", take.value)
    assert settled.exit_code == 0, settled.stderr
    assert plain(f"--take {take} {MEANING[take]}. {AFTERWARDS[take]}") in plain(settled.stdout)


def test_a_choice_shows_what_it_did_to_the_value(second: Shop) -> None:
    assert second.run().exit_code == 0
    assert "price  65 stays, not 69" in second.command("resolve", ADDRESS, "--take=live").stdout
    second.seed(
        "tiers", (second.directory / "seeds/core/tiers.yaml").read_text().replace("69", "70")
    )
    second.configure(release="3")
    assert second.run().exit_code == 0
    done = second.command("resolve", ADDRESS, "--take=desired").stdout
    assert "price  65 → 70" in done


def test_the_command_of_a_report_settles_the_conflict(second: Shop, seen: dict[str, str]) -> None:
    (given,) = set(re.findall(r"seeder (resolve \S+ --take desired)", seen["report"]))
    assert second.command(*given.split()).exit_code == 0
    assert second.value("SELECT price FROM tiers WHERE code = 'team'") == 69


def test_every_action_of_the_rules_has_its_words() -> None:
    assert {rule.verdict for rule in ROW_RULES} <= set(ACTIONS)
