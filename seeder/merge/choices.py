"""How a conflict is settled: the two choices, in the words that every command uses."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from enum import StrEnum


class Take(StrEnum):
    """Which value a conflict ends with."""

    LIVE = "live"
    DESIRED = "desired"


MEANING: Mapping[Take, str] = {
    Take.LIVE: "keeps what is live; the catalog's value counts as declined",
    Take.DESIRED: "writes the catalog's value over what is live",
}

AFTERWARDS: Mapping[Take, str] = {
    Take.LIVE: "Should the catalog ask for yet another value, that is a conflict again.",
    Take.DESIRED: "Later changes of the catalog arrive again, as long as nobody edits the value.",
}

LEFT_MEANING: Mapping[Take, str] = {
    Take.LIVE: "keeps the row, and seeder lets go of it",
    Take.DESIRED: "removes the row as its set says, although people changed it",
}
"""Of a row that has left the catalog, and stays since people changed it or refer to it."""

LEFT_AFTERWARDS: Mapping[Take, str] = {
    Take.LIVE: "Should the catalog have it again, it is merged as before.",
    Take.DESIRED: "Should the catalog have it again, it comes back.",
}

HELD_MEANING: Mapping[Take, str] = {
    Take.LIVE: "makes that other row the seeded one, with the values that it has",
    Take.DESIRED: "waits for the value to be free",
}
"""Of a row that is not there, since another one holds a unique value of it."""

HELD_AFTERWARDS: Mapping[Take, str] = {
    Take.LIVE: AFTERWARDS[Take.LIVE],
    Take.DESIRED: "The first run that finds it free inserts the row.",
}

HELD_EXPLAINED = (
    "Of a row that is not there since another one holds a unique value of it, `--take live`"
    f" {HELD_MEANING[Take.LIVE]}; `--take desired` {HELD_MEANING[Take.DESIRED]}."
)
"""What stands beside the explanation of the choices where such rows are among them."""

UNTIL_THEN = (
    "Until somebody chooses, what is live stays; the conflict is not reported again before the"
    " catalog asks for another value. With a name behind the address, as in `roles/viewer#label`,"
    " one column or part is settled and no other."
)

EXPLAINED = (
    f"`--take live` {MEANING[Take.LIVE]}. `--take desired` {MEANING[Take.DESIRED]}. {UNTIL_THEN}"
)
"""What stands once below conflicts and their commands."""

LEFT_EXPLAINED = (
    f"Of a row that left the catalog, `--take live` {LEFT_MEANING[Take.LIVE]};"
    f" `--take desired` {LEFT_MEANING[Take.DESIRED]}."
)
"""What stands beside it where such rows are among them."""


def command(address: str, take: Take) -> str:
    """The command that settles the conflicts of a row, as a shell takes it."""
    return f"seeder resolve {shlex.quote(address)} --take {take}"
