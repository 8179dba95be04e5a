"""An input in another encoding than UTF-8 is told of, once a stream."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.stream.raws import outcome, raw_batch
from workbench.language.definitions import Column, Format
from workbench.store.session import Session, scratch
from workbench.stream.decode import Decoder
from workbench.stream.drift import Drift
from workbench.stream.encodings import foreign
from workbench.stream.infer import infer_columns

COLUMNS = (Column("value", "VARCHAR"),)


@pytest.fixture
def session() -> Iterator[Session]:
    session = scratch()
    yield session
    session.close()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_byte_order_marks(encoding: str) -> None:
    assert foreign("\ufeffa".encode(encoding)) == encoding[:6].upper()
    assert foreign("\ufeffa".encode()) is None


@pytest.mark.parametrize("format", ["json", "csv", "text"])
def test_a_first_byte_that_is_not_utf_8_is_told_with_what_to_do(session: Session, format: Format) -> None:
    data = '\ufeffvalue\n{"value":1}\n'.encode("utf-16-le")
    drift = Drift()
    told = [Decoder(session, COLUMNS, format, drift=drift).decode(raw_batch(data, header=True)).notices for _ in range(2)]
    assert [len([text for text in notices if "iconv -f UTF-16 -t UTF-8" in text]) for notices in told] == [1, 0]
    assert told[0][0].startswith("data.log begins as UTF-16 does")
    later = Decoder(session, COLUMNS, format).decode(raw_batch(data, byte=7, header_line=b"value")).notices
    assert not any("iconv" in text for text in later)


def test_no_record_under_a_header_in_another_encoding_is_taken(session: Session) -> None:
    header = "\ufeffvalue".encode("utf-16-le")
    columns = (Column(header.decode(errors="replace"), "VARCHAR"),)
    batch = Decoder(session, columns, "csv").decode(raw_batch(b"\x00a\n\x00b\n", byte=30, header_line=header))
    assert outcome(batch) == [("_malformed",)] * 2
    assert infer_columns(session, "\ufeffa,b\n1,2\n".encode("utf-16"), "csv", ()) == ()
