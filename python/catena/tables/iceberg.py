# SPDX-License-Identifier: Apache-2.0
"""Apache Iceberg: a table by its metadata file, or by its folder, whose newest one is taken."""

import pathlib

NAME = "iceberg"
PACKAGE = "pyiceberg"
LOCATION = "the table's folder, or one metadata.json"


def metadata_of(location: str) -> str:
    """The metadata file itself; of a folder the last written one."""
    folder = pathlib.Path(location)
    if not folder.is_dir():
        return location
    files = sorted((folder / "metadata").glob("*.metadata.json"),
                   key=lambda file: (file.stat().st_mtime_ns, file.name))
    if not files:
        raise FileNotFoundError(f"no metadata/*.metadata.json in {location}")
    return str(files[-1])


def read(location: str):
    """A pyarrow RecordBatchReader over all rows; one snapshot of the table."""
    from pyiceberg.table import StaticTable

    return StaticTable.from_metadata(metadata_of(location)).scan().to_arrow_batch_reader()
