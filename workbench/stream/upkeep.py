"""What the database needs beside commits: its log folded into the file, outdated rows folded, running states compacted."""

from __future__ import annotations

import logging
from collections.abc import Callable

from workbench.errors import DatabaseStopped, WorkbenchError
from workbench.store.commit import Commit, tidy
from workbench.store.database import Database
from workbench.store.state import compact, groups
from workbench.stream.running import RunningView
from workbench.stream.tick import Plan

log = logging.getLogger(__name__)

CHECKPOINT_TAILING = 4 << 20
"""Bytes of write-ahead log after which a checkpoint follows the commit, which it keeps waiting: 16 MB 70 ms, 4 MB 20 ms."""
TIDY_AFTER = 256
"""Commits after which outdated offsets and rule counts are folded."""


class Upkeep:
    """Work for the writer's turn, between two commits. Nothing here loses or changes a row: what fails is tried again later.

    Args:
        say: takes a sentence for the user when the log can no longer be folded, and when it can again.
    """

    def __init__(self, database: Database, say: Callable[[str], None]) -> None:
        self._database, self._say = database, say
        self._untidy = 0
        self._obstacle = ""

    @property
    def due(self) -> bool:
        return self._untidy >= TIDY_AFTER or self._checkpoint_due

    def run(self, plan: Plan) -> None:
        """All that is due.

        Raises:
            DatabaseStopped: nothing works any more until it is opened anew.
        """
        if self._checkpoint_due:
            try:
                self._database.checkpoint()
            except DatabaseStopped:
                raise
            except WorkbenchError as error:
                log.warning("the checkpoint waits: %s", error)
        if self._untidy >= TIDY_AFTER:
            self._untidy = 0
            self._tidy(plan)

    def after(self, commit: Commit, plan: Plan) -> None:
        """What a commit made due at once: states with too many partial rows, memories with too many keys."""
        self._untidy += 1
        touched = {delta.view for delta in commit.views}
        for view in plan.views:
            if view.name in touched and view.compaction_due:
                self._compact(view, commit.id)
        for distinct in plan.deduplications:
            if distinct.prune_due:
                distinct.prune(self._database.writer)

    @property
    def _checkpoint_due(self) -> bool:
        size = self._database.log_bytes()
        if size <= CHECKPOINT_TAILING:
            return False
        obstacle = self._database.obstacle
        if bool(obstacle) != bool(self._obstacle):
            name = self._database.path.name
            text = f"the log is not folded into {name}: {obstacle}; it grows meanwhile" if obstacle else f"{name} can be written again"
            log.warning("%s", text)
            self._say(text)
        self._obstacle = obstacle
        return not obstacle

    def _tidy(self, plan: Plan) -> None:
        try:
            tidy(self._database.writer)
            for keeper in plan.remembering:
                keeper.prune(self._database.writer)
        except WorkbenchError as error:
            log.warning("outdated offsets were not folded: %s", error)

    def _compact(self, view: RunningView, commit: int) -> None:
        try:
            view.groups = groups(self._database.writer, view.name, view.state)
            if view.compaction_due:
                view.partials = compact(self._database.writer, view.name, view.state, commit)
        except WorkbenchError as error:
            log.warning("%s was not compacted: %s", view.name, error)
