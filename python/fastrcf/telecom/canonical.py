"""The session record itself, from other tools or generated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from fastrcf.telecom.quality import Reason
from fastrcf.telecom.records import first_of, later, parts
from fastrcf.telecom.schema import COLUMNS, TRUTH, EndCause, Rat, Service

if TYPE_CHECKING:
    from fastrcf.telecom.records import Table

_NAMES = {
    "service": [member.value for member in Service],
    "rat": [member.value for member in Rat],
    "end_cause": [member.value for member in EndCause],
}


def parse(table: Table) -> pl.DataFrame:
    """Make records of rows that are session records already.

    Names of services, radio access and causes that are not known become null, or
    ``unknown`` where there is that name. Without a service it is data.
    """
    columns: dict[str, pl.Series | pl.Expr | None] = {}
    for column in (*COLUMNS, *TRUTH):
        name = column.name
        if column.dtype in (pl.String(), pl.Categorical()):
            columns[name] = table.text(name)
        elif isinstance(column.dtype, pl.Datetime):
            columns[name] = table.time(name)
        elif column.dtype.is_integer():
            columns[name] = table.whole(name)
        else:
            columns[name] = table.number(name)
    for name, known in _NAMES.items():
        value = columns[name]
        assert isinstance(value, pl.Series)
        default = Service.DATA.value if name == "service" else "unknown"
        if name == "service":
            value = value.fill_null(default)
        held = pl.lit(value)
        columns[name] = (
            pl.when(held.is_in(known) | held.is_null()).then(held).otherwise(pl.lit(default))
        )
    seconds, start = table.number("duration_s"), table.time("start_ts")
    end = columns["end_ts"]
    assert isinstance(end, pl.Series)
    columns["end_ts"] = first_of(end, later(start, seconds))
    columns["reason"] = pl.when(pl.lit(seconds) < 0).then(pl.lit(Reason.NEGATIVE_DURATION.value))
    home = columns["home_plmn"]
    assert isinstance(home, pl.Series)
    columns["home_plmn"] = first_of(home, table.home("sim_id"))
    return parts(table.frame.height, columns | {"last": pl.lit(True)})
