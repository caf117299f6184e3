# SPDX-License-Identifier: Apache-2.0
"""A chain in small as a feature repository in a folder of the test, and the processes over it.

    payment-events -> enriched with the last risk of the merchant (risk-events) -> t.user_risk.v1
    payment-events -> t.user_spend.v1                        t.final.v1 asks for all three

    input    CATENA_BIN, else build/release/bin/catena of this tree
    errors   CommandFailed: what was run, its exit code, what it said
    effect   leaving the `with` block kills every process that was started; when this process is
             killed, the kernel ends them
"""

import ctypes
import http.client
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import time

from servers import KafkaBroker, RedisServer

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("CATENA_BIN") or str(ROOT / "build/release/bin/catena")
PATIENCE_SECONDS = 180
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
FIRST_MINUTES = [{"length": 5, "timeUnit": 2}]
HOUR_AND_DAY = [{"length": 1, "timeUnit": 0}, {"length": 24, "timeUnit": 0}]
LAST, COUNT, SUM, AVERAGE = 3, 6, 7, 8
CHAINED, SIMPLE, RISK = "t.user_risk.v1", "t.user_spend.v1", "t.merchant_risk.v1"
FINAL = "t.final.v1"
SCHEMAS = {
    "t.payments": [["user_id", "LONG"], ["merchant_id", "LONG"], ["amount", "DOUBLE"],
                   ["ts", "LONG"]],
    "t.risk": [["merchant_id", "LONG"], ["score", "DOUBLE"], ["ts", "LONG"]],
    "t.spine": [["user_id", "LONG"], ["merchant_id", "LONG"], ["ts", "LONG"]],
}


class CommandFailed(Exception):
    """A process of ours did not do what the test needs."""


def now_millis() -> int:
    return time.time_ns() // 1_000_000


def events(table: str, topic: str | None) -> dict:
    source = {"table": table, "query": {"timeColumn": "ts"}}
    return {"events": source | ({"topic": topic} if topic else {})}


def group_by(name: str, key: str, source: dict, aggregations: list) -> dict:
    return {"metaData": {"name": name, "outputNamespace": "t", "team": "t"}, "sources": [source],
            "keyColumns": [key], "accuracy": 0, "aggregations": aggregations}


def join(name: str, left: dict, *group_bys: dict) -> dict:
    return {"metaData": {"name": name, "outputNamespace": "t", "team": "t"}, "left": left,
            "joinParts": [{"groupBy": each} for each in group_bys]}


def definitions(payments: str, risks: str) -> dict[str, dict]:
    """Compiled confs by their path below production/, over these topics."""
    risk = group_by(RISK, "merchant_id", events("t.risk", risks),
                    [{"inputColumn": "score", "operation": LAST},
                     {"inputColumn": "score", "operation": AVERAGE, "windows": HOUR_AND_DAY}])
    enriched = join("t.enriched.v1", events("t.payments", payments), risk)
    chained = group_by(CHAINED, "user_id", {"joinSource": {"join": enriched, "query": {
        "timeColumn": "ts", "selects": {
            "user_id": "user_id", "amount": "amount", "risk": "t_merchant_risk_v1_score_last"}}}},
        [{"inputColumn": "risk", "operation": AVERAGE, "windows": FIRST_MINUTES + HOUR_AND_DAY},
         {"inputColumn": "risk", "operation": LAST}, {"inputColumn": "risk", "operation": COUNT},
         {"inputColumn": "amount", "operation": SUM, "windows": HOUR_AND_DAY}])
    simple = group_by(SIMPLE, "user_id", events("t.payments", payments),
                      [{"inputColumn": "amount", "operation": SUM},
                       {"inputColumn": "amount", "operation": COUNT},
                       {"inputColumn": "amount", "operation": LAST, "windows": HOUR_AND_DAY}])
    final = join(FINAL, events("t.spine", None), chained, simple, risk)
    confs = {"group_bys/t/user_risk.v1": chained, "group_bys/t/user_spend.v1": simple,
             "group_bys/t/merchant_risk.v1": risk, "joins/t/final.v1": final}
    return {path: conf | {"catena": {"version": 1, "sql": {}, "schemas": SCHEMAS, "inferred": []}}
            for path, conf in confs.items()}


def conf_path(name: str) -> str:
    kind = "joins" if name == FINAL else "group_bys"
    return f"production/{kind}/{name.replace('.', '/', 1)}"


class FeatureRepository:
    def __init__(self, folder: pathlib.Path, settings: str = "", topics: str = "file:topics",
                 suffix: str = "", kv: str = "rocksdb:state"):
        """`suffix` of the topics' names, where other tests have theirs on the same broker."""
        self.folder = folder
        self.running: list[subprocess.Popen] = []
        self.payments, self.risks = f"payment-events{suffix}", f"risk-events{suffix}"
        for path, conf in definitions(self.payments, self.risks).items():
            (folder / "production" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "production" / path).write_text(json.dumps(conf, indent=1))
        for table, columns in SCHEMAS.items():
            (folder / "schemas").mkdir(exist_ok=True)
            (folder / "schemas" / f"{table}.json").write_text(json.dumps(columns))
        (folder / "logs").mkdir()
        (folder / "warehouse").mkdir()
        (folder / "catena.yaml").write_text(
            f"warehouse: warehouse\nkv:\n  url: {kv}\ntopics:\n  default: {topics}\n" + settings)

    @classmethod
    def on_kafka(cls, folder: pathlib.Path, broker: KafkaBroker,
                 redis: RedisServer | None = None) -> "FeatureRepository":
        kv = f"redis://{redis.address}?prefix={folder.name}" if redis else "rocksdb:state"
        return cls(folder, f"kafka:\n  bootstrap.servers: {broker.address}\n", "kafka",
                   f"-{folder.name}", kv)

    def __enter__(self) -> "FeatureRepository":
        return self

    def __exit__(self, *_) -> None:
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()

    def _popen(self, arguments: tuple, **options) -> subprocess.Popen:
        # A user's own catena.yaml must not reach the test.
        environment = os.environ | {"XDG_CONFIG_HOME": str(self.folder / "no-config"),
                                    "HOME": str(self.folder)}
        return subprocess.Popen(
            [BINARY, *map(str, arguments)], cwd=self.folder, env=environment,
            preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), **options)

    def ask(self, *arguments, text: str | None = None) -> tuple[int, str, str]:
        """Exit code, output and errors."""
        process = self._popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        self.running.append(process)
        output, errors = process.communicate(text, timeout=PATIENCE_SECONDS)
        self.running.remove(process)
        return process.returncode, output, errors

    def run(self, *arguments, text: str | None = None) -> str:
        code, output, errors = self.ask(*arguments, text=text)
        if code != 0:
            raise CommandFailed(f"catena {shlex.join(map(str, arguments))} exited {code}: "
                                f"{errors[-3000:]}{output[-1000:]}")
        return output

    def start(self, name: str, *arguments, stdin=subprocess.DEVNULL) -> subprocess.Popen:
        """Keeps it running; it writes logs/<name>."""
        with open(self.folder / "logs" / name, "ab") as log:
            process = self._popen(arguments, stdin=stdin, stdout=log, stderr=log)
        self.running.append(process)
        return process

    def log(self, name: str) -> str:
        return (self.folder / "logs" / name).read_text(errors="replace")

    def kill(self, process: subprocess.Popen) -> None:
        process.kill()
        process.wait()
        self.running.remove(process)

    def terminate(self, process: subprocess.Popen, seconds: float = 10) -> tuple[int, float]:
        """Exit code (negative: killed by that signal) and how long the stop took."""
        began = time.monotonic()
        process.terminate()
        code = process.wait(seconds)
        self.running.remove(process)
        return code, time.monotonic() - began

    def wait_until(self, holds, what: str, process: subprocess.Popen | None = None,
                   log: str = "", seconds: float = PATIENCE_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            said = f": {self.log(log)[-3000:]}" if log else ""
            if process is not None and process.poll() is not None:
                raise CommandFailed(f"exited {process.returncode} before {what}{said}")
            if time.monotonic() > deadline:
                raise CommandFailed(f"not within {seconds:g} s: {what}{said}")
            time.sleep(0.02)

    # -- the chain -----------------------------------------------------------------------------
    def create_topics(self, payments: int = 3, risks: int = 2) -> None:
        self.run("topic", "create", self.payments, "--partitions", payments)
        self.run("topic", "create", self.risks, "--partitions", risks)

    def produce(self, topic: str, key: str, rows: list[dict], *flags) -> None:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        self.run("topic", "produce", topic, "-", "--key", key, *flags, text=lines)

    def topic_rows(self, topic: str) -> list[dict]:
        """Every record, with _partition and _offset."""
        tail = self.run("topic", "tail", topic, "--from-beginning")
        return [json.loads(line) for line in tail.splitlines()]

    def health(self, *flags) -> dict[str, dict]:
        """What `catena monitor` says, by GroupBy."""
        chains = json.loads(self.run("monitor", "--json", *flags))["chains"]
        return {chain["group_by"]: chain for chain in chains}

    def fetch(self, kind: str, name: str, keys: list[dict], at_millis: int, *flags) -> list[dict]:
        code, output, errors = self.ask(
            "fetch", "--type", kind, "--name", name, "--key-json-file", "-", "--at-millis",
            at_millis, *flags, text=json.dumps(keys))
        if code not in (0, 1):
            raise CommandFailed(f"catena fetch exited {code}: {errors[-3000:]}")
        return json.loads(output)["results"]


class Http:
    """One connection to a `catena serve` that writes to `log`."""

    def __init__(self, repository: FeatureRepository, process: subprocess.Popen, log: str):
        def port() -> list:
            return re.findall(r"http://127\.0\.0\.1:(\d+)", repository.log(log))
        repository.wait_until(port, "it says its port", process, log)
        self.port = int(port()[-1])
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, method: str, path: str, body=None) -> tuple[int, dict, str]:
        """Status, headers, text; `body` as it is when it is bytes, else as JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.connection.request(method, path, body)
        answer = self.connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()

    def results(self, path: str, body) -> list[dict]:
        status, _, text = self.ask("POST", path, body)
        if status != 200:
            raise CommandFailed(f"POST {path} answered {status}: {text[:2000]}")
        return json.loads(text)["results"]

    def ready(self) -> bool:
        return self.ask("GET", "/readyz")[0] == 200
