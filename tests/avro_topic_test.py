# SPDX-License-Identifier: Apache-2.0
"""Records in Avro, encoded here by the letter of the specification, land as the rows they are."""

import json
import random
import struct

from feature_repository import FeatureRepository, now_millis

SEED = 20261127
SCHEMA = {"type": "record", "name": "Payment", "fields": [
    {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "note", "type": ["null", "string"]}, {"name": "amount", "type": "float"},
    {"name": "user_id", "type": "int"}, {"name": "merchant_id", "type": ["null", "long"]}]}


def integer(value: int) -> bytes:
    raw, encoded = value << 1 if value >= 0 else (-value << 1) - 1, bytearray()
    while raw >= 0x80:
        encoded.append(raw & 0x7f | 0x80)
        raw >>= 7
    return bytes([*encoded, raw])


def avro(row: dict) -> bytes:
    merchant = b"\0" if row["merchant_id"] is None else b"\2" + integer(row["merchant_id"])
    return (integer(row["ts"]) + b"\2\6abc" + struct.pack("<f", row["amount"])
            + integer(row["user_id"]) + merchant)


def random_rows(rng: random.Random, count: int, now: int) -> list[dict]:
    """Of those whose bytes stand in one line of a file."""
    rows = []
    while len(rows) < count:
        row = {"user_id": rng.randrange(-9, 99), "amount": rng.randrange(400) / 4,
               "merchant_id": rng.choice([None, rng.randrange(10**9)]),
               "ts": now - rng.randrange(7_200_000)}
        if not set(avro(row)) & {0x0a, 0x0d}:
            rows.append(row)
    return rows


def ordered(row: dict) -> str:
    return json.dumps(row, sort_keys=True)


def test_avro_records_land_as_their_rows(tmp_path):
    rows = random_rows(random.Random(SEED), 300, now_millis())
    with FeatureRepository(tmp_path, suffix="/serde=avro/schema=payment.avsc") as repository:
        (tmp_path / "payment.avsc").write_text(json.dumps(SCHEMA))
        (tmp_path / "records").write_bytes(b"\n".join(map(avro, rows)) + b"\nno Avro\n")
        repository.run("topic", "create", repository.payments, "--partitions", 3)
        repository.run("topic", "produce", repository.payments, "records", "--raw")
        code, _, errors = repository.ask("topic", "archive", repository.payments, "--table",
                                         "t.payments")
        assert code == 1 and errors.count("topic partition") == 1, errors
        printed = repository.run("sql", "--json",
                                 "SELECT user_id, amount, merchant_id, ts FROM t.payments")
    landed = [json.loads(line) for line in printed.splitlines()]
    assert sorted(landed, key=ordered) == sorted(rows, key=ordered)
