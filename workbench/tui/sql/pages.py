"""The rows of a result that the screen has, and which page it lacks: a result of millions is never held here."""

from __future__ import annotations

from collections import OrderedDict

from workbench.protocol import Page

PAGE = 200
KEPT = 24

Row = tuple[str | None, ...]


class Pages:
    """At most KEPT pages of PAGE rows, the latest used ones.

    Attributes:
        total: rows of the result so far.
        complete: no more will come.
    """

    def __init__(self) -> None:
        self.total = 0
        self.complete = False
        self.numeric: tuple[bool, ...] = ()
        self._pages: OrderedDict[int, tuple[Row, ...]] = OrderedDict()

    def row(self, place: int) -> Row | None:
        """A row, or None while it is not here."""
        page = self._pages.get(place // PAGE)
        within = place % PAGE
        return page[within] if page is not None and within < len(page) else None

    def first(self) -> tuple[Row, ...]:
        """The first page; empty while it is not here."""
        return self._pages.get(0, ())

    def lacking(self, start: int, stop: int) -> list[int]:
        """Offsets of the pages to ask for, so that these rows can be shown."""
        wanted: list[int] = []
        for number in range(max(0, start) // PAGE, (max(start, min(stop, self.total) - 1)) // PAGE + 1):
            have = self._pages.get(number)
            expected = min(PAGE, self.total - number * PAGE)
            if have is None or len(have) < expected:
                wanted.append(number * PAGE)
            else:
                self._pages.move_to_end(number)
        return wanted if self.total else []

    def take(self, page: Page) -> None:
        """Keeps a page and lets the longest unused one go; the first page always stays."""
        self.total, self.complete = max(self.total, page.total), page.complete
        self.numeric = page.numeric or self.numeric
        number = page.offset // PAGE
        self._pages[number] = page.rows
        self._pages.move_to_end(number)
        while len(self._pages) > KEPT:
            self._pages.pop(next(n for n in self._pages if n != 0))
