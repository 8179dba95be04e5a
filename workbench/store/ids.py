"""The numbers of commits and of rejected records: they only ever grow, past a restart and past the removal of what had them."""

from __future__ import annotations

from workbench.store.session import Session


def last_commit(session: Session) -> int:
    """The number of the newest commit, 0 before the first; one that only closed windows is known by its running states alone."""
    return _greatest(session, "last_commit FROM _system.meta", "max(id) FROM _system.commit_log", "max(commit) FROM _system.view_log")


def last_rejection(session: Session) -> int:
    """The number of the newest record that was put into quarantine, 0 before the first."""
    return _greatest(session, "last_rejection FROM _system.meta", "max(id) FROM _system.quarantine")


def keep_ids(session: Session) -> None:
    """Write down the newest numbers, inside the caller's transaction, before what has them is removed."""
    session.execute("UPDATE _system.meta SET last_commit = ?, last_rejection = ?", [last_commit(session), last_rejection(session)])


def _greatest(session: Session, *numbers: str) -> int:
    found = session.execute(f"SELECT coalesce(greatest({', '.join(f'(SELECT {number})' for number in numbers)}), 0)")
    return int(found[0][0])
