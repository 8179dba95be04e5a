"""Whether some program may still write to a file that is open here."""

from __future__ import annotations

import fcntl


def has_writer(fd: int) -> bool | None:
    """Whether the file of a descriptor, which was opened to be read, is open for writing anywhere; None where the system does not tell.

    Linux tells the file's owner and root: it grants a lease on what nobody can write to. Only for deleted files: nobody can open those
    anew, so that nobody waits for the lease, and no signal comes of it.
    """
    lease = getattr(fcntl, "F_SETLEASE", None)
    if lease is None:
        return None
    try:
        fcntl.fcntl(fd, lease, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    fcntl.fcntl(fd, lease, fcntl.F_UNLCK)
    return False
