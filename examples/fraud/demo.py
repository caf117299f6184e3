# SPDX-License-Identifier: Apache-2.0
"""The fraud chain end to end: tables, a live topic, serving, monitoring, and the proof.

    usage     demo.py [--report build/demo/report.json] [--transactions 100000] [--seconds 20]
                      [--rate 1000] [--risk-rate 50] [--catena BIN]
    does      generate -> compile -> backfill the chain, twice -> upload two days -> serve and
              stream -> live traffic while fetching and monitoring -> archive -> backfill the same
              events -> compare what was fetched as of t with the backfill at t
    work      a copy of this feature repository, its warehouse, topics, state and logs: work/ beside
              the report; made anew by every run, and left there to be looked at
    output    every number with the file, command or URL that it came from; the report as JSON
    exit      0; 1 with one line when an acceptance bound is missed (that of time: with --strict
              only); 2 when a step cannot run
    children  end with this process, whatever ends it
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import time

import comparison
from children import Children, StepFailed
from client import (Background, Probes, Server, ServerError, SteadyFetches, percentiles)
from generate import (DAY, HERE, RISK_SCORES, TRANSACTIONS, Population, day_name, find_catena)
from traffic import TopicPipe, now_millis, probe_merchant, unfinished_line

REPOSITORY = ("catena.yaml", "teams.json", "group_bys", "joins", "schemas")
FINAL = "fraud.final.v1"
FINAL_TABLE = "fraud.fraud_final_v1"
FINAL_CONF = "production/joins/fraud/final.v1"
PARENT_CONF = "production/joins/fraud/seed_chain.enriched_transactions"
PARENT_TABLE = "fraud.fraud_seed_chain_enriched_transactions"
CHAINED = "fraud.user_risk.v1"
CHAINED_CONF = "production/group_bys/fraud/user_risk.v1"
CHAINED_TABLE = "fraud.fraud_user_risk_v1"
PROBE_FEATURE = "transaction_id_count_1h"
SPINE = "demo.spine"
PROBE_USERS_FROM = 900_000_000
METRICS = ("join.input.rate", "join.output.rate", "join.latency.p99", "groupby.input.lag",
           "groupby.state.size", "groupby.window.updates", "chain.total.latency",
           "chain.data.quality")
MINUTE = 60_000


class Bounds:
    """What the demo must show: `missed` is one line a bound of the answers, `slow` the time's."""

    def __init__(self, freshness_millis: float):
        self.freshness_millis = freshness_millis

    def missed(self, report: dict) -> list[str]:
        checks = [
            (report["compared"] >= 1000, "compared >= 1000", report["compared"]),
            (report["compared_nonnull"] >= 0.9 * report["compared"],
             "compared_nonnull >= 90 % of compared", report["compared_nonnull"]),
            (report["compared_old"] >= 300, "compared_old >= 300", report["compared_old"]),
            (report["mismatches"] == 0, "mismatches = 0", report["mismatches"]),
            (report["late_scores"] == 0, "late_scores = 0 (the machine stalled, so the data is not "
             "in the order that it declares; run again)", report["late_scores"]),
            (report["incomplete"] < 0.01, "incomplete < 0.01", report["incomplete"])]
        return [f"{bound}, but it is {value}" for holds, bound, value in checks if not holds]

    def slow(self, report: dict) -> str:
        """Of the one bound that hangs on the machine; "" when it holds."""
        p99 = report["freshness_ms"]["p99"]
        if p99 <= self.freshness_millis:
            return ""
        return f"freshness_ms.p99 <= {self.freshness_millis:g}, but it is {p99}"


class Demo:
    def __init__(self, options: argparse.Namespace, children: Children):
        self.options = options
        self.children = children
        self.work = options.work
        self.repo = self.work / "fraud"
        self.warehouse = self.repo / "build/warehouse"
        self.catena = find_catena(options.catena)[0]
        self.started = time.monotonic()
        self.report: dict = {}
        self.rng = random.Random(options.seed)

    # What is printed: a number, and where it came from.

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.started:5.1f} s] {text}", flush=True)

    def tell(self, name: str, value: object, source: str) -> None:
        shown = f"{value:,}" if isinstance(value, int) else (
            " ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, dict)
            else str(value))
        source = source.replace(f"{pathlib.Path.cwd()}/", "")
        print(f"          {name:34} {shown:>24}   <- {source}", flush=True)

    def run(self, *arguments: str) -> str:
        return self.children.run([self.catena, *arguments], self.repo)

    def count(self, table: str) -> int:
        """Rows through yesterday."""
        return comparison.count_rows(self.warehouse, table, self.day[1])

    # The steps.

    def prepare(self) -> None:
        now = now_millis()
        to_midnight = DAY - now % DAY
        if to_midnight < 5 * MINUTE:
            self.say(f"waiting {to_midnight // 1000 + 1} s for UTC midnight: the demo's days are "
                     "yesterday and today, and must not change under it")
            time.sleep(to_midnight / 1000 + 1)
        self.today = now_millis() // DAY * DAY
        self.day = {age: day_name(self.today - age * DAY) for age in range(5)}
        self.repo.mkdir(parents=True)
        for name in REPOSITORY:
            copy = shutil.copytree if (HERE / name).is_dir() else shutil.copy
            copy(HERE / name, self.repo / name)

    def generate(self) -> None:
        self.say("generate: tables through now, topics from yesterday on")
        options = self.options
        print(self.children.run(
            [sys.executable, str(HERE / "generate.py"), "--transactions",
             str(options.transactions), "--days", str(options.days), "--seed", str(options.seed),
             "--out", str(self.warehouse), "--repo", str(self.repo), "--catena", self.catena],
            self.repo), end="")
        self.report["transactions"] = self.count(TRANSACTIONS.name)
        self.tell("transactions", self.report["transactions"],
                  comparison.files_of(self.warehouse, TRANSACTIONS.name))

    def compile(self) -> None:
        self.say("compile: Python definitions to Chronon's confs")
        self.run("compile")
        confs = [path for path in (self.repo / "production").rglob("*") if path.is_file()]
        self.tell("confs", len(confs), f"{self.repo}/production")

    def write_history(self) -> None:
        """A spine of past days, so that the final Join has a training table to make."""
        since = self.today - 4 * DAY
        events = [event for event in comparison.candidates(self.warehouse, since)
                  if event[2] < self.today - DAY - 5 * MINUTE]
        chosen = self.rng.sample(events, min(2000, len(events)))
        comparison.write_spine(self.warehouse, SPINE, sorted(
            {comparison.Pick(user, merchant, ts + self.rng.randrange(1, 4 * MINUTE))
             for user, merchant, ts in chosen}))

    def backfill(self) -> None:
        self.say("backfill: parent Join, chained GroupBy, final Join")
        self.write_history()
        chain = (("join", PARENT_CONF, self.day[1], None),
                 ("group-by-backfill", CHAINED_CONF, self.day[1], self.day[1]),
                 ("join", FINAL_CONF, self.day[2], None))
        seconds = self.backfill_chain(chain, "first")
        self.report["backfill_seconds"] = seconds
        self.report["enriched_rows"] = self.count(PARENT_TABLE)
        self.tell("backfill_seconds", seconds, "wall clock of the three commands")
        self.tell("enriched_rows", self.report["enriched_rows"],
                  comparison.files_of(self.warehouse, PARENT_TABLE))
        self.tell("daily rows of the chained GroupBy", self.count(CHAINED_TABLE),
                  comparison.files_of(self.warehouse, CHAINED_TABLE))
        self.tell("training rows", self.count(FINAL_TABLE),
                  comparison.files_of(self.warehouse, FINAL_TABLE))
        again = self.backfill_chain(chain, "second")
        self.tell("the same again, reusing, seconds", again, "wall clock of the same commands")
        self.report["backfill_again_seconds"] = again

    def backfill_chain(self, chain: tuple, run: str) -> float:
        started = time.monotonic()
        computed = reused = 0
        for verb, conf, end, start in chain:
            file = self.work / f"{run}-{conf.rpartition('/')[2]}.json"
            self.run(verb, "--conf-path", conf, "--end-date", end, "--report", str(file),
                     *(("--start-partition-override", start) if start else ()))
            for step in json.loads(file.read_text())["steps"]:
                computed += len(step["computed"])
                reused += len(step["reused"])
        seconds = round(time.monotonic() - started, 3)
        self.tell(f"{run} run: partitions computed", computed, f"{self.work}/{run}-*.json")
        self.tell(f"{run} run: partitions reused", reused, f"{self.work}/{run}-*.json")
        return seconds

    def upload(self) -> None:
        for age in (2, 1):
            self.say(f"upload: every GroupBy's values at the end of {self.day[age]}")
            for conf in sorted((self.repo / "production/group_bys/fraud").iterdir()):
                self.run("group-by-upload", "--conf-path", str(conf), "--end-date", self.day[age])

    def serve(self) -> None:
        command = [self.catena, "serve", "--stream", FINAL_CONF, "--port", "0"]
        self.say("serve and stream in one process: catena " + " ".join(command[1:]))
        started = time.monotonic()
        self.server_process = self.children.start("serve", command, self.repo)
        self.port = self.children.wait_for_port(self.server_process)
        server = Server(self.port)
        self.children.wait_until(server.ready, f"http://127.0.0.1:{self.port}/readyz is 200", 120,
                                 self.server_process)
        self.wait_for_no_lag()
        self.tell("caught up with today, s", round(time.monotonic() - started, 1),
                  f"http://127.0.0.1:{self.port}/readyz and catena monitor --json")
        self.say("wait until the history that was caught up with, rightly called slow, has left "
                 "the monitor's last ten seconds")
        time.sleep(2)  # The stream reports every second.
        self.children.wait_until(
            lambda: not any(chain["alerts"] for chain in self.monitor()),
            "catena monitor --json shows no alert", 60, self.server_process)

    def monitor(self) -> list[dict]:
        return json.loads(self.run("monitor", "--json"))["chains"]

    def wait_for_no_lag(self) -> None:
        self.children.wait_until(
            lambda: all(chain["records_waiting"] == 0 for chain in self.monitor()),
            "catena monitor --json shows no records waiting", 120, self.server_process)

    def live(self) -> None:
        options = self.options
        self.say(f"live: {options.rate:g} payments and {options.risk_rate:g} scores a second for "
                 f"{options.seconds:g} s, open loop, while fetching")
        people = Population(max(100, options.transactions // 20),
                            max(50, options.transactions // 100), random.Random(options.seed))
        # A probe measures the chain, not how long a program takes to start.
        pipe = TopicPipe(TRANSACTIONS, self.catena, self.repo, **self.children.popen_options)
        self.children.running.append(pipe.process)
        time.sleep(1)
        self.live_since = now_millis()
        writer = self.children.start("traffic", [
            sys.executable, str(HERE / "traffic.py"), "--seconds", str(options.seconds), "--rate",
            str(options.rate), "--risk-rate", str(options.risk_rate), "--transactions",
            str(options.transactions), "--seed", str(options.seed), "--repo", str(self.repo),
            "--catena", self.catena], self.repo)
        keys = [{"user_id": people.user(), "merchant_id": people.merchant()} for _ in range(1000)]
        fetches = SteadyFetches(self.port, FINAL, keys, options.seed)
        merchant = probe_merchant(people)

        def probe(user: int) -> None:
            row = (f"probe-{user}", user, merchant, 1.0, 1.0, 0)
            pipe.write([f"{unfinished_line(TRANSACTIONS, row)}{now_millis()}}}\n"])

        probes = Probes(self.port, CHAINED, PROBE_FEATURE, probe, PROBE_USERS_FROM)
        loops = [Background(fetches.step, 0.02), Background(probes.step, 0.5)]
        chains = self.watch(writer)
        for loop in loops:
            loop.stop()
        pipe.close()
        self.report_live(json.loads(self.children.output(writer)), fetches, probes, chains)

    def watch(self, writer) -> list[dict]:
        """The last monitor's answer before the traffic ended that shows some of it, else one from
        after it; alerts of all of them."""
        chains: list[dict] = []
        alerts = []
        while writer.poll() is None:
            answer = self.monitor()
            if writer.poll() is None and any(
                    chain["metrics"]["join.output.rate"] > 0 for chain in answer):
                chains = answer
            alerts += [alert["text"] for chain in answer for alert in chain["alerts"]]
            time.sleep(2)
        self.report["alerts"] = sorted(set(alerts))
        return chains or self.monitor()

    def report_live(self, wrote: dict, fetches: SteadyFetches, probes: Probes,
                    chains: list[dict]) -> None:
        report = self.report
        chain = next(one for one in chains if one["group_by"] == CHAINED)
        report["streamed_events"] = wrote["payments"] + wrote["scores"] + len(probes.millis)
        report["metrics"] = {name: chain["metrics"][name] for name in METRICS}
        report["freshness_ms"] = {"p50": round(chain["chain.total.latency.p50"], 3),
                                  "p99": round(chain["metrics"]["chain.total.latency"], 3)}
        report["fetch_ms"] = percentiles(fetches.millis)
        report["visible_ms"] = percentiles(probes.millis)
        url = f"http://127.0.0.1:{self.port}/v1/features"
        monitor = f"catena monitor --json, {CHAINED}, last 10 s of the traffic"
        self.tell("streamed_events", report["streamed_events"], "traffic.py and probes")
        self.tell("latest write, ms behind schedule", wrote["late_max_ms"], "traffic.py")
        self.tell("freshness_ms", report["freshness_ms"], monitor)
        self.tell("visible_ms", report["visible_ms"],
                  f"{len(probes.millis)} probes: written -> seen in POST {url}/groupby/{CHAINED}")
        self.tell("fetch_ms", report["fetch_ms"],
                  f"{len(fetches.millis)} x POST {url}/join/{FINAL}")
        for name, value in report["metrics"].items():
            self.tell(name, round(value, 4), monitor)
        self.tell("alerts", len(report["alerts"]), "catena monitor --json, every two seconds")

    def archive_and_fetch(self) -> None:
        self.wait_for_no_lag()
        self.say("archive: both topics as tables")
        for table in (TRANSACTIONS, RISK_SCORES):
            self.run("topic", "archive", table.topic, "--table", table.name)
        scores = [json.loads(line) for line in self.run(
            "topic", "tail", RISK_SCORES.topic, "--from-beginning").splitlines()]
        self.report["late_scores"] = sum(
            score["_append_time"] > score["ts"] for score in scores
            if score["_append_time"] >= self.live_since)
        self.tell("late_scores", self.report["late_scores"],
                  f"catena topic tail {RISK_SCORES.topic}: appended after they took effect")
        self.asked_at = now_millis()
        events = [event for event in comparison.candidates(
            self.warehouse, self.asked_at - comparison.REACH) if event[2] < self.asked_at - 1000]
        self.picks = comparison.pick(events, self.asked_at - 1000, self.live_since, self.rng)
        self.say(f"fetch: {len(self.picks)} (user, merchant, t) as of t, over HTTP")
        self.results = comparison.fetch(Server(self.port), FINAL, self.picks)
        (self.work / "fetched.json").write_text(json.dumps(
            [{"atMillis": one.ts, **result} for one, result in zip(self.picks, self.results)]))
        self.children.stop(self.server_process)
        if self.server_process.returncode not in (0, 128 + signal.SIGTERM):
            raise self.children.failed(self.server_process,
                                       f"SIGTERM ended it with {self.server_process.returncode}")

    def prove(self) -> None:
        days = comparison.write_spine(self.warehouse, SPINE, self.picks)
        self.say(f"backfill: the same picks over the archived events, {' and '.join(days)}")
        self.run("join", "--conf-path", FINAL_CONF, "--end-date", days[-1],
                 "--start-partition-override", days[0])
        backfill = comparison.read_backfill(self.warehouse, FINAL_TABLE, days)
        result = comparison.compare(self.picks, self.results, backfill, self.asked_at)
        self.report |= {
            "compared": result.rows, "compared_nonnull": result.rows_nonnull,
            "compared_old": result.rows_old, "compared_values": result.values,
            "mismatches": len(result.mismatches), "incomplete": round(result.incomplete_ratio, 6)}
        source = (f"{self.work}/fetched.json (POST /v1/features/join/{FINAL}) against "
                  f"{comparison.files_of(self.warehouse, FINAL_TABLE)}")
        for name in ("compared", "compared_nonnull", "compared_old", "compared_values",
                     "mismatches", "incomplete"):
            self.tell(name, self.report[name], source)
        for mismatch in result.mismatches[:5]:
            print(f"          MISMATCH {mismatch}")

    def main(self) -> int:
        self.prepare()
        for step in (self.generate, self.compile, self.backfill, self.upload, self.serve,
                     self.live, self.archive_and_fetch, self.prove):
            step()
        self.report["seconds"] = round(time.monotonic() - self.started, 1)
        self.options.report.parent.mkdir(parents=True, exist_ok=True)
        self.options.report.write_text(json.dumps(self.report, indent=2) + "\n")
        self.say(f"report: {self.options.report}")
        bounds = Bounds(self.options.freshness_bound)
        missed = bounds.missed(self.report)
        for line in missed:
            print(f"demo.py: missed: {line}", file=sys.stderr)
        if slow := bounds.slow(self.report):
            print(f"demo.py: slow: {slow}; the load of this machine is {os.getloadavg()[0]:.0f} on "
                  f"{os.cpu_count()} cores", file=sys.stderr)
        if not missed:
            self.say("the answers agree: what was fetched is what the backfill says")
        return 1 if missed or (slow and self.options.strict) else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--report", type=pathlib.Path, default="build/demo/report.json")
    parser.add_argument("--transactions", type=int, default=100_000, help="through yesterday")
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--seconds", type=float, default=20, help="of live traffic")
    parser.add_argument("--rate", type=float, default=1000, help="live payments a second")
    parser.add_argument("--risk-rate", type=float, default=50, help="live scores a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--freshness-bound", type=float, default=50, help="milliseconds, p99")
    parser.add_argument("--strict", action="store_true",
                        help="exit code 1 also when freshness misses its bound")
    parser.add_argument("--catena", help="the binary; default: of this project, else on PATH")
    options = parser.parse_args()
    options.report = options.report.resolve()
    options.work = options.report.parent / "work"
    return options


def fresh_folder(work: pathlib.Path) -> None:
    """Removes what an earlier run made, and nothing else of that name."""
    marker = work / ".made-by-demo"
    if marker.exists():
        shutil.rmtree(work)
    elif work.exists():
        raise StepFailed(f"{work} was not made by the demo; move it, or name another --report")
    work.mkdir(parents=True)
    marker.touch()


def interrupted(signal_number: int, _) -> None:
    raise KeyboardInterrupt(signal_number)


def main() -> int:
    options = parse_arguments()
    signal.signal(signal.SIGTERM, interrupted)
    try:
        fresh_folder(options.work)
        with Children.of(options.work / "logs") as children:
            return Demo(options, children).main()
    except (StepFailed, ServerError, OSError) as error:
        print(f"demo.py: {error}\ndemo.py: everything it made is kept in {options.work}",
              file=sys.stderr)
        return 2
    except KeyboardInterrupt as stopped:
        return 128 + (stopped.args[0] if stopped.args else signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
