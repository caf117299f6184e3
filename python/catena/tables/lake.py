# SPDX-License-Identifier: Apache-2.0
"""`catena-lake FORMAT FOLDER COPIES`: the engine asks what a Delta or Iceberg table consists of.

    output   one JSON object: catena.tables.snapshot.Snapshot; {"error": one sentence} for what
             cannot be read in place, {"broken": one sentence} for metadata that no one can read
    COPIES   a folder for copies of the files of which rows were deleted
"""

import importlib.util
import json
import os
import sys

from catena.tables.formats import FORMATS
from catena.tables.snapshot import TableError, remove_old_copies, sentence


def listing(name: str, folder: str, copies: str) -> str:
    for needed in (FORMATS[name].PACKAGE, "pyarrow"):
        if importlib.util.find_spec(needed) is None:
            raise ImportError(f"reading {name} tables needs {needed}; pip install 'catena[tables]'")
    snapshot = FORMATS[name].snapshot(folder, copies)
    remove_old_copies(snapshot, copies)
    return snapshot.to_json()


def main(argv: list[str] | None = None) -> int:
    name, folder, copies = sys.argv[1:] if argv is None else argv
    try:
        text, code = listing(name, folder, os.path.abspath(copies)), 0
    except (TableError, ImportError) as error:
        text, code = json.dumps({"error": sentence(error)}), 1
    except Exception as error:  # Whatever the library raises.
        text, code = json.dumps({"broken": sentence(error)}), 1
    print(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
