"""The sources behind streaming tables, opened where the last commit left them."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.batch import MAX_LINE, ChunkBuffer, Offset
from workbench.config import Project
from workbench.connectors.closed import ClosedSource
from workbench.connectors.files.handles import open_content
from workbench.connectors.files.listing import path_of
from workbench.connectors.files.source import FileSource
from workbench.connectors.source import Source
from workbench.errors import SourceError
from workbench.language.definitions import Format, ReadFiles, ReadRate, ReadSocket, ReadStdin, SourceSpec, StreamingTable, StreamRef

if TYPE_CHECKING:
    from workbench.connectors.pipes.stdin import Inputs
    from workbench.connectors.spool.intake import Intake
    from workbench.connectors.spool.quoted_framer import Quoting

Options = Sequence[tuple[str, str]]
SAMPLE = 1 << 20
"""Bytes from which columns are told."""
SETTLED = 0.5
"""Seconds in which more records may follow the first, before the columns are told by fewer."""
STDIN = "stdin"
NO_QUOTES = ("", "")


class Sources:
    """Opens sources; all that read the same address, or standard input, share one receiver and its spool.

    A receiver runs while a source over it is open, or while somebody waits for its first records (`sample`).

    Args:
        input: the descriptor of what is piped in; None: nothing.
        limit: bytes that a spool may hold where its source says nothing; None: as spools do.
        receives: False when flows are off: then nothing is received, and live sources give nothing.
        wake: called when records have come.
    """

    def __init__(
        self,
        project: Project,
        input: int | None = None,
        limit: int | None = None,
        receives: bool = True,
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._project, self._input, self._limit, self._receives = project, input, limit, receives
        self._wake_engine, self._news = wake, threading.Event()
        self._sockets: dict[str, tuple[ReadSocket, Intake]] = {}
        self._quotings: dict[str, Quoting] = {}
        self._signs: dict[str, dict[str, tuple[str, str]]] = {}
        """Of each address, by flow: the quote and the delimiter that it goes by."""
        self._inputs: Inputs | None = None
        self._held: dict[str, list[Intake]] = {}
        """Receivers that run for a sample."""
        self._asked: set[str] = set()
        self._names: dict[str, list[str]] = {}
        self._lock = threading.RLock()
        self._told_nothing: dict[str, dict[str, tuple[int, int]]] = {}
        """By flow: files that told no columns, by path and stamp."""
        self.unread: dict[str, tuple[str, ...]] = {}
        """By flow: why what was to tell its columns could not be read."""
        self.in_vain: dict[str, str] = {}
        """By flow: what was looked at and told no columns, and what to do about it."""

    def open(self, flow: str, spec: SourceSpec, options: Options, offsets: Sequence[Offset]) -> Source:
        """A source at its committed offsets; `options` are its format's, inferred ones among them.

        Raises:
            SourceError: the address cannot be read so.
        """
        if isinstance(spec, ReadFiles):
            return open_files_source(self._project, flow, spec, options, offsets)
        if isinstance(spec, ReadRate):
            from workbench.connectors.rate import RateSource

            return RateSource(spec.rows_per_second, spec.rows, name=spec.label, offsets=offsets)
        if not self._receives:
            return ClosedSource()
        with self._lock:
            return self._open_received(flow, spec, options, offsets)

    def _open_received(self, flow: str, spec: ReadSocket | ReadStdin, options: Options, offsets: Sequence[Offset]) -> Source:
        """A source over a spool; the rooms of what receives are opened with the first one."""
        if isinstance(spec, ReadSocket):
            from workbench.connectors.spool.source import SpoolSource

            intake = self._socket(spec)
            self._quote(flow, spec, options)
            return SpoolSource(flow, intake, spec.url, offsets=offsets, wake=self._wake)
        from workbench.connectors.pipes.source import StdinSource

        if spec.format != "csv":
            return StdinSource(flow, self._stdin(), offsets=offsets, wake=self._wake)
        from workbench.connectors.records import Records

        header = dict(options).get("header", "true") == "true"
        return StdinSource(flow, self._stdin(), header=header, records=Records(*_signs(options)), offsets=offsets, wake=self._wake)

    def _quote(self, flow: str, spec: ReadSocket, options: Options) -> None:
        """Let lines of an address be CSV records where its readers say so.

        Raises:
            SourceError: they do not agree.
        """
        from workbench.connectors.records import Records

        said = self._signs.setdefault(spec.url, {})
        said[flow] = _signs(options) if spec.format == "csv" and spec.framing == "newline" else NO_QUOTES
        signs = {said[name] for name in (flow, *self._names.get(spec.url, ())) if name in said}
        signs = {NO_QUOTES if not quote else (quote, delimiter) for quote, delimiter in signs}
        if len(signs) > 1:
            raise SourceError(
                f"{spec.url} is received once for all tables that read it, and they do not agree where a record ends:"
                " one of CSV may have newlines in quotes",
                "If none are quoted, give the CSV ones quote => ''; else all the same format, delimiter and quote,"
                " or framing => 'octet' or 'nul', or read two addresses.",
            )
        (one,) = signs
        self._quotings[spec.url].records = None if one == NO_QUOTES else Records(*one)

    def sample(self, flow: str, spec: SourceSpec, any_record: bool = False) -> tuple[bytes, str] | None:
        """The first whole records that tell columns (or any: they are to tell the format) and the name of what they are from; None while
        there are none, or more of them may come at once.

        A live source is received from the first call on, until a `settle` before which nobody asked again.
        """
        if isinstance(spec, ReadFiles):
            files = open_files_source(self._project, flow, spec, spec.options, ())
            passed = self._told_nothing.setdefault(flow, {})
            try:
                before, known = self.in_vain.pop(flow, ""), set(passed)
                found = files.sample(partial(self._tells, flow, spec, passed), passed)
                if before and not found and known <= passed.keys():  # what was looked at then is still there
                    self.in_vain.setdefault(flow, before)
                vain = self.in_vain.get(flow, "")
                self.unread[flow] = () if found else (*files.unread(), *([vain] if vain else []))
                return found
            finally:
                files.close()
        if isinstance(spec, ReadRate) or not self._receives:
            return None
        with self._lock:
            key = _key(spec)
            self._asked.add(key)
            if key not in self._held:
                intakes = [self._socket(spec)] if isinstance(spec, ReadSocket) else self._stdin().intakes
                if isinstance(spec, ReadSocket) and not self._signs.get(spec.url):
                    self._quote(flow, spec, (("delimiter", ""), *spec.options))
                    del self._signs[spec.url]  # what it opens with counts, which the sample is to tell
                self._held[key] = _entered(intakes)
            for intake in self._held[key]:
                if (data := _first_records(intake, self._clock())) and (any_record or self._tells(flow, spec, {}, data)):
                    return data, STDIN if isinstance(spec, ReadStdin) else spec.url
            return None

    def _tells(self, flow: str, spec: ReadFiles | ReadSocket | ReadStdin, passed: Mapping[str, object], sample: bytes) -> bool:
        """Whether records tell columns; if not, `in_vain` says so. Args: passed: files that told nothing before."""
        tells = _tells(spec.format, sample)
        self.in_vain.pop(flow, None)
        if not tells:
            self.in_vain[flow] = _in_vain(spec.label, len(passed), sample)
        return tells

    def notices(self) -> list[str]:
        """What receivers had to say over which no source is open yet."""
        with self._lock:
            held = [(key, intake) for key, intakes in self._held.items() for intake in intakes]
            return [f"{key}: {text}" for key, intake in held for text in intake.spool.take_notices()]

    def trouble(self, spec: SourceSpec | StreamRef | None) -> str:
        """Why nothing can come from an address now, in words; empty when nothing stands in the way, or it was not tried."""
        with self._lock:
            known = self._sockets.get(spec.url) if isinstance(spec, ReadSocket) else None
        return known[1].spool.trouble if known is not None else ""

    def ended(self) -> bool:
        """Whether all that is piped in has been received."""
        with self._lock:
            return self._inputs is None or all(intake.spool.finished for intake in self._inputs.intakes)

    def wait(self, seconds: float) -> None:
        """Return when records have come, or after so long."""
        self._news.wait(seconds)
        self._news.clear()

    def expect(self, readers: Iterable[tuple[str, SourceSpec | StreamRef | None]]) -> None:
        """These flows read, and no others: what each of them, open or not, has committed is deleted.

        Call it before sources are opened, with every flow that may be one of theirs, and with the true ones afterwards.
        """
        names: dict[str, list[str]] = {}
        for flow, spec in readers:
            if isinstance(spec, ReadSocket | ReadStdin):
                names.setdefault(_key(spec), []).append(flow)
        with self._lock:
            self._names = names
            for url, (_, intake) in self._sockets.items():
                intake.spool.expect(names.get(url, ()))
            if self._inputs is not None:
                self._inputs.expect(names.get(STDIN, ()))

    def settle(self) -> None:
        """Receivers for whose first records nobody asks any more stop, unless a source is open over them."""
        with self._lock:
            for key in [key for key in self._held if key not in self._asked]:
                self._let_go(key)
            self._asked.clear()

    def close(self) -> None:
        """Receive no more; call it when every source is closed."""
        with self._lock:
            for key in list(self._held):
                self._let_go(key)
            if self._inputs is not None:
                self._inputs.tidy()

    def _wake(self) -> None:
        self._news.set()
        self._wake_engine()

    def _let_go(self, key: str) -> None:
        for intake in self._held.pop(key):
            intake.leave()

    def _socket(self, spec: ReadSocket) -> Intake:
        known = self._sockets.get(spec.url)
        if known is None:
            from workbench.connectors.sockets.opening import open_socket
            from workbench.connectors.spool.quoted_framer import Quoting
            from workbench.connectors.spool.spool import LIMIT

            folder = self._project.state / "received" / _folder(spec.url)
            intake = open_socket(
                folder,
                spec.url,
                mode=spec.mode,
                framing=spec.framing,
                max_line=spec.max_line or MAX_LINE,
                limit=spec.spool or self._limit or LIMIT,
                quoting=self._quotings.setdefault(spec.url, Quoting()),
            )
            intake.spool.expect(self._names.get(spec.url, ()))
            known = self._sockets[spec.url] = (spec, intake)
        elif _way(known[0]) != _way(spec):
            raise SourceError(
                f"{spec.url} is received once for all tables that read it, and they do not say the same of it",
                "Give mode, framing, max_line and spool the same values in each of them; then restart the engine.",
            )
        return known[1]

    def _stdin(self) -> Inputs:
        if self._inputs is None:
            from workbench.connectors.pipes.stdin import Inputs
            from workbench.connectors.spool.spool import LIMIT

            self._inputs = Inputs(self._project.state / "received" / STDIN, self._input, self._limit or LIMIT)
            self._inputs.expect(self._names.get(STDIN, ()))
        return self._inputs


def open_files_source(project: Project, flow: str, source: ReadFiles, given: Options, offsets: Sequence[Offset]) -> FileSource:
    """The files of a read_files, from the committed offsets on; `given` are its format's options, inferred ones among them."""
    options = dict(given)
    return FileSource(
        flow,
        source.glob,
        source.format,
        follow=source.follow,
        start=source.start,
        root=project.root,
        header=options.get("header", "true") == "true",
        quote=options.get("quote", '"'),
        delimiter=options.get("delimiter", ","),
        offsets=offsets,
    )


def csv_header(root: Path, file: str, table: StreamingTable) -> bytes | None:
    """The header record of a CSV file that is still there, to tell the names of a record's fields."""
    source = table.source
    if not isinstance(source, ReadFiles) or source.format != "csv" or dict(source.options).get("header") == "false":
        return None
    try:
        with closing(open_content(path_of(str(root), file), parquet=False)) as content:
            line, _, _ = bytes(content.peek(0, SAMPLE)).removeprefix(b"\xef\xbb\xbf").partition(b"\n")
            return line.rstrip(b"\r") or None
    except OSError:
        return None


def fixed_folder(root: Path, glob: str) -> Path:
    """The deepest folder of a glob that has no wildcard: what has to be watched."""
    path = root / glob
    while re.search(r"[*?\[]", str(path)) or not is_folder(path):
        if path == path.parent:
            return root
        path = path.parent
    return path


def is_folder(path: Path) -> bool:
    """False too where that cannot be told, which `Path.is_dir` raises."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _key(spec: ReadSocket | ReadStdin) -> str:
    return spec.url if isinstance(spec, ReadSocket) else STDIN


def _signs(options: Options) -> tuple[str, str]:
    """A CSV's quote and delimiter."""
    given = dict(options)
    return given.get("quote", '"'), given.get("delimiter", ",")


def _way(spec: ReadSocket) -> tuple[object, ...]:
    return spec.mode, spec.framing, spec.max_line, spec.spool


def _folder(url: str) -> str:
    """A name that tells a person which address it is, and that no other has."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", url).strip("-")[:40]
    return f"{plain}-{hashlib.blake2b(url.encode(), digest_size=4).hexdigest()}"


def _entered(intakes: Iterable[Intake]) -> list[Intake]:
    """All of them, or none.

    Raises:
        SourceError: the folder of a spool cannot be made or read.
    """
    entered: list[Intake] = []
    try:
        for intake in intakes:
            intake.enter()
            entered.append(intake)
    except BaseException:
        for intake in entered:
            intake.leave()
        raise
    return entered


def _tells(format: Format, sample: bytes) -> bool:
    """Whether records tell columns: of JSON one that is an object."""
    from workbench.stream.infer import json_object  # only while no columns are known

    return format != "json" or any(json_object(line) for line in sample.split(b"\n") if line.lstrip()[:1] == b"{")


def _in_vain(label: str, files: int, sample: bytes) -> str:
    lines = sample.count(b"\n")
    looked = f"the first {len(sample):,} bytes ({lines:,} {'line' if lines == 1 else 'lines'}) of {label}"
    if files:
        looked = f"the beginning of each file of {label}"
    return (
        "no JSON object tells its columns: declare them (schema => 'name TYPE, …'; what is no JSON is rejected then), or take the lines as"
        f" they are (format => 'text'). Looked at: {looked}; it is never more than {SAMPLE:,} bytes"
    )


def _first_records(intake: Intake, now: float) -> bytes:
    from workbench.connectors.spool.reader import SpoolReader

    spool = intake.spool
    reader = SpoolReader(spool, "", spool.start, lambda text: None, lambda: now)
    buffer = ChunkBuffer(2 * SAMPLE)
    try:
        raw = reader.read(buffer, SAMPLE)
        if raw is None or not raw.length:
            return b""
        settled = spool.finished or raw.length >= SAMPLE or not 0.0 <= now - raw.arrived_at < SETTLED
        return bytes(buffer.memory[: raw.length]) if settled else b""
    finally:
        reader.close()
        buffer.close()
