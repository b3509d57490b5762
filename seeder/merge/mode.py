"""What `auto` means on one database: the mode of a run, from facts alone."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from msgspec import Struct, field

from seeder.errors import ConfigurationInvalid
from seeder.merge.given import Mode, is_disposable


class ModeFacts(Struct, frozen=True, kw_only=True):
    """What the mode of a run depends on."""

    asked: Mode
    environment: str
    """As the database is marked."""
    release: str | None
    """The catalog's."""
    applied: AbstractSet[str]
    """Releases that this database has had, and whose rows were not taken back."""
    approved: bool
    """An open request approves the very plan of an update made now."""
    takes_back: Mapping[str, str] = field(default_factory=dict)
    """Sets in which the release would take back what another one has brought, with its name."""


class ModeDecision(Struct, frozen=True, kw_only=True):
    """The mode of a run, never `auto`, and why."""

    mode: Mode
    reason: str
    adopt: bool = False
    """Rows that were here before seeder are adopted: a person has asked for this update."""
    warning: str | None = None


def decide_mode(facts: ModeFacts) -> ModeDecision:
    """Decide the mode; raises ConfigurationInvalid where a protected database would be refreshed.

    >>> launched = ModeFacts(
    ...     asked=Mode.AUTO, environment="production", release="2",
    ...     applied={"1", "2"}, approved=False)
    >>> decide_mode(launched).mode
    <Mode.INIT: 'init'>
    """
    disposable = is_disposable(facts.environment)
    if facts.asked is Mode.REFRESH and not disposable:
        raise ConfigurationInvalid(
            f"Mode refresh rewrites every seeded row, and this database is marked"
            f" {facts.environment}.",
            hint="Refresh is for databases marked dev or test.",
            code="environment-mismatch",
        )
    if facts.asked is not Mode.AUTO:
        return ModeDecision(mode=facts.asked, reason="asked for", adopt=facts.asked is Mode.UPDATE)
    if facts.approved:
        return ModeDecision(mode=Mode.UPDATE, reason="an approved request waits", adopt=True)
    if disposable:
        return ModeDecision(mode=Mode.UPDATE, reason=f"{facts.environment} is disposable")
    if facts.release is None:
        return ModeDecision(mode=Mode.INIT, reason="the catalog names no release")
    if facts.release in facts.applied:
        return ModeDecision(mode=Mode.INIT, reason=f"release {facts.release} was applied before")
    if facts.takes_back:
        others = ", ".join(sorted(set(facts.takes_back.values())))
        reason = f"release {facts.release} does not build on {others}"
        return ModeDecision(
            mode=Mode.INIT,
            reason=reason,
            warning=f"Release {facts.release} is left pending: it does not build on release"
            f" {others}, and would take back what that has brought in"
            f" {', '.join(facts.takes_back)}. Put both into a later release; or say in seeder.toml"
            f' that it does, supersedes = ["{others}"]; or take it back with `seeder run --mode'
            " update`.",
        )
    return ModeDecision(mode=Mode.UPDATE, reason=f"release {facts.release} is new here")
