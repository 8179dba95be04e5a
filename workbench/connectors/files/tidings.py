"""What users are told about files."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.connectors.files.compressed import PACKED
from workbench.connectors.files.followed import FollowedFile


def sentence(name: str, error: OSError) -> str:
    """What is wrong with a file, for a user."""
    why = error.strerror if isinstance(error.strerror, str) else str(error)
    return f"{name} {why}; it is tried again" if error.errno is None else f"{name}: {why}; it is tried again"


def lost(file: FollowedFile, size: int) -> str:
    """What a file took with it, as far as the last size tells."""
    unread = size - file.read.byte
    return f" with {unread:,} bytes unread" if unread > 0 and not file.found.path.endswith(PACKED) else ""


def missed(files: Sequence[FollowedFile]) -> list[str]:
    """What is to be told about files that are not found again after a restart."""
    plain = [file for file in files if not file.found.path.endswith(PACKED)]
    known = {file.name: unread for file in plain if (unread := file.identity.stamp[0] - file.read.byte) > 0}
    told = [f"{name} is gone, with {unread:,} bytes unread" for name, unread in known.items()]
    names = sorted({file.name for file in files if file.name not in known})
    if names:
        some = ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
        told.append(f"{some} {'are' if len(names) > 1 else 'is'} gone: what was written there since the last read, if anything, is lost")
    return told
