# SPDX-License-Identifier: Apache-2.0
"""`catena compile`: Python definitions in, confs out."""

import argparse
import json
import os
import sys
import traceback

from catena.api.table_names import FOLDERS
from catena.compile import compiler, write

_HELP = """\
Compiles feature definitions into confs that the engine (and Chronon) can run.

A repository has group_bys/TEAM/*.py, joins/TEAM/*.py, staging_queries/TEAM/*.py, and
usually teams.json. A variable `v1` in joins/fraud/final.py becomes the Join
`fraud.final.v1`, written to production/joins/fraud/final.v1 together with the
GroupBys and Joins it is made of. What a definition leaves out is inferred, and said.

  catena compile                        everything in the repository around this folder
  catena compile joins/fraud/final.py   one file
  catena compile examples/fraud         another repository
  catena compile --from confs/          confs that Chronon compiled, made ready to run

Columns of tables come from the warehouse or from schemas/<namespace>.<table>.json,
[["column","TYPE"], ...] with types BOOLEAN INT LONG FLOAT DOUBLE STRING BINARY.
"""

_EPILOG = "Exits 0 when everything was compiled, 2 when anything is wrong; sound confs are written."


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="catena compile",
        description=_HELP,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("paths", nargs="*", metavar="PATH", help="files or folders to compile (default: all)")
    add(
        "--repo",
        "--chronon-root",
        "--chronon_root",
        metavar="DIR",
        help="the repository's root (default: $CHRONON_ROOT, else the folder around PATH or the "
        "working folder that has teams.json, catena.yaml or group_bys/)",
    )
    add(
        "--conf",
        "--input_path",
        action="append",
        default=[],
        metavar="FILE",
        help="the same as PATH, as Chronon's compile.py has it",
    )
    add(
        "--output-root",
        "--output_root",
        default="production",
        metavar="DIR",
        help="where confs go, relative to the repository (default: production)",
    )
    add(
        "--from",
        dest="source",
        metavar="DIR",
        help="extend compiled confs instead of compiling Python; relative paths are kept",
    )
    add(
        "--force-overwrite",
        action="store_true",
        help="replace confs that are online even when their meaning changes",
    )
    add(
        "--prune",
        action="store_true",
        help="remove confs whose definition is gone; of those that are online only with "
        "--force-overwrite, too",
    )
    add("--yes", "-y", action="store_true", help="accepted for compile.py's sake; nothing is asked")
    add("--json", action="store_true", help="print one JSON object instead of text")
    add("--debug", action="store_true", help="show Python tracebacks")
    return result


def is_repository(folder: str) -> bool:
    marks = ("teams.json", "catena.yaml") + FOLDERS
    return any(os.path.exists(os.path.join(folder, mark)) for mark in marks)


def find_repository(start: str) -> str | None:
    folder = os.path.abspath(start)
    while True:
        if is_repository(folder):
            return folder
        if os.path.dirname(folder) == folder:
            return None
        folder = os.path.dirname(folder)


def locate(args) -> tuple[str | None, list[str], str | None]:
    """(repository, paths below it, error)."""
    paths = list(args.paths) + args.conf
    repo = args.repo or os.environ.get("CHRONON_ROOT")
    if repo is not None and not os.path.isdir(repo):
        return None, [], f"{repo}: no such folder; --repo must name a repository"
    if repo is None and len(paths) == 1 and os.path.isdir(paths[0]) and is_repository(paths[0]):
        return os.path.abspath(paths[0]), [], None
    if repo is None:
        starts = [os.path.dirname(os.path.abspath(p)) for p in paths if os.path.exists(p)]
        found = [find_repository(start) for start in [*starts[:1], os.getcwd()]]
        repo = next((folder for folder in found if folder is not None), None)
    if repo is None:
        if args.source is not None:
            return os.getcwd(), [], None
        return (
            None,
            [],
            (
                "no repository here: none of teams.json, catena.yaml, group_bys/, joins/ in "
                "this folder or above; go to one, or pass --repo DIR"
            ),
        )
    repo, inside = os.path.abspath(repo), []
    for path in paths:
        found = next(
            (p for p in (os.path.join(repo, path), os.path.abspath(path)) if os.path.exists(p)),
            None,
        )
        if found is None:
            return None, [], f"{path}: no such file or folder (looked here and in {repo})"
        relative = os.path.relpath(found, repo)
        if relative.startswith(".."):
            return None, [], f"{path}: not inside the repository {repo}"
        if os.path.isfile(found) and not found.endswith(".py"):
            return None, [], f"{path}: not a Python file; for compiled confs use --from"
        inside.append("" if relative == "." else relative)
    return repo, [p for p in inside if p], None


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    repo, paths, error = locate(args)
    if error:
        return _finish(args, [], [{"message": error}], [error])
    try:
        if args.source is not None:
            result = compiler.extend_confs(args.source, repo)
        else:
            result = compiler.compile_repository(repo, paths, args.debug)
    except RecursionError:
        if args.debug:
            traceback.print_exc()
        message = "the definitions are nested too deeply, or contain themselves"
        return _finish(args, [], [{"message": message}], [message])
    written, errors, lines = _write_all(args, repo, result)
    for warning in result.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if args.source is None and not paths and not errors and not result.violations:
        _prune(args, repo, list(result.confs))
    errors = [v.as_json() for v in result.violations] + errors
    texts = [_relative(str(v)) for v in result.violations] + lines
    return _finish(args, written, errors, texts)


def _relative(text: str) -> str:
    """Shows files relative to the working folder, as compilers do."""
    return text.replace(os.getcwd() + os.sep, "")


def _write_all(args, repo, result):
    root = os.path.join(repo, args.output_root)
    written, errors, lines = [], [], []
    for path, conf in result.confs.items():
        target = os.path.join(root, path)
        problem = None if args.force_overwrite else write.overwrite_problem(target, conf)
        status = "refused"
        if problem is None:
            try:
                status = write.write(target, conf)
            except OSError as error:
                problem = f"{target}: cannot be written: {error.strerror}"
        if problem is not None:
            errors.append({"conf": conf["metaData"].get("name"), "message": problem})
            lines.append(_relative(problem))
            continue
        written.append(
            {
                "name": conf["metaData"].get("name"),
                "kind": write.kind_of(conf),
                "path": target,
                "status": status,
                "used_by": result.used_by.get(path),
                "inferred": conf["catena"]["inferred"],
            }
        )
    return written, errors, lines


def _prune(args, repo, confs) -> None:
    """Confs of definitions that are gone; only known when everything was compiled."""
    root = os.path.join(repo, args.output_root)
    for path in write.orphans(root, confs):
        target = os.path.join(root, path)
        told = _relative(target)
        if not args.prune:
            told += ": its definition is gone; --prune removes it"
        elif write.is_online(target) and not args.force_overwrite:
            told += ": its definition is gone, and it is online; --force-overwrite removes it"
        else:
            os.unlink(target)
            told += ": removed, its definition is gone"
        print(f"warning: {told}", file=sys.stderr)


def _finish(args, written, errors, lines) -> int:
    if args.json:
        print(json.dumps({"confs": written, "errors": errors}, indent=2, sort_keys=True))
        return 2 if errors else 0
    said = set()
    for entry in written:
        used = f" (used by {entry['used_by']})" if entry["used_by"] else ""
        print(f"{entry['status']:9} {_relative(entry['path'])}{used}")
        for note in entry["inferred"]:
            if note not in said:
                said.add(note)
                print(f"          inferred: {note}")
    for line in lines:
        print(f"error: {line}", file=sys.stderr)
    if errors:
        print(f"{len(written)} confs compiled, {len(errors)} errors", file=sys.stderr)
    return 2 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
