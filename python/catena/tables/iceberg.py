# SPDX-License-Identifier: Apache-2.0
"""Apache Iceberg: a table by its metadata file, or by its folder.

Of a folder the current metadata is the one that `metadata/version-hint.text` names, as Hadoop's
catalog writes it, else the one of the highest version.
"""

import datetime
import os
import pathlib
import re

from catena.tables.snapshot import Column, File, Snapshot, TableError, inside, without_rows

NAME = "iceberg"
PACKAGE = "pyiceberg"
LOCATION = "the table's folder, or one metadata.json"

_EPOCH = datetime.date(1970, 1, 1)
_TYPES = {"boolean": "BOOLEAN", "int": "INT", "long": "LONG", "float": "FLOAT", "double": "DOUBLE",
          "string": "STRING", "binary": "BINARY", "date": "DATE", "timestamp": "TIMESTAMP",
          "timestamptz": "TIMESTAMP", "timestamp_ns": "TIMESTAMP", "timestamptz_ns": "TIMESTAMP"}


def metadata_of(location: str) -> str:
    """The metadata file itself; of a folder the current one."""
    folder = pathlib.Path(location)
    if not folder.is_dir():
        return location
    hint = folder / "metadata" / "version-hint.text"
    if hint.is_file():
        version = hint.read_text(encoding="utf-8").strip()
        named = version if version.endswith(".metadata.json") else f"v{version}.metadata.json"
        return str(hint.with_name(named))
    versions: dict[int, list[pathlib.Path]] = {}
    for file in (folder / "metadata").glob("*.metadata.json"):
        if number := re.match(r"v?(\d+)", file.name):
            versions.setdefault(int(number[1]), []).append(file)
    if not versions:
        raise FileNotFoundError(f"no metadata/*.metadata.json in {location}")
    newest = sorted(versions[max(versions)])
    if len(newest) > 1:
        raise TableError("two metadata files are of the newest version, and only the catalog knows "
                         "which of them counts; write its name into metadata/version-hint.text: "
                         f"{newest[0].name}, {newest[1].name} in {location}")
    return str(newest[0])


def read(location: str):
    """A pyarrow RecordBatchReader over all rows; one snapshot of the table."""
    from pyiceberg.table import StaticTable

    return StaticTable.from_metadata(metadata_of(location)).scan().to_arrow_batch_reader()


def snapshot(folder: str, copies: str) -> Snapshot:
    from pyiceberg.table import StaticTable

    table = StaticTable.from_metadata(metadata_of(folder))
    location = _local(table.location())
    if os.path.realpath(location) != os.path.realpath(folder):
        raise TableError(f"the metadata says that the table lies elsewhere, so it was moved or "
                         f"copied; link to it, or bring it in with `catena import`: {location}")
    _refuse_nested_renames(table)
    result = Snapshot([_column(described, table) for described in table.schema().fields])
    deletes: dict[str, dict[str, list[int]]] = {}  # By delete file.
    for task in table.scan().plan_files():
        file = task.file
        if file.file_format.value != "PARQUET":
            raise TableError(f"a data file is no Parquet; bring the table in with `catena import`: "
                             f"{file.file_path}")
        path = inside(folder, _local(file.file_path))
        if task.delete_files:
            keep = bytearray(b"\x01" * file.record_count)
            for delete_file in task.delete_files:
                for position in _positions(table, delete_file, deletes).get(file.file_path, ()):
                    keep[position] = 0
            path = without_rows(path, bytes(keep), copies)
        result.files.append(File(path, _values(table, file)))
    return result


def _local(path: str) -> str:
    if "://" in path and not path.startswith("file://"):
        raise TableError(f"only files of this machine are read in place: {path}")
    return re.sub(r"^file:(//)?", "", path)


def _column(described, table) -> Column:
    if described.initial_default is not None:
        raise TableError("a column has a default for rows that were written before it; bring the "
                         f"table in with `catena import`: column {described.name}")
    names = [described.name]
    for mapped in table.name_mapping().root if table.name_mapping() else ():
        if mapped.field_id == described.field_id:
            names = list(mapped.names)
    return Column(described.name, _type(described.field_type, described.name), described.field_id,
                  names)


def _type(kind, column: str) -> str:
    if kind.is_primitive:
        name = str(kind)
        if name.startswith("decimal"):
            return "DOUBLE"
        if name.startswith("fixed"):
            return "BINARY"
        if name in _TYPES:
            return _TYPES[name]
    elif hasattr(kind, "element_type"):
        return f"LIST<{_type(kind.element_type, column)}>"
    elif hasattr(kind, "key_type"):
        return f"MAP<{_type(kind.key_type, column)},{_type(kind.value_type, column)}>"
    elif hasattr(kind, "fields"):
        inner = ",".join(f"{field.name}:{_type(field.field_type, column)}" for field in kind.fields)
        return f"STRUCT<{inner}>"
    raise TableError(f"a type that has no like here: column {column}: {kind}")


def _refuse_nested_renames(table) -> None:
    """Fields inside a struct are found by name; those of a file may have had another."""
    names: dict[int, str] = {}
    for schema in table.schemas().values():
        for number, name in schema._lazy_id_to_name.items():
            if "." in name and names.setdefault(number, name) != name:
                raise TableError("a field inside a struct was renamed; bring the table in with "
                                 f"`catena import`: {names[number]}, then {name}")


def _values(table, file) -> dict[str, str | None]:
    """What the partition of a file says: its columns, and days under the name of their field."""
    values = {}
    names = {f.field_id: f.name for f in table.schema().fields}
    for place, part in enumerate(table.specs()[file.spec_id].fields):
        value, how = file.partition[place], str(part.transform)
        if how == "identity" and part.source_id in names:
            kind = str(table.schema().find_type(part.source_id))
            if kind == "date" and value is not None:
                value = _EPOCH + datetime.timedelta(days=value)
            if kind in ("string", "int", "long", "date", "boolean"):
                values[names[part.source_id]] = None if value is None else _text(value)
        elif how in ("day", "hour"):
            days = value if how == "day" or value is None else value // 24
            values[part.name] = None if days is None else str(
                _EPOCH + datetime.timedelta(days=days))
    return values


def _text(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _positions(table, delete_file, known) -> dict[str, list[int]]:
    """Of a delete file, the deleted rows by data file."""
    if delete_file.file_path not in known:
        known[delete_file.file_path] = _read_positions(table, delete_file)
    return known[delete_file.file_path]


def _read_positions(table, delete_file) -> dict[str, list[int]]:
    import pyarrow.parquet
    from pyiceberg.table.deletion_vector import deletion_vectors_from_puffin_file
    from pyiceberg.table.puffin import PuffinFile

    if delete_file.file_format.value == "PUFFIN":
        with table.io.new_input(delete_file.file_path).open() as stream:
            vectors = deletion_vectors_from_puffin_file(PuffinFile(stream.read()))
        return {v.referenced_data_file: v.to_vector().to_pylist() for v in vectors}
    if delete_file.file_format.value != "PARQUET":
        raise TableError("deleted rows stand in a file that is no Parquet; bring the table in with "
                         f"`catena import`: {delete_file.file_path}")
    rows = pyarrow.parquet.read_table(_local(delete_file.file_path), columns=["file_path", "pos"])
    found: dict[str, list[int]] = {}
    for path, position in zip(rows["file_path"].to_pylist(), rows["pos"].to_pylist(), strict=True):
        found.setdefault(path, []).append(position)
    return found
