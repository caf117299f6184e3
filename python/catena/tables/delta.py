# SPDX-License-Identifier: Apache-2.0
"""Delta Lake: a folder with `_delta_log`, read as of its newest version."""

import json
import os
import urllib.parse

from catena.tables.snapshot import Column, File, Snapshot, TableError, inside, without_rows

NAME = "delta"
PACKAGE = "deltalake"
LOCATION = "the table's folder"

# What a reader has to know of a table before it may read it.
_FEATURES = {"columnMapping", "deletionVectors", "timestampNtz", "typeWidening",
             "typeWidening-preview", "v2Checkpoint", "vacuumProtocolCheck"}
_TYPES = {"boolean": "BOOLEAN", "byte": "BYTE", "short": "SHORT", "integer": "INT", "long": "LONG",
          "float": "FLOAT", "double": "DOUBLE", "string": "STRING", "binary": "BINARY",
          "date": "DATE", "timestamp": "TIMESTAMP", "timestamp_ntz": "TIMESTAMP"}


def read(location: str):
    """A RecordBatchReader over all rows; one snapshot of the table."""
    import pyarrow
    from deltalake import DeltaTable

    table = DeltaTable(location)
    if {"columnMapping", "deletionVectors"} & set(table.protocol().reader_features or []):
        return pyarrow.RecordBatchReader.from_stream(table.scan())
    return table.to_pyarrow_dataset().scanner().to_reader()


def snapshot(folder: str, copies: str) -> Snapshot:
    from deltalake import DeltaTable
    import pyarrow

    table = DeltaTable(folder)
    unknown = set(table.protocol().reader_features or []) - _FEATURES
    if unknown:
        raise TableError(f"the table asks its readers for {', '.join(sorted(unknown))}, which is "
                         "not known here")
    fields = json.loads(table.schema().to_json())["fields"]
    mapping = table.metadata().configuration.get("delta.columnMapping.mode", "none")
    columns = [_column(described, mapping) for described in fields]
    logical = {column.stored[0]: column.name for column in columns}
    has_vectors = "deletionVectors" in (table.protocol().reader_features or [])
    keep = _kept_rows(table) if has_vectors else {}
    result = Snapshot(columns)
    for action in pyarrow.table(table.get_add_actions()).to_pylist():
        path = inside(folder, _local_path(folder, urllib.parse.unquote(action["path"])))
        kept = keep.get(os.path.realpath(path))
        if kept is not None:
            path = without_rows(path, kept, copies)
        values = {logical.get(name, name): _text(value)
                  for name, value in (action.get("partition") or {}).items()}
        result.files.append(File(path, values))
    return result


def _column(described, mapping: str) -> Column:
    metadata = described.get("metadata") or {}
    if mapping == "none":
        return Column(described["name"], _type(described), None, [described["name"]])
    kind = _type(described)
    if "STRUCT<" in kind:
        raise TableError("a struct in a table with column mapping has other names in every file; "
                         f"bring the table in with `catena import`: column {described['name']}")
    number = metadata["delta.columnMapping.id"] if mapping == "id" else None
    return Column(described["name"], kind, number, [metadata["delta.columnMapping.physicalName"]])


def _type(described) -> str:
    def spell(kind) -> str:
        if isinstance(kind, str):
            if kind.startswith("decimal"):
                return "DOUBLE"
            if kind in _TYPES:
                return _TYPES[kind]
        elif kind["type"] == "array":
            return f"LIST<{spell(kind['elementType'])}>"
        elif kind["type"] == "map":
            return f"MAP<{spell(kind['keyType'])},{spell(kind['valueType'])}>"
        elif kind["type"] == "struct":
            inner = ",".join(f"{f['name']}:{spell(f['type'])}" for f in kind["fields"])
            return f"STRUCT<{inner}>"
        raise TableError(f"a type that has no like here: column {described['name']}: {kind}")

    return spell(described["type"])


def _local_path(folder: str, path: str) -> str:
    if "://" in path and not path.startswith("file://"):
        raise TableError(f"only files of this machine are read in place: {path}")
    return os.path.join(folder, path.removeprefix("file://"))


def _kept_rows(table) -> dict[str, bytes]:
    """By file, a byte for each of its rows: 0 when the row is deleted."""
    import pyarrow

    kept = {}
    for batch in pyarrow.RecordBatchReader.from_stream(table.deletion_vectors()):
        for path, mask in zip(batch["filepath"].to_pylist(), batch["selection_vector"],
                              strict=True):
            local = urllib.parse.unquote(path.removeprefix("file://"))
            kept[os.path.realpath(local)] = bytes(mask.values.cast("uint8").to_pylist())
    return kept


def _text(value) -> str | None:
    """As the log has it; an empty text is its null."""
    if value is None or value == "":
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
