# SPDX-License-Identifier: Apache-2.0
"""Compiles a repository, or extends confs: files in, confs and violations out; writes nothing."""

import os
from dataclasses import dataclass, field

from catena.api import ttypes
from catena.api.output_names import sanitize
from catena.api.table_names import FOLDERS, named_objects
from catena.compile import check, engine_object, from_confs, load, write
from catena.compile.node import Violation
from catena.compile.resolve import Resolver
from catena.compile.schemas import Schemas
from catena.compile.teams import Teams

_KINDS = (ttypes.GroupBy, ttypes.Join, ttypes.StagingQuery)


@dataclass
class Result:
    confs: dict[str, dict] = field(default_factory=dict)  # path below the output root -> conf
    violations: list[Violation] = field(default_factory=list)
    used_by: dict[str, str] = field(default_factory=dict)  # confs that came along with another
    warnings: list[str] = field(default_factory=list)

    def add(self, violations):
        known = {v.key() for v in self.violations}
        for violation in violations:
            if violation.key() not in known:
                known.add(violation.key())
                self.violations.append(violation)


def nested(conf):
    """GroupBys and Joins inside a conf."""
    found = []

    def walk(value, top):
        if isinstance(value, dict):
            if not top and "metaData" in value and ("sources" in value or "left" in value):
                found.append(value)
            for key, child in value.items():
                if key != "metaData":
                    walk(child, False)
        elif isinstance(value, list):
            for child in value:
                walk(child, False)

    walk(conf, True)
    return found


def compile_repository(repo: str, paths: list[str], debug=False, binary=None) -> Result:
    """`paths`: files or folders relative to the repository; everything when empty."""
    repo = os.path.abspath(repo)
    folders = [f for f in FOLDERS if os.path.isdir(os.path.join(repo, f))]
    files = load.python_files(repo, paths or folders)
    result = Result()
    modules, violations = load.load(repo, files, debug)
    result.add(violations)
    schemas, teams = Schemas(repo, binary), Teams(repo)
    resolver = Resolver(schemas, teams)
    asked = {f"{m.partition('.')[2]}" for m in modules}
    wanted = [
        (name, value)
        for kind in _KINDS
        for name, value in named_objects(kind)
        if name.rpartition(".")[0] in asked
    ]
    for name, value in wanted:
        _compile_one(name, value, resolver, schemas, result)
    result.add(schemas.violations)
    if not wanted and not result.violations:
        result.add(
            [
                Violation(
                    "no GroupBy, Join or StagingQuery found; definitions are module-level "
                    "variables in group_bys/TEAM/*.py, joins/TEAM/*.py, "
                    "staging_queries/TEAM/*.py",
                    (repo, 0),
                )
            ]
        )
    _warn_of_misspelt(schemas, result)
    _drop_failed(result)
    return result


def _warn_of_misspelt(schemas, result):
    """A table may come later, so a conf that reads it is sound; one written here will."""
    metadata = [conf["metaData"] for conf in result.confs.values()]
    written = {f"{m.get('outputNamespace')}.{sanitize(m['name'])}" for m in metadata}
    for table, near in schemas.misspelt.items():
        if table not in written:
            result.warnings.append(
                f"{table}: no such table in the warehouse, did you mean {near}?"
            )


def _compile_one(name, value, resolver, schemas, result):
    before = len(resolver.violations)
    conf = resolver.conf(value)
    result.add(resolver.violations[before:])
    if before != len(resolver.violations):
        result.confs.pop(write.conf_path(conf), None)
        return
    _add_conf(conf, schemas, result)
    for inner in nested(conf):
        _add_conf(inner, schemas, result, used_by=name)


def _add_conf(conf, schemas, result, used_by=None):
    path = write.conf_path(conf)
    existing = result.confs.get(path)
    if existing is not None:
        if {k: v for k, v in existing.items() if k != "catena"} != conf:
            result.add(
                [
                    Violation(
                        f"two different definitions are named {conf['metaData']['name']}; "
                        "give one of them another name",
                        conf.where,
                        conf["metaData"]["name"],
                    )
                ]
            )
        if used_by is None:
            result.used_by.pop(path, None)
        return
    result.add(check.check(conf, schemas))
    extra, violations = engine_object.build(conf, schemas)
    result.add(violations)
    result.confs[path] = {**conf, "catena": extra}
    if used_by is not None:
        result.used_by[path] = used_by


def _drop_failed(result):
    """A conf with a violation, or made of one with a violation, is not written."""
    bad = {v.conf for v in result.violations if v.conf}
    for path, conf in list(result.confs.items()):
        names = {conf["metaData"]["name"]} | {c["metaData"].get("name") for c in nested(conf)}
        if names & bad:
            del result.confs[path]


def extend_confs(source: str, repo: str, binary=None) -> Result:
    result = Result()
    if not os.path.exists(source):
        result.add([Violation("no such file or folder", (source, 0))])
        return result
    schemas = Schemas(os.path.abspath(repo), binary)
    folder, files = from_confs.conf_files(source)
    for path in files:
        conf, violations = from_confs.extend(
            os.path.join(folder, path), schemas, explicit=os.path.isfile(source)
        )
        result.add(violations)
        if conf is not None and not violations:
            result.confs[path] = conf
    result.add(schemas.violations)
    _warn_of_misspelt(schemas, result)
    if not result.confs and not result.violations:
        result.add([Violation("no compiled conf found", (source, 0))])
    return result
