# SPDX-License-Identifier: Apache-2.0
"""Writes compiled confs: one JSON object per file, sorted keys, replaced atomically."""

import json
import os
import tempfile

_FOLDER = {"join": "joins", "group_by": "group_bys", "staging_query": "staging_queries"}
# What can change without changing the meaning of features that are already served.
_NO_MEANING = ("metaData", "catena")


def kind_of(conf: dict) -> str:
    if "joinParts" in conf or "left" in conf:
        return "join"
    return "group_by" if "sources" in conf else "staging_query"


def conf_path(conf: dict) -> str:
    """group_bys/team/file.var: where a conf lies below the output root."""
    meta = conf["metaData"]
    team, dot, rest = meta["name"].partition(".")
    if not dot:
        team, rest = meta.get("team") or "default", meta["name"]
    return os.path.join(_FOLDER[kind_of(conf)], team, rest.replace(os.sep, "_"))


def orphans(root: str, written: list[str]) -> list[str]:
    """Confs below `root` that are none of `written`: paths below it, sorted."""
    found = []
    for folder in _FOLDER.values():
        for parent, _, files in os.walk(os.path.join(root, folder)):
            found += [os.path.relpath(os.path.join(parent, file), root) for file in files
                      if not file.startswith(".")]
    return sorted(set(found) - set(written))


def is_online(path: str) -> bool:
    try:
        with open(path, encoding="utf-8") as file:
            conf = json.load(file)
    except (OSError, ValueError):
        return False
    return isinstance(conf, dict) and bool((conf.get("metaData") or {}).get("online"))


def text_of(conf: dict) -> str:
    return json.dumps(conf, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _meaning(value):
    if isinstance(value, dict):
        return {k: _meaning(v) for k, v in value.items() if k not in _NO_MEANING}
    return [_meaning(v) for v in value] if isinstance(value, list) else value


def overwrite_problem(path: str, conf: dict) -> str | None:
    """Why a conf may not replace the one at `path` without --force-overwrite, or None."""
    if not is_online(path):
        return None
    with open(path, encoding="utf-8") as file:
        old = json.load(file)
    if _meaning(old) == _meaning(json.loads(text_of(conf))):
        return None
    return (
        f"{path} is online and its meaning would change; give the new version a new name, or "
        "pass --force-overwrite"
    )


def write(path: str, conf: dict) -> str:
    """Returns "written" or "unchanged". OSError when the place cannot be written."""
    text = text_of(conf)
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return "unchanged"
    except (OSError, ValueError):
        pass
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix=".catena-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return "written"
