"""Lists that an operator has beside its records: of SIMs, and of cells.

A list of SIMs is joined by the hash of the SIM, bucket by bucket of the records; of a list of
cells only those are held that records have. So memory does not grow with either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.files import Options, find_files
from fastrcf.telecom.aliases import Field, SourceSchema, check
from fastrcf.telecom.codes import plmn, split_plmn
from fastrcf.telecom.identifiers import normal_sim
from fastrcf.telecom.quality import ListReport
from fastrcf.telecom.reading import flatten, pieces
from fastrcf.telecom.records import Table
from fastrcf.telecom.times import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastrcf.telecom.identifiers import KeyedHash
    from fastrcf.telecom.quality import LoadReport

#: What a list tells of a SIM.
DESCRIBED: Final = ("customer", "family", "tariff", "firmware")
DESCRIPTION: Final = pl.Schema(dict.fromkeys(("sim_id", *DESCRIBED), pl.String()))
SIMS: Final = SourceSchema(
    "sims",
    "a list of SIMs",
    "what an operator knows of its SIMs",
    "none",
    (
        Field("sim_id", ("sim_id", "imsi", "iccid", "3GPP-IMSI", "servedIMSI", "sim_sid", "sim")),
        Field("customer", ("customer", "organisation", "organisation_id", "account",
                           "account_sid", "enterprise", "fleet")),
        Field("family", ("family", "device_family", "device_type", "endpoint_tags")),
        Field("tariff", ("tariff", "tariff_id", "tariff_plan", "rate_plan", "rate_plan_sid")),
        Field("firmware", ("firmware", "firmware_version", "fw_version", "software_version")),
    ),
    (("sim_id",), DESCRIBED),
    (),
    option="--sims-column",
    parameter="sims_columns",
)  # fmt: skip
CELLS: Final = SourceSchema(
    "cells",
    "a list of cells",
    "what an operator knows of cells, or OpenCelliD's table",
    "none",
    (
        Field("cell", ("cell", "cell_id", "cellid", "cid", "ci", "eci"),
              "MCC-MNC-area-cell as in the records, or the cell alone"),
        Field("cell_lat", ("cell_lat", "cell_latitude", "latitude", "lat"), "degrees"),
        Field("cell_lon", ("cell_lon", "cell_longitude", "longitude", "lon", "lng"), "degrees"),
        Field("visited_plmn", ("plmn", "visited_plmn", "operator"), "MCC and MNC"),
        Field("mcc", ("mcc",)),
        Field("mnc", ("mnc", "net")),
        Field("area", ("area", "lac", "tac")),
    ),
    (("cell",), ("cell_lat",), ("cell_lon",)),
    (),
    option="--cells-column",
    parameter="cells_columns",
)  # fmt: skip
_BATCH_ROWS: Final = 1 << 18
_PLACE: Final = pl.Schema(
    {"cell": pl.String(), "cell_lat": pl.Float64(), "cell_lon": pl.Float64(),
     "visited_plmn": pl.String()}
)  # fmt: skip


@dataclass
class Listing:
    """A list in memory or in files, asked by role; its columns are looked at at once.

    Parameters
    ----------
    source : str, Path or DataFrame
        A file, a folder or a pattern, or a table.
    schema : SourceSchema
        What it may have.
    columns : mapping of str to str
        Columns by role, which take precedence.

    Raises
    ------
    InvalidInputError
        Names the file, what it lacks and what is near.
    """

    source: str | Path | pl.DataFrame
    schema: SourceSchema
    columns: Mapping[str, str]
    report: ListReport = field(default_factory=ListReport)

    def __post_init__(self) -> None:
        if not isinstance(self.source, pl.DataFrame):
            self.report.file = str(self.source)
        table = next(self._tables(), None)
        if table is None:
            raise InvalidInputError(f"{self.name}: {self.schema.title} without rows")
        #: What the list itself calls what names its rows.
        self.named_by = table.found[self.schema.fields[0].role]

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.report.file or self.schema.title

    @property
    def size(self) -> int:
        """Bytes of its files."""
        if isinstance(self.source, pl.DataFrame):
            return 0
        return sum(Path(file).stat().st_size for file in find_files(str(self.source)))

    def tables(self) -> Iterator[Table]:
        """Read it piece by piece, and count its rows."""
        self.report.rows = self.report.unusable = 0
        for table in self._tables(count=True):
            self.report.rows += table.frame.height
            yield table

    def _tables(self, *, count: bool = False) -> Iterator[Table]:
        clock = Clock()
        if isinstance(self.source, pl.DataFrame):
            frame = flatten(self.source)
            yield Table(frame, self._found(frame), clock, {})
            return
        for file in find_files(str(self.source)):
            for piece in pieces(file, Options(batch_rows=_BATCH_ROWS)):
                if count:
                    self.report.rows += len(piece.malformed)
                    self.report.unusable += len(piece.malformed)
                yield Table(piece.frame, self._found(piece.frame, file), clock, {})

    def _found(self, frame: pl.DataFrame, file: str = "") -> dict[str, str]:
        try:
            return check(self.schema, frame.columns, self.columns)
        except InvalidInputError as error:
            raise InvalidInputError(f"{file}: {error}" if file else str(error)) from None


class Lists:
    """What is joined to the sessions of a load.

    Parameters
    ----------
    sims, cells : str, Path, DataFrame or None
        The lists.
    sims_columns, cells_columns : mapping of str to str, optional
        Their columns by role.
    key : KeyedHash or None
        What the SIMs of the records are hashed with; None if they are not.
    report : LoadReport
        Is told what was found.
    """

    def __init__(
        self,
        sims: Any,
        sims_columns: Mapping[str, str] | None,
        cells: Any,
        cells_columns: Mapping[str, str] | None,
        key: KeyedHash | None,
        report: LoadReport,
    ) -> None:
        self._key = key
        self.sims = _listing(sims, SIMS, sims_columns)
        self.cells = _listing(cells, CELLS, cells_columns)
        for listing in (self.sims, self.cells):
            if listing is not None:
                report.lists[listing.schema.name] = listing.report
        self._seen = pl.Series("cell", [], dtype=pl.String)
        self._places = pl.DataFrame(schema=_PLACE)

    def see(self, records: pl.DataFrame) -> None:
        """Note the cells that records have, so that no others are held."""
        if self.cells is not None:
            self._seen = pl.concat([self._seen, records["cell"].unique().drop_nulls()]).unique()

    def described(self) -> Iterator[pl.DataFrame]:
        """Read the list of SIMs: ``sim_id``, as it is joined, and :data:`DESCRIBED`."""
        if self.sims is None:
            return
        for table in self.sims.tables():
            rows = pl.DataFrame([table.text(role) for role in DESCRIPTION])
            known = rows.filter(pl.col("sim_id").is_not_null())
            self.sims.report.unusable += rows.height - known.height
            yield known.with_columns(self._joined(known["sim_id"]))

    def read_cells(self) -> None:
        """Read the list of cells: those that were seen."""
        if self.cells is None:
            return
        report, needed = self.cells.report, self._seen.to_frame()
        held = [_around(table, needed, report) for table in self.cells.tables()]
        self._places, report.repeated = _places(pl.concat(held))
        report.found = self._places.height
        report.missing = needed.height - report.found

    def first(self, described: pl.DataFrame | None) -> pl.DataFrame:
        """Keep the first row of each SIM, and count the others.

        Parameters
        ----------
        described : DataFrame or None
            All rows of these SIMs in the order of the list; None if there are none.
        """
        if self.sims is None or described is None:
            return pl.DataFrame(schema=DESCRIPTION)
        first = described.unique("sim_id", keep="first", maintain_order=True)
        self.sims.report.repeated += described.height - first.height
        return first

    def join(self, sessions: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
        """Add what lists say to sessions of whole SIMs.

        Parameters
        ----------
        sessions : DataFrame
            With the columns of ``stitching.PARTS``.
        first : DataFrame
            What :meth:`first` gave of these SIMs, and maybe of others.
        """
        if self.sims is not None:
            sessions = self._with_sims(sessions, first)
        if self.cells is None:
            return sessions
        joined = sessions.join(
            self._places, on="cell", how="left", suffix="_listed", maintain_order="left"
        )
        # A latitude of the one and a longitude of the other would be a place that is none.
        is_listed = pl.col("cell_lat_listed").is_not_null()
        return joined.with_columns(
            *(
                pl.when(is_listed).then(f"{name}_listed").otherwise(name).alias(name)
                for name in ("cell_lat", "cell_lon")
            ),
            visited_plmn=pl.coalesce("visited_plmn", "visited_plmn_listed"),
        ).select(sessions.columns)

    def finish(self, named_by: str) -> list[str]:
        """Give notes, and refuse a list that has nothing of what the records have.

        Parameters
        ----------
        named_by : str
            The records' column of SIMs.

        Raises
        ------
        InvalidInputError
            If it names other things, or names them otherwise.
        """
        if self.sims is not None and self.sims.report.none_found:
            raise InvalidInputError(
                f"{self.sims.name}: it has none of the {self.sims.report.missing:,} SIMs of the "
                f"records, which name them by {named_by!r} and the list by "
                f"{self.sims.named_by!r}; IMSI and ICCID are two names, so name the column by "
                "--sims-column sim_id=NAME (sims_columns=)"
            )
        if self.cells is None:
            return []
        if self.cells.report.none_found:
            raise InvalidInputError(
                f"{self.cells.name}: it has none of the {self.cells.report.missing:,} cells of the "
                f"records, such as {self._seen.sort()[0]}; give its cells in this form, or their "
                "mcc, mnc, area and cell in columns (--cells-column ROLE=NAME, cells_columns=)"
            )
        return [] if len(self._seen) else [f"{self.cells.name} was not used: no record has a cell"]

    def _joined(self, sims: pl.Series) -> pl.Series:
        """Write SIMs as they are joined: hashed, or in the form that is hashed."""
        if self._key is not None:
            return self._key.column(sims, "sim")
        known = sims.unique().drop_nulls()
        normal = pl.Series([normal_sim(sim) for sim in known.to_list()], dtype=pl.String)
        return sims.replace_strict(known, normal, default=None, return_dtype=pl.String)

    def _with_sims(self, sessions: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
        assert self.sims is not None
        report = self.sims.report
        # What was hashed on the way in is not hashed again.
        own = sessions["sim_id"]
        keyed = sessions.with_columns(_sim=own if self._key is not None else self._joined(own))
        here = keyed.select(pl.col("_sim").unique())
        found = here.join(first, left_on="_sim", right_on="sim_id", how="semi").height
        report.found += found
        report.missing += here.height - found
        listed = first.rename({name: f"{name}_listed" for name in DESCRIBED})
        joined = keyed.join(
            listed, left_on="_sim", right_on="sim_id", how="left", maintain_order="left"
        )
        return joined.with_columns(
            pl.coalesce(f"{name}_listed", name).alias(name) for name in DESCRIBED
        ).select(sessions.columns)


def _listing(
    source: Any, schema: SourceSchema, columns: Mapping[str, str] | None
) -> Listing | None:
    if source is None:
        if columns:
            raise InvalidParameterError(
                f"{schema.option} ({schema.parameter}=) without --{schema.name} ({schema.name}=)"
            )
        return None
    if not isinstance(source, (str, Path, pl.DataFrame)):
        source = pl.DataFrame(source)
    return Listing(source, schema, columns or {})


def _around(table: Table, needed: pl.DataFrame, report: ListReport) -> pl.DataFrame:
    """Give the rows of cells that are needed, by their full name and by that without an area."""
    text = table.text("cell")
    operator = pl.coalesce(
        split_plmn(pl.lit(table.text("visited_plmn"))),
        plmn(pl.lit(table.text("mcc")), pl.lit(table.text("mnc"))),
    )
    rows = pl.DataFrame(
        {"named": text, "area": table.text("area"), "cell_lat": table.number("cell_lat"),
         "cell_lon": table.number("cell_lon")}
    ).with_columns(visited_plmn=operator)  # fmt: skip
    usable = (
        pl.col("named").is_not_null()
        & pl.col("cell_lat").is_between(-90, 90)
        & pl.col("cell_lon").is_between(-180, 180)
    ).fill_null(False)
    good = rows.filter(usable)
    report.unusable += rows.height - good.height
    whole = pl.col("named").str.contains("-", literal=True) | pl.col("visited_plmn").is_null()
    area = pl.col("area").fill_null("")
    joined = pl.concat_str("visited_plmn", pl.lit("-"), area, pl.lit("-"), "named")
    good = good.with_columns(full=pl.when(whole).then("named").otherwise(joined))
    # Records of an ECGI have no area.
    bare = good.with_columns(
        cell=pl.col("full").str.replace(r"^(\d+-\d+)-\d+-(.*)$", "$1--$2"), exact=pl.lit(False)
    ).filter(pl.col("cell") != pl.col("full"))
    exact = good.with_columns(cell="full", exact=pl.lit(True))
    columns = [*_PLACE.names(), "full", "exact"]
    both = pl.concat([exact.select(columns), bare.select(columns)])
    return both.join(needed, on="cell", how="semi", maintain_order="left")


def _places(held: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Give one place for each cell, and the number of repeated rows; the first row holds."""
    exact = held.filter("exact")
    first = exact.unique("cell", keep="first", maintain_order=True)
    # Without an area it is the cell if no other area has one of that number.
    alone = pl.col("full").n_unique().over("cell") == 1
    bare = held.filter(~pl.col("exact")).filter(alone)
    bare = bare.unique("cell", keep="first", maintain_order=True).join(
        first, on="cell", how="anti", maintain_order="left"
    )
    places = pl.concat([first, bare]).select(_PLACE.names())
    return places, exact.height - first.height
