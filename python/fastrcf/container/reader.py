"""A channel's rows, in order, file after file, all alike."""

from __future__ import annotations

import gzip
import os
import zlib
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastrcf.container.csv_rows import CsvRows
from fastrcf.container.parquet_rows import ParquetRows
from fastrcf.container.recordio_rows import MAGIC, RecordRows, Unwrapped
from fastrcf.container.rows import refused
from fastrcf.errors import InvalidInputError
from fastrcf.files.csv_files import Rejoined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastrcf.container.channels import Channel, Format
    from fastrcf.container.rows import Rows

_ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".pbr": "recordio",
    ".pb": "recordio",
    ".rec": "recordio",
    ".recordio": "recordio",
}
_MARKS: dict[bytes, Format] = {b"PAR1": "parquet", MAGIC: "recordio"}
_WORDS: dict[Format, str] = {"csv": "CSV", "parquet": "Parquet", "recordio": "RecordIO"}
_GZIP = b"\x1f\x8b"


class ChannelRows:
    """The rows of a channel, once, in memory that does not grow with it.

    Parameters
    ----------
    channel : Channel
    keep_labels : bool
        Whether labels are wanted.
    csv_header : bool
        Whether the first line of each CSV file names the columns.
    width : int or None
        Columns that are expected.
    asked : str
        Who expects them, for errors: ``feature_dim``.
    order : tuple of str or None
        Names of the columns in the order that is expected, where files have names.

    Attributes
    ----------
    width : int or None
        Columns without the label.
    names : tuple of str or None
        Their names, where files give any.
    n_rows, n_files, n_passed : int
        Rows and files so far, and files that were passed over: hidden or empty ones
        and manifests.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        keep_labels: bool = False,
        csv_header: bool = False,
        width: int | None = None,
        asked: str = "feature_dim",
        order: tuple[str, ...] | None = None,
    ) -> None:
        self.width, self.names = width, order
        self.n_rows = self.n_files = self.n_passed = 0
        self._channel, self._keep_labels, self._header = channel, keep_labels, csv_header
        self._asked: str | None = asked if width is not None else None
        self._has_labels: bool | None = None
        self._format = channel.format

    def __iter__(self) -> Iterator[Rows]:
        for path in self._files():
            file = path.relative_to(self._channel.place.parent).as_posix()
            with self._opened(path, file) as source:
                self.n_files += 1
                for rows in source:
                    self._alike(rows, source)
                    self.n_rows += len(rows.values)
                    yield rows
        if not self.n_rows:
            passed = f" ({self.n_passed} files passed over)" if self.n_passed else ""
            raise InvalidInputError(f"channel {self._channel.name!r}: there are no rows{passed}")

    def _files(self) -> Iterator[Path]:
        place = self._channel.place
        if self._channel.mode == "Pipe":
            if not place.exists():
                raise InvalidInputError(f"channel {self._channel.name!r}: there is no pipe {place}")
            yield place
            return
        if not place.is_dir():
            raise InvalidInputError(f"channel {self._channel.name!r}: there is no folder {place}")
        # By whole names, as S3 lists them, and not folder by folder.
        found = sorted(
            (Path(folder, name) for folder, _, names in os.walk(place) for name in names),
            key=lambda path: path.relative_to(place).as_posix(),
        )
        for path in found:
            if _is_data(path, place):
                yield path
            else:
                self.n_passed += 1

    @contextmanager
    def _opened(self, path: Path, file: str) -> Iterator[Any]:
        """Open a file as what it holds."""
        with ExitStack() as stack, _named(file):
            stream = stack.enter_context(path.open("rb", buffering=1 << 20))
            start, stream = _started(stream)
            if start[:2] == _GZIP:
                start, stream = _started(stack.enter_context(gzip.GzipFile(fileobj=stream)))
                if self._kind(path, file, start) == "parquet":
                    raise refused(file, "Parquet in gzip cannot be read from its end; unpack it")
            format_ = self._kind(path, file, start)
            if format_ == "parquet":
                yield ParquetRows(
                    path,
                    file,
                    label_size=self._channel.label_size,
                    keep_labels=self._keep_labels,
                    order=self.names,
                )
            elif format_ == "recordio":
                yield RecordRows(stream, file, keep_labels=self._keep_labels)
            else:
                yield CsvRows(
                    Unwrapped(stream, file) if self._channel.wrapped else stream,
                    file,
                    label_size=self._channel.label_size,
                    keep_labels=self._keep_labels,
                    header=self._header,
                )

    def _kind(self, path: Path, file: str, start: bytes) -> Format:
        """Tell a file's format: as the channel says, by its name, or by its first bytes."""
        marked = _MARKS.get(start[:4]) if not self._channel.wrapped else None
        ending = path.suffix.lower()
        if ending == ".gz":
            ending = Path(path.stem).suffix.lower()
        found = self._channel.format or _ENDINGS.get(ending) or marked
        if found is None:
            raise refused(
                file,
                f"neither its name ({', '.join(_ENDINGS)}) nor the channel's ContentType says what "
                "it holds; set ContentType",
            )
        if marked is not None and marked != found:
            raise refused(file, f"expected {_WORDS[found]}, but this is {_WORDS[marked]}")
        if self._format is not None and found != self._format:
            raise refused(
                file, f"this is {_WORDS[found]}, but files before it are {_WORDS[self._format]}"
            )
        self._format = found
        return found

    def _alike(self, rows: Rows, source: Any) -> None:
        """Hold rows to what those before them are."""
        width = rows.values.shape[1]
        if self.width is None:
            self.width = width
        elif width != self.width:
            raise refused(rows.file, self._other_width(width))
        names = source.names
        if names is not None:
            if self.names is not None and names != self.names:
                i = next(i for i, name in enumerate(self.names) if names[i] != name)
                raise refused(
                    rows.file,
                    f"the column is named {names[i]!r}, but {self.names[i]!r} before",
                    column=i,
                )
            self.names = names
        if self._keep_labels:
            has_labels = rows.labels is not None
            if self._has_labels is not None and has_labels != self._has_labels:
                raise refused(rows.file, "some files have labels and some have none")
            self._has_labels = has_labels

    def _other_width(self, width: int) -> str:
        if self._asked is None or self.n_rows:
            return f"{width} columns, but {self.width} in rows before it"
        text = f"{width} columns, but {self._asked} is {self.width}"
        if self._format == "recordio":
            return text
        size = self._channel.label_size
        if width - (self.width or 0) == 1 and not size:
            text += "; if the first is a label, ContentType says so: ...;label_size=1"
        if width - (self.width or 0) == -1 and size:
            text += "; the first is taken for a label: ContentType with ;label_size=0 has none"
        return text


def _is_data(path: Path, folder: Path) -> bool:
    name = path.name.lower()
    hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    manifest = name.endswith(("manifest", "manifest.json"))
    return not hidden and not manifest and path.is_file() and path.stat().st_size > 0


def _started(stream: Any) -> tuple[bytes, Any]:
    """Give a stream's first bytes, and the stream with them before it again."""
    start = b""
    while len(start) < 4 and (piece := stream.read(4 - len(start))):
        start += piece
    return start, Rejoined(start, stream)


@contextmanager
def _named(file: str) -> Iterator[None]:
    """Name the file where gzip fails."""
    try:
        yield
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise refused(file, f"the compressed file is damaged: {error}") from None
