"""All rows of all files of a command's DATA, made ready for a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrcf.cli.interrupts import stop_if_asked
from fastrcf.cli.progress import progress
from fastrcf.errors import InvalidInputError
from fastrcf.files import clean, find_files, guess_format, no_value, open_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fastrcf.files import Clean, Options, Role, Source

_OF_SERIES = "the model is a detector of series, which scores rows as it learns them: use stream"


@dataclass
class Input:
    """The files of a command's DATA.

    Attributes
    ----------
    files : list of str
        Their names, at least one.
    first : Source
        The first one, whose columns stand for all.
    """

    files: list[str]
    first: Source
    _options: Options

    @classmethod
    def of(cls, data: str, options: Options) -> Input:
        """Find the files and open the first one.

        Raises
        ------
        InvalidInputError
            If options are of CSV, and no file is.
        """
        files = find_files(data)
        given = of_csv(options)
        if given and all((options.format or guess_format(file)) != "csv" for file in files):
            raise InvalidInputError(f"{given[0]} is of CSV files: {data} is none")
        return cls(files, open_source(files[0], options), options)

    def numeric(self, without: Sequence[str] = ()) -> list[str]:
        """Name the columns that hold numbers."""
        return [n for n in self.first.names if self.first.kinds[n] == "number" and n not in without]

    def batches(
        self,
        roles: Mapping[str, Role],
        what: str,
        keep: Sequence[str] = (),
        also: Sequence[str] = (),
    ) -> Iterator[Clean]:
        """Yield all good rows, once, while progress is shown.

        Parameters
        ----------
        roles : mapping of str to Role
            What columns are for.
        what : str
            What is being done to the rows, for the progress bar.
        keep : sequence of str
            Further columns to read.
        also : sequence of str
            Columns to read from the files that have them.

        Raises
        ------
        InvalidInputError
            At the end, if a column has no value in any of several rows: all were put aside.
        """
        rows, empty = 0, set(roles)
        with progress(what) as tell:
            for i, file in enumerate(self.files):
                source = self.first if i == 0 else open_source(file, self._options)
                there = [name for name in also if name in source.names]
                for batch in source.batches([*roles, *keep, *there]):
                    stop_if_asked()
                    good = clean(batch, roles, self._options.bad)
                    yield good
                    rows += len(batch.rows)
                    empty &= set(good.empty)
                    tell((i + source.progress()) / len(self.files), rows)
        stop_if_asked()
        for name in roles:
            if rows > 1 and name in empty:
                file = self.files[0] if len(self.files) == 1 else f"{len(self.files)} files"
                raise no_value(file, name, roles[name], f"{rows:,} rows")


def model_roles(model: Any, data: Input, columns: Sequence[str] = ()) -> dict[str, Role]:
    """Say which columns a model takes, and what they are.

    Parameters
    ----------
    model : Detector, RandomCutForest or FrozenForest
        A detector knows its columns by name; a forest takes those that are
        named, or all that hold numbers.
    data : Input
        The table.
    columns : sequence of str
        The columns for a forest.

    Raises
    ------
    InvalidInputError
        If a forest would get another number of columns than it takes.
    """
    from fastrcf import Detector, SeriesDetector

    if isinstance(model, SeriesDetector):
        raise InvalidInputError(_OF_SERIES)
    if isinstance(model, Detector):
        if columns:
            raise InvalidInputError("--columns: a detector knows its columns; only forests do not")
        return {
            name: "category" if scaling == "category" else "number"
            for name, scaling in model.scaling.items()
        }
    names = list(columns) or data.numeric()
    if len(names) != model.n_features:
        raise InvalidInputError(
            f"the forest takes {model.n_features} columns; the table has {len(names)} with "
            f"numbers: {', '.join(names[:12])}; choose with --columns"
        )
    return dict.fromkeys(names, "number")


def of_csv(options: Options) -> list[str]:
    """Name the options that were given and mean something for CSV alone."""
    given = {
        "--names": bool(options.names),
        "--no-header": not options.header,
        "--delimiter": options.delimiter is not None,
        "--encoding": options.encoding != "utf-8",
    }
    return [option for option, is_given in given.items() if is_given]


def add_roles(roles: dict[str, Role], label: str | None, time_column: str | None) -> None:
    """Add the columns of labels and times to those that a model takes.

    Raises
    ------
    InvalidInputError
        If the model looks at one of them, or both are one.
    """
    if label is not None and label == time_column:
        raise InvalidInputError(f"--label and --time: both are {label!r}")
    wanted: list[tuple[str | None, Role]] = [(label, "label"), (time_column, "time")]
    for name, role in wanted:
        if name in roles:
            raise InvalidInputError(f"{name!r} is a column that the model looks at")
        if name is not None:
            roles[name] = role


def check_detector(model: Any, instead: str = "") -> None:
    """See that a model has a threshold, and columns by name.

    Raises
    ------
    InvalidInputError
        Says what the model is, and what to do ``instead``.
    """
    from fastrcf import Detector, SeriesDetector

    if isinstance(model, Detector):
        return
    if isinstance(model, SeriesDetector):
        raise InvalidInputError(_OF_SERIES)
    raise InvalidInputError(
        "the model is a forest, which has no threshold and no names of columns: train a "
        f"detector{instead}"
    )
