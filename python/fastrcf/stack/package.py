"""The function's code as a zip: this package, NumPy and msgspec, for Lambda's systems.

The same wheels give the same bytes: files are sorted, and have one date and one mode. So
the digest tells whether there is anything to deploy.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fastrcf.errors import FastRCFError, InvalidParameterError
from fastrcf.stack.bytecode import compiled, interpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Arch = Literal["arm64", "x86_64"]
# As wheels call Lambda's architectures.
MACHINES: dict[str, str] = {"arm64": "aarch64", "x86_64": "x86_64"}
PYTHON = "3.13"
# The C library of Lambda's systems from Python 3.12 on is 2.34.
_GLIBC = (34, 31, 28, 27, 24, 17)
# Lambda's limits: of a zip that is uploaded to it, and of what comes out of it.
ZIPPED, UNZIPPED = 50 << 20, 250 << 20
_DATE = (1980, 1, 1, 0, 0, 0)
# Of a wheel's platform the C library that it needs.
_NEEDS = re.compile(r"manylinux_2_(\d+)_")
INDEX = '''"""What Lambda imports: the handler, ready before the first request comes."""

from fastrcf.stack.function import handler, start

start()

__all__ = ["handler"]
'''
# Nothing of these is imported by what scores.
_NEEDLESS_FOLDERS = frozenset({"tests", "__pycache__", "include", "f2py", "_pyinstaller", "sboms"})
_NEEDLESS_ENDS = (".pyi", ".pxd", ".h", ".a", ".c", ".pyc", "/RECORD", "/py.typed")
# A wheel's own data: only what belongs beside the packages is of use.
_LIBRARIES = ("purelib", "platlib")


class PackageError(FastRCFError):
    """The zip cannot be made; the message says what to do."""


@dataclass(frozen=True)
class Package:
    """What a zip is.

    Attributes
    ----------
    path : Path
        Where.
    size, unpacked : int
        Bytes, as it is and once it is unpacked.
    files : int
        How many it holds.
    sha256 : str
        Its digest in hexadecimal digits.
    """

    path: Path
    size: int
    unpacked: int
    files: int
    sha256: str

    @property
    def code_sha256(self) -> str:
        """The digest as Lambda shows it, in base64."""
        return base64.b64encode(bytes.fromhex(self.sha256)).decode("ascii")


def build(
    out: str | os.PathLike[str],
    *,
    arch: Arch = "arm64",
    wheel: str | os.PathLike[str] | None = None,
    wheels: Sequence[str | os.PathLike[str]] | None = None,
    python: str = PYTHON,
    from_index: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> Path:
    """Make the function's zip.

    Parameters
    ----------
    out : path
        File to write, whose name ends with ``.zip``; else a folder, which is made if it is not
        there: then ``fastrcf-VERSION-ARCH.zip`` in it.
    arch : {"arm64", "x86_64"}
        Lambda's architecture.
    wheel : path, optional
        This package's wheel for that architecture. Default: the one in ``dist``.
    wheels : sequence of paths, optional
        Wheels of NumPy and msgspec; default: pip downloads those of the pinned digests.
    python : str
        Lambda's version of Python. With a Python of this version at hand its bytecode goes
        into the zip; without, a cold start takes twice as long.
    from_index : bool
        Whether pip may ask its package index for this package by name, where there is no
        wheel. Not by itself: it would run in the account, and whoever has the name there
        may be somebody else.
    tell : callable
        Gets what is being done, as text.

    Returns
    -------
    Path
        The zip; :func:`inspect` tells more.

    Raises
    ------
    PackageError
        If wheels are missing, are for another system, or are too large for Lambda.
    InvalidParameterError
        For an unknown architecture.
    """
    if arch not in MACHINES:
        raise InvalidParameterError(f"arch: {arch!r} is none of {', '.join(MACHINES)}")
    held: dict[str, bytes] = {"index.py": INDEX.encode()}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        if wheel is not None:
            own = Path(wheel)
        else:
            own = _built(arch) or _from_index(arch, python, place, from_index, tell)
        # All that is given is looked at before anything is downloaded.
        _take(held, [own], ("fastrcf",), arch, python)
        if wheels is None:
            tell("downloading NumPy and msgspec")
            with as_file(files("fastrcf.stack") / "requirements.txt") as pinned:
                needed = _download(
                    ["--require-hashes", "--requirement", str(pinned)],
                    arch,
                    python,
                    place,
                    "--wheels FILE names them",
                )
        else:
            needed = [Path(given) for given in wheels]
        _take(held, needed, ("numpy", "msgspec"), arch, python)
    compiler = interpreter(python)
    if compiler is None:
        tell(f"no python{python} is here: without its bytecode cold starts take twice as long")
    else:
        tell(f"compiling by {compiler}")
        held |= compiled(held, compiler)
    place = Path(out)
    if place.is_dir() or place.suffix != ".zip":
        place = place / f"{'-'.join(own.name.split('-')[:2])}-{arch}.zip"
    tell(f"writing {place}")
    _write(place, held)
    made = inspect(place)
    if made.size > ZIPPED or made.unpacked > UNZIPPED:
        place.unlink()
        raise PackageError(
            f"the zip would have {made.size >> 20} MB and unpacked {made.unpacked >> 20} MB; "
            f"Lambda takes {ZIPPED >> 20} and {UNZIPPED >> 20}"
        )
    return place


def inspect(path: str | os.PathLike[str]) -> Package:
    """Tell what a zip is."""
    place = Path(path)
    with zipfile.ZipFile(place) as archive:
        entries = archive.infolist()
    return Package(
        place,
        place.stat().st_size,
        sum(entry.file_size for entry in entries),
        len(entries),
        hashlib.sha256(place.read_bytes()).hexdigest(),
    )


def _take(
    held: dict[str, bytes],
    wheels: Sequence[Path],
    packages: Sequence[str],
    arch: str,
    python: str,
) -> None:
    """Put the files of wheels into what the zip holds; these packages have to be among them."""
    for path in wheels:
        check_fits(path, arch, python)
    for path in wheels:
        for file, data in unpack(path):
            if held.setdefault(file, data) != data:
                raise PackageError(f"{path.name}: {file} is in another wheel too")
    for package in packages:
        if f"{package}/__init__.py" not in held:
            told = ", ".join(path.name for path in wheels) or "no wheel"
            raise PackageError(f"{told}: there is no package {package} in it")


def check_fits(wheel: Path, arch: str, python: str = PYTHON) -> None:
    """Refuse a wheel that is for another system, or another Python.

    Raises
    ------
    PackageError
        If it is, or is no wheel.
    """
    if wheel.suffix != ".whl" or not wheel.is_file():
        raise PackageError(f"{wheel}: there is no such wheel")
    parts = wheel.stem.rsplit("-", 3)
    if len(parts) != 4:
        raise PackageError(f"{wheel}: its name does not tell for what Python and system it is")
    pythons, abis, platforms = (part.split(".") for part in parts[1:])
    machine = MACHINES[arch]
    if not any(
        p == "any" or (p.startswith(("manylinux", "linux")) and p.endswith(machine))
        for p in platforms
    ):
        raise PackageError(f"{wheel.name}: it is not for Linux on {arch}")
    needs = [int(found[1]) for p in platforms if (found := _NEEDS.match(p))]
    if needs and len(needs) == len(platforms) and min(needs) > max(_GLIBC):
        raise PackageError(
            f"{wheel.name}: it needs the C library 2.{min(needs)}, and Lambda has 2.{max(_GLIBC)}"
        )
    if not _runs(pythons, abis, python):
        raise PackageError(f"{wheel.name}: it is not for Python {python}, which the function has")


def _runs(pythons: Sequence[str], abis: Sequence[str], python: str) -> bool:
    """Whether a wheel of these tags runs on a Python of this version."""
    exact = python.replace(".", "")
    earlier = {f"3{minor}" for minor in range(2, int(python.partition(".")[2]) + 1)}
    for tag in pythons:
        kind, version = tag[:2], tag[2:]
        if kind == "cp" and "abi3" in abis and version in earlier:
            return True
        if kind == "cp" and version == exact and {f"cp{exact}", "none"} & set(abis):
            return True
        if kind == "py" and "none" in abis and version in {"3", *earlier}:
            return True
    return False


def unpack(wheel: Path) -> Iterable[tuple[str, bytes]]:
    """Give the files of a wheel that the function needs, as they lie beside each other.

    Raises
    ------
    PackageError
        If it is none, or a file's name leaves its folder.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.infolist():
                place = _place(entry.filename)
                if place is not None and not entry.is_dir():
                    yield place, archive.read(entry)
    except (zipfile.BadZipFile, OSError) as error:
        raise PackageError(f"{wheel.name}: it is no wheel ({error})") from None


def _place(name: str) -> str | None:
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\\" in name:
        raise PackageError(f"{name!r}: a wheel's file outside of its folder")
    if parts[0].endswith(".data"):
        if len(parts) < 3 or parts[1] not in _LIBRARIES:
            return None
        parts = parts[2:]
    if name.endswith(_NEEDLESS_ENDS) or not _NEEDLESS_FOLDERS.isdisjoint(parts[:-1]):
        return None
    return "/".join(parts)


def _write(place: Path, held: Mapping[str, bytes]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(place.name + ".part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name in sorted(held):
                entry = zipfile.ZipInfo(name, _DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                # Made on Unix, whatever makes it; libraries are executable.
                entry.create_system = 3
                mode = 0o755 if name.endswith(".so") or ".so." in name else 0o644
                entry.external_attr = (0o100000 | mode) << 16
                archive.writestr(entry, held[name])
        os.replace(part, place)
    finally:
        part.unlink(missing_ok=True)


def _built(arch: str) -> Path | None:
    """Give the wheel for this architecture in ``dist``, if there is one."""
    built = sorted(
        path
        for path in Path("dist").glob("fastrcf-*.whl")
        if any(p.endswith(MACHINES[arch]) for p in path.stem.rpartition("-")[2].split("."))
    )
    if len(built) > 1:
        raise PackageError(
            f"dist has {len(built)} wheels for {arch}: remove the older ones, or name one by "
            "--wheel"
        )
    return built[0] if built else None


def _from_index(
    arch: str, python: str, folder: Path, allowed: bool, tell: Callable[[str], None]
) -> Path:
    """Have pip download this package by name, if that is allowed."""
    try:
        wanted = f"fastrcf=={version('fastrcf')}"
    except PackageNotFoundError:
        wanted = "fastrcf"
    if not allowed:
        other = "x86_64" if arch == "arm64" else "arm64"
        raise PackageError(
            f"there is no wheel of fastrcf for {arch} in dist. In a clone, make function "
            f"ARCH={arch} builds it (after rustup target add {MACHINES[arch]}-unknown-linux-gnu, "
            "if that is not this machine); --wheel FILE names one that is elsewhere; for the "
            f"other architecture deploy with --set Architecture={other}. pip is not asked for "
            f"{wanted} by name unless --from-index says that its index has this project's"
        )
    tell(f"downloading {wanted} for {arch}")
    return _download([wanted], arch, python, folder / "own", "--wheel FILE names one")[0]


def _download(
    what: Sequence[str], arch: str, python: str, folder: Path, instead: str
) -> list[Path]:
    folder.mkdir(exist_ok=True)
    tags = [f"manylinux_2_{minor}_{MACHINES[arch]}" for minor in _GLIBC]
    platforms = [
        word for tag in (*tags, f"manylinux2014_{MACHINES[arch]}") for word in ("--platform", tag)
    ]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    command += ["--implementation", "cp", "--python-version", python]
    command += ["--abi", f"cp{python.replace('.', '')}", "--abi", "abi3", "--abi", "none"]
    done = subprocess.run(
        [*command, *platforms, *what], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise PackageError(
            f"pip cannot get the wheels for {arch} ({last}); with fastrcf stack package {instead} "
            "instead, and fastrcf stack deploy --code takes the zip that it makes"
        )
    return sorted(folder.glob("*.whl"))
