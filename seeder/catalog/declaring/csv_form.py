"""What a seed file may say of a CSV file that somebody else has made: `rows_from: {file: ...}`."""

from __future__ import annotations

from seeder.catalog.declaring.node_reader import NodeReader
from seeder.catalog.formats.csv_files import CsvForm
from seeder.catalog.formats.files import Unreadable
from seeder.catalog.formats.nodes import Mapping, Node, Scalar, kind

KEYS = ("file", "delimiter", "null", "skip", "rename")


class CsvFormReader(NodeReader):
    """Reads the mapping of one `rows_from`."""

    def read(self, node: Mapping) -> tuple[Scalar | None, CsvForm]:
        """The file's name, None where it is not given rightly, and its form."""
        self.known(node, KEYS, "key of `rows_from`")
        items = node.items
        file = items.get("file")
        if not isinstance(file, Scalar) or not self.is_text(file):
            self.bad(node, "`rows_from` needs a file", "Write {file: NAME.csv, ...}.")
            file = None
        skip = self.names(items["skip"], "skip") if "skip" in items else ()
        form = CsvForm(
            delimiter=self._delimiter(items.get("delimiter")),
            null=self._null(items.get("null")),
            byte_order_mark=True,
            skip=skip or (),
            names=self._renamed(items.get("rename")),
        )
        return file, form

    def _delimiter(self, node: Node | None) -> str:
        if node is None:
            return ","
        value = node.value if isinstance(node, Scalar) and node.tag is None else None
        if isinstance(value, str) and len(value) == 1 and value not in '"\r\n':
            return value
        self.bad(node, "`delimiter` is not one character", 'Write ";" or "\\t", in quotes.')
        return ","

    def _null(self, node: Node | None) -> str:
        if node is None:
            return ""
        value = node.value if isinstance(node, Scalar) and node.tag is None else None
        if isinstance(value, str) and not set(value) & set('"\r\n'):
            return value
        self.bad(node, f"`null` takes text, not {kind(node)}", 'Quote it: "NULL".')
        return ""

    def _renamed(self, node: Node | None) -> dict[str, str]:
        if node is None or not self.is_mapping(node, "`rename`", "Write column of the file: ours."):
            return {}
        found = {name: self.text_of(each, "rename") for name, each in node.items.items()}
        return {name: new for name, new in found.items() if new is not None}


def columns_of(header: tuple[str, ...], form: CsvForm) -> dict[int, str]:
    """The column of the table for each place in the file that is seeded; raises `Unreadable`."""
    unknown = [name for name in (*form.skip, *form.names) if name not in header]
    if unknown:
        raise Unreadable(
            f"the header has no column `{unknown[0]}`",
            remedy=f"It has {', '.join(header)}.",
            line=1,
        )
    columns = {
        place: form.names.get(name, name)
        for place, name in enumerate(header)
        if name not in form.skip
    }
    twice = [name for name in columns.values() if list(columns.values()).count(name) > 1]
    if twice:
        raise Unreadable(f"two columns would be `{twice[0]}`", remedy="Skip one.", line=1)
    return columns
