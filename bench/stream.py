# SPDX-License-Identifier: Apache-2.0
"""`make bench-stream`: from a payment's due time to its features readable by another process.

    usage    make bench-stream [RATES="1000 10000 50000 100000"] [SECONDS=60] [FILE=300000]
                               [SHAPES="simple chain chain3"] [KV=rocksdb|redis] [RUNS=1|5|...]
    does     a real Kafka broker (and Redis) of its own; for every rate and shape fresh topics with
             2 partitions of payments and 12 of risk scores, a fresh state, one
             `catena group-by-streaming`; payments in an open loop, a score to every twenty
    shapes   simple: payments by user. chain: enriched with the merchant's score as of the payment,
             by user. chain3: two more Joins and GroupBys over that
    floor    the same load, and a librdkafka consumer that does nothing else, on the same topic
    file     such events from file topics that are there before the stream starts, without broker,
             load and watcher: payments that a CPU second of the process folds, its start and its
             commits counted, the median of five; what they take on disk once compacted
    week     seven full days of payments from file topics, for WEEK=20000 users: what they take on
             disk, compacted, for a million users; the target is of the shapes as they are
    shuffled such events of the 1-hop chain, each up to a second late, through the watermark gate:
             every answer is complete, and the backfill's
    hot key  the load with one user in every second payment, beside the one without
    rows     ms from when a payment was due (200 a second are watched) to when the Fetcher of
             another process shows it, p50, p99, p99.9; behind: that of the last one; CPU seconds
             a second of the stream alone, of the broker, of load and watcher; RSS; state; of RUNS
             rounds through floor and shapes the median, of numbers of rows the largest
    answers  as of random moments of the run, fetched while the stream runs, against the backfill of
             the archived topics: 0 mismatches, or exit code 1
"""

import contextlib
import csv
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

import report

sys.path[:0] = [str(report.ROOT / "tests"), str(report.ROOT / "bench/stream")]
from feature_repository import FeatureRepository, Http, events, join, now_millis
from servers import KafkaBroker, RedisServer
from shapes import WATCHED, shape_conf

RATES = [int(rate) for rate in os.environ.get("RATES", "1000 10000 50000 100000").split()]
SECONDS = float(os.environ.get("SECONDS", "60"))
SHAPES = os.environ.get("SHAPES", "simple chain chain3").split()
KV = os.environ.get("KV", "rocksdb")
RUNS = int(os.environ.get("RUNS", "1"))
FILE_PAYMENTS, FILE_RATE = int(os.environ.get("FILE", "300000")), 10_000
PAYMENTS_PER_RISK = 20
MERCHANTS = 10_000
PAYMENTS_PER_USER, USERS_MAX = 5, 100_000
PAYMENT_PARTITIONS, RISK_PARTITIONS = 2, 12
# Of 500,000 users in the 14 days of bench-batch's 10,000,000 transactions.
WEEK_USERS, PAYMENTS_PER_USER_AND_DAY = int(os.environ.get("WEEK", "20000")), 10 / 7
WEEK = [{"length": 7, "timeUnit": 1}]
ASKED, ASKED_AT_ONCE, FILLED_SHARE = 2000, 200, 0.5
SEED = 20261126
MINUTE = 60_000
ASKED_BACK = 100 * MINUTE  # Raw rows are kept for two hours.
ASKED_JOIN = "t.asked.v1"
HOT_EVERY, HOT_RATE = 2, 10_000
LATE_MILLIS = 1000
DAY = 24 * 60 * MINUTE
TILES = ("5m", "1h", "1d")
PATIENCE = 60
COMPILED_RATE, COMPILED_SECONDS, COMPILED_SHARE = 10_000, 10, 0.1
SUSTAINED_MILLIS = 1000  # Behind by more when the load ends, a rate is not held.
TICKS = os.sysconf("SC_CLK_TCK")


class Broker(KafkaBroker):
    """As on machines of its own: collected seldom, compiled; with the threads that our cores bear.

    What each of it brings is in README.md.
    """

    def __init__(self, folder: pathlib.Path):
        super().__init__(folder)
        with open(folder / "server.properties", "a") as properties:
            properties.write("num.network.threads=1\nnum.io.threads=1\n"
                             "fetch.purgatory.purge.interval.requests=50\n"
                             "producer.purgatory.purge.interval.requests=50\n")

    def command(self) -> list[str]:
        said = super().command()
        return ["java", "-Xms1g", "-Xmx1g", "-Xmn768m", "-XX:+UseSerialGC",
                "-XX:+UseTransparentHugePages", "-XX:+AlwaysPreTouch", *said[said.index("-cp"):]]


class Samples:
    """Figures of runs that are repeated, until all of them are there."""

    def __init__(self):
        self.of: dict[tuple[str, str], list[float]] = {}

    def row(self, name: str, value: float, unit: str) -> None:
        self.of.setdefault((name, unit), []).append(value)

    def report(self, out: report.Report) -> None:
        for (name, unit), values in self.of.items():
            out.row(name, max(values) if unit == "rows" or len(values) == 1 else values, unit)


class Run:
    """One rate and shape: fresh topics, fresh state."""

    def __init__(self, folder: pathlib.Path, broker: Broker, redis: RedisServer | None,
                 programs: dict[str, pathlib.Path], shape: str, rate: int, hot_every: int = 0,
                 seconds: float = SECONDS):
        self.folder, self.broker, self.redis = folder, broker, redis
        self.programs, self.shape, self.rate, self.hot_every = programs, shape, rate, hot_every
        self.seconds = seconds
        self.label = f"{shape}/{rate}" + ("/hot key" if hot_every else "")
        self.users = min(USERS_MAX, int(rate * seconds / PAYMENTS_PER_USER))
        self.repository = FeatureRepository.on_kafka(folder, broker, redis)
        self.repository.create_topics(PAYMENT_PARTITIONS, RISK_PARTITIONS)

    def load(self, **watched) -> dict:
        given = {"brokers": self.broker.address, "payments": self.repository.payments,
                 "risks": self.repository.risks, "payment_partitions": PAYMENT_PARTITIONS,
                 "risk_partitions": RISK_PARTITIONS, "users": self.users, "merchants": MERCHANTS,
                 "rate": self.rate, "seconds": self.seconds, "seed": SEED,
                 "warm_up": min(5.0, self.seconds / 5), "hot_every": self.hot_every, **watched}
        child = subprocess.Popen([self.programs["load"], json.dumps(given)], cwd=self.folder,
                                 stdout=subprocess.PIPE, text=True)
        said = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            report.fail(f"{self.shape} at {self.rate} a second: the load failed, see above")
        return json.loads(said) | {"cpu": usage.ru_utime + usage.ru_stime}

    def conf(self) -> dict:
        return shape_conf(self.shape, self.repository.payments, self.repository.risks)

    def write_confs(self) -> str:
        """The conf of the watched GroupBy, and a Join that asks for it."""
        name = WATCHED[self.shape][0]
        conf = self.conf()
        path = self.conf_file(name)
        path.write_text(json.dumps(conf))
        below = {field: value for field, value in conf.items() if field != "catena"}
        asked = join(ASKED_JOIN, events("t.spine", None), below) | {"catena": conf["catena"]}
        (self.folder / "production/joins/t/asked.v1").write_text(json.dumps(asked))
        return str(path)

    def start(self, *arguments) -> subprocess.Popen:
        """The stream, once it is ready."""
        repository = self.repository
        process = repository.start("stream", "group-by-streaming", "--conf-path",
                                   self.write_confs(), *arguments)
        repository.wait_until(lambda: "ready" in repository.log("stream").split("\n"), "ready",
                              process, "stream")
        return process

    def watch(self) -> dict:
        """The load, and what of it the Fetcher shows when."""
        name, feature = WATCHED[self.shape]
        store = (f"redis://{self.redis.address}?prefix={self.folder.name}" if self.redis
                 else f"rocksdb:{self.folder}/state")
        return self.load(store=store, conf=str(self.conf_file(name)), feature=feature)

    def warm_up(self) -> None:
        """Its figures are nobody's."""
        with self.repository:
            self.start()
            self.watch()

    def stream(self, out: Samples) -> None:
        name, _ = WATCHED[self.shape]
        with self.repository as repository:
            process = self.start()
            before = cpu_seconds(process.pid), cpu_seconds(self.broker.process.pid)
            began = now_millis()
            told = self.watch()
            used = [cpu_seconds(pid) - since for pid, since in
                    zip((process.pid, self.broker.process.pid), before)]
            ended = now_millis()
            self.tell(out, told, used, process.pid)
            repository.wait_until(lambda: self.waiting() == 0, "nothing waits", process, "stream")
            chain = repository.health()[name]
            self.row(out, "state", chain["metrics"]["groupby.state.size"] / 2**20, "MiB")
            self.row(out, "forced", chain["counts"]["forced"], "rows")
            self.row(out, "stale", chain["counts"]["incomplete"], "rows")
            if chain["counts"]["folded"] != told["payments"]:
                report.fail(f"{name}: {chain['counts']} of {told['payments']} payments")
            self.compare(out, began + MINUTE // 60, ended)

    def conf_file(self, name: str) -> pathlib.Path:
        return self.folder / f"production/group_bys/{name.replace('.', '/', 1)}"

    def waiting(self) -> int:
        return sum(chain["records_waiting"] for chain in self.repository.health().values())

    def row(self, out: Samples, figure: str, value: float, unit: str) -> None:
        out.row(f"{self.label}/{figure}", value, unit)

    def tell(self, out: Samples, told: dict, used: list[float], pid: int) -> None:
        self.tell_latencies(out, told)
        seconds = self.seconds + told["behind_ms"] / 1000
        self.row(out, "CPU of the stream", used[0] / seconds, "cores")
        self.row(out, "CPU of the stream a payment", used[0] / told["payments"] * 1e6, "us")
        self.row(out, "CPU of the broker", used[1] / seconds, "cores")
        self.row(out, "CPU of load and watcher", told["cpu"] / seconds, "cores")
        self.row(out, "peak RSS of the stream", peak_mib(pid), "MiB")

    def tell_latencies(self, out: Samples, told: dict) -> None:
        for quantile in ("p50", "p99", "p99.9"):
            self.row(out, quantile, told[quantile], "ms")
        self.row(out, "behind", told["behind_ms"], "ms")
        print(f"{self.label}: p50 {told['p50']:.2f}, p99 {told['p99']:.2f}, "
              f"p99.9 {told['p99.9']:.2f} ms, behind {told['behind_ms']:.1f} ms; the producer was "
              f"at most {told['latest_ms']:.1f} ms late", flush=True)

    def compare(self, out: Samples, begin: int, end: int) -> int:
        """What is fetched as of moments of the run, against the backfill of the same log; says how
        many are incomplete."""
        repository = self.repository
        rng = random.Random(SEED)
        moments = sorted(rng.choices(range(begin, end), k=ASKED))
        asked = [{"user_id": rng.randrange(self.users), "merchant_id": rng.randrange(MERCHANTS),
                  "ts": moment} for moment in moments]
        server = Http(repository, repository.start("serve", "serve", "--port", "0"), "serve")
        answers = []
        for begin in range(0, len(asked), ASKED_AT_ONCE):
            answers += server.results(f"/v1/features/join/{ASKED_JOIN}", {"requests": [
                {"keys": {key: row[key] for key in ("user_id", "merchant_id")},
                 "atMillis": row["ts"]} for row in asked[begin:begin + ASKED_AT_ONCE]]})
        expected = self.backfill(asked)
        mismatches = filled = incomplete = 0
        for row, answer in zip(expected, answers, strict=True):
            filled += any(value is not None for value in answer["features"].values())
            if "incomplete" in answer:
                incomplete += 1
            elif answer["features"] != {name: row[name] for name in answer["features"]}:
                mismatches += 1
                print(f"MISMATCH {answer} {row}", file=sys.stderr)
        self.row(out, "rows compared", ASKED, "rows")
        self.row(out, "rows compared, not empty", filled, "rows")
        self.row(out, "rows incomplete", incomplete, "rows")
        if mismatches or filled < FILLED_SHARE * ASKED:
            report.fail(f"{self.label}: {mismatches} mismatches with the backfill of the same log, "
                        f"of {filled} rows that are not empty")
        return incomplete

    def archive(self) -> None:
        repository = self.repository
        repository.run("topic", "archive", repository.risks, "--table", "t.risk")
        repository.run("topic", "archive", repository.payments, "--table", "t.payments")

    def backfill(self, asked: list[dict]) -> list[dict]:
        repository = self.repository
        self.archive()
        file = self.folder / "spine.csv"
        with open(file, "w", newline="") as stream:
            writer = csv.DictWriter(stream, ["id", *asked[0], "ds"], lineterminator="\n")
            writer.writeheader()
            writer.writerows({"id": i} | row | {"ds": day_name(row["ts"])}
                             for i, row in enumerate(asked))
        repository.run("table", "load", file, "t.spine")
        repository.run("join", "--conf-path", "production/joins/t/asked.v1",
                       "--start-partition-override", day_name(asked[0]["ts"]), "--end-date",
                       day_name(asked[-1]["ts"]))
        table = repository.run("sql", "--json", "SELECT * FROM t.t_asked_v1 ORDER BY id")
        return [json.loads(line) for line in table.splitlines()]


def compile_broker(folder: pathlib.Path, broker: Broker, programs: dict[str, pathlib.Path]) -> None:
    """Loads it until it hardly compiles any more, with all that is asked of it later."""
    share = 1.0
    while share > COMPILED_SHARE:
        own = pathlib.Path(tempfile.mkdtemp(prefix="compiled-", dir=folder))
        run = Run(own, broker, None, programs, "chain", COMPILED_RATE, seconds=COMPILED_SECONDS)
        before = cpu_seconds(broker.process.pid, "Compiler")
        run.load()
        run.warm_up()
        share = (cpu_seconds(broker.process.pid, "Compiler") - before) / (2 * COMPILED_SECONDS)
        run.archive()
        shutil.rmtree(own)


class FileRun(Run):
    """A stream that finds all of its events in file topics."""

    streams = report.REPETITIONS  # All the same; what is said of one is of the last.
    payments, users = FILE_PAYMENTS, min(USERS_MAX, FILE_PAYMENTS // PAYMENTS_PER_USER)
    millis, ended_ago = FILE_PAYMENTS * 1000 // FILE_RATE, MINUTE

    def __init__(self, folder: pathlib.Path, shape: str, late_millis: int = 0):
        self.folder, self.shape, self.late_millis = folder, shape, late_millis
        self.label = f"{shape}/{self.kind()}"
        self.repository = FeatureRepository(folder)
        self.repository.create_topics(PAYMENT_PARTITIONS, RISK_PARTITIONS)
        self.begin = now_millis() - self.ended_ago
        self.end = self.begin + self.millis
        rng = random.Random(SEED)
        risks = [{"merchant_id": merchant, "score": rng.randrange(101) / 100, "ts": self.begin}
                 for merchant in range(MERCHANTS)]
        self.events = []
        for i in range(self.payments):
            ts = self.begin + i * self.millis // self.payments
            self.events.append({"user_id": rng.randrange(self.users),
                                "merchant_id": rng.randrange(MERCHANTS),
                                "amount": rng.randrange(10_000) / 100, "ts": ts})
            if i % PAYMENTS_PER_RISK == 0:
                risks.append({"merchant_id": rng.randrange(MERCHANTS),
                              "score": rng.randrange(101) / 100, "ts": ts})
        for topic, key, rows in ((self.repository.payments, "user_id", self.events),
                                 (self.repository.risks, "merchant_id", risks)):
            arrived = [row | {"arrived": row["ts"] + rng.randint(0, late_millis)} for row in rows]
            arrived.sort(key=lambda row: row["arrived"])
            self.repository.produce(topic, key, arrived, "--append-time-field", "arrived")

    def kind(self) -> str:
        return "shuffled" if self.late_millis else "file"

    def stream(self, out: Samples) -> None:
        name, _ = WATCHED[self.shape]
        gate = ["--gate", "watermark", "-Z", f"out_of_orderness_ms={self.late_millis}"]
        with self.repository as repository:
            rates = []
            while len(rates) < self.streams:
                if rates:
                    self.forget(process)
                process = self.start(*(gate if self.late_millis else []))
                rates.append(self.payments / cpu_seconds(process.pid))
                self.row(out, "payments a CPU second", rates[-1], "1/s")
            self.row(out, "peak RSS of the stream", peak_mib(process.pid), "MiB")
            counts = repository.health()[name]["counts"]
            if counts["folded"] != self.payments:
                report.fail(f"{name}: {counts} of {self.payments} payments")
            print(f"{self.label}: {', '.join(f'{rate:,.0f}' for rate in sorted(rates))} payments "
                  "a CPU second", flush=True)
            incomplete = self.compare(out, max(self.begin, self.end - ASKED_BACK), self.end)
            if self.late_millis and incomplete:
                report.fail(f"{self.label}: {incomplete} answers are incomplete")
            repository.terminate(process, PATIENCE)
            self.tell_state(out, name)

    def forget(self, process: subprocess.Popen) -> None:
        """As if no stream had been."""
        self.repository.terminate(process, PATIENCE)
        shutil.rmtree(self.folder / "state")
        (self.folder / "logs/stream").unlink()

    def tell_state(self, out: Samples, name: str) -> None:
        """What the watched GroupBy takes on disk of what reads may still ask for; a share of the
        files' indexes and Bloom filters is in it."""
        self.repository.run("state", "compact")
        listed = json.loads(self.repository.run("state", "ls", "--json"))
        below = f"{name.replace('.', '_')}_STREAMING/"
        bytes_of = {each["name"].removeprefix(below): each["approximate_bytes"]
                    for group_by in listed for each in group_by["datasets"]
                    if each["name"].startswith(below)}
        values_of = {layer: int(values) for values, layer in re.findall(
            rf"(\d+) values .* {below}(\S+)", self.repository.run("state", "verify"))}
        tiles = [layer for layer in TILES if values_of.get(layer)]
        self.row(out, "bytes a tile", sum(bytes_of[layer] for layer in tiles) /
                 sum(values_of[layer] for layer in tiles), "B")
        self.row(out, "bytes a raw row", bytes_of["raw"] / values_of["raw"], "B")
        self.row(out, "tiles, prefixes and rows a key", sum(values_of.values()) / self.users, "")
        self.row(out, "state a million keys", sum(bytes_of.values()) / self.users, "MB")


class WeekRun(FileRun):
    """Seven full days up to now, as many payments a user and day as bench-batch's data have; with
    `windows` that reach back as far, where the shape's own reach back a day."""

    streams = 1
    users = WEEK_USERS
    millis = ended_ago = 7 * DAY
    payments = int(users * PAYMENTS_PER_USER_AND_DAY * 7)

    def __init__(self, folder: pathlib.Path, shape: str, windows: bool = False):
        self.windows = windows
        super().__init__(folder, shape)

    def kind(self) -> str:
        return "week, windows of a week" if self.windows else "week"

    def conf(self) -> dict:
        conf = super().conf()
        for aggregation in conf["aggregations"]:
            if self.windows and "windows" in aggregation:
                aggregation["windows"] = aggregation["windows"] + WEEK
        return conf


def day_name(millis: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(millis // 1000))


def cpu_seconds(pid: int, threads: str = "") -> float:
    """Of the process; with `threads` of those whose names have it in them."""
    stats = pathlib.Path(f"/proc/{pid}").glob("task/*/stat" if threads else "stat")
    ticks = 0
    for stat in stats:
        name, _, fields = stat.read_text().rpartition(")")
        if threads in name:
            ticks += sum(int(field) for field in fields.split()[11:13])
    return ticks / TICKS


def peak_mib(pid: int) -> float:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def set_targets(out: report.Report) -> None:
    for rate in (1000, 10_000):
        if rate not in RATES:
            continue
        if "chain" in SHAPES:
            p99 = out.value(f"chain/{rate}/p99")
            out.at_most(f"1-hop chain at {rate:,}/s: p99 ms", p99, 10)
            out.at_most(f"1-hop chain at {rate:,}/s: times the floor's p99",
                        p99 / out.value(f"floor/{rate}/p99"), 3)
        if "chain3" in SHAPES:
            out.at_most(f"3-hop chain at {rate:,}/s: p99 ms", out.value(f"chain3/{rate}/p99"), 30)
    for shape, bound in (("simple", 300_000), ("chain", 100_000)):
        if shape in SHAPES:
            out.at_least(f"{shape} from a file topic: payments a CPU second",
                         out.value(f"{shape}/file/payments a CPU second"), bound)
            for kind in ("file", "week"):
                out.at_most(f"{shape}, {kind}: bytes a tile",
                            out.value(f"{shape}/{kind}/bytes a tile"), 20)
            out.at_most(f"{shape}: MB a million keys after 7 days",
                        out.value(f"{shape}/week/state a million keys"), 300)
            if HOT_RATE in RATES:
                out.at_most(f"{shape} with a hot key: times the p99 without",
                            out.value(f"{shape}/{HOT_RATE}/hot key/p99") /
                            out.value(f"{shape}/{HOT_RATE}/p99"), 2)
    for shape, rate in (("simple", 100_000), ("chain", 50_000)):
        if shape in SHAPES and rate in RATES:
            out.at_most(f"{shape} at {rate:,}/s: ms behind when the load ends",
                        out.value(f"{shape}/{rate}/behind"), SUSTAINED_MILLIS)


def main() -> int:
    if 1 < RUNS < report.REPETITIONS:
        report.fail(f"RUNS={RUNS}: 1, or at least {report.REPETITIONS} for medians")
    programs = {"load": report.build("stream_load", "bench/stream_load"),
                "catena": report.build("catena", "bin/catena")}
    out = report.Report("stream")
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stream-")))
        samples = Samples()
        file_runs = [(shape, 0) for shape in SHAPES]
        for shape, late_millis in file_runs + [("chain", LATE_MILLIS)] * ("chain" in SHAPES):
            own = folder / f"{shape}-file-{late_millis}"
            own.mkdir()
            FileRun(own, shape, late_millis).stream(samples)
        for shape, windows in [(shape, False) for shape in SHAPES if shape != "chain3"] + [
                ("chain", True)] * ("chain" in SHAPES):
            own = folder / f"{shape}-week-{windows}"
            own.mkdir()
            WeekRun(own, shape, windows).stream(samples)
        for name in ("kafka", "redis"):
            (folder / name).mkdir()
        broker = stack.enter_context(Broker(folder / "kafka")) if RATES else None
        redis = stack.enter_context(RedisServer(folder / "redis")) if KV == "redis" else None
        if RATES:
            compile_broker(folder, broker, programs)
        for rate in RATES:
            hot = [(shape, HOT_EVERY) for shape in SHAPES if rate == HOT_RATE and shape != "chain3"]
            for shape, hot_every in [("floor", 0), *((shape, 0) for shape in SHAPES), *hot] * RUNS:
                own = pathlib.Path(tempfile.mkdtemp(prefix=f"{shape}-{rate}-", dir=folder))
                run = Run(own, broker, redis, programs, shape, rate, hot_every)
                if shape == "floor":
                    run.tell_latencies(samples, run.load())
                else:
                    run.stream(samples)
                shutil.rmtree(own)
    samples.report(out)
    set_targets(out)
    return out.finish()


if __name__ == "__main__":
    sys.exit(main())
