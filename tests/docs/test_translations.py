"""docs/translations.md: its catalog, edited by a customer and changed by a release."""

from __future__ import annotations

import yaml

from seeder.merge.plan import ColumnCase
from tests.docs.pages import DOCS, blocks
from tests.support.merge import Project


def test_a_language_that_people_edited_is_told_that_its_source_has_changed(
    project: Project,
) -> None:
    first, release = (
        block.text for block in blocks(DOCS / "translations.md") if block.language == "yaml"
    )
    project.sql(
        "CREATE TABLE roles (id serial PRIMARY KEY, code text UNIQUE NOT NULL, label jsonb)"
    )
    project.write("roles", first)
    project.init()
    project.sql("UPDATE roles SET label = jsonb_set(label, '{de,text}', '\"Gast\"')")
    project.sql('UPDATE roles SET label = label || \'{"nl": {"text": "Lezer"}}\'')
    catalog = yaml.safe_load(first)
    catalog["rows"][0]["label"] = yaml.safe_load(release)
    project.write("roles", yaml.safe_dump(catalog))
    assert project.update().counts["conflicts"] == 1
    row = project.row_plan("roles/viewer")
    (conflict,) = [each for each in row.columns if each.case is ColumnCase.CONFLICT]
    assert conflict.name == "label.de"
    assert yaml.safe_load(conflict.live or "") == {"text": "Gast", "of": "Viewer"}
    assert yaml.safe_load(conflict.desired or "") == {"text": "Leser", "of": "Reader"}
    assert project.value("SELECT label FROM roles") == yaml.safe_load(release) | {
        "de": {"text": "Gast", "of": "Viewer"},
        "nl": {"text": "Lezer"},
    }
