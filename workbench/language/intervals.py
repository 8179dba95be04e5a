"""A join of two streams: the bounds in time that its conditions set, found in the parsed query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from workbench.language.definitions import IntervalJoin, StreamRef
from workbench.language.durations import LONGEST, duration, unit
from workbench.language.sources import Stream
from workbench.language.tokens import Text, Token
from workbench.language.words import PLAIN

WINDOW = "_window"
"""Stands for window(…) in the query that is analysed; its arguments are the time and the size in microseconds."""


@dataclass(frozen=True, slots=True)
class _Line:
    """left · (left time) + right · (right time) + micros."""

    left: int = 0
    right: int = 0
    micros: int = 0

    def plus(self, other: _Line, sign: int = 1) -> _Line:
        return _Line(self.left + sign * other.left, self.right + sign * other.right, self.micros + sign * other.micros)


@dataclass(slots=True)
class _Found:
    """What the conditions say: bounds of right time - left time, and whether columns of both sides are equal."""

    low: int | None = None
    high: int | None = None
    equal: bool = False
    columns: dict[tuple[str, str], None] = field(default_factory=dict)

    def at_least(self, micros: int) -> None:
        self.low = micros if self.low is None else max(self.low, micros)

    def at_most(self, micros: int) -> None:
        self.high = micros if self.high is None else min(self.high, micros)


def interval_join(text: Text, tree: exp.Expr, left: Stream, right: Stream, times: tuple[Token, Token], tokens: list[Token]) -> IntervalJoin:
    """What is kept of both streams, and for how long.

    Args:
        tree: of the query, with `_window(time, size)` in place of window(…).
        tokens: of the query as written.

    Raises:
        PipelineError: no bound in time, or no equality.
    """
    assert isinstance(left.source, StreamRef)
    assert isinstance(right.source, StreamRef)
    assert left.watermark is not None
    assert right.watermark is not None
    try:
        found = _Reader(left, right, times).read(_conditions(tree))
    except OverflowError:
        message = f"an interval between {left.alias} and {right.alias} is longer than any event time is away"
        raise text.mistake(right.token, message, "Write one of less than 36,000 years.") from None
    low, high = _bounds(text, found, left, right, times)
    if not found.equal:
        hint = f"Add an equality between them, such as ON {left.alias}.id = {right.alias}.id AND …."
        message = f"nothing has to be equal in {left.alias} and {right.alias}: every pair near in time would match"
        raise text.mistake(right.token, message, hint)
    return IntervalJoin(
        right.source.name,
        times[0].text,
        times[1].text,
        left.watermark.delay,
        right.watermark.delay,
        low,
        high,
        _used(tokens, left, right, times[0]),
        _used(tokens, right, left, times[1]),
        tuple(found.columns),
    )


def _bounds(text: Text, found: _Found, left: Stream, right: Stream, times: tuple[Token, Token]) -> tuple[int, int]:
    x, y = f"{left.alias}.{times[0].text}", f"{right.alias}.{times[1].text}"
    if found.low is None or found.high is None:
        missing = {
            (True, True): (f"nothing bounds the time between {x} and {y}", f"Add AND {y} BETWEEN {x} AND {x} + INTERVAL 10 MINUTES."),
            (False, True): (f"nothing says how long after {x} a partner's {y} may be", f"Add AND {y} <= {x} + INTERVAL 10 MINUTES."),
            (True, False): (f"nothing says how long before {x} a partner's {y} may be", f"Add AND {y} >= {x} - INTERVAL 10 MINUTES."),
        }
        message, hint = missing[found.low is None, found.high is None]
        raise text.mistake(right.token, f"{message}: rows would have to be kept for ever", hint)
    if found.low > found.high:
        raise text.mistake(right.token, f"no {y} is within these bounds of any {x}", "Look at the signs of the intervals.")
    return found.low, found.high


def _conditions(tree: exp.Expr) -> Iterator[exp.Expr | str]:
    """What every row of the result fulfils; a column's name for each of USING."""
    for join in tree.args.get("joins") or ():
        if join.args.get("side") or join.args.get("kind") in ("SEMI", "ANTI"):
            continue
        yield from (name.name for name in join.args.get("using") or ())
        yield from _conjuncts(join.args.get("on"))
    where = tree.args.get("where")
    yield from _conjuncts(where.this if where else None)


def _conjuncts(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    if isinstance(condition, exp.Paren):
        yield from _conjuncts(condition.this)
    elif isinstance(condition, exp.And):
        yield from _conjuncts(condition.left)
        yield from _conjuncts(condition.right)
    elif condition is not None:
        yield condition


class _Reader:
    """Reads conditions of a join of these two streams."""

    def __init__(self, left: Stream, right: Stream, times: tuple[Token, Token]) -> None:
        self._aliases = ((left.alias or "").lower(), (right.alias or "").lower())
        self._times = (times[0].text.lower(), times[1].text.lower())
        self._found = _Found()

    def read(self, conditions: Iterable[exp.Expr | str]) -> _Found:
        for condition in conditions:
            if isinstance(condition, str):
                self._found.equal = True
                self._found.columns[condition.lower(), condition.lower()] = None
            elif isinstance(condition, exp.Between) and not condition.args.get("symmetric"):
                self._compare(condition.this, condition.args["low"], "least")
                self._compare(condition.this, condition.args["high"], "most")
            elif isinstance(condition, (exp.GTE, exp.GT)):
                self._compare(condition.left, condition.right, "least")
            elif isinstance(condition, (exp.LTE, exp.LT)):
                self._compare(condition.left, condition.right, "most")
            elif isinstance(condition, (exp.EQ, exp.NullSafeEQ)):
                self._equal(condition)
        return self._found

    def _compare(self, one: exp.Expr, other: exp.Expr, how: str) -> None:
        """Bounds may be a microsecond wider than < and > say: the query judges each pair once more."""
        first, second = self._line(one), self._line(other)
        if first is None or second is None:
            return
        line = first.plus(second, -1)
        if (line.left, line.right) == (-1, 1):
            self._bound(-line.micros, how)
        elif (line.left, line.right) == (1, -1):
            self._bound(line.micros, "most" if how == "least" else "least")

    def _bound(self, micros: int, how: str) -> None:
        if how == "least":
            self._found.at_least(micros)
        else:
            self._found.at_most(micros)

    def _equal(self, condition: exp.Expr) -> None:
        one, other = condition.args["this"], condition.args["expression"]
        windows = self._window(one), self._window(other)
        if windows[0] and windows[1]:
            if windows[0][0] != windows[1][0] and windows[0][1] == windows[1][1]:
                self._found.at_least(1 - windows[0][1])
                self._found.at_most(windows[0][1] - 1)
                self._found.equal = True
            return
        first, second = self._sides(one), self._sides(other)
        known = first - {None}, second - {None}
        if first and second and not known[0] & known[1] and max(map(len, known)) < 2:
            self._found.equal = True
            self._columns(one, other)
        self._compare(one, other, "least")
        self._compare(one, other, "most")

    def _columns(self, one: exp.Expr, other: exp.Expr) -> None:
        """Remember two plain columns that each say whose they are."""
        if isinstance(one, exp.Column) and isinstance(other, exp.Column) and len(one.parts) == len(other.parts) == 2:
            names = {column.table.lower(): column.name.lower() for column in (one, other)}
            if set(names) == set(self._aliases):
                self._found.columns[names[self._aliases[0]], names[self._aliases[1]]] = None

    def _line(self, node: exp.Expr) -> _Line | None:
        """An expression as a sum of times and intervals; None when it is none."""
        if isinstance(node, exp.Paren):
            return self._line(node.this)
        if isinstance(node, exp.Interval):
            micros = _micros(node)
            return None if micros is None else _Line(micros=micros)
        if isinstance(node, exp.Column):
            return {0: _Line(left=1), 1: _Line(right=1), None: None}[self._time(node)]
        if isinstance(node, (exp.Add, exp.Sub)):
            one, other = self._line(node.left), self._line(node.right)
            return None if one is None or other is None else one.plus(other, 1 if isinstance(node, exp.Add) else -1)
        return None

    def _window(self, node: exp.Expr) -> tuple[int, int] | None:
        """The side and the size of a window over that side's event time."""
        if isinstance(node, exp.Paren):
            return self._window(node.this)
        if not isinstance(node, exp.Anonymous) or node.name.lower() != WINDOW or not isinstance(node.expressions[0], exp.Column):
            return None
        side = self._time(node.expressions[0])
        return None if side is None else (side, int(node.expressions[1].name))

    def _time(self, column: exp.Column) -> int | None:
        """Whose event time a column is: 0 of the left stream, 1 of the right one."""
        name, table = column.name.lower(), column.table.lower()
        if len(column.parts) > 2:
            return None
        sides = [side for side in (0, 1) if name == self._times[side] and table in ("", self._aliases[side])]
        return sides[0] if len(sides) == 1 else None

    def _sides(self, node: exp.Expr) -> set[int | None]:
        """Of which streams an expression has columns; None stands for a column that does not tell."""
        found: set[int | None] = set()
        for column in node.find_all(exp.Column):
            first = column.parts[0].name.lower()
            found.add(self._aliases.index(first) if len(column.parts) > 1 and first in self._aliases else None)
        return found


def _micros(node: exp.Interval) -> int | None:
    """Microseconds of an interval, None when that is not one of fixed length.

    Raises:
        OverflowError: it is longer than any event time is away.
    """
    value, size = node.this, node.args.get("unit")
    if not isinstance(value, exp.Literal):
        return None
    if size is None:
        return duration(value.name)
    micros = unit(size.name)
    number = value.name.removeprefix("-")
    if micros is None or not number.replace(".", "", 1).isdigit():
        return None
    length = float(value.name) * micros
    if abs(length) > LONGEST:
        raise OverflowError(value.name)
    return round(length)


def _used(tokens: list[Token], stream: Stream, other: Stream, time: Token) -> tuple[str, ...]:
    """Names that the query may mean as columns of a stream, in lower case; none when it takes all.

    More than its columns: a name that does not say whose it is counts for both.
    """
    own, foreign = (stream.alias or "").lower(), (other.alias or "").lower()
    found = {time.text.lower()}
    for i, token in enumerate(tokens):
        before = tokens[i - 1] if i else None
        after = tokens[i + 1] if i + 1 < len(tokens) else None
        dotted = before is not None and before.symbol(".")
        owner = tokens[i - 2].key if dotted and i > 1 else ""
        if token.symbol("*") and _star(before, dotted, owner, own):
            return ()
        qualifies = after is not None and after.symbol(".")
        if not token.names or token.word(*PLAIN) or (token.key == foreign and qualifies):
            continue
        if token.key == own and not dotted:
            if not qualifies:
                return ()
        elif not dotted or owner == own or owner not in (own, foreign):
            found.add(token.text.lower())
    return tuple(sorted(found))


def _star(before: Token | None, dotted: bool, owner: str, own: str) -> bool:
    """Whether a * stands for the columns of a stream and is not a product."""
    if dotted:
        return owner == own
    return before is not None and (before.symbol(",", "(") or before.word("SELECT", "DISTINCT", "ALL"))
