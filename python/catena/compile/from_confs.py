# SPDX-License-Identifier: Apache-2.0
"""`--from`: confs that Chronon compiled, extended by the `catena` object and by nothing else."""

import json
import os

from catena.compile import engine_object
from catena.compile.node import Violation


def conf_files(source: str) -> tuple[str, list[str]]:
    """(folder, paths relative to it) of the files that may be confs."""
    if os.path.isfile(source):
        return os.path.dirname(source) or ".", [os.path.basename(source)]
    found = []
    for folder, folders, files in os.walk(source):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [
            os.path.relpath(os.path.join(folder, f), source)
            for f in sorted(files)
            if not f.startswith(".")
            and os.path.splitext(f)[1]
            not in (".py", ".properties", ".parquet", ".csv", ".md", ".txt", ".yaml")
        ]
    return source, found


def is_conf(value) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("metaData"), dict)
        and any(field in value for field in ("left", "sources", "query"))
    )


def extend(path: str, schemas, explicit: bool) -> tuple[dict | None, list[Violation]]:
    """The conf at `path` with `catena`; None when the file is no conf (an error if `explicit`)."""
    try:
        with open(path, encoding="utf-8") as file:
            conf = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        looks_like_one = explicit or path.endswith(".json") or "." in os.path.basename(path)
        return None, [Violation(f"not JSON: {error}", (path, 1))] if looks_like_one else []
    if not is_conf(conf):
        problem = Violation(
            "not a compiled conf: it has no metaData with left, sources or query", (path, 1)
        )
        return None, [problem] if explicit else []
    before = conf.pop("catena", None)
    known = engine_object.VERSION
    version = before.get("version", known) if isinstance(before, dict) else known
    if version != known:
        said = f"this catena reads version {known}; use one of the same release: {version!r}"
        return None, [Violation(said, (path, 1), path="catena.version")]
    extra, violations = engine_object.build(conf, schemas, default_where=(path, 1))
    if isinstance(before, dict):  # compiled by catena: what was learned and said then still holds
        extra["inferred"] = before.get("inferred") or []
        extra["schemas"] = {**(before.get("schemas") or {}), **extra["schemas"]}
    return {**conf, "catena": extra}, violations
