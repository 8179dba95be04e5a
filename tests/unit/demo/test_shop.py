"""The shop: the same events for the same seed, with faults of every kind."""

from __future__ import annotations

import json
from collections import Counter

from workbench.demo.shop import DISORDER, INCIDENT_EVERY, INCIDENT_LENGTH, LATEST, Shop

BEGIN = 1_790_000_000.0


def faults(line: str) -> set[str]:
    """What is wrong with one order."""
    try:
        order = json.loads(line)
    except ValueError:
        return {"malformed"}
    amount = order["amount"]
    return {
        name
        for name, wrong in {
            "country": order["country"] in (None, "ZZ"),
            "type": amount is not None and type(amount) is not float,
            "amount": amount is None or (type(amount) is float and amount <= 0),
            "not null": order["order_id"] is None or order["ts"] is None,
        }.items()
        if wrong
    }


def orders(seed: int, count: int, begin: float = BEGIN) -> list[str]:
    shop = Shop(seed, BEGIN)
    return [shop.order(begin + i / 1000) for i in range(count)]


def test_a_seed_decides_every_line() -> None:
    assert orders(1, 500) == orders(1, 500)
    assert orders(1, 500) != orders(2, 500)


def test_orders_have_every_kind_of_fault_and_are_mostly_right() -> None:
    found = Counter(fault for line in orders(3, 30_000) for fault in faults(line))
    assert set(found) == {"malformed", "country", "type", "amount", "not null"}
    assert sum(found.values()) < 30_000 * 0.03


def test_amounts_break_more_often_during_an_incident() -> None:
    calm, broken = orders(4, 5000), orders(4, 5000, BEGIN + INCIDENT_EVERY)
    assert 5 * sum(map(bool, map(faults, calm))) < sum(map(bool, map(faults, broken)))


def test_incidents_come_and_go() -> None:
    shop = Shop(0, BEGIN)
    assert [shop.incident(BEGIN + t) for t in (0, INCIDENT_LENGTH, INCIDENT_EVERY, INCIDENT_EVERY + INCIDENT_LENGTH)] == [
        False,
        False,
        True,
        False,
    ]


def test_times_are_now_a_little_out_of_order_and_seldom_late() -> None:
    shop = Shop(5, BEGIN)
    clicks = [json.loads(line) for line in (shop.click(BEGIN) for _ in range(20_000)) if not faults_in_click(line)]
    from datetime import datetime

    ages = [BEGIN - datetime.fromisoformat(click["ts"]).timestamp() for click in clicks if click["ts"]]
    assert all(0 <= age <= DISORDER + LATEST for age in ages)
    late = [age for age in ages if age > 30]
    assert 0 < len(late) < len(ages) * 0.005


def faults_in_click(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return True
    return False
