# SPDX-License-Identifier: Apache-2.0
"""What the demo asks of a running `catena serve`: features, a steady load, probes.

    units      latencies are milliseconds at the client, from sending until the answer is read
    threads    a Server is one connection and belongs to one thread
"""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable

TIMEOUT_SECONDS = 60


class ServerError(Exception):
    """The server answered something else than what was asked for."""


class Server:
    def __init__(self, port: int):
        self.port = port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        text = None if body is None else json.dumps(body)
        self.connection.request(method, path, text, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def ready(self) -> bool:
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            self.connection.close()
            return False

    def fetch(self, path: str, requests: list[dict]) -> list[dict]:
        status, text = self.ask("POST", path, {"requests": requests})
        if status != 200:
            raise ServerError(f"POST {path} answered {status}: {text[:500].decode()}")
        results = json.loads(text)["results"]
        if len(results) != len(requests):
            raise ServerError(f"POST {path}: {len(results)} results to {len(requests)} requests")
        return results

    def fetch_join(self, name: str, requests: list[dict]) -> list[dict]:
        return self.fetch(f"/v1/features/join/{name}", requests)

    def fetch_group_by(self, name: str, requests: list[dict]) -> list[dict]:
        return self.fetch(f"/v1/features/groupby/{name}", requests)


class Background(threading.Thread):
    """A loop that runs until `stop`; what it raised is raised there."""

    def __init__(self, step: Callable[[], None], interval: float):
        super().__init__(daemon=True)
        self.step = step
        self.interval = interval
        self.stopping = threading.Event()
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        due = time.monotonic()
        try:
            while not self.stopping.is_set():
                self.step()
                due += self.interval
                self.stopping.wait(max(0.0, due - time.monotonic()))
        except Exception as error:  # Whatever it was, `stop` tells it in the thread that waits.
            self.error = error

    def stop(self) -> None:
        self.stopping.set()
        self.join(TIMEOUT_SECONDS)
        if self.error:
            raise self.error


class SteadyFetches:
    """One-row fetches of a Join, one after the other."""

    def __init__(self, port: int, join: str, keys: list[dict], seed: int):
        self.server = Server(port)
        self.join = join
        self.keys = keys
        self.rng = random.Random(seed)
        self.millis: list[float] = []

    def step(self) -> None:
        request = [{"keys": self.rng.choice(self.keys)}]
        started = time.perf_counter()
        self.server.fetch_join(self.join, request)
        self.millis.append(1000 * (time.perf_counter() - started))


class Probes:
    """Payments of users nobody has seen: how long until their count is one over HTTP?"""

    def __init__(self, port: int, group_by: str, feature: str, produce: Callable[[int], None],
                 first_user: int):
        self.server = Server(port)
        self.group_by = group_by
        self.feature = feature
        self.produce = produce
        self.user = first_user
        self.millis: list[float] = []

    def step(self) -> None:
        self.user += 1
        started = time.perf_counter()
        self.produce(self.user)
        while not self.visible():
            if time.perf_counter() - started > TIMEOUT_SECONDS:
                raise ServerError(f"the payment of user {self.user} did not become visible in "
                                  f"{TIMEOUT_SECONDS} s through groupby/{self.group_by}")
            time.sleep(0.001)
        self.millis.append(1000 * (time.perf_counter() - started))

    def visible(self) -> bool:
        result = self.server.fetch_group_by(self.group_by, [{"keys": {"user_id": self.user}}])[0]
        return (result.get("features") or {}).get(self.feature) == 1


def percentiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {"p50": 0.0, "p99": 0.0}
    return {name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
            for name, share in (("p50", 0.50), ("p99", 0.99))}
