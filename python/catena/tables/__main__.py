# SPDX-License-Identifier: Apache-2.0
"""`catena import`: a Delta or Iceberg table into the warehouse, a partition a day.

    catena import delta:/data/payments payments.transactions
    catena import iceberg:/data/risk/metadata/v3.metadata.json risk.scores --partition-column day

The rows of one snapshot are written by `catena table load`, so that each day that they hold is
replaced as a whole.
"""

import argparse
import importlib.util
import os
import sys
import tempfile

from catena import engine
from catena.tables.formats import FORMATS
from catena.tables.snapshot import sentence


def parser() -> argparse.ArgumentParser:
    known = "; ".join(f"{name}: {module.LOCATION}" for name, module in FORMATS.items())
    result = argparse.ArgumentParser(prog="catena import", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("source", metavar="FORMAT:LOCATION", help=known)
    result.add_argument("table", metavar="NS.TABLE", help="namespace and table of the warehouse")
    result.add_argument("--partition-column", default="ds", help="holds the day (default: ds)")
    result.add_argument("--partition-format", default="yyyy-MM-dd",
                        help="how it is written, of yyyy, MM and dd (default: yyyy-MM-dd)")
    result.add_argument("--repo", default=None, help="the feature repository")
    return result


def fail(message: str) -> int:
    print(f"catena import: {' '.join(str(message).split())}", file=sys.stderr)
    return 2


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    name, _, location = args.source.partition(":")
    if name not in FORMATS or not location:
        return fail(f"the source is FORMAT:LOCATION, a format is one of {', '.join(FORMATS)}: "
                    f"{args.source}")
    package = FORMATS[name].PACKAGE
    for needed in (package, "pyarrow"):
        if importlib.util.find_spec(needed) is None:
            return fail(f"reading {name} tables needs {needed}; pip install 'catena[tables]'")
    import pyarrow.parquet

    with tempfile.TemporaryDirectory(prefix="catena-import-") as folder:
        path = os.path.join(folder, "rows.parquet")
        try:
            with FORMATS[name].read(location) as reader:
                with pyarrow.parquet.ParquetWriter(path, reader.schema) as writer:
                    for batch in reader:
                        writer.write_batch(batch)
        except Exception as error:  # Whatever the library raises: the table cannot be read.
            return fail(f"cannot read the {name} table {location}: {sentence(error)}")
        try:
            done = engine.run("table", "load", path, args.table, "--partition-column",
                              args.partition_column, "--partition-format", args.partition_format,
                              repository=args.repo)
        except engine.EngineError as error:
            print(str(error).replace(path, args.source), file=sys.stderr)
            return error.code
    print(done.stdout, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
