# SPDX-License-Identifier: Apache-2.0
"""Imports the Python files of a feature repository.

Files are imported by their path below the repository's root (group_bys/team/file.py is the module
group_bys.team.file), so that they can import each other. A file that fails becomes one violation
with the file and line at fault; the others are still loaded. What user code prints goes to stderr.
"""

import contextlib
import importlib
import os
import sys
import traceback

from catena.api.table_names import FOLDERS
from catena.compile.node import Violation


def python_files(root: str, paths: list[str]) -> list[str]:
    """Paths relative to the repository's root, sorted; folders are searched."""
    found = set()
    for path in paths:
        full = os.path.join(root, path)
        if os.path.isfile(full):
            found.add(path)
        for folder, folders, files in os.walk(full):
            folders[:] = [f for f in folders if not f.startswith(".") and f != "__pycache__"]
            found |= {
                os.path.relpath(os.path.join(folder, f), root)
                for f in files
                if f.endswith(".py") and f != "__init__.py" and not f.endswith("_test.py")
            }
    return sorted(os.path.normpath(path) for path in found)


def _forget(root: str) -> None:
    """Removes what an earlier load of any repository left behind."""
    prefix = os.path.abspath(root) + os.sep
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if name.split(".")[0] in FOLDERS or (
            file.startswith(prefix)
            and not name.startswith(("catena", "ai."))
            and "site-packages" not in file
        ):
            del sys.modules[name]


def _fault(error: BaseException, root: str, file: str) -> tuple[tuple[str, int], str]:
    """Where in the repository an error arose, and one line of what it says."""
    if isinstance(error, SyntaxError):
        known = error.filename and os.path.isfile(error.filename)
        where = (error.filename, error.lineno or 1) if known else (file, 1)
        return where, f"{type(error).__name__}: {error.msg}"
    where = (file, 1)
    prefix = os.path.abspath(root) + os.sep
    for frame in traceback.extract_tb(error.__traceback__):
        named = not frame.filename.startswith("<")  # <frozen importlib> is no file of anybody's.
        if named and os.path.abspath(frame.filename).startswith(prefix):
            where = (frame.filename, frame.lineno or 1)
    message = " ".join(str(error).split()) or "no message"
    # Python before 3.11.4 has no SyntaxError for a zero byte.
    name = "SyntaxError" if "null bytes" in message else type(error).__name__
    return where, message if name == "DefinitionError" else f"{name}: {message}"


def load(root: str, files: list[str], debug: bool = False) -> tuple[list[str], list[Violation]]:
    """Imports `files` (relative to root). Returns (module names loaded, violations)."""
    root = os.path.abspath(root)
    _forget(root)
    importlib.invalidate_caches()
    modules, violations, seen = [], [], set()
    write_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, root)
    try:
        for file in files:
            name = file[:-3].replace(os.sep, ".")
            full = os.path.join(root, file)
            if not all(part.isidentifier() for part in name.split(".")):
                violations.append(
                    Violation(
                        "the file's path is not a module name; use letters, digits and _ only",
                        (full, 1),
                    )
                )
                continue
            try:
                with contextlib.redirect_stdout(sys.stderr):
                    importlib.import_module(name)
                modules.append(name)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # user code may raise anything, SystemExit too
                if debug:
                    traceback.print_exc()
                where, message = _fault(error, root, full)
                if (where, message) not in seen:
                    seen.add((where, message))
                    violations.append(Violation(message, where))
    finally:
        sys.path.remove(root)
        sys.dont_write_bytecode = write_bytecode
    return modules, violations
