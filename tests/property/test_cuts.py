"""However one input is cut, into pieces, chunks and runs, the same is stored in the end, late rows included."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crash.shop import make_project, orders, stored
from workbench.config import Settings, open_project
from workbench.engine.engine import Engine

LINES = orders(1200, seed=3)
INPUT = b"".join(LINES)


def run(root: Path, chunk: int) -> None:
    options = Settings(chunk=chunk, tick=0.0)
    engine = Engine(open_project(root, options), options)
    engine.start()
    try:
        assert not engine.run_once().failed
        assert engine.check_data() == []
    finally:
        engine.stop()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    root = make_project(tmp_path_factory.mktemp("whole"), lines=0)
    (root / "in" / "orders.ndjson").write_bytes(INPUT)
    run(root, 16 << 20)
    result = stored(root)
    assert result["late"]
    return result


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, len(INPUT)), max_size=3).map(sorted),
    chunk=st.sampled_from([2_000, 9_000, 1 << 20]),
)
def test_any_cut_stores_the_same(whole: dict[str, list[tuple[Any, ...]]], cuts: list[int], chunk: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = make_project(Path(folder) / "p", lines=0)
        for start, stop in zip([0, *cuts], [*cuts, len(INPUT)], strict=True):
            with (root / "in" / "orders.ndjson").open("ab") as file:
                file.write(INPUT[start:stop])
            run(root, chunk)
        assert stored(root) == whole
