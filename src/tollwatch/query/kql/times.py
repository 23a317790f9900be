"""Kusto's functions of times and spans. Microsoft's documentation, "DateTime/timespan functions". All is in UTC.

The engine keeps microseconds; Kusto's ends of days and the like are a tick (100 ns) before the next one.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from tollwatch.query.columns import EPOCH, moment_of
from tollwatch.query.entries import ANY, Function, Here, Run
from tollwatch.query.kql.literals import UNITS, moment_or_none
from tollwatch.query.kql.values import MICROSECOND, each, mapped, spread
from tollwatch.query.table import Column, Index, Type

DATETIMES = frozenset({Type.DATETIME})
SPANS = frozenset({Type.TIMESPAN})
LONGS = frozenset({Type.LONG})
STRINGS = frozenset({Type.STRING})
DAY = UNITS["d"]
_SUNDAY = -4 * DAY  # 1969-12-28


def _micros(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


def _month_start(year: int, month: int) -> int:
    whole, rest = divmod(year * 12 + month - 1, 12)
    return _micros(datetime(whole, rest + 1, 1, tzinfo=UTC))


def day_start(value: int, offset: int = 0) -> int:
    """The start of the day, so many days on."""
    return (value // DAY + offset) * DAY


def week_start(value: int, offset: int = 0) -> int:
    """The start of the week, a Sunday, so many weeks on."""
    return ((value - _SUNDAY) // (7 * DAY) + offset) * 7 * DAY + _SUNDAY


def month_start(value: int, offset: int = 0) -> int:
    """The start of the month, so many months on."""
    at = moment_of(value)
    return _month_start(at.year, at.month + offset)


def year_start(value: int, offset: int = 0) -> int:
    """The start of the year, so many years on."""
    return _month_start(moment_of(value).year + offset, 1)


_STARTS: Mapping[str, Callable[[int, int], int]] = {
    "day": day_start, "week": week_start, "month": month_start, "year": year_start,
}  # fmt: skip


def _end(start: Callable[[int, int], int]) -> Run:
    return each(Type.DATETIME, lambda value, offset=0: start(value, offset + 1) - 1)


# ---------------------------------------------------------------- parts


_PARTS: Mapping[str, Callable[[datetime], int]] = {
    "year": lambda at: at.year, "quarter": lambda at: (at.month + 2) // 3, "month": lambda at: at.month,
    "week_of_year": lambda at: at.isocalendar().week, "weekofyear": lambda at: at.isocalendar().week,
    "day": lambda at: at.day, "dayofyear": lambda at: at.timetuple().tm_yday, "hour": lambda at: at.hour,
    "minute": lambda at: at.minute, "second": lambda at: at.second, "millisecond": lambda at: at.microsecond // 1000,
    "microsecond": lambda at: at.microsecond,
}  # fmt: skip


def _part(name: str) -> Run:
    return each(Type.LONG, lambda value: _PARTS[name](moment_of(value)))


def _datetime_part(columns: Sequence[Column], here: Here) -> Column:
    def part(name: str, value: int) -> int:
        if name.lower() not in _PARTS:
            raise here.failed(f"datetime_part: the part {name} is not known")
        return _PARTS[name.lower()](moment_of(value))

    return mapped(Type.LONG, part, columns, here.rows)


def _boundaries(period: str, value: int) -> int:
    """How many boundaries of the period lie before the time."""
    at = moment_of(value)
    match period:
        case "year":
            return at.year
        case "quarter":
            return at.year * 4 + (at.month - 1) // 3
        case "month":
            return at.year * 12 + at.month
        case "week":
            return (value - _SUNDAY) // (7 * DAY)
        case _:
            return value // UNITS[period]


_PERIODS = {"year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond"}


def _period(name: str, here: Here) -> str:
    found = name.lower().removesuffix("s")
    if found not in _PERIODS:
        raise here.failed(f"the period {name} is not known")
    return found


def _datetime_diff(columns: Sequence[Column], here: Here) -> Column:
    """How many boundaries of the period lie between the times."""

    def difference(period: str, one: int, two: int) -> int:
        name = _period(period, here)
        return _boundaries(name, one) - _boundaries(name, two)

    return mapped(Type.LONG, difference, columns, here.rows)


def _added(period: str, amount: int, value: int) -> int:
    if period not in ("year", "quarter", "month"):
        return value + amount * (7 * DAY if period == "week" else UNITS[period])
    at = moment_of(value)
    months = at.year * 12 + at.month - 1 + amount * {"year": 12, "quarter": 3, "month": 1}[period]
    year, month = divmod(months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return _micros(at.replace(year=year, month=month + 1, day=day))


def _datetime_add(columns: Sequence[Column], here: Here) -> Column:
    return mapped(
        Type.DATETIME, lambda period, amount, value: _added(_period(period, here), amount, value), columns, here.rows
    )


def _make_datetime(columns: Sequence[Column], here: Here) -> Column:
    if len(columns) in (2, 4):
        raise here.failed(f"make_datetime takes 1, 3, 5 or 6 arguments, not {len(columns)}")
    if len(columns) == 1:
        return mapped(Type.DATETIME, lambda text: moment_or_none(str(text)), columns, here.rows)

    def made(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: float = 0) -> int | None:
        try:
            whole = datetime(year, month, day, hour, minute, int(second), tzinfo=UTC)
        except ValueError:
            return None
        return _micros(whole) + round((second - int(second)) * UNITS["s"])

    return mapped(Type.DATETIME, made, columns, here.rows)


# ---------------------------------------------------------------- texts

_FORMAT = re.compile(r"yyyy|yy|y|MM|M|dd|d|HH|H|hh|h|mm|m|ss|s|tt|f{1,7}|F{1,7}|[ /\-:,._\[\]]|(?P<other>.)", re.DOTALL)
_SPAN_FORMAT = re.compile(r"d{1,8}|HH|H|hh|h|mm|m|ss|s|f{1,7}|F{1,7}|[ /\-:,._\[\]]|(?P<other>.)", re.DOTALL)


def _fraction(part: str, micros: int) -> str:
    digits = f"{micros:06}0"[: len(part)]
    return digits if part[0] == "f" else digits.rstrip("0")


def _padded(part: str, value: int) -> str:
    return f"{value:0{len(part)}}"


def _format_datetime(columns: Sequence[Column], here: Here) -> Column:
    def written(value: int, form: str) -> str:
        at = moment_of(value)
        numbers = {"M": at.month, "d": at.day, "H": at.hour, "h": at.hour % 12 or 12, "m": at.minute, "s": at.second}

        def piece(found: re.Match[str]) -> str:
            part = found[0]
            if found["other"]:
                raise here.failed(f"format_datetime: {part} is not documented in a format")
            if part[0] in "fF":
                return _fraction(part, at.microsecond)
            if part[0] == "y":
                return f"{at.year:04}" if part == "yyyy" else _padded(part, at.year % 100)
            if part == "tt":
                return "AM" if at.hour < 12 else "PM"
            return _padded(part, numbers[part[0]]) if part[0] in numbers else part

        return _FORMAT.sub(piece, form)

    return mapped(Type.STRING, written, columns, here.rows)


def _format_timespan(columns: Sequence[Column], here: Here) -> Column:
    def written(value: int, form: str) -> str:
        if value < 0:
            raise here.failed("format_timespan of a negative span is not documented")
        seconds, micros = divmod(value, UNITS["s"])
        days, rest = divmod(seconds, 86_400)
        numbers = {"d": days, "H": rest // 3600, "h": rest // 3600, "m": rest // 60 % 60, "s": rest % 60}

        def piece(found: re.Match[str]) -> str:
            part = found[0]
            if found["other"]:
                raise here.failed(f"format_timespan: {part} is not documented in a format")
            if part[0] in "fF":
                return _fraction(part, micros)
            return _padded(part, numbers[part[0]]) if part[0] in numbers else part

        return _SPAN_FORMAT.sub(piece, form)

    return mapped(Type.STRING, written, columns, here.rows)


# ---------------------------------------------------------------- now


def _now(columns: Sequence[Column], here: Here) -> Column:
    now = spread(Type.DATETIME, here.now, here.rows)
    return Column(Type.DATETIME, now.values + columns[0].values, columns[0].valid) if columns else now


def _ago(columns: Sequence[Column], here: Here) -> Column:
    return Column(Type.DATETIME, np.asarray(here.now - columns[0].values, np.int64), columns[0].valid)


def _of_day(unit: int, whole: int) -> Run:
    def run(columns: Sequence[Column], _here: Here) -> Column:
        values: Index = columns[0].values % whole // unit
        return Column(Type.LONG, values, columns[0].valid)

    return run


def _day_of_week(columns: Sequence[Column], _here: Here) -> Column:
    days = (columns[0].values - _SUNDAY) // DAY % 7
    return Column(Type.TIMESPAN, days * DAY, columns[0].valid)


def _of_time(run: Run) -> Function:
    return Function(1, 1, run, (DATETIMES,))


TIME_FUNCTIONS: Mapping[str, Function] = {
    "now": Function(0, 1, _now, (SPANS,)),
    "ago": Function(1, 1, _ago, (SPANS,)),
    **{f"startof{n}": Function(1, 2, each(Type.DATETIME, start), (DATETIMES, LONGS)) for n, start in _STARTS.items()},
    **{f"endof{n}": Function(1, 2, _end(start), (DATETIMES, LONGS)) for n, start in _STARTS.items()},
    "dayofweek": _of_time(_day_of_week),
    "dayofmonth": _of_time(_part("day")),
    "dayofyear": _of_time(_part("dayofyear")),
    "hourofday": _of_time(_of_day(UNITS["h"], DAY)),
    **dict.fromkeys(("monthofyear", "getmonth"), _of_time(_part("month"))),
    "getyear": _of_time(_part("year")),
    "week_of_year": _of_time(_part("week_of_year")),
    "datetime_part": Function(2, 2, _datetime_part, (STRINGS, DATETIMES)),
    "datetime_diff": Function(3, 3, _datetime_diff, (STRINGS, DATETIMES)),
    "datetime_add": Function(3, 3, _datetime_add, (STRINGS, LONGS, DATETIMES)),
    "make_datetime": Function(1, 6, _make_datetime, (ANY,)),
    "format_datetime": Function(2, 2, _format_datetime, (DATETIMES, STRINGS)),
    "format_timespan": Function(2, 2, _format_timespan, (SPANS, STRINGS)),
    **{
        f"unixtime_{name}_todatetime": Function(
            1, 1, each(Type.DATETIME, lambda value, unit=unit: round(value * unit)), (LONGS | {Type.REAL},)
        )
        for name, unit in (("seconds", UNITS["s"]), ("milliseconds", 1000), ("microseconds", 1))
    },
}
