# SPDX-License-Identifier: Apache-2.0
"""What a table of another system consists of now, so that the engine can read it in place.

Its data files stay where they are and the engine reads them itself. Only a file of which rows were
deleted is copied, without them; a copy is named by what it leaves out, so it is made once.
"""

import hashlib
import json
import os
import pathlib
import re
from dataclasses import asdict, dataclass, field


class TableError(Exception):
    """The table cannot be read in place: what, where and what to do."""


def sentence(error: Exception) -> str:
    """One line of what a library said, without the stack frames that Delta's puts below it."""
    return " ".join(re.split(r"\n\s*0: ", str(error))[0].split())


@dataclass
class Column:
    name: str
    type: str  # As src/catena/types/data_type.h spells them.
    id: int | None  # Of the field, in Parquet files that have ids.
    stored: list[str]  # Names in files without.


@dataclass
class File:
    path: str
    # Columns that the metadata says instead of the file, and what else tells its day; None is null.
    values: dict[str, str | None]


@dataclass
class Snapshot:
    columns: list[Column]
    files: list[File] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def inside(folder: str, path: str) -> str:
    """`path` as one below `folder`; a table's metadata may name no other files."""
    root, real = os.path.realpath(folder), os.path.realpath(path)
    if os.path.commonpath([root, real]) != root:
        raise TableError(f"a data file lies outside of the table's folder; bring the table in with "
                         f"`catena import`: {path}")
    return os.path.join(folder, os.path.relpath(real, root))


def without_rows(path: str, keep: bytes, copies: str) -> str:
    """The copy of a Parquet file that has only the rows whose byte of `keep` is not 0."""
    import pyarrow
    import pyarrow.parquet

    facts = os.stat(path)
    name = hashlib.sha256(f"{os.path.realpath(path)} {facts.st_size} {facts.st_mtime_ns} ".encode()
                          + keep).hexdigest()[:40]
    target = os.path.join(copies, f"{name}.parquet")
    if os.path.exists(target):
        return target
    os.makedirs(copies, exist_ok=True)
    scratch = f"{target}.{os.getpid()}.tmp"
    source = pyarrow.parquet.ParquetFile(path)
    with pyarrow.parquet.ParquetWriter(scratch, source.schema_arrow) as writer:
        at = 0
        for batch in source.iter_batches():
            kept = pyarrow.array([byte != 0 for byte in keep[at:at + len(batch)]])
            writer.write_batch(batch.filter(kept))
            at += len(batch)
    if at != len(keep):
        os.remove(scratch)
        raise TableError(f"the deleted rows are of {len(keep)} rows, the file has {at}: {path}")
    os.utime(scratch, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    os.replace(scratch, target)
    return target


def remove_old_copies(snapshot: Snapshot, copies: str) -> None:
    used = {file.path for file in snapshot.files}
    for path in pathlib.Path(copies).glob("*.parquet"):
        if str(path) not in used:
            path.unlink(missing_ok=True)
