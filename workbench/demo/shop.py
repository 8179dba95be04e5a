"""What happens in the sample shop: orders and page views as NDJSON lines, with the faults that real ones have."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime

COUNTRIES = ("US", "DE", "GB", "FR", "JP", "KR", "IN", "BR", "CA", "IT", "ES", "NL", "AU", "SE", "PL", "MX", "TR", "CN", "ZA", "NG")
"""The busiest first."""
STATUSES = ("new", "new", "new", "paid", "paid", "shipped", "delivered", "cancelled", "refunded")
PAGES = ("/", "/", "/search", "/search", "/item", "/item", "/item", "/cart", "/checkout", "/help")

INCIDENT_EVERY, INCIDENT_LENGTH = 90.0, 12.0
"""Seconds: so often a price service breaks for so long, and many amounts are wrong."""
DISORDER = 4.0
"""Seconds by which neighbouring lines may be out of order."""
LATEST = 150.0
"""Seconds by which the few late events are late."""


class Shop:
    """Writes the same lines for the same seed and times.

    Args:
        seed: of everything that is random.
        begin: when the shop opened, seconds since 1970; incidents count from there.
    """

    def __init__(self, seed: int, begin: float) -> None:
        self._random = random.Random(seed)
        self._begin = begin
        self._orders = 0
        self._second = -1
        self._second_text = ""

    def order(self, now: float) -> str:
        """One order as a line without its newline."""
        chance = self._random.random
        self._orders += 1
        number = str(self._orders) if chance() > 0.0003 else "null"
        country = f'"{self._country()}"' if chance() > 0.004 else self._random.choice(("null", '"ZZ"'))
        line = (
            f'{{"order_id":{number},"user_id":{self._user()},"country":{country},"amount":{self._amount(now)},'
            f'"status":"{self._random.choice(STATUSES)}","ts":{self._time(now)}}}'
        )
        return line if chance() > 0.0012 else self._spoilt(line)

    def click(self, now: float) -> str:
        """One page view as a line without its newline."""
        chance = self._random.random
        page = (
            f'"{self._random.choice(PAGES)}"'
            if chance() > 0.003
            else self._random.choice(("null", '"about:blank"', '"javascript:void(0)"'))
        )
        answer = int(20 + self._random.expovariate(1 / 90)) if chance() > 0.004 else self._random.choice((-1, 2500, 5000, 30000))
        line = f'{{"ts":{self._time(now)},"user_id":{self._user()},"page":{page},"country":"{self._country()}","ms":{answer}}}'
        return line if chance() > 0.0008 else self._spoilt(line)

    def busy(self, now: float) -> float:
        """How busy the shop is, around 1: it breathes."""
        return 1 + 0.3 * math.sin((now - self._begin) / 9) + 0.1 * math.sin((now - self._begin) / 2.3)

    def incident(self, now: float) -> bool:
        """Is the price service broken just now?"""
        passed = now - self._begin
        return passed >= INCIDENT_EVERY and passed % INCIDENT_EVERY < INCIDENT_LENGTH

    def _country(self) -> str:
        return COUNTRIES[int(len(COUNTRIES) * self._random.random() ** 2)]

    def _user(self) -> int:
        return int(200_000 * self._random.random() ** 3)

    def _amount(self, now: float) -> str:
        value = round(5 + 395 * self._random.random() ** 2, 2)
        if self._random.random() > (0.08 if self.incident(now) else 0.004):
            return str(value)
        return self._random.choice((str(-value), "0.0", "null", f'"{value}"', '"n/a"', "true"))

    def _time(self, now: float) -> str:
        chance = self._random.random()
        if chance < 0.0002:
            return "null"
        when = now - DISORDER * self._random.random()
        if chance < 0.0015:
            when -= LATEST * self._random.random()
        second, milli = divmod(int(when * 1000), 1000)
        if second != self._second:
            self._second, self._second_text = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f'"{self._second_text}.{milli:03d}Z"'

    def _spoilt(self, line: str) -> str:
        """A line as a crashing, a logging or a careless program leaves it."""
        ways: tuple[Callable[[], str], ...] = (
            lambda: line[: 1 + int(len(line) * 0.9 * self._random.random())],
            lambda: line.replace('":', '" ', 1),
            lambda: f"{line[:-1]},}}",
            lambda: f"WARN retry {self._random.randrange(2, 5)}: connection reset by peer",
        )
        return self._random.choice(ways)()
