"""The same wheels in, the same bytes out: wherever, whenever and by whomever it is built."""

import os
import stat
import subprocess
import sys
import zipfile

import pytest

from fastrcf.stack import package
from tests.stack.function.test_package import ARM, VERSION

NUMPY = "numpy-1-cp311-abi3-manylinux_2_28_aarch64.whl"
SOURCE = '''"""A module with what bytecode is tempted to differ by."""

ORDER = frozenset({"one", "two", "three", "four", "five"})


def asks(word, *, name="x"):
    assert word, "asked"
    return word in {"alpha", "beta", "gamma", "delta"} or f"{word}-{name}" in ORDER
'''
FILES = {
    "fastrcf/__init__.py": "x = 1\n",
    "fastrcf/sets.py": SOURCE,
    "fastrcf/template.py": "this is {{no}} Python\n",
    "fastrcf/_fastrcf.abi3.so": b"\x7fELF" + bytes(range(256)) * 50,
    "fastrcf/page.html": "<p>" * 500,
    "fastrcf-1.0.dist-info/METADATA": "Name: fastrcf\n",
}
OTHERS = {
    "numpy/__init__.py": "y = {'a', 'b', 'c'}\n",
    "numpy/core.so": b"\x7fELF" * 99,
    "msgspec/__init__.py": "",
}
BUILD = """
import os, sys
os.umask(int(sys.argv[1], 8))
from fastrcf.stack import package
out, python, own, *others = sys.argv[2:]
package.build(out, wheel=own, wheels=others, python=python)
"""


def wheel(path, files, *, date, mode, compression, system):
    """Write a wheel of these files, in this order and manner."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as made:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, date)
            entry.external_attr = (stat.S_IFREG | mode) << 16
            entry.compress_type = compression
            entry.create_system = system
            made.writestr(entry, data)
    os.utime(path, (date[0], date[0]))
    return path


def built(folder, wheels, *, umask, **environment):
    """Build in a process of its own, whose folders and environment are these."""
    (folder / "tmp").mkdir(parents=True)
    out = folder / "out" / "function.zip"
    subprocess.run(
        [sys.executable, "-c", BUILD, umask, str(out), VERSION, *map(str, wheels)],
        env={**os.environ, "TMPDIR": str(folder / "tmp"), **environment},
        cwd=folder,
        check=True,
        timeout=60,
    )
    return out


@pytest.fixture
def first(tmp_path):
    plain = {
        "date": (2020, 1, 2, 3, 4, 6),
        "mode": 0o644,
        "compression": zipfile.ZIP_DEFLATED,
        "system": 3,
    }
    folder = tmp_path / "one"
    given = [wheel(folder / ARM, FILES, **plain), wheel(folder / NUMPY, OTHERS, **plain)]
    return built(folder, given, umask="022", TZ="UTC", LC_ALL="C", PYTHONHASHSEED="1")


def test_folders_times_and_whoever_builds_do_not_matter(first, tmp_path):
    other = {
        "date": (2031, 12, 30, 23, 58, 58),
        "mode": 0o777,
        "compression": zipfile.ZIP_STORED,
        "system": 0,
    }
    folder = tmp_path / "two, elsewhere" / "deeper"
    given = [
        wheel(folder / ARM, dict(reversed(FILES.items())), **other),
        wheel(folder / NUMPY, dict(reversed(OTHERS.items())), **other),
    ]
    second = built(
        folder,
        given,
        umask="077",
        TZ="Pacific/Kiritimati",
        LC_ALL="C.UTF-8",
        SOURCE_DATE_EPOCH="1900000000",
        PYTHONHASHSEED="7",
        PYTHONNODEBUGRANGES="1",
        PYTHONOPTIMIZE="2",
        PYTHONPYCACHEPREFIX=str(folder / "cache"),
        PYTHONDEVMODE="1",
        PYTHONWARNINGS="ignore",
    )
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as two:
        names = one.namelist()
        assert two.namelist() == names
        # Which file it is, if it is one.
        assert [n for n in names if one.read(n) != two.read(n)] == []
        compiled = [name for name in names if name.endswith(".pyc")]
    assert {name.rpartition("/")[2].partition(".")[0] for name in compiled} == {
        "__init__",
        "index",
        "sets",
    }
    assert first.read_bytes() == second.read_bytes()
    assert package.inspect(first).sha256 == package.inspect(second).sha256


def test_entries_tell_nothing_of_the_build(first, tmp_path):
    with zipfile.ZipFile(first) as made:
        entries = made.infolist()
        assert made.comment == b""
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    for entry in entries:
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)
        executable = entry.filename.endswith(".so")
        assert entry.external_attr >> 16 == stat.S_IFREG | (0o755 if executable else 0o644)
        assert (entry.create_system, entry.extra, entry.comment) == (3, b"", b"")
        assert entry.compress_type == zipfile.ZIP_DEFLATED
    for place in (tmp_path, os.path.realpath(tmp_path)):
        assert os.fsencode(place) not in first.read_bytes()


def test_wheels_of_needs_may_come_in_any_order(tmp_path):
    plain = {
        "date": (2020, 1, 2, 3, 4, 6),
        "mode": 0o644,
        "compression": zipfile.ZIP_DEFLATED,
        "system": 3,
    }
    own, numpy, third = (
        wheel(tmp_path / name, files, **plain)
        for name, files in (
            (ARM, FILES),
            (NUMPY, OTHERS),
            ("third-1-py3-none-any.whl", {"third/__init__.py": "z = 3\n"}),
        )
    )
    made = [
        package.build(tmp_path / f"{i}.zip", wheel=own, wheels=needed, python=VERSION).read_bytes()
        for i, needed in enumerate(([numpy, third], [third, numpy]))
    ]
    assert made[0] == made[1]
