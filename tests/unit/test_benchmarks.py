"""The generator of the benchmarks writes the same bytes for ever: figures of different days speak of the same file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.benchmarks.lab import quantile
from tests.benchmarks.orders import write_orders

TWENTY_THOUSAND = "78c43080374c0d906721224a6ef8947b"


def test_the_bytes_never_change(tmp_path: Path) -> None:
    path = tmp_path / "orders.ndjson"
    assert write_orders(path, 20_000) == TWENTY_THOUSAND
    assert hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == TWENTY_THOUSAND
    assert write_orders(path, 20_000) == TWENTY_THOUSAND


def test_quantiles() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert (quantile(values, 0.5), quantile(values, 0.99), quantile([3.0], 0.99)) == (51.0, 100.0, 3.0)
