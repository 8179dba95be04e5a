"""Order events for measuring: the same dirty lines every time, `python tests/benchmarks/orders.py FILE [ROWS]`.

5,000,000 rows are 592,664,854 bytes with MD5 4d1bda883705654413e156d8c61c64da: 4,955,338 hold a positive amount and a
country, 44,662 do not, 4,917 of those are malformed. Ten hours of event time, five seconds of jitter, few late ones.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from pathlib import Path

SEED = 42
COUNTRIES = ("US", "DE", "FR", "GB", "IT", "ES", "NL", "SE", "PL", "JP", "CN", "IN", "BR", "MX", "CA", "AU", "ZA", "NG", "KR", "TR")
STATUSES = ("new", "paid", "shipped", "delivered", "cancelled", "refunded")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = 36_000_000
"""Milliseconds of event time, whatever the number of rows."""
WRITTEN_AT_ONCE = 20_000


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return (BEGIN + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


def orders(rows: int, malformed: float = 0.001) -> Iterator[str]:
    """`rows` lines without newlines; a share of them is malformed in one of four ways."""
    chance = random.Random(SEED).random
    step = SPAN / rows
    for number in range(rows):
        late = chance() < 0.001
        at = int(number * step + 300_000 + (chance() - 0.5) * 10_000)
        if late:
            at -= int(120_000 * chance())
        country = COUNTRIES[int(chance() * 20)]
        quoted = "null" if chance() < 0.003 else f'"{country}"'
        amount = round(chance() * 500 + 0.01, 2)
        if chance() < 0.005:
            amount = 0.0 if chance() < 0.3 else -amount
        user, status = int(chance() * 200_000), STATUSES[int(chance() * 6)]
        line = (
            f'{{"order_id":{number},"user_id":{user},"country":{quoted},"amount":{amount},'
            f'"status":"{status}","ts":"{_second(at // 1000)}.{at % 1000:03d}Z"}}'
        )
        if chance() < malformed:
            way = int(chance() * 4)
            if way == 0:
                line = line[: int(len(line) * chance())] or "{"
            else:
                ways = line.replace('"amount":', '"amount":"abc",,'), f"### not json {number}", line.replace('"user_id":', '"user_id" ')
                line = ways[way - 1]
        yield line


def write_orders(path: Path, rows: int) -> str:
    """Write the file unless it is there already; its MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    if path.exists():
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
        return digest.hexdigest()
    lines = orders(rows)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        while some := list(islice(lines, WRITTEN_AT_ONCE)):
            block = ("\n".join(some) + "\n").encode()
            digest.update(block)
            file.write(block)
    part.rename(path)
    return digest.hexdigest()


if __name__ == "__main__":
    print(write_orders(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5_000_000))
