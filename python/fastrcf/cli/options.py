"""Options that several commands take."""

from __future__ import annotations

import codecs
import csv
import math
import os
from contextlib import contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.core import ParameterSource

from fastrcf.errors import InvalidInputError
from fastrcf.files import FORMATS, Aside, Options, Refuse, find_files
from fastrcf.files.formats import STANDARD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fastrcf.files import BadRows


class Names(click.ParamType):  # type: ignore[type-arg]
    """Names between commas; one that holds a comma goes in double quotes."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split them."""
        if not isinstance(value, str):
            return tuple(value)
        return tuple(name.strip() for name in next(csv.reader([value], skipinitialspace=True), []))


class NamesOption(click.Option):
    """Names between commas; given again, further ones."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **{"type": Names(), "multiple": True, "default": (), **given})

    def type_cast_value(self, ctx: click.Context, value: Any) -> tuple[str, ...]:
        """Join what each of them says."""
        return tuple(chain.from_iterable(super().type_cast_value(ctx, value)))


class Finite(click.FloatRange):
    """A number, neither infinite nor none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not finite.", param, ctx)
        return number


FORMAT = click.Choice(FORMATS)
OUT = click.Path(dir_okay=False, allow_dash=True)
MODEL_IN = click.Path(exists=True, dir_okay=False)
MODEL_OUT = click.Path(dir_okay=False)


Command = TypeVar("Command", bound="Callable[..., Any]")


def reading(command: Command) -> Command:
    """Add the options that say how a table is read; they come as ``read``."""
    added = [
        click.option("--input-format", type=FORMAT, help="Format of DATA; default: by the ending."),
        click.option("--no-header", is_flag=True, help="The CSV file has no line of names."),
        click.option(
            "--names", cls=NamesOption, help="Column names of a CSV file without a header."
        ),
        click.option("--delimiter", help="Between CSV fields; default: by the first line."),
        click.option("--encoding", default="utf-8", show_default=True, help="Of CSV files."),
        click.option(
            "--skip-bad-rows",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Put rows that cannot be used into FILE (JSON lines) instead of stopping.",
        ),
    ]

    def with_options(*args: Any, **given: Any) -> Any:
        names = given.pop("names")
        fields = {
            "format": given.pop("input_format"),
            "header": not given.pop("no_header") and not names,
            "names": names,
            "delimiter": _delimiter(given.pop("delimiter")),
            "encoding": _encoding(given.pop("encoding")),
        }
        aside = given.pop("skip_bad_rows")
        _refuse_to_lose(given, aside)
        with _bad_rows(aside) as bad:
            return command(*args, read=Options(**fields, bad=bad), **given)

    with_options.__name__ = command.__name__
    with_options.__doc__ = command.__doc__
    with_options.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in reversed(added):
        option(with_options)
    return cast("Command", with_options)


def refuse_given(names: Iterable[str], why: str) -> None:
    """Refuse those of the running command's options that were given, by their parameters' names.

    Raises
    ------
    click.UsageError
        Names the first one, and says why.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is not ParameterSource.DEFAULT:
            raise click.UsageError(f"{parameter.opts[0]} {why}")


def _refuse_to_lose(given: dict[str, Any], aside: Path | None) -> None:
    """See that no file that is read is written too, and none written twice.

    Raises
    ------
    InvalidInputError
        Names the option and the file.
    """
    data, out = given.get("data"), given.get("out")
    try:
        read = [] if data is None else find_files(data)
    except InvalidInputError:
        # Whoever reads them says so.
        read = []
    known = [("DATA", one) for one in read]
    known += [(f"the {name}", given[name]) for name in ("model", "state") if given.get(name)]
    for option, path in (("-o", out), ("--skip-bad-rows", aside)):
        for what, one in known:
            if path is not None and _are_same(path, one):
                raise InvalidInputError(
                    f"{option} {path}: this is {what}, which would be lost; name another"
                )
    if out is not None and aside is not None and Path(out).absolute() == aside.absolute():
        raise InvalidInputError(f"--skip-bad-rows {aside}: this is the output; name another")


def _are_same(one: str | Path, other: str) -> bool:
    """Whether two names are of one file that is there; standard streams are none."""
    if STANDARD in (str(one), other) or not (os.path.isfile(one) and os.path.isfile(other)):
        return False
    return os.path.samefile(one, other)


def as_options(error: Exception) -> click.UsageError:
    """Say of a parameter that is out of its range by which option it was given."""
    names, colon, what = str(error).partition(": ")
    own = {"n_trees": "trees", "random_state": "seed", "n_threads": "threads"}
    given = " and ".join("--" + own.get(n, n).replace("_", "-") for n in names.split(" and "))
    return click.UsageError(f"{given}{colon}{what}")


def _delimiter(text: str | None) -> str | None:
    text = {"\\t": "\t", "tab": "\t"}.get(text or "", text)
    if text is not None and len(text) != 1:
        raise click.BadParameter(f"{text!r} is not one character", param_hint="--delimiter")
    return text


def _encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise click.BadParameter(f"{name!r} is not known", param_hint="--encoding") from None


@contextmanager
def _bad_rows(path: Path | None) -> Iterator[BadRows]:
    refuse: BadRows = Refuse()
    with nullcontext(refuse) if path is None else Aside(path) as bad:
        yield bad
    if bad.count:
        click.echo(f"{bad.count} bad rows put into {path}", err=True)
