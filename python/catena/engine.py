# SPDX-License-Identifier: Apache-2.0
"""The native binary, as Python calls it.

    input    CATENA_BIN, else `catena` on the PATH, else where a checkout builds it
    errors   EngineError: the one line that catena said, and its exit code
"""

import os
import pathlib
import shutil
import subprocess

CHECKOUT_BINARY = pathlib.Path(__file__).resolve().parents[2] / "build/release/bin/catena"


class EngineError(Exception):
    """catena ended with an exit code that is not 0."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


def find_binary() -> str:
    """Path of the binary; EngineError says where it was looked for."""
    for candidate in (os.environ.get("CATENA_BIN"), shutil.which("catena"), str(CHECKOUT_BINARY)):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    raise EngineError("no catena binary; set CATENA_BIN, put it on the PATH, or run `make build`: "
                      f"{CHECKOUT_BINARY}", 2)


def run(*arguments: str, repository: str | os.PathLike | None = None, text: str | None = None,
        accept: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess:
    """Runs one verb; `text` is its standard input."""
    command = [find_binary()]
    if repository is not None:
        command += ["--repo", os.fspath(repository)]
    done = subprocess.run([*command, *map(str, arguments)], input=text, capture_output=True,
                          text=True, check=False)
    if done.returncode not in accept:
        raise EngineError(done.stderr.strip() or f"catena ended with {done.returncode}",
                          done.returncode)
    return done
