# SPDX-License-Identifier: Apache-2.0
"""The processes that the demo starts: run one to its end, or keep one running; none is left behind.

    output   each started child writes WORK/logs/NAME.{out,err}
    errors   StepFailed: what failed, its exit code and the end of its log
    effect   leaving the `with` block stops every child (SIGTERM, after ten seconds SIGKILL); if
             this process is killed, the kernel ends them
"""

import contextlib
import ctypes
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

LOG_LINES = 15
STOP_SECONDS = 10
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class StepFailed(Exception):
    """A step cannot go on; the message is for people."""


def die_with_parent() -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def last_lines(text: str) -> str:
    lines = text.strip().splitlines()[-LOG_LINES:]
    return "".join(f"\n    {line}" for line in lines)


class Children:
    # Ctrl-C reaches only this process, which then stops its children in order. `catena compile`
    # runs catena-compile, which is installed beside this Python.
    popen_options = {
        "preexec_fn": die_with_parent, "start_new_session": True, "env": os.environ | {
            "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}}

    def __init__(self, logs: pathlib.Path):
        self.logs = logs
        self.running: list[subprocess.Popen] = []
        self.names: dict[int, str] = {}

    @classmethod
    @contextlib.contextmanager
    def of(cls, logs: pathlib.Path) -> Iterator["Children"]:
        children = cls(logs)
        try:
            yield children
        finally:
            for process in reversed(children.running):
                children.stop(process)

    def run(self, command: list[str], folder: pathlib.Path) -> str:
        """Answers what it printed."""
        process = subprocess.Popen(command, cwd=folder, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, **self.popen_options)
        self.running.append(process)
        output, errors = process.communicate()
        self.running.remove(process)
        if process.returncode != 0:
            raise StepFailed(f"`{shlex.join(command)}` in {folder} exited {process.returncode}:"
                             f"{last_lines(output + errors)}")
        return output

    def start(self, name: str, command: list[str], folder: pathlib.Path) -> subprocess.Popen:
        self.logs.mkdir(parents=True, exist_ok=True)
        with open(self.logs / f"{name}.out", "wb") as out, \
                open(self.logs / f"{name}.err", "wb") as err:
            process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=err, **self.popen_options)
        self.running.append(process)
        self.names[process.pid] = name
        return process

    def log(self, process: subprocess.Popen) -> str:
        name = self.names[process.pid]
        return "".join((self.logs / f"{name}.{kind}").read_text(errors="replace")
                       for kind in ("out", "err"))

    def failed(self, process: subprocess.Popen, what: str) -> StepFailed:
        return StepFailed(f"{self.names[process.pid]}: {what}; the end of {self.logs}/"
                          f"{self.names[process.pid]}.*:{last_lines(self.log(process))}")

    def output(self, process: subprocess.Popen) -> str:
        """Of a child that has ended well."""
        if process.wait() != 0:
            raise self.failed(process, f"exited {process.returncode}")
        return (self.logs / f"{self.names[process.pid]}.out").read_text()

    def wait_until(self, holds: Callable[[], bool], what: str, seconds: float,
                   process: subprocess.Popen) -> None:
        """Until `holds` or `process` ends or time is up."""
        deadline = time.monotonic() + seconds
        while not holds():
            if process.poll() is not None:
                raise self.failed(process, f"exited {process.returncode} before {what}")
            if time.monotonic() > deadline:
                raise self.failed(process, f"not within {seconds:g} s: {what}")
            time.sleep(0.1)

    def wait_for_port(self, process: subprocess.Popen) -> int:
        """The port of 127.0.0.1 that the server says it listens on."""
        port: list[str] = []

        def said() -> bool:
            port[:] = re.findall(r"127\.0\.0\.1:(\d+)", self.log(process))[:1]
            return bool(port)

        self.wait_until(said, "it says which port it listens on", 60, process)
        return int(port[0])

    def stop(self, process: subprocess.Popen) -> None:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self.running:
            self.running.remove(process)
