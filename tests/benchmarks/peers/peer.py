"""The systems that workbench is measured beside, and how each of them is had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

JOBS = Path(__file__).with_name("jobs")
JAVA_HINT = "Java 17 or newer, on the path or in JAVA_HOME (Debian: apt-get install openjdk-17-jre-headless)"


@dataclass(frozen=True, slots=True)
class Peer:
    """One other system, its job in `jobs/`, and what that job promises of each line as it is configured there."""

    name: str
    title: str
    requirements: tuple[str, ...]
    exactly_once: bool
    how: str
    needs_java: bool = False

    @property
    def package(self) -> str:
        """The distribution whose version is shown."""
        return self.requirements[0].partition("=")[0]

    def command(self, venvs: Path, data: Path, out: Path) -> tuple[str, ...]:
        """Its job over a file of orders; everything that it writes goes below `out`."""
        return (str(self.python(venvs)), str(JOBS / f"{self.name}_job.py"), str(data), str(out))

    def python(self, venvs: Path) -> Path:
        """The interpreter of its own environment."""
        return venvs / self.name / "bin" / "python"

    def version(self, venvs: Path) -> str | None:
        """What is installed; None when nothing is."""
        python = self.python(venvs)
        if not python.exists():
            return None
        question = f"from importlib.metadata import version; print(version({self.package!r}))"
        done = subprocess.run((str(python), "-c", question), capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    def missing(self, venvs: Path) -> list[str]:
        """What must be installed before it runs, one line each."""
        wanted = []
        if self.version(venvs) is None:
            wanted.append(f"python -m tests.benchmarks.peers --venvs {venvs} --install {self.name}")
        if self.needs_java and java() is None:
            wanted.append(JAVA_HINT)
        return wanted

    def install(self, venvs: Path) -> None:
        """Make its environment and put it there; again is harmless."""
        folder = venvs / self.name
        if not self.python(venvs).exists():
            subprocess.run((sys.executable, "-m", "venv", str(folder)), check=True)
        subprocess.run((str(self.python(venvs)), "-m", "pip", "install", "--quiet", *self.requirements), stdout=sys.stderr, check=True)


PEERS = (
    Peer(
        "bytewax",
        "Bytewax",
        ("bytewax==0.21.1", "orjson"),
        True,
        "recovery store on disk, an epoch each 5 s; its file sinks are cut back to the last epoch on resume",
    ),
    Peer(
        "flink",
        "PyFlink",
        ("apache-flink==2.3.0", "setuptools<81"),
        True,
        "a checkpoint on disk each 5 s; its file sinks publish on checkpoints; the job is SQL, so no row passes through Python",
        needs_java=True,
    ),
    Peer(
        "pathway",
        "Pathway",
        ("pathway==0.33.0",),
        False,
        "static mode without persistence: an interrupted run starts over; its open edition promises at least once with persistence",
    ),
    Peer(
        "spark",
        "Spark Structured Streaming",
        ("pyspark==4.3.0",),
        True,
        "a checkpoint and a log of written files for each of two queries, which both read the file; windows within the delay stay open",
        needs_java=True,
    ),
)


def java() -> str | None:
    """The Java that these systems would start."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
