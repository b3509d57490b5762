import re
from pathlib import Path

import seeder
from seeder.database.ledger.tables import states
from seeder.merge.rules import EntryState


def test_a_state_is_its_letter_with_its_name_beside_it():
    assert states.ACTIVE.as_string(None) == "'a' /* active */"
    assert states.OWNING.as_string(None) == "'a', 'k', 's' /* active, kept, set */"


def test_every_state_has_a_name_in_templates():
    for state in EntryState:
        assert states.STATES[state.name.lower()] == states.told(state)


def test_no_statement_names_a_state_by_its_bare_letter():
    bare = re.compile(r"state\b[^\n]{0,40}'[adkrs]'")
    for path in (Path(seeder.__file__).parent / "database").rglob("*.py"):
        found = [line for line in path.read_text().splitlines() if bare.search(line)]
        assert [line for line in found if "DEFAULT" not in line] == [], path
