# SPDX-License-Identifier: Apache-2.0
"""The GroupBys that bench/stream.py streams, each with all that is below it, as compiled confs.

    simple   payments by user
    chain    payments with the merchant's score as of each, by user
    chain3   two more Joins and GroupBys over that: by merchant, and by user again
"""

from feature_repository import CHAINED, HOUR_AND_DAY, SIMPLE, definitions, events, group_by, join

SUM, AVERAGE = 7, 8
# The GroupBy that is watched, and a feature that a user's first payment gives a value.
WATCHED = {"simple": (SIMPLE, "amount_count"), "chain": (CHAINED, "amount_sum_24h"),
           "chain3": ("t.user_surroundings.v1", "amount_sum_24h")}


def shape_conf(shape: str, payments: str, risks: str) -> dict:
    """The watched GroupBy of a shape with all that is below it."""
    below = definitions(payments, risks)
    simple, chained = below["group_bys/t/user_spend.v1"], below["group_bys/t/user_risk.v1"]
    if shape == "simple":
        return simple
    if shape == "chain":
        return chained
    merchant = chain_on("t.merchant_company.v1", "merchant_id", payments, chained,
                        "t_user_risk_v1_risk_average_24h")
    return chain_on(WATCHED["chain3"][0], "user_id", payments, merchant,
                    "t_merchant_company_v1_seen_average_24h")


def chain_on(name: str, key: str, payments: str, parent: dict, feature: str) -> dict:
    """Payments, each with the parent's feature as of then, by another key."""
    parent = {field: value for field, value in parent.items() if field != "catena"}
    enriched = join(f"{name}_enriched", events("t.payments", payments), parent)
    source = {"joinSource": {"join": enriched, "query": {"timeColumn": "ts", "selects": {
        key: key, "amount": "amount", "seen": feature}}}}
    below = definitions(payments, "")["group_bys/t/user_spend.v1"]
    return group_by(name, key, source, [
        {"inputColumn": "seen", "operation": AVERAGE, "windows": HOUR_AND_DAY},
        {"inputColumn": "amount", "operation": SUM, "windows": HOUR_AND_DAY}]) | {
            "catena": below["catena"]}
