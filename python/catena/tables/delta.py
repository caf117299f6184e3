# SPDX-License-Identifier: Apache-2.0
"""Delta Lake: a folder with `_delta_log`, read as of its newest version."""

NAME = "delta"
PACKAGE = "deltalake"
LOCATION = "the table's folder"


def read(location: str):
    """A pyarrow RecordBatchReader over all rows; one snapshot of the table."""
    from deltalake import DeltaTable

    return DeltaTable(location).to_pyarrow_dataset().scanner().to_reader()
