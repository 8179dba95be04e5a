"""What every measurement needs: whole processes with their costs, a project to run, a report in JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.orders import write_orders
from workbench.client import EngineClient
from workbench.config import Settings, open_project

WORKBENCH = (sys.executable, "-m", "workbench")
CACHE = Path(tempfile.gettempdir()) / "workbench-benchmarks"
PIPELINE = """\
CREATE STREAMING TABLE orders (
  order_id BIGINT, user_id BIGINT, country VARCHAR, amount DOUBLE, status VARCHAR, ts TIMESTAMPTZ,
  CONSTRAINT amount_is_positive EXPECT (amount > 0) ON VIOLATION DROP ROW,
  CONSTRAINT country_is_known EXPECT (country IS NOT NULL) ON VIOLATION DROP ROW
)
AS SELECT * FROM STREAM read_files('data/*.ndjson', format => 'json');

CREATE MATERIALIZED VIEW revenue_by_minute AS
SELECT window(ts, '1 minute') AS minute, country, count(*) AS orders, sum(amount) AS revenue
FROM STREAM orders WATERMARK ts DELAY OF INTERVAL 30 SECONDS
GROUP BY window(ts, '1 minute'), country;
"""
TOTAL = """
CREATE MATERIALIZED VIEW total AS SELECT count(*) AS orders FROM STREAM orders;
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took, from its start to its end: seconds, seconds of all cores, peak megabytes."""

    wall: float
    cpu: float
    memory: float


def measured(command: Sequence[str], folder: Path) -> Cost:
    """Run a process to its end; its output goes to ours on standard error."""
    begin = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdout=sys.stderr, env=environment())
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Cost(round(time.perf_counter() - begin, 3), round(usage.ru_utime + usage.ru_stime, 3), round(usage.ru_maxrss / unit, 1))


def environment() -> dict[str, str]:
    """Ours, with this checkout on the path, so that the project's folder can be the current one, and bytecode kept, as an installed
    program has it."""
    root = str(Path(__file__).resolve().parents[2])
    ours = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**ours, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}


def orders_file(rows: int) -> Path:
    """The cached file of so many orders."""
    CACHE.mkdir(exist_ok=True)
    path = CACHE / f"orders-{rows}.ndjson"
    if not path.exists():
        write_orders(path, rows)
    return path


def warm(path: Path) -> None:
    """Read a file once, so that every process finds it in the page cache."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 22):
            pass


@contextmanager
def project(data: Path | None = None, extra: str = "") -> Iterator[Path]:
    """A project in a scratch folder, with one file of orders linked in."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="project-") as name:
        root = Path(name)
        (root / "pipelines").mkdir()
        (root / "data").mkdir()
        (root / "pipelines" / "orders.sql").write_text(PIPELINE + extra, "utf-8")
        if data:
            os.link(data, root / "data" / "orders.ndjson")
        yield root


def sql(folder: Path, query: str) -> list[dict[str, Any]]:
    """A query's rows, by the command line."""
    done = subprocess.run((*WORKBENCH, "sql", query, "--format", "json"), cwd=folder, env=environment(), capture_output=True, check=True)
    return list(json.loads(done.stdout))


@contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`workbench run` in a folder, from the moment that its engine answers."""
    with (folder / "run.log").open("wb") as log:
        child = subprocess.Popen((*WORKBENCH, "run"), cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for_engine(folder, child)
        yield child
    finally:
        child.terminate()
        child.wait()


def wait_for_engine(folder: Path, child: subprocess.Popen[bytes], deadline: float = 30.0) -> None:
    """Returns once a socket listens."""
    end = time.monotonic() + deadline
    while not open_project(folder, Settings()).socket.exists():
        if child.poll() is not None or time.monotonic() > end:
            raise SystemExit((folder / "run.log").read_text("utf-8", "replace"))
        time.sleep(0.005)


def client_of(folder: Path) -> EngineClient:
    """A client of the engine that runs in a folder; never starts one, as `launch.connect` does."""
    return EngineClient(open_project(folder, Settings()).socket)


class Feeder:
    """Appends lines of the orders file at a steady rate, in steps of ten milliseconds, and remembers when.

    `appended` holds (moment, lines so far) of every append; a rate that could not be kept shows in `late`, seconds.
    """

    STEP = 0.01

    def __init__(self, source: Path, target: Path, rate: int, seconds: float) -> None:
        self.appended: list[tuple[float, int]] = []
        self.late = 0.0
        self._target = target
        self._blocks = self._read(source, int(rate * self.STEP), int(seconds / self.STEP))

    @staticmethod
    def _read(source: Path, lines: int, blocks: int) -> list[bytes]:
        with source.open("rb") as file:
            return [b"".join(file.readline() for _ in range(lines)) for _ in range(blocks)]

    def feed(self) -> None:
        """Append everything; returns when the last block is written."""
        lines = 0
        begin = time.perf_counter()
        descriptor = os.open(self._target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for number, block in enumerate(self._blocks):
            due = begin + number * self.STEP
            while (rest := due - time.perf_counter()) > 0:
                time.sleep(rest)
            self.late = max(self.late, time.perf_counter() - due)
            os.write(descriptor, block)
            lines += block.count(b"\n")
            self.appended.append((time.perf_counter(), lines))
        os.close(descriptor)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that a share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(values: Sequence[float], digits: int = 4) -> dict[str, float]:
    """A few quantiles."""
    return {
        "p50": round(statistics.median(values), digits),
        "p99": round(quantile(values, 0.99), digits),
        "max": round(max(values), digits),
        "count": len(values),
    }


def report(name: str, figures: dict[str, Any]) -> None:
    """One JSON object on standard output, with the machine."""
    print(json.dumps({"benchmark": name, "machine": machine(), **figures}, indent=2, default=asdict))


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        model = next((line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")), model)
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
