"""What `auto` means: the facts, and the mode they lead to."""

from __future__ import annotations

from typing import Any

import pytest

from seeder.errors import ConfigurationInvalid
from seeder.merge.mode import ModeDecision, ModeFacts, decide_mode
from seeder.merge.model import Mode


def decided(asked: Mode = Mode.AUTO, **facts: Any) -> ModeDecision:
    known = {
        "environment": "production",
        "release": "2",
        "applied": frozenset({"1", "2"}),
        "approved": False,
    }
    return decide_mode(ModeFacts(asked=asked, **(known | facts)))


@pytest.mark.parametrize(
    ("facts", "mode"),
    [
        ({}, Mode.INIT),
        ({"release": "3"}, Mode.UPDATE),
        ({"release": "3", "applied": frozenset()}, Mode.UPDATE),
        ({"release": "1"}, Mode.INIT),
        ({"release": None}, Mode.INIT),
        ({"release": None, "approved": True}, Mode.UPDATE),
        ({"approved": True}, Mode.UPDATE),
        ({"environment": "staging"}, Mode.INIT),
        ({"environment": "dev"}, Mode.UPDATE),
        ({"environment": "test", "release": None}, Mode.UPDATE),
    ],
    ids=[
        "applied",
        "new",
        "first",
        "rolled-back",
        "no-release",
        "approved-without-release",
        "approved",
        "staging-is-protected",
        "dev",
        "test",
    ],
)
def test_auto_is_decided_by_release_request_and_environment(
    facts: dict[str, Any], mode: Mode
) -> None:
    assert decided(**facts).mode is mode


@pytest.mark.parametrize("mode", [Mode.INIT, Mode.UPDATE, Mode.NONE])
def test_a_mode_that_was_asked_for_stands(mode: Mode) -> None:
    for environment in ("production", "dev"):
        for release in (None, "2", "3"):
            found = decided(mode, environment=environment, release=release, approved=True)
            assert found.mode is mode


def test_only_who_asks_for_an_update_adopts_what_was_here_before() -> None:
    assert decided(Mode.UPDATE).adopt
    assert decided(approved=True, release="3").adopt
    assert not decided(release="3").adopt
    assert not decided(environment="dev").adopt
    assert not decided(Mode.REFRESH, environment="dev").adopt


def test_refresh_is_for_disposable_databases_only() -> None:
    assert decided(Mode.REFRESH, environment="dev").mode is Mode.REFRESH
    for environment in ("production", "staging"):
        with pytest.raises(ConfigurationInvalid, match=environment):
            decided(Mode.REFRESH, environment=environment)


def test_the_reason_is_in_words() -> None:
    assert decided(release="3").reason == "release 3 is new here"
    assert decided().reason == "release 2 was applied before"
    assert decided(environment="dev").reason == "dev is disposable"
    assert decided(Mode.INIT).reason == "asked for"
