"""The open files, few at a time."""

from __future__ import annotations

import os
import stat
from collections import OrderedDict

from workbench.connectors.content import Content, PlainContent
from workbench.connectors.files.compressed import GZIP_ENDINGS, ZSTD_ENDINGS, CompressedContent, Gunzip, Unzstd
from workbench.connectors.files.followed import FollowedFile
from workbench.connectors.files.parquet import ParquetContent

MOST = 64
"""Handles kept open; files that are gone do not count, nobody could open them again. Of those as many are kept for their writers."""


class Handles:
    """Opens a file's content when it is read, and closes the one that was not read for longest."""

    def __init__(self, parquet: bool, most: int = MOST) -> None:
        self._parquet = parquet
        self._most = most
        self._open: OrderedDict[str, FollowedFile] = OrderedDict()

    def use(self, file: FollowedFile) -> Content:
        """The file's content, open.

        Raises:
            OSError: it cannot be opened now, or another file has its name.
        """
        if file.content is None:
            content = open_content(file.found.path, self._parquet)
            status = content.status()
            if (status.st_dev, status.st_ino) != file.found.key:
                content.close()
                raise FileNotFoundError(f"{file.name} was replaced while it was opened")
            file.content = content
        self._open[file.file_id] = file
        self._open.move_to_end(file.file_id)
        self._spare()
        return file.content

    def _spare(self) -> None:
        excess = len(self._open) - self._most
        for file in list(self._open.values())[:-1]:
            if excess <= 0:
                return
            if file.gone_since is None:
                self.close(file)
                excess -= 1

    @property
    def crowded(self) -> bool:
        """So many files are gone that none should be kept open longer than it must."""
        return sum(file.gone for file in self._open.values()) > self._most

    def close(self, file: FollowedFile) -> None:
        self._open.pop(file.file_id, None)
        if file.content is not None:
            file.content.close()
            file.content = None

    def close_all(self) -> None:
        for file in list(self._open.values()):
            self.close(file)


def open_content(path: str, parquet: bool) -> Content:
    """The content of a regular file, unpacked when its name says that it is packed.

    Raises:
        OSError: it cannot be read, or not now.
    """
    fd = _open_regular(path)
    if parquet:
        return ParquetContent(fd)
    if path.endswith(GZIP_ENDINGS):
        return CompressedContent(fd, Gunzip)
    return CompressedContent(fd, Unzstd) if path.endswith(ZSTD_ENDINGS) else PlainContent(fd)


def _open_regular(path: str) -> int:
    """A descriptor of a regular file; a pipe that took its place is not waited for."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FileNotFoundError(f"{path} is not a regular file any more")
    return fd
