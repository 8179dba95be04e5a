"""The small project that `workbench init` writes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from workbench.config import Settings
from workbench.errors import UsageError

PIPELINE = """\
-- A streaming table takes every line of its files once, judges it, and keeps it.
CREATE STREAMING TABLE readings (
  sensor  VARCHAR NOT NULL,
  celsius DOUBLE,
  ts      TIMESTAMPTZ NOT NULL,
  CONSTRAINT plausible  EXPECT (celsius BETWEEN -60 AND 60) ON VIOLATION DROP ROW,
  CONSTRAINT comfortable EXPECT (celsius < 30)              -- no action: marked, kept
)
COMMENT 'What the sensors say'
AS SELECT * FROM STREAM read_files('sample_data/*.ndjson', format => 'json');

-- A materialized view over a STREAM is a running state: up to date with every commit.
CREATE MATERIALIZED VIEW by_sensor AS
SELECT sensor, count(*) AS readings, avg(celsius) AS mean, min(celsius) AS coldest, max(celsius) AS warmest
FROM STREAM readings
GROUP BY sensor;
"""
EVENTS = """\
{"sensor":"attic","celsius":21.5,"ts":"2026-01-01T08:00:00Z"}
{"sensor":"cellar","celsius":11.0,"ts":"2026-01-01T08:00:01Z"}
{"sensor":"attic","celsius":31.25,"ts":"2026-01-01T08:01:00Z"}
{"sensor":"cellar","celsius":-300,"ts":"2026-01-01T08:01:01Z"}
{"sensor":"attic","celsius":"warm","ts":"2026-01-01T08:02:00Z"}
{"sensor":"cellar","celsius":10.5,"ts":"2026-01-01T08:02:01Z"}
sensor cellar: battery low
"""
PLACES = {"pipelines/example.sql": PIPELINE, "sample_data/example.ndjson": EVENTS, ".gitignore": ".workbench/\n"}


def write_starter(target: Path) -> list[str]:
    """Write a project into a folder; the names of the files. Files that are there already are left as they are.

    Raises:
        UsageError: there are pipelines already, or the folder cannot be written.
    """
    if (target / "pipelines").is_dir() and any((target / "pipelines").iterdir()):
        raise UsageError(f"{target / 'pipelines'} is not empty", "This folder is a project already: open it with `workbench`.")
    written: list[str] = []
    for name, text in {**PLACES, "workbench.toml": settings_file()}.items():
        path = target / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}", "Choose a folder that you may write to.") from error
        written.append(name)
    return written


def settings_file() -> str:
    """A workbench.toml that says every setting with its default, commented out."""
    lines = ["# Settings; what stands here is the default. WORKBENCH_<NAME> in the environment wins over this file.", ""]
    for name, about in setting_texts().items():
        default = getattr(Settings(), name)
        lines += [f"# {about}", f"# {name} = {_toml(default)}", ""]
    return "\n".join(lines)


def setting_texts() -> dict[str, str]:
    """What each setting is for, as its class says it."""
    about: dict[str, str] = {}
    names = {f.name for f in fields(Settings)}
    for line in (Settings.__doc__ or "").splitlines():
        name, colon, text = line.strip().partition(": ")
        if colon and name in names:
            about[name] = text
    return about


def _toml(value: str | float) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
