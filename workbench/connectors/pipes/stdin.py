"""Standard input: what is piped in, kept in a spool for each input until it is committed."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import stat
import struct
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from workbench.batch import KEPT_OF_TOO_LONG, MAX_LINE
from workbench.connectors.spool.block import Piece
from workbench.connectors.spool.framing import DelimitedFramer
from workbench.connectors.spool.intake import Intake
from workbench.connectors.spool.receiver import PAUSE, ReceiverThread
from workbench.connectors.spool.spool import LIMIT, Spool

CHUNK = 1 << 20
"""Bytes read at once."""
ENDED, FIRST, INPUT, TAIL = "ended", "first", "input.json", "tail"
TAIL_HEAD = struct.Struct("<QQI")
"""Records in the spool before the tail, its length and its crc."""


class StdinReceiver:
    """Reads a descriptor to its end, cut at newlines; a full spool holds the producer up.

    Promises: what was read survives the process, the beginning of an unfinished last line too; only what is between its read
    and its write when the process is killed is not kept. The last line counts without a newline once the input has ended. A byte
    order mark at its beginning is taken off.

    Args:
        max_line: bytes; longer lines are kept as their head.
    """

    def __init__(self, descriptor: int, spool: Spool, max_line: int = MAX_LINE) -> None:
        self._descriptor, self._spool = descriptor, spool
        self._framer = DelimitedFramer("", max_line, b"\n")
        self._tail = _Tail(spool.folder / TAIL)
        self._kept: list[Piece] = []
        """Read, and not in the spool yet."""
        self._begun = self._over = False
        self._thread = ReceiverThread(spool, "stdin", self._serve)

    @property
    def peers(self) -> int:
        return int(not self._over)

    @property
    def waiting(self) -> int:
        return self._framer.waiting

    def start(self) -> None:
        if not self._begun:
            begun = bytearray(self._tail.read(self._spool.end.line))
            self._framer.feed(begun, 0, len(begun))
            self._begun = True
        if self._over and not self._kept:
            self._spool.finish()
        else:
            self._thread.start()

    def stop(self) -> None:
        self._thread.stop()

    def _serve(self) -> None:
        assert self._thread.doorbell is not None
        poller = select.poll()
        poller.register(self._descriptor, select.POLLIN)
        poller.register(self._thread.doorbell, select.POLLIN)
        data = bytearray(CHUNK)
        while self._store() and not self._over:
            poller.poll()
            if self._thread.stopping.is_set():
                return
            try:
                count = os.readv(self._descriptor, [data])
            except OSError as error:
                self._spool.notice(f"standard input cannot be read any more: {error.strerror}")
                count = 0
            self._kept = self._framer.feed(data, 0, count) if count else self._framer.finish()
            self._over = not count

    def _store(self) -> bool:
        """Put what was read into the spool; False when it is to stop before there is room."""
        if self._kept and self._spool.end.line == 0:
            self._kept[0] = _unmarked(self._kept[0])
            self._remember(self._kept[0])  # before a reader can see it: with the second read it needs the first record
        while not self._spool.wait_for_room(PAUSE) or not self._spool.append(self._kept):
            if self._thread.stopping.wait(PAUSE):
                self._kept = [replace(piece, parts=[bytes(part) for part in piece.parts]) for piece in self._kept]
                return False
        self._kept = []
        if self._over:
            (self._spool.folder / ENDED).touch()
            self._spool.finish()
        else:
            self._tail.write(self._spool.end.line, self._framer.rest)
        return True

    def _remember(self, piece: Piece) -> None:
        """The first record, which is the header of a CSV input."""
        records = b"".join(bytes(part[:KEPT_OF_TOO_LONG]) for part in piece.parts).lstrip(b"\r\n")
        with suppress(OSError):
            (self._spool.folder / FIRST).write_bytes(records.split(b"\n", 1)[0] + b"\n")


def _unmarked(piece: Piece) -> Piece:
    """The first records of an input without a byte order mark, as files are read."""
    if not b"".join(bytes(part[: len(BOM_UTF8)]) for part in piece.parts[:2]).startswith(BOM_UTF8):
        return piece
    data = b"".join(piece.parts)[len(BOM_UTF8) :]
    return replace(piece, parts=[data], overlong=piece.overlong and piece.overlong - len(BOM_UTF8))


class _Tail:
    """The beginning of a line whose end has not come, on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line, self._kept, self._crc = -1, 0, 0

    def read(self, line: int) -> bytes:
        """What was kept after record `line`; nothing when that is not where the spool ends."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return b""
        if len(data) < TAIL_HEAD.size:
            return b""
        at, length, crc = TAIL_HEAD.unpack_from(data)
        kept = data[TAIL_HEAD.size : TAIL_HEAD.size + length]
        return kept if at == line and zlib.crc32(kept) == crc else b""

    def write(self, line: int, kept: bytes) -> None:
        """Keep it; what is there of the same line already is not written again."""
        if line != self._line or len(kept) < self._kept:
            self._line, self._kept, self._crc = line, 0, 0
        if not kept and not self._path.exists():
            return
        fresh = kept[self._kept :]
        self._crc = zlib.crc32(fresh, self._crc)
        with suppress(OSError), open(self._path, "r+b" if self._path.exists() else "w+b", buffering=0) as file:
            os.pwrite(file.fileno(), fresh, TAIL_HEAD.size + self._kept)
            os.pwrite(file.fileno(), TAIL_HEAD.pack(line, len(kept), self._crc), 0)
        self._kept = len(kept)


class _Over:
    """The receiver of an input that is over: whatever else was in it went to a process that is gone."""

    peers = 0
    waiting = 0

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def start(self) -> None:
        self._spool.finish()

    def stop(self) -> None:
        """It has."""


class Inputs:
    """All that was ever piped in and is not committed, one spool for each input, oldest first.

    An input that an earlier process left in the middle goes on when the same pipe is handed to the next one.

    Args:
        folder: of its own.
        descriptor: what is piped in now; None: nothing.
    """

    def __init__(self, folder: Path, descriptor: int | None, limit: int = LIMIT) -> None:
        self._committed: dict[tuple[str, Path], int] = {}
        self._expected: frozenset[str] = frozenset()
        folders = sorted((f for f in folder.glob("[0-9]*") if f.is_dir()), key=lambda f: int(f.name)) if folder.is_dir() else []
        self.intakes: list[Intake] = []
        goes_on = None
        if descriptor is not None:
            goes_on = _same_input(folders[-1], descriptor) if folders else False
            if not goes_on:
                folders.append(_new_input(folder, int(folders[-1].name) + 1 if folders else 1, descriptor))
        for one in folders:
            spool = Spool(one, limit)
            live = descriptor is not None and one is folders[-1]
            self.intakes.append(Intake(spool, StdinReceiver(descriptor, spool) if live and descriptor is not None else _Over(spool)))

    def expect(self, readers: Iterable[str]) -> None:
        self._expected = frozenset(readers)
        for intake in self.intakes:
            intake.spool.expect(self._expected)

    def committed(self, reader: str, folder: Path, byte: int) -> None:
        """A reader has committed everything of one input before `byte`."""
        self._committed[reader, folder] = byte

    def tidy(self) -> None:
        """Delete the inputs that have ended and that every reader has committed; call it when no source is open."""
        for intake in self.intakes:
            spool = intake.spool
            done = all(self._committed.get((reader, spool.folder), -1) >= spool.end.byte for reader in self._expected)
            if self._expected and done and spool.finished:
                shutil.rmtree(spool.folder, ignore_errors=True)


def _new_input(folder: Path, number: int, descriptor: int) -> Path:
    fresh = folder / f"{number:06d}"
    fresh.mkdir(mode=0o700, parents=True)
    (fresh / INPUT).write_text(json.dumps(_identity(descriptor)), "utf-8")
    with suppress(OSError, AttributeError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, CHUNK)
    return fresh


def _same_input(folder: Path, descriptor: int) -> bool:
    """Whether a descriptor is the rest of the input that this folder has the beginning of."""
    if (folder / ENDED).exists() or (stat.S_ISREG(os.fstat(descriptor).st_mode) and os.lseek(descriptor, 0, os.SEEK_CUR) == 0):
        return False
    try:
        return bool(json.loads((folder / INPUT).read_text("utf-8")) == _identity(descriptor))
    except (OSError, ValueError):
        return False


def _identity(descriptor: int) -> list[object]:
    """What tells one pipe from another, since the machine was started."""
    status = os.fstat(descriptor)
    boot = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return [boot, status.st_dev, status.st_ino]
