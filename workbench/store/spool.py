"""Results of queries on disk: written once, paged and streamed while they grow."""

from __future__ import annotations

import os
import threading
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from workbench.errors import QueryError

END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"

CHUNK = 1 << 20
"""Bytes of a stream that are handed on at once."""


class Result:
    """The rows of one query as an Arrow IPC stream in a file.

    One thread appends, any number read at the same time. A page costs the batches that it touches, whatever the size of
    the result: where each batch begins is remembered. The file is gone after `delete`; readers that have it open finish.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.schema = pa.schema([field.with_type(_plain(field.type)) for field in schema])
        self.rows = 0
        self.size = 0
        self._ends = array("q")
        """Rows up to the end of each batch."""
        self._offsets = array("q")
        """Byte at which each batch begins, and one more: the end."""
        self._changed = threading.Condition()
        self._state = "open"
        self._file = path.open("wb", buffering=0)
        self._write(self.schema.serialize())
        self._offsets.append(self.size)

    def append(self, batch: pa.RecordBatch) -> None:
        """Keep the rows of a batch; they can be read when this returns."""
        if not batch.num_rows:
            return
        if batch.schema != self.schema:
            batch = pa.record_batch([c.cast(f.type) for c, f in zip(batch.columns, self.schema, strict=True)], schema=self.schema)
        self._write(batch.serialize())
        with self._changed:
            self.rows += batch.num_rows
            self._ends.append(self.rows)
            self._offsets.append(self.size)
            self._changed.notify_all()

    def finish(self, whole: bool) -> None:
        """No more rows will come; not `whole`: the query failed half-way, and a stream of it ends with an error."""
        with self._changed:
            if self._state != "open":
                return
            if whole:
                self._write(END_OF_STREAM)
            self._file.close()
            self._state = "whole" if whole else "broken"
            self._changed.notify_all()

    def read(self, offset: int, limit: int) -> pa.Table:
        """Rows `offset`…, fewer than `limit` when there are no more yet."""
        with self._changed:
            stop = min(offset + limit, self.rows)
            if offset >= stop:
                return self.schema.empty_table()
            first, last = bisect_right(self._ends, offset), bisect_right(self._ends, stop - 1)
            begin = self._ends[first - 1] if first else 0
            places = [(self._offsets[i], self._offsets[i + 1]) for i in range(first, last + 1)]
        with pa.memory_map(str(self.path)) as file:
            batches = [self._batch(file, *place) for place in places]
        return pa.Table.from_batches(batches).slice(offset - begin, stop - offset)

    def chunks(self) -> Iterator[bytes]:
        """The whole Arrow stream, following it while it grows; b"" each second in which nothing came.

        Raises:
            QueryError: the query failed or its result was deleted before all was read.
        """
        with self.path.open("rb") as file:
            while True:
                yield from iter(lambda: file.read(CHUNK), b"")
                with self._changed:
                    if file.tell() < os.fstat(file.fileno()).st_size:
                        continue
                    if self._state == "whole":
                        return
                    if self._state == "broken":
                        raise QueryError("The query ended before its result was whole")
                    if self._changed.wait(1.0):
                        continue
                yield b""

    def delete(self) -> None:
        """Remove the file."""
        self.finish(whole=False)
        self.path.unlink(missing_ok=True)

    def _batch(self, file: pa.MemoryMappedFile, begin: int, end: int) -> pa.RecordBatch:
        file.seek(begin)
        return pa.ipc.read_record_batch(file.read_buffer(end - begin), self.schema)

    def _write(self, message: pa.Buffer | bytes) -> None:
        rest = memoryview(message)
        while rest:
            rest = rest[self._file.write(rest) :]
        self.size = self._file.tell()


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type without dictionaries (DuckDB's ENUM): each batch must be readable by itself."""
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_map(kind):
        return pa.map_(_plain(kind.key_type), _plain(kind.item_type))
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)), kind.list_size)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    return kind
