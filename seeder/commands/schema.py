"""`seeder schema`: the JSON Schema of a seed file, or of seeder.toml."""

from __future__ import annotations

import click

from seeder.command_line import flags
from seeder.command_line.invocation import Invocation
from seeder.configuration.whereabouts import STARTER


@click.command(
    "schema", short_help="Print the JSON Schema of a seed file or of seeder.toml, for editors."
)
@click.argument(
    "kind", type=click.Choice(["seeds", "project"]), default="seeds", metavar="[seeds|project]"
)
@flags.LOG_FORMAT
@click.pass_obj
def command(invocation: Invocation, /, *, kind: str, **given: object) -> None:
    """Print the JSON Schema of a seed file (2020-12), or with `project` of seeder.toml (draft 4).

    Save it beside seeder.toml and name it in the first line of a seed file, and editors that
    speak the YAML language server complete keys and mark mistakes while you write. `seeder
    init` has done both; after an upgrade of seeder, save it anew. The tags !env, !file,
    !json, !now and !uuid are named to such an editor in its setting `yaml.customTags`.

    The first line of seeder.toml does the same for Taplo and Even Better TOML.

    \b
    Example:
      seeder schema > db/seeds.schema.json
      seeder schema project > db/seeder.schema.json

    \b
    The first line of db/seeds/core/roles.yaml:
      # yaml-language-server: $schema=../../seeds.schema.json

    \b
    The first line of db/seeder.toml:
      #:schema ./seeder.schema.json
    """
    invocation.open("schema", given, database_required=False)
    name = {"seeds": "seeds.schema.json", "project": "seeder.schema.json"}[kind]
    invocation.print((STARTER / name).read_text(encoding="utf-8"))
