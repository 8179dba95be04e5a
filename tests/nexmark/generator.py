"""The events of Nexmark: people who open auctions, and bids on them, as one stream of lines.

Kinds come in the public proportions: of 50 events 1 person, 3 auctions, 46 bids. Times go up, shaken by up to `disorder`
seconds; ids refer to people and auctions that are there already.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STATES = ("AZ", "CA", "ID", "OR", "WA", "WY")
CITIES = ("Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne")
FIRST = ("Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah")
LAST = ("Shultz", "Abrams", "Spencer", "White", "Bartels")
CHANNELS = ("Google", "Facebook", "Baidu", "Apple")
PROPORTIONS = ("person",) * 1 + ("auction",) * 3 + ("bid",) * 46


def events(count: int, seed: int = 1, per_second: int = 100, disorder: float = 2.0) -> Iterator[dict[str, Any]]:
    """The first `count` events; the same for the same seed."""
    dice = random.Random(seed)
    people: list[int] = []
    auctions: list[int] = []
    for number in range(count):
        late = dice.random() * disorder if number > per_second * disorder else 0.0
        time = BEGIN + timedelta(seconds=number / per_second - late)
        kind = PROPORTIONS[number % len(PROPORTIONS)]
        if kind == "person":
            people.append(1000 + len(people))
            yield _person(dice, people[-1], time)
        elif kind == "auction":
            auctions.append(1000 + len(auctions))
            yield _auction(dice, auctions[-1], time, dice.choice(people[-20:]))
        else:
            yield _bid(dice, time, dice.choice(auctions[-40:]), dice.choice(people[-50:]))


def lines(count: int, seed: int = 1) -> list[str]:
    """The same as lines of JSON."""
    return [json.dumps(event) + "\n" for event in events(count, seed)]


def _person(dice: random.Random, id: int, time: datetime) -> dict[str, Any]:
    first = dice.choice(FIRST)
    return {
        "kind": "person", "id": id, "name": f"{first} {dice.choice(LAST)}", "email": f"{first.lower()}@{id}.com",
        "city": dice.choice(CITIES),
        "state": dice.choice(STATES), "ts": _text(time), "extra": "x" * dice.randrange(20),
    }  # fmt: skip


def _auction(dice: random.Random, id: int, time: datetime, seller: int) -> dict[str, Any]:
    first = dice.randrange(1, 1000)
    return {
        "kind": "auction", "id": id, "item": f"item {id}", "initial_bid": first, "reserve": first + dice.randrange(1000),
        "ts": _text(time), "expires": _text(time + timedelta(seconds=dice.randrange(2, 40))), "seller": seller,
        "category": dice.randrange(10, 15), "extra": "x" * dice.randrange(20),
    }  # fmt: skip


def _bid(dice: random.Random, time: datetime, auction: int, bidder: int) -> dict[str, Any]:
    return {
        "kind": "bid", "auction": auction, "bidder": bidder, "price": dice.randrange(1, 100_000), "channel": dice.choice(CHANNELS),
        "ts": _text(time), "extra": "x" * dice.randrange(20),
    }  # fmt: skip


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
