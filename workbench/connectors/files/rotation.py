"""The names that a rotation gives: which file a copy, a renamed or a packed one may have been."""

from __future__ import annotations

import os
import re
from functools import lru_cache

from workbench.connectors.files.compressed import PACKED

DATES = re.compile(r"(?:[-_.T]\d+)+(?=\.)")
"""What is put before an ending: app-20261123.log, app.2026-11-23.0.log."""
NUMBER = re.compile(r"(.+\.)(\d{1,3})")
"""What is counted up at each rotation: app.log.1."""
ADDED = re.compile(r"(?<=[^\W\d_])\d*(?:[-_.T]\d+)*$")
"""What is put after a name: app.log.1, app.log-20261123."""


def unpacked(name: str) -> str:
    """Without the ending that a compression gave it."""
    return next((name.removesuffix(ending) for ending in PACKED if name.endswith(ending)), name)


@lru_cache(1 << 12)
def before(name: str) -> tuple[str, ...]:
    """What a file may have been called that is copied or packed as `name`: app.log for app.log.1, app.log-20261123.gz, app-20261123.log."""
    plain = unpacked(name)
    cuts = (cut for cut in range(1, len(name)) if _parted(name[cut - 1], name[cut]))
    names = [name[:cut] for cut in cuts]
    for dates in DATES.finditer(plain):
        starts = (at for at in range(dates.start(), dates.end()) if at and not plain[at].isdigit())
        names += [plain[:at] + plain[dates.end() :] for at in starts]
    return tuple(dict.fromkeys(names))


@lru_cache(1 << 12)
def counted(name: str) -> tuple[str, ...]:
    """What it may have been called before its number was counted up: app.log.1 for app.log.2.gz."""
    number = NUMBER.fullmatch(unpacked(name))
    return tuple(f"{number[1]}{n}" for n in range(int(number[2]))) if number else ()


@lru_cache(1 << 12)
def log(name: str) -> str:
    """The name of the log that a file is of, whatever a rotation added to that: app.log for app.log.20.gz, app-20261123.log, app.log."""
    return DATES.sub("", ADDED.sub("", unpacked(name)))


def rotated(old: str, new: str) -> bool:
    """Whether a rotation may have made `new` of a file that was called `old`; paths, and the folder may be another one."""
    was, name = os.path.basename(old), os.path.basename(new)
    return was in before(name) or (name.endswith(PACKED) and was in counted(name))


def repacked(old: str, new: str) -> bool:
    """Whether both are packed, in one folder, and have the same name before that."""
    return old.endswith(PACKED) and new.endswith(PACKED) and unpacked(old) == unpacked(new)


def _parted(left: str, right: str) -> bool:
    """A name ends here: day1 is none in day10, nor app in apple; app.log is one in app.log1."""
    return not (left.isalnum() and right.isalnum()) or (left.isalpha() and right.isdigit())
