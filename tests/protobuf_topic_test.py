# SPDX-License-Identifier: Apache-2.0
"""Records in Protobuf: produced from JSON, shown as JSON, streamed, and archived as the rows they
are; of a .proto file, and as a schema registry names them."""

import json
import random

from feature_repository import SIMPLE, FeatureRepository, conf_path, now_millis
from schema_registry import SchemaRegistry

SEED = 20261129
HOUR = 3_600_000
SCHEMA = """syntax = "proto3";
package shop;
message Payment {
  int64 ts = 1;
  optional int32 user_id = 2;
  double amount = 3;
  optional int64 merchant_id = 4;
}
"""
# Another message, other numbers, a field more.
SECOND = """syntax = "proto3";
message Header { string host = 1; }
message Payment {
  Header header = 9;
  sint64 user_id = 1;
  float amount = 2;
  uint64 ts = 3;
  optional int64 merchant_id = 7;
}
"""


def random_rows(count: int, now: int) -> list[dict]:
    rng = random.Random(SEED)
    return [{"user_id": rng.randrange(9), "amount": rng.randrange(400) / 4,
             "merchant_id": rng.choice([None, rng.randrange(10**9)]),
             "ts": now - rng.randrange(HOUR)} for _ in range(count)]


def ordered(rows: list[dict]) -> list[str]:
    return sorted(json.dumps({key: row[key] for key in ("user_id", "amount", "merchant_id", "ts")})
                  for row in rows)


def archived(repository: FeatureRepository) -> tuple[int, list[dict]]:
    code, _, _ = repository.ask("topic", "archive", repository.payments, "--table", "t.payments")
    printed = repository.run("sql", "--json",
                             "SELECT user_id, amount, merchant_id, ts FROM t.payments")
    return code, [json.loads(line) for line in printed.splitlines()]


def test_records_of_a_proto_file_land_as_their_rows(tmp_path):
    rows = random_rows(300, now_millis())
    suffix = "/serde=protobuf/schema=payment.proto/message=shop.Payment"
    with FeatureRepository(tmp_path, suffix=suffix) as repository:
        (tmp_path / "payment.proto").write_text(SCHEMA)
        repository.run("topic", "create", repository.payments, "--partitions", 3)
        repository.produce(repository.payments, "user_id", rows)
        repository.run("topic", "produce", repository.payments, "--raw", text="no Protobuf\n")
        code, _, errors = repository.ask("topic", "produce", repository.payments,
                                         text='{"user_id": 1}\n{"userid": 1}\n')
        assert code == 1 and "standard input:2" in errors and "userid" in errors, errors
        shown = repository.topic_rows(repository.payments)
        assert sum("_raw" in row and bool(row["_reason"]) for row in shown) == 1
        assert sum(row.get("ts") == str(rows[0]["ts"]) for row in shown) >= 1
        code, landed = archived(repository)
    assert code == 1
    assert ordered(landed) == ordered(rows)


def test_a_registry_names_schema_and_message_while_the_stream_runs(tmp_path):
    now = now_millis()
    rows = random_rows(200, now)
    with SchemaRegistry() as registry:
        suffix = f"/registry_host=127.0.0.1/registry_port={registry.port}"
        with FeatureRepository(tmp_path, suffix=suffix) as repository:
            repository.create_topics()
            registry.register("payment-events-value", SCHEMA, "PROTOBUF")
            repository.produce(repository.payments, "user_id", rows[:100])
            process = repository.start("stream", "group-by-streaming", "--conf-path",
                                       conf_path(SIMPLE))

            def folded(count: int) -> bool:
                code, text, _ = repository.ask("monitor", "--json")
                chains = json.loads(text)["chains"] if code == 0 else []
                return any(chain["counts"].get("folded") == count for chain in chains)
            repository.wait_until(lambda: folded(100), "the first are folded", process, "stream")
            registry.register("payment-events-value", SECOND, "PROTOBUF")
            repository.produce(f"{repository.payments}/message=Payment", "user_id", rows[100:])
            repository.wait_until(lambda: folded(200), "all are folded", process, "stream")
            answer = repository.fetch("group-by", SIMPLE, [{"user_id": 3}], now)[0]["features"]
            mine = [row["amount"] for row in rows if row["user_id"] == 3]
            assert answer["amount_count"] == len(mine) and answer["amount_sum"] == sum(mine)
            repository.terminate(process)
            code, landed = archived(repository)
            assert code == 0 and ordered(landed) == ordered(rows)
