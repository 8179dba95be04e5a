"""The folders of the files: whether they are there, and where they really are."""

from __future__ import annotations

import os
import stat

from workbench.filenames import shown


class Folders:
    """Asks the system once for all files of a folder: whether it is there until `look_again`, where it leads for good."""

    def __init__(self, root: str) -> None:
        self._below = root.rstrip(os.sep) + os.sep
        self._there: dict[str, bool] = {}
        self._real: dict[str, str] = {}

    def look_again(self) -> None:
        """Folders may have come or gone."""
        self._there.clear()

    def name(self, folder: str) -> str:
        """As users know it: below the root."""
        return shown(folder.removeprefix(self._below))

    def is_there(self, folder: str) -> bool:
        """Where that cannot be told, it is: nothing is given up for a moment's trouble."""
        if folder not in self._there:
            try:
                self._there[folder] = stat.S_ISDIR(os.stat(folder).st_mode)  # noqa: PTH116 (as all of these)
            except (FileNotFoundError, NotADirectoryError):
                self._there[folder] = False
            except OSError:
                self._there[folder] = True
        return self._there[folder]

    def target(self, path: str) -> str:
        """Where a file really is when its name or its folder's is a link, else ''."""
        folder = os.path.dirname(path)
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        linked = os.path.islink(path) or self._real[folder] != folder  # noqa: PTH114 (thousands of files)
        return os.path.realpath(path) if linked else ""
