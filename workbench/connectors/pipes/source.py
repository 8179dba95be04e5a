"""What is piped in as a source: one input after the other, each from its first record to its last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from workbench.batch import ChunkBuffer, Lag, Offset, RawBatch
from workbench.connectors.pipes.stdin import FIRST, Inputs
from workbench.connectors.records import Records
from workbench.connectors.spool.intake import Intake
from workbench.connectors.spool.source import SpoolSource

FILE = "stdin"


class StdinSource:
    """The inputs as one stream: the next is read when the one before it has ended and is read to its end.

    Nothing being piped in, the stream has ended with what is kept of earlier inputs.

    Args:
        name: the flow's.
        header: CSV whose inputs begin with a header, each with its own.
        records: how lines are CSV records; None: each line is one.
    """

    undecided = False

    def __init__(
        self,
        name: str,
        inputs: Inputs,
        *,
        header: bool = False,
        records: Records | None = None,
        offsets: Sequence[Offset] = (),
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._name, self._inputs, self._header = name, inputs, header
        self._parts: list[tuple[Intake, SpoolSource]] = []
        try:
            for intake in inputs.intakes:
                self._parts.append((intake, SpoolSource(name, intake, FILE, offsets=offsets, records=records, wake=wake)))
        except BaseException:
            self.close()
            raise
        for offset in offsets:
            self._note(offset)

    def read(self, buffer: ChunkBuffer, limit: int | None = None) -> RawBatch | None:
        for intake, part in self._parts:
            raw = part.read(buffer, limit)
            if raw is not None:
                return self._with_header(raw, intake.spool.folder) if self._header else raw
            if not part.ended:
                return None
        return None

    def _with_header(self, raw: RawBatch, folder: Path) -> RawBatch:
        if raw.start.line == 0:
            if raw.starts is not None and b"\n" in (first := _first_record(raw))[:-1]:
                (folder / FIRST).write_bytes(first)  # the receiver keeps the first line only
            return replace(raw, header=bool(raw.length))
        try:
            return replace(raw, header_line=(folder / FIRST).read_bytes())
        except OSError:
            return raw

    def offset_at(self, raw: RawBatch, byte: int, line: int) -> Offset:
        return self._of(raw.offset.file_id).offset_at(raw, byte, line)

    def committed(self, offset: Offset) -> None:
        self._note(offset)
        self._of(offset.file_id).committed(offset)

    def _note(self, offset: Offset) -> None:
        """For the inputs, which are deleted when all is committed."""
        for intake, _ in self._parts:
            if intake.spool.generation_of(offset.file_id) is not None:
                self._inputs.committed(self._name, intake.spool.folder, offset.byte)

    def _of(self, file_id: str) -> SpoolSource:
        return next(part for intake, part in self._parts if intake.spool.generation_of(file_id) is not None)

    def rewind(self) -> None:
        for _, part in self._parts:
            part.rewind()

    def lag(self) -> Lag:
        lags = [part.lag() for _, part in self._parts]
        return Lag(
            bytes=sum(lag.bytes for lag in lags),
            rows=sum(lag.rows for lag in lags),
            seconds=max((lag.seconds for lag in lags), default=0.0),
            waiting=sum(lag.waiting for lag in lags),
            held=sum(lag.held for lag in lags),
            hold_limit=max((lag.hold_limit for lag in lags), default=0),
            peers=sum(lag.peers for lag in lags),
            full=any(lag.full for lag in lags),
            held_by=tuple(dict.fromkeys(name for lag in lags for name in lag.held_by)),
        )

    @property
    def idle(self) -> bool:
        return all(part.idle for _, part in self._parts)

    @property
    def ended(self) -> bool:
        return all(part.ended for _, part in self._parts)

    def rescan(self, at_once: bool = False) -> bool:
        looked = [part.rescan(at_once) for _, part in self._parts]
        return all(looked)

    def notices(self) -> list[str]:
        return [notice for _, part in self._parts for notice in part.notices()]

    def place(self, file_id: str, file: str, byte: int, line: int) -> Offset | None:
        for intake, part in self._parts:
            if intake.spool.generation_of(file_id) is not None:
                return part.place(file_id, file, byte, line)
        return None

    def ends(self) -> tuple[Offset, ...]:
        return tuple(offset for _, part in self._parts for offset in part.ends())

    def begin(self, end: Offset) -> Offset:
        return self._of(end.file_id).begin(end)

    def close(self) -> None:
        for _, part in self._parts:
            part.close()


def _first_record(raw: RawBatch) -> bytes:
    """The first record of a batch that is not blank."""
    assert raw.buffer is not None
    assert raw.starts is not None
    with memoryview(raw.buffer.memory) as view:
        records = (bytes(view[start:stop]) for start, stop in pairwise(raw.starts.tolist()))
        return next((record for record in records if record.strip()), b"")
