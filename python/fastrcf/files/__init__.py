"""Tables in files, read and written batch by batch, so that memory stays flat."""

from fastrcf.files.bad_rows import Aside, BadRow, BadRows, PassOver, Refuse
from fastrcf.files.clean import Clean, Role, clean, no_value
from fastrcf.files.formats import FORMATS, Format, find_files, guess_format
from fastrcf.files.sinks import check_place, open_sink, open_whole
from fastrcf.files.sources import Batch, Kind, Options, Source, open_source

__all__ = [
    "FORMATS",
    "Aside",
    "BadRow",
    "BadRows",
    "Batch",
    "Clean",
    "Format",
    "Kind",
    "Options",
    "PassOver",
    "Refuse",
    "Role",
    "Source",
    "check_place",
    "clean",
    "find_files",
    "guess_format",
    "no_value",
    "open_sink",
    "open_source",
    "open_whole",
]
