"""What the database needs beside commits: its log folded into the file, outdated rows folded, running states compacted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from workbench.errors import DatabaseStopped, WorkbenchError
from workbench.store.commit import Commit, tidy
from workbench.store.database import Database
from workbench.store.state import compact, groups
from workbench.stream.merging import Merging
from workbench.stream.running import RunningView
from workbench.stream.tick import Plan

log = logging.getLogger(__name__)

CHECKPOINT_TAILING = 4 << 20
"""Bytes of write-ahead log after which a checkpoint follows the commit, which it keeps waiting: 16 MB 70 ms, 4 MB 20 ms."""
TIDY_AFTER = 256
"""Commits after which outdated offsets and rule counts are folded."""


class Upkeep:
    """Work for the writer's turn, between two commits. Nothing here loses or changes a row: what fails is tried again when it is due next.

    Args:
        say: takes a sentence for the user when the log can no longer be folded, and when it can again.
    """

    def __init__(self, database: Database, say: Callable[[str], None]) -> None:
        self._database, self._say = database, say
        self._untidy = 0
        self._obstacle = ""
        self._merging = Merging()

    def run(self, plan: Plan) -> None:
        """All that is due.

        Raises:
            DatabaseStopped: nothing works any more until it is opened anew.
        """
        if self._log_may_be_folded():
            self._try("the log was not folded", self._checkpoint)
        if self._untidy >= TIDY_AFTER:
            self._untidy = 0
            self._try("outdated offsets were not folded", partial(tidy, self._database.writer))
            for keeper in plan.remembering:
                self._try(f"{keeper.name} forgot nothing", partial(keeper.prune, self._database.writer))

    def after(self, commit: Commit, plan: Plan) -> None:
        """What a commit made due at once: states with too many partial rows, memories with too many keys."""
        self._untidy += 1
        touched = {delta.view for delta in commit.views}
        for view in plan.views:
            if view.name in touched and view.compaction_due:
                self._try(f"{view.name} was not compacted", partial(self._compact, view, commit.id))
        for distinct in plan.deduplications:
            if distinct.prune_due:
                self._try(f"{distinct.name} forgot no keys", partial(distinct.prune, self._database.writer))

    def _log_may_be_folded(self) -> bool:
        """Whether it has grown, and nothing is in the way; what is, is said when it changes."""
        if self._database.log_bytes() <= CHECKPOINT_TAILING:
            return False
        obstacle = self._database.obstacle
        if obstacle != self._obstacle:
            name = self._database.path.name
            grows = f"the log is not folded into {name}: {obstacle}; it grows meanwhile"
            self._say(grows if obstacle else f"the log is folded into {name} again")
        self._obstacle = obstacle
        return not obstacle

    def _checkpoint(self) -> None:
        began = time.monotonic()
        merges = self._merging.due(began)
        if merges and not self._database.has_room_to_merge(merges):
            merges = 0
        self._database.checkpoint(merges)
        now = time.monotonic()
        self._merging.done(merges, now - began, now)

    def _compact(self, view: RunningView, commit: int) -> None:
        view.groups = groups(self._database.writer, view.name, view.state)
        if view.compaction_due:
            view.partials = compact(self._database.writer, view.name, view.state, commit)

    def _try(self, failed: str, work: Callable[[], None]) -> None:
        try:
            work()
        except DatabaseStopped:
            raise
        except WorkbenchError as error:
            log.warning("%s: %s", failed, error)
