from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

from workbench.cli import process

SHARE = """
import os
from workbench.cli.process import share_arenas
from workbench.store import duck
print(share_arenas(), "dirty_decay_ms:20000" in os.environ["DUCKDB_JE_MALLOC_CONF"])
"""


@pytest.fixture
def few() -> Iterator[int]:
    """A soft limit of handles that is a little above what is open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = max(map(int, os.listdir("/dev/fd"))) + 64
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    yield few
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_engine_takes_the_handles_that_it_may_have(few: int) -> None:
    process.take_handles()
    taken = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert taken > few
    process.take_handles()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == taken


def test_a_system_that_gives_less_than_it_tells_is_asked_for_less(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def give(_: int, limits: tuple[int, int]) -> None:
        tried.append(limits[0])
        if limits[0] > 10_240:
            raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (few, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", give)
    process.take_handles()
    assert tried == [65_536, 32_768, 16_384, 8_192]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas to share")
def test_threads_share_memory() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DUCKDB_JE_MALLOC_CONF"}
    said = subprocess.run([sys.executable, "-c", SHARE], check=True, capture_output=True, text=True, env=environment).stdout
    assert said.split() == ["True", "True"]
