#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real servers for the tests: a Kafka broker (KRaft, one node) and a Redis.

    usage    servers.py run kafka|redis          until standard input ends
             servers.py start kafka|redis FILE   beside the tests of one ctest run; FILE gets
             servers.py stop kafka|redis FILE    host:port and the pid
             servers.py around kafka [redis] -- COMMAND   catena's topics and state are there
    output   `run` prints host:port once the server answers
    errors   ServerFailed: what is missing (`make servers` installs it) or what the server said
    effect   everything on loopback at free ports and in a folder of its own
"""

import argparse
import contextlib
import ctypes
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
KAFKA_JARS = ROOT / "build/third_party/kafka"
PATIENCE_SECONDS = 300
STOP_SECONDS = 10
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class ServerFailed(Exception):
    """A server is missing or does not start."""


def free_port() -> int:
    """Below the ports that the kernel gives to connections, which would take it meanwhile."""
    while True:
        port = random.SystemRandom().randrange(20000, 32768)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def die_with_parent() -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """One process at one port. Started again it has the same port and the same data."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """What leads catena here."""
        raise NotImplementedError

    # What to send, and how an answer begins: an open port alone does not serve yet.
    question: bytes
    answer: bytes

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(self.question)
                return connection.recv(64).find(self.answer) >= 0
        except OSError:
            return False

    def start(self) -> None:
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), cwd=self.folder, stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL,
                                            preexec_fn=die_with_parent)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "log").read_text(errors="replace")[-3000:]
                self.kill()
                raise ServerFailed(f"{self.command()[0]} does not start: {said}")
            time.sleep(0.05)

    def kill(self) -> None:
        """As a crash would."""
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.kill()


class KafkaBroker(Server):
    # Which versions of which requests? Number 7 asked.
    question = struct.pack(">ihhih", 10, 18, 0, 7, -1)
    answer = struct.pack(">ih", 7, 0)

    def __init__(self, folder: pathlib.Path):
        super().__init__(folder)
        if shutil.which("java") is None or not any(KAFKA_JARS.glob("kafka_*.jar")):
            raise ServerFailed(f"no Java or no Kafka in {KAFKA_JARS}: run `make servers`")
        controller = free_port()
        (folder / "data").mkdir()
        # What formatting the folder would write, without a second start of the JVM.
        (folder / "data/meta.properties").write_text(
            "version=1\nnode.id=1\ncluster.id=catenaTestsClusterIdAA\n"
            "directory.id=catenaTestsDirectoryAA\n")
        (folder / "server.properties").write_text(f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=data
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
initial.broker.registration.timeout.ms=240000
log.retention.ms=-1
""")

    def command(self) -> list[str]:
        return ["java", "-Xms64m", "-Xmx256m", "-XX:+UseZGC", "-XX:TieredStopAtLevel=1",
                "-cp", f"{KAFKA_JARS}/*", "kafka.Kafka", "server.properties"]

    def grow(self, topic: str, partitions: int) -> None:
        """What `kafka-topics --alter --partitions` asks: request 37, version 1."""
        def text(value: str) -> bytes:
            return struct.pack(">h", len(value)) + value.encode()
        body = (struct.pack(">hhih", 37, 1, 7, -1) + struct.pack(">i", 1) + text(topic) +
                struct.pack(">iii?", partitions, -1, 10_000, False))
        with socket.create_connection(("127.0.0.1", self.port), 20) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = connection.makefile("rb")
            said = answer.read(struct.unpack(">i", answer.read(4))[0])
        # Correlation, throttle time, one topic, its name, the error.
        if said[14 + len(topic):16 + len(topic)] != b"\0\0":
            raise ServerFailed(f"the broker does not give {topic} {partitions} partitions: {said}")

    def environment(self) -> dict[str, str]:
        return {"CATENA_TOPICS_DEFAULT": f"kafka://host=127.0.0.1/port={self.port}"}


class RedisServer(Server):
    question = b"PING\r\n"
    answer = b"+PONG"

    def __init__(self, folder: pathlib.Path, *options: str):
        super().__init__(folder)
        if shutil.which("redis-server") is None:
            raise ServerFailed("no redis-server: run `make servers`")
        self.options = options

    def command(self) -> list[str]:
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", ".",
                "--save", "", *self.options]

    def environment(self) -> dict[str, str]:
        return {"CATENA_KV_URL": f"redis://{self.address}"}


KINDS = {"kafka": KafkaBroker, "redis": RedisServer}


def run(kind: str, until, tell) -> None:
    with tempfile.TemporaryDirectory(prefix=f"catena-{kind}-") as folder:
        with KINDS[kind](pathlib.Path(folder)) as server:
            tell(server.address)
            until()


def run_in_front(kind: str) -> None:
    run(kind, sys.stdin.read, lambda address: print(address, flush=True))


def start_beside(kind: str, file: pathlib.Path) -> None:
    """Returns once the server answers; it ends when it is stopped, or when whoever runs us ends."""
    starter = os.getppid()
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())

        def until() -> None:
            while pathlib.Path(f"/proc/{starter}").exists() and not stopped.wait(1):
                pass

        def tell(address: str) -> None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{address}\n{os.getpid()}\n")
            os.write(writing, b"!")
            os.close(writing)
            silence = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):  # Nobody waits for the end of our output.
                os.dup2(silence, descriptor)

        run(kind, until, tell)
        os._exit(0)
    os.close(writing)
    if os.read(reading, 1) != b"!":
        raise ServerFailed(f"{kind} did not start")


def stop_beside(file: pathlib.Path) -> None:
    pid = int(file.read_text().split()[1])
    file.unlink()
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while pathlib.Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def run_around(kinds: list[str], command: list[str]) -> int:
    """The command's exit code."""
    with contextlib.ExitStack() as stack:
        environment = dict(os.environ)
        for kind in kinds:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=f"catena-{kind}-"))
            server = stack.enter_context(KINDS[kind](pathlib.Path(folder)))
            print(f"{kind}: a real one at {server.address}, in {folder}, for as long as this runs",
                  flush=True)
            environment |= server.environment()
        return subprocess.run(command, env=environment, check=False).returncode


def run_one(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("verb", choices=("run", "start", "stop"))
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("file", type=pathlib.Path, nargs="?")
    given = parser.parse_args(arguments)
    if (given.file is None) != (given.verb == "run"):
        parser.error("start and stop take a FILE, run takes none")
    if given.verb == "run":
        run_in_front(given.kind)
    elif given.verb == "start":
        start_beside(given.kind, given.file)
    else:
        stop_beside(given.file)
    return 0


def main() -> int:
    arguments = sys.argv[1:]
    try:
        if arguments[:1] == ["around"] and "--" in arguments:
            separator = arguments.index("--")
            return run_around(arguments[1:separator], arguments[separator + 1:])
        return run_one(arguments)
    except ServerFailed as error:
        print(f"servers.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
