"""Settings: every value that makes no sense is refused, with its place and what is allowed."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from workbench.config import ALLOWED, Settings, load_settings
from workbench.errors import UsageError

WRONG: list[tuple[str, Any]] = [
    ("memory_limit", "banana"),
    ("memory_limit", "1KB"),
    ("memory_limit", "200%"),
    ("memory_limit", 1000),
    ("memory_limit", "-1"),
    ("query_memory_limit", "12"),
    ("result_limit", "1.5.2GB"),
    ("threads", -1),
    ("threads", 1.5),
    ("threads", True),
    ("tick", -1),
    ("tick", "nan"),
    ("tick", "soon"),
    ("poll", 0),
    ("poll", "inf"),
    ("chunk", 0),
    ("chunk", 1 << 40),
    ("idle_timeout", -0.5),
    ("spool_limit", "0MB"),
    ("nice", 99),
    ("nice", -1),
    ("theme", "pink"),
    ("theme", 3),
    ("state_dir", "a\0b"),
]
RIGHT: list[tuple[str, Any]] = [
    ("memory_limit", "80%"),
    ("memory_limit", "1.5 GiB"),
    ("result_limit", "500m"),
    ("threads", 4),
    ("tick", 0),
    ("poll", 0.01),
    ("chunk", 1 << 14),
    ("idle_timeout", 0),
    ("nice", 0),
    ("theme", "auto"),
    ("state_dir", "~/state"),
]


def toml(value: Any) -> str:
    return f'"{value}"'.replace("\0", "\\u0000") if isinstance(value, str) else str(value).lower()


def test_every_setting_has_its_bounds_and_its_default_is_within() -> None:
    assert set(ALLOWED) == {f.name for f in fields(Settings)}
    assert all(ALLOWED[f.name].fits(getattr(Settings(), f.name)) for f in fields(Settings))


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_value_that_makes_no_sense_is_refused_with_its_place(tmp_path: Path, name: str, value: Any) -> None:
    file = tmp_path / "workbench.toml"
    file.write_text(f"{name} = {toml(value)}\n", "utf-8")
    with pytest.raises(UsageError) as refused:
        load_settings(tmp_path, environment={})
    assert refused.value.message.startswith(f"{file}: {name} = {value!r}")
    assert refused.value.hint.startswith(f"{name} is {ALLOWED[name].words}")


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, value in WRONG if not isinstance(value, bool)])
def test_so_it_is_in_the_environment(tmp_path: Path, name: str, value: Any) -> None:
    if (name, value) == ("theme", 3):
        value = "3"
    variable = f"WORKBENCH_{name.upper()}"
    with pytest.raises(UsageError) as refused:
        load_settings(tmp_path, environment={variable: str(value)})
    assert refused.value.message.startswith(f"{variable}: {name} = {str(value)!r}")


@pytest.mark.parametrize(("name", "value"), RIGHT)
def test_a_value_that_makes_sense_is_taken(tmp_path: Path, name: str, value: Any) -> None:
    (tmp_path / "workbench.toml").write_text(f"{name} = {toml(value)}\n", "utf-8")
    kind = type(getattr(Settings(), name))
    assert getattr(load_settings(tmp_path, environment={}), name) == kind(value)
    assert getattr(load_settings(tmp_path, environment={f"WORKBENCH_{name.upper()}": str(value)}), name) == kind(value)


def test_a_file_of_settings_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "workbench.toml").write_bytes(b"theme = '\xff'")
    with pytest.raises(UsageError, match=r"workbench\.toml"):
        load_settings(tmp_path, environment={})
