# SPDX-License-Identifier: Apache-2.0
"""Tables of Delta Lake and Iceberg in the warehouse, read where they lie."""

import base64
import importlib.util
import json
import pathlib
import struct
import zlib

import pyarrow
import pyarrow.parquet
import pytest
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.typedef import Record

from catena import engine
from catena.tables import delta, iceberg, lake
from catena.tables.formats import FORMATS

COLUMNS = pyarrow.schema([("ds", pyarrow.string()), ("region", pyarrow.string()),
                          ("user", pyarrow.int64()), ("amount", pyarrow.float64())])


def rows_table(*rows, schema=COLUMNS):
    return pyarrow.table([list(column) for column in zip(*rows, strict=True)], schema=schema)


FIRST = rows_table(("2026-11-01", "a/b", 7, 1.5), ("2026-11-01", "é", 8, None),
                   ("2026-11-02", "a/b", 9, 2.5), ("2026-11-02", None, 7, 3.5))


class Delta:
    """A table at data.theirs, as another system writes it."""

    def __init__(self, warehouse):
        self.folder = str(warehouse / "data.db" / "theirs")

    def append(self, rows):
        from deltalake import write_deltalake

        write_deltalake(self.folder, rows, mode="append", partition_by=["ds", "region"],
                        schema_mode="merge")

    def delete(self, day):
        from deltalake import DeltaTable

        DeltaTable(self.folder).delete(f"ds = '{day}'")


class Iceberg:
    def __init__(self, warehouse):
        from pyiceberg.catalog.sql import SqlCatalog

        self.catalog = SqlCatalog("c", uri=f"sqlite:///{warehouse}/.catalog.db",
                                  warehouse=f"file://{warehouse}")
        self.catalog.create_namespace("data")
        self.location = f"file://{warehouse}/data.db/theirs"
        self.table = None

    def create(self, schema, *parts):
        """`parts`: columns, or (column, transform)."""
        from pyiceberg.transforms import parse_transform

        self.table = self.catalog.create_table("data.theirs", schema=schema,
                                               location=self.location)
        with self.table.update_spec() as spec:
            for part in parts:
                column, how = part if isinstance(part, tuple) else (part, "identity")
                spec.add_field(column, parse_transform(how))
        return self.table

    def append(self, rows):
        if self.table is None:
            self.create(rows.schema, "ds", "region")
        with self.table.update_schema() as update:
            update.union_by_name(rows.schema)
        self.table.append(rows)

    def delete(self, day):
        self.table.delete(f"ds = '{day}'")


WRITERS = {"delta": Delta, "iceberg": Iceberg}


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "catena.yaml").write_text("warehouse: warehouse\n")
    (tmp_path / "warehouse").mkdir()
    return tmp_path


def ask(repository, sql):
    done = engine.run("sql", "--json", sql, repository=repository)
    return [json.loads(line) for line in done.stdout.splitlines()]


def refusal(repository, *arguments, code=None):
    with pytest.raises(engine.EngineError) as raised:
        engine.run(*arguments, repository=repository)
    assert code in (None, raised.value.code)
    return str(raised.value)


def users(repository, where="true"):
    rows = ask(repository, f"SELECT user FROM data.theirs WHERE {where} ORDER BY ds, user")
    return [row["user"] for row in rows]


@pytest.mark.parametrize("name", FORMATS)
def test_the_newest_snapshot_is_read_whole(name, repository):
    theirs = WRITERS[name](repository / "warehouse")
    theirs.append(FIRST)
    assert ask(repository, "SELECT * FROM data.theirs ORDER BY ds, user") == [
        {"region": "a/b", "user": 7, "amount": 1.5, "ds": "2026-11-01"},
        {"region": "é", "user": 8, "amount": None, "ds": "2026-11-01"},
        {"region": None, "user": 7, "amount": 3.5, "ds": "2026-11-02"},
        {"region": "a/b", "user": 9, "amount": 2.5, "ds": "2026-11-02"}]
    assert users(repository, "region = 'a/b' AND ds > '2026-11-01'") == [9]
    # A new column, a new day, and more rows of an old one.
    theirs.append(rows_table(
        ("2026-11-01", "é", 1, 0.5, ["x"]), ("2026-11-03", "é", 2, 0.5, []),
        schema=COLUMNS.append(pyarrow.field("tags", pyarrow.list_(pyarrow.string())))))
    assert users(repository) == [1, 7, 8, 7, 9, 2]
    assert ask(repository, "SELECT user, tags FROM data.theirs WHERE user < 8 AND amount < 2 "
               "ORDER BY ds, user") == [{"user": 1, "tags": ["x"]}, {"user": 7, "tags": None},
                                        {"user": 2, "tags": []}]
    described = json.loads(engine.run("table", "describe", "data.theirs", "--json",
                                      repository=repository).stdout)
    assert dict(map(tuple, described["columns"])) == {
        "region": "STRING", "user": "LONG", "amount": "DOUBLE", "tags": "LIST<STRING>"}
    theirs.delete("2026-11-01")
    assert users(repository) == [7, 9, 2]
    (repository / "x.ndjson").write_text(json.dumps(
        {"ds": "2026-11-01", "region": "r", "user": 1, "amount": 1.5, "tags": ["x"]}))
    assert f"kept by another system, {name}" in refusal(
        repository, "table", "load", repository / "x.ndjson", "data.theirs")


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_table_has_columns_and_no_rows(name, repository):
    theirs = WRITERS[name](repository / "warehouse")
    theirs.append(FIRST.slice(0, 0))
    assert users(repository) == []
    assert ask(repository, "SELECT count(*) AS n, sum(user) AS s, max(ds) AS d FROM data.theirs") \
        == [{"n": 0, "s": None, "d": None}]
    assert json.loads(engine.run("table", "ls", "--json", repository=repository).stdout) == [
        {"table": "data.theirs", "first": None, "last": None, "partitions": 0, "rows": 0,
         "bytes": 0}]
    assert "no days" in engine.run("table", "ls", repository=repository).stdout
    assert "user" in engine.run("table", "describe", "data.theirs", repository=repository).stdout
    theirs.append(FIRST)
    assert users(repository) == [7, 8, 7, 9]


@pytest.mark.parametrize("name", FORMATS)
def test_a_link_to_a_table_elsewhere(name, repository):
    elsewhere = repository / "elsewhere"
    elsewhere.mkdir()
    WRITERS[name](elsewhere).append(FIRST)
    place = repository / "warehouse" / "data.db"
    place.mkdir(exist_ok=True)
    (place / "theirs").symlink_to(elsewhere / "data.db" / "theirs")
    assert users(repository) == [7, 8, 7, 9]


CONF = {
    "metaData": {"name": "j", "outputNamespace": "t"},
    "left": {"events": {"table": "data.asked", "query": {"timeColumn": "ts"}}},
    "joinParts": [{"groupBy": {
        "metaData": {"name": "gb"}, "keyColumns": ["user"], "accuracy": 1,
        "sources": [{"events": {"table": "data.theirs", "query": {}}}],
        "aggregations": [{"inputColumn": "amount", "operation": 7,
                          "windows": [{"length": 1, "timeUnit": 1}]}]}}]}


@pytest.mark.parametrize("name", FORMATS)
def test_a_backfill_reads_it_and_knows_which_day_changed(name, repository):
    theirs = WRITERS[name](repository / "warehouse")
    theirs.append(FIRST)
    (repository / "asked.ndjson").write_text("".join(
        json.dumps({"ds": f"2026-11-0{day}", "user": user, "ts": 1793404800000 + day * 86400000})
        + "\n" for day in (2, 3, 4) for user in (7, 9)))
    engine.run("table", "load", repository / "asked.ndjson", "data.asked", repository=repository)
    (repository / "j").write_text(json.dumps(CONF))
    job = ("join", "--conf-path", repository / "j", "--end-date", "2026-11-04", "--report",
           repository / "report.json", "--allow-holes")

    def run():
        engine.run(*job, repository=repository)
        step = json.loads((repository / "report.json").read_text())["steps"][-1]
        rows = ask(repository, "SELECT gb_amount_sum_1d AS s FROM t.j ORDER BY ds, user")
        return step["computed"], [row["s"] for row in rows]

    assert run() == (["2026-11-02", "2026-11-03", "2026-11-04"], [1.5, None, 3.5, 2.5, None, None])
    assert run()[0] == []
    theirs.append(rows_table(("2026-11-03", "é", 9, 4.5)))
    assert run() == (["2026-11-04"], [1.5, None, 3.5, 2.5, None, 4.5])


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_wrong_is_one_line(name, repository, monkeypatch, capsys):
    theirs = WRITERS[name](repository / "warehouse")
    theirs.append(FIRST)
    assert users(repository) == [7, 8, 7, 9]
    folder = repository / "warehouse" / "data.db" / "theirs"
    monkeypatch.setattr(importlib.util, "find_spec", lambda needed: None)
    assert lake.main([name, str(folder), str(repository / "copies")]) == 1
    assert f"needs {FORMATS[name].PACKAGE}; pip install" in capsys.readouterr().out
    for file in folder.rglob("*.parquet"):
        file.unlink()
    # DuckDB cannot open what the metadata names.
    said = refusal(repository, "sql", "SELECT count(*) FROM data.theirs")
    assert said.startswith("catena sql: ") and "\n" not in said
    for file in (*folder.rglob("_delta_log/*.json"), *folder.rglob("metadata/*.metadata.json")):
        file.write_text("{")
    said = refusal(repository, "sql", "SELECT count(*) FROM data.theirs", code=1)
    assert f"{name} table data.theirs: cannot read the table: " in said and "\n" not in said
    assert "0: " not in said and "start_thread" not in said  # Stack frames help nobody.


def test_an_unpartitioned_table_is_for_import(repository):
    from deltalake import write_deltalake

    write_deltalake(str(repository / "warehouse" / "data.db" / "theirs"), FIRST)
    said = refusal(repository, "table", "describe", "data.theirs")
    assert "partition it by `ds`, or bring it in with `catena import`" in said


# -- Delta Lake, what its Python package does not write

def z85(data: bytes) -> str:
    """Delta spells binary in ZeroMQ's base 85, which differs from Python's in its letters."""
    ours = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
    letters = ("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}"
               "@%$#")
    return base64.b85encode(data).decode().translate(str.maketrans(ours, letters))


def roaring(rows) -> bytes:
    """A bitmap of one array container."""
    return (struct.pack("<IIHHI", 12346, 1, 0, len(rows) - 1, 16) +
            struct.pack(f"<{len(rows)}H", *rows))


def inline_vector(rows) -> dict:
    data = struct.pack("<IQI", 1681511377, 1, 0) + roaring(rows)
    size = len(data)
    data += b"\0" * (-size % 4)
    return {"storageType": "i", "pathOrInlineDv": z85(data), "sizeInBytes": size,
            "cardinality": len(rows)}


def write_log(folder, features, fields, configuration, adds):
    log = folder / "_delta_log"
    log.mkdir(parents=True)
    actions = [
        {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features,
                      "writerFeatures": features}},
        {"metaData": {"id": "i", "format": {"provider": "parquet", "options": {}},
                      "schemaString": json.dumps({"type": "struct", "fields": fields}),
                      "partitionColumns": ["ds"], "configuration": configuration,
                      "createdTime": 0}}]
    for path, values, vector in adds:
        add = {"path": path, "partitionValues": values, "size": (folder / path).stat().st_size,
               "modificationTime": 0, "dataChange": True,
               "stats": json.dumps({"numRecords": 4})}
        if vector is not None:
            add["deletionVector"] = vector
        actions.append({"add": add})
    (log / ("0" * 20 + ".json")).write_text("\n".join(map(json.dumps, actions)))


def field(name, kind, **metadata):
    return {"name": name, "type": kind, "nullable": True, "metadata": metadata}


def test_rows_that_a_deletion_vector_deletes_are_gone(repository):
    folder = repository / "warehouse" / "data.db" / "theirs"
    folder.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table({"user": [10, 11, 12, 13]}), folder / "a.parquet")
    pyarrow.parquet.write_table(pyarrow.table({"user": [20, 21, 22, 23]}), folder / "b.parquet")
    write_log(folder, ["deletionVectors"], [field("user", "long"), field("ds", "string")],
              {"delta.enableDeletionVectors": "true"},
              [("a.parquet", {"ds": "2026-11-01"}, inline_vector([1, 3])),
               ("b.parquet", {"ds": "2026-11-02"}, None)])
    assert users(repository) == [10, 12, 20, 21, 22, 23]
    copies = list((repository / "warehouse" / "_lake").rglob("*.parquet"))
    assert len(copies) == 1 and users(repository) == [10, 12, 20, 21, 22, 23]
    assert list((repository / "warehouse" / "_lake").rglob("*.parquet")) == copies
    assert sorted(row["user"] for batch in delta.read(str(folder)) for row in batch.to_pylist()) \
        == [10, 12, 20, 21, 22, 23]


def test_columns_with_other_names_in_the_files(repository):
    folder = repository / "warehouse" / "data.db" / "theirs"
    folder.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table({"c-1": [10, 11, 12, 13], "user": [0, 0, 0, 0]}),
                                folder / "a.parquet")
    mapped = {"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "c-1"}
    day = {"delta.columnMapping.id": 2, "delta.columnMapping.physicalName": "c-2"}
    write_log(folder, ["columnMapping"], [field("user", "long", **mapped),
                                          field("ds", "string", **day)],
              {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "2"},
              [("a.parquet", {"c-2": "2026-11-01"}, None)])
    assert users(repository) == [10, 11, 12, 13]


def test_files_elsewhere_and_unknown_features_are_refused(repository):
    folder = repository / "warehouse" / "data.db" / "theirs"
    folder.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table({"user": [10, 11, 12, 13]}),
                                repository / "outside.parquet")
    fields = [field("user", "long"), field("ds", "string")]
    write_log(folder, ["deletionVectors"], fields, {},
              [("../../../outside.parquet", {"ds": "2026-11-01"}, None)])
    assert "lies outside of the table's folder" in refusal(repository, "table", "describe",
                                                           "data.theirs")
    log = folder / "_delta_log" / ("0" * 20 + ".json")
    log.write_text(log.read_text().replace("deletionVectors", "timeTravel"))
    assert "timeTravel" in refusal(repository, "table", "describe", "data.theirs")


# -- Iceberg

def test_columns_that_were_renamed_dropped_and_widened(repository):
    theirs = Iceberg(repository / "warehouse")
    schema = pyarrow.schema([("ds", pyarrow.string()), ("user", pyarrow.int32()),
                             ("other", pyarrow.string())])
    theirs.create(schema, "ds").append(rows_table(("2026-11-01", 7, "gone"), schema=schema))
    with theirs.table.update_schema() as update:
        update.delete_column("other")
    with theirs.table.update_schema() as update:
        update.rename_column("user", "other")
    from pyiceberg.types import LongType, StringType

    with theirs.table.update_schema() as update:
        update.update_column("other", LongType())
        update.add_column("user", StringType())
    after = pyarrow.schema([("ds", pyarrow.string()), ("other", pyarrow.int64()),
                            ("user", pyarrow.string())])
    theirs.table.append(rows_table(("2026-11-02", 1 << 40, "u"), schema=after))
    assert ask(repository, "SELECT * FROM data.theirs ORDER BY ds") == [
        {"other": 7, "user": None, "ds": "2026-11-01"},
        {"other": 1 << 40, "user": "u", "ds": "2026-11-02"}]


def test_days_of_a_transform(repository):
    theirs = Iceberg(repository / "warehouse")
    schema = pyarrow.schema([("at", pyarrow.timestamp("us")), ("user", pyarrow.int64())])
    table = theirs.create(schema, ("at", "hour"))
    hour = 3600 * 1000000
    first = 1793491200 // 3600
    with table.transaction() as change, change.update_snapshot().fast_append() as append:
        for user, at in ((1, first), (2, first + 23), (3, first + 24)):
            path = repository / "warehouse" / "data.db" / "theirs" / f"{user}.parquet"
            rows = rows_table((at * hour, user), schema=schema)
            pyarrow.parquet.write_table(rows, path)
            append.append_data_file(data_file(f"file://{path}", Record(at), 1, path.stat().st_size))
    assert ask(repository, "SELECT ds, user FROM data.theirs ORDER BY user") == [
        {"ds": "2026-11-01", "user": 1}, {"ds": "2026-11-01", "user": 2},
        {"ds": "2026-11-02", "user": 3}]


def data_file(path, partition, rows, size, content=DataFileContent.DATA):
    kind = FileFormat.PUFFIN if path.endswith(".puffin") else FileFormat.PARQUET
    return DataFile.from_args(
        content=content, file_path=path, file_format=kind, partition=partition,
        record_count=rows, file_size_in_bytes=size, column_sizes={}, value_counts={},
        null_value_counts={}, nan_value_counts={}, lower_bounds={}, upper_bounds={},
        key_metadata=None, split_offsets=None, equality_ids=None, sort_order_id=None, spec_id=0)


def write_puffin(path, data_file_path, rows):
    """A file of one deletion vector, as tables of version 3 have them."""
    bitmap = struct.pack("<QI", 1, 0) + roaring(rows)
    magic = bytes.fromhex("d1d33964")
    blob = struct.pack(">I", len(magic + bitmap)) + magic + bitmap
    blob += struct.pack(">I", zlib.crc32(magic + bitmap))
    footer = json.dumps({"blobs": [{
        "type": "deletion-vector-v1", "fields": [], "snapshot-id": -1, "sequence-number": -1,
        "offset": 4, "length": len(blob),
        "properties": {"referenced-data-file": data_file_path, "cardinality": str(len(rows))},
    }]}).encode()
    pathlib.Path(path).write_bytes(
        b"PFA1" + blob + b"PFA1" + footer + struct.pack("<II", len(footer), 0) + b"PFA1")


def write_positions(path, data_file_path, rows):
    pyarrow.parquet.write_table(pyarrow.table(
        {"file_path": [data_file_path] * len(rows), "pos": pyarrow.array(rows, pyarrow.int64())}),
        path)


def delete_rows(table, positions, content=DataFileContent.POSITION_DELETES, puffin=False):
    """A delete file, which the Python package reads but does not write."""

    class DeleteWriter(ManifestWriterV2):
        def content(self):
            return ManifestContent.DELETES

        @property
        def _meta(self):
            return {**super()._meta, "content": "deletes"}

    tasks = list(table.scan().plan_files())
    current = table.current_snapshot()
    folder = table.location().removeprefix("file://")
    snapshot_id = current.snapshot_id + 1
    manifest = table.io.new_output(f"{folder}/metadata/deletes.avro")
    with DeleteWriter(table.spec(), table.schema(), manifest, snapshot_id, "null") as writer:
        for number, task in enumerate(tasks):
            gone = positions.get(task.file.partition[0], [])
            if not gone:
                continue
            path = f"{folder}/data/delete-{number}.{'puffin' if puffin else 'parquet'}"
            (write_puffin if puffin else write_positions)(path, task.file.file_path, gone)
            writer.add_entry(ManifestEntry.from_args(
                status=ManifestEntryStatus.ADDED, snapshot_id=snapshot_id, sequence_number=None,
                file_sequence_number=None,
                data_file=data_file(path, task.file.partition, len(gone), 1, content)))
    manifests = [*current.manifests(table.io), writer.to_manifest_file()]
    sequence = table.metadata.last_sequence_number + 1
    listing = f"{folder}/metadata/snap-{snapshot_id}.avro"
    with write_manifest_list(2, table.io.new_output(listing), snapshot_id, current.snapshot_id,
                             sequence, "null") as writer:
        writer.add_manifests(manifests)
    snapshot = Snapshot(snapshot_id=snapshot_id, parent_snapshot_id=current.snapshot_id,
                        sequence_number=sequence, timestamp_ms=current.timestamp_ms + 1,
                        manifest_list=listing, summary=Summary(Operation.DELETE),
                        schema_id=table.schema().schema_id)
    metadata = json.loads(table.metadata.model_dump_json(by_alias=True))
    metadata["snapshots"].append(json.loads(snapshot.model_dump_json(by_alias=True)))
    metadata["current-snapshot-id"] = snapshot_id
    metadata["last-sequence-number"] = sequence
    metadata["last-updated-ms"] = snapshot.timestamp_ms
    metadata["refs"]["main"]["snapshot-id"] = snapshot_id
    with open(f"{folder}/metadata/99999-x.metadata.json", "w", encoding="utf-8") as file:
        json.dump(metadata, file)


@pytest.mark.parametrize("puffin", [False, True])
def test_rows_that_a_delete_file_deletes_are_gone(repository, puffin):
    theirs = Iceberg(repository / "warehouse")
    schema = pyarrow.schema([("ds", pyarrow.string()), ("person", pyarrow.int64())])
    rows = [(f"2026-11-0{day}", day * 10 + i) for day in (1, 2) for i in range(5)]
    theirs.create(schema, "ds").append(rows_table(*rows, schema=schema))
    # The copies keep the numbers of the fields, or a renamed column would be lost in them.
    with theirs.table.update_schema() as update:
        update.rename_column("person", "user")
    delete_rows(theirs.table, {"2026-11-01": [0, 3, 4]}, puffin=puffin)
    assert users(repository) == [11, 12, 20, 21, 22, 23, 24]
    folder = repository / "warehouse" / "data.db" / "theirs"
    assert sorted(row["user"] for batch in iceberg.read(str(folder)) for row in batch.to_pylist()) \
        == [11, 12, 20, 21, 22, 23, 24]


def test_which_metadata_of_a_folder_counts(tmp_path):
    folder = tmp_path / "metadata"
    folder.mkdir()
    for name in ("00009-b.metadata.json", "00010-a.metadata.json"):
        (folder / name).touch()
    assert iceberg.metadata_of(str(tmp_path)) == str(folder / "00010-a.metadata.json")
    (folder / "v10.metadata.json").touch()
    with pytest.raises(Exception, match="only the catalog knows which"):
        iceberg.metadata_of(str(tmp_path))
    (folder / "version-hint.text").write_text("10\n")
    assert iceberg.metadata_of(str(tmp_path)) == str(folder / "v10.metadata.json")
    (folder / "version-hint.text").write_text("00009-b.metadata.json")
    assert iceberg.metadata_of(str(tmp_path)) == str(folder / "00009-b.metadata.json")


def test_a_moved_table_and_equality_deletes_are_refused(repository):
    theirs = Iceberg(repository / "warehouse")
    theirs.append(FIRST)
    (repository / "warehouse" / "data.db" / "theirs").rename(repository / "there")
    (repository / "warehouse" / "data.db" / "theirs").mkdir()
    (repository / "there").rename(repository / "warehouse" / "data.db" / "moved")
    said = refusal(repository, "table", "describe", "data.moved")
    assert "the metadata says that the table lies elsewhere" in said
    other = Iceberg(repository)
    other.location = f"file://{repository}/warehouse/data.db/theirs"
    other.append(FIRST)
    assert users(repository) == [7, 8, 7, 9]
    delete_rows(other.table, {"2026-11-01": [0]}, DataFileContent.EQUALITY_DELETES)
    assert "does not yet support equality deletes" in refusal(repository, "sql",
                                                              "SELECT * FROM data.theirs")
    with pytest.raises(ValueError, match="equality deletes"):  # An import reads no row of it.
        iceberg.read(f"{repository}/warehouse/data.db/theirs")
