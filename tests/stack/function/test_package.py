"""The zip: reproducible, within Lambda's limits, and enough for a bare process."""

import json
import os
import subprocess
import sys
import zipfile

import pytest

from fastrcf.errors import InvalidParameterError
from fastrcf.stack import bytecode, package
from tests.conftest import ROOT
from tests.stack.conftest import ROW
from tests.stack.function import wheels
from tests.stack.function.calls import event

FILES = {
    "fastrcf/__init__.py": "x = 1",
    "fastrcf/_fastrcf.abi3.so": b"\x7fELF",
    "fastrcf/_fastrcf.pyi": "",
    "fastrcf/py.typed": "",
    "fastrcf/tests/test_x.py": "",
    "fastrcf/__pycache__/x.pyc": "",
    "fastrcf/page.html": "<p>",
    "fastrcf-1.0.data/purelib/beside.py": "y = 2",
    "fastrcf-1.0.data/scripts/tool": "#!",
    "fastrcf-1.0.data/headers/x.h": "",
    "fastrcf-1.0.dist-info/METADATA": "Name: fastrcf",
    "fastrcf-1.0.dist-info/RECORD": "fastrcf/__init__.py,,",
    "fastrcf-1.0.dist-info/licenses/LICENSE": "as is",
}
ARM = "fastrcf-1.0-cp311-abi3-manylinux2014_aarch64.manylinux_2_17_aarch64.whl"


@pytest.fixture(autouse=True)
def without_bytecode(monkeypatch):
    """Whatever Pythons this machine has: what the default version's adds is left out."""
    found = bytecode.interpreter
    monkeypatch.setattr(package, "interpreter", lambda v: None if v == package.PYTHON else found(v))


@pytest.fixture
def wheel(tmp_path):
    return wheels.write(tmp_path / ARM, FILES)


@pytest.fixture
def numpy(tmp_path):
    """One wheel for both packages that the function needs beside this one."""
    return wheels.write(
        tmp_path / "numpy-1-cp311-abi3-manylinux_2_28_aarch64.whl",
        {
            "numpy/__init__.py": "",
            "numpy/_core/include/numpy/arrayobject.h": "",
            "msgspec/__init__.py": "",
        },
    )


def test_what_it_holds(wheel, numpy, tmp_path):
    path = package.build(tmp_path, arch="arm64", wheel=wheel, wheels=[numpy])
    assert path.name == "fastrcf-1.0-arm64.zip"
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in entries}
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        index = archive.read("index.py").decode()
    assert list(modes) == sorted(
        [
            "beside.py",
            "fastrcf-1.0.dist-info/METADATA",
            "fastrcf-1.0.dist-info/licenses/LICENSE",
            "fastrcf/__init__.py",
            "fastrcf/_fastrcf.abi3.so",
            "fastrcf/page.html",
            "index.py",
            "msgspec/__init__.py",
            "numpy/__init__.py",
        ]
    )
    assert modes.pop("fastrcf/_fastrcf.abi3.so") == 0o755
    assert set(modes.values()) == {0o644}
    committed = ROOT / "deployment" / "lambda" / "model_invocation" / "index.py"
    assert committed.read_text() == index
    made = package.inspect(path)
    assert (made.files, made.size) == (9, path.stat().st_size)
    assert len(made.code_sha256) == 44


def test_a_folder_that_is_not_there_is_made(wheel, numpy, tmp_path):
    path = package.build(tmp_path / "new" / "dist", wheel=wheel, wheels=[numpy])
    assert path == tmp_path / "new" / "dist" / "fastrcf-1.0-arm64.zip"
    assert path.is_file()


VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_bytecode_is_of_lambdas_python(wheel, numpy, tmp_path):
    path = package.build(tmp_path / "x.zip", wheel=wheel, wheels=[numpy], python=VERSION)
    again = package.build(tmp_path / "y.zip", wheel=wheel, wheels=[numpy], python=VERSION)
    assert path.read_bytes() == again.read_bytes()
    tag = sys.implementation.cache_tag
    with zipfile.ZipFile(path) as archive:
        found = {name for name in archive.namelist() if name.endswith(".pyc")}
        data = archive.read(f"__pycache__/index.{tag}.pyc")
    assert found == {
        f"__pycache__/{name}.{tag}.pyc" if "/" not in name else name
        for name in (
            "index",
            "beside",
            f"fastrcf/__pycache__/__init__.{tag}.pyc",
            f"msgspec/__pycache__/__init__.{tag}.pyc",
            f"numpy/__pycache__/__init__.{tag}.pyc",
        )
    }
    # Not checked against the source: the flags of PEP 552.
    assert data[4:8] == b"\x01\x00\x00\x00"
    assert b"/var/task/index.py" in data
    assert str(tmp_path).encode() not in data
    said = []
    package.build(tmp_path / "z.zip", wheel=wheel, wheels=[numpy], python="3.99", tell=said.append)
    assert any("python3.99" in text for text in said)


def test_what_only_looks_like_that_python_compiles_nothing(tmp_path, monkeypatch):
    pretender = tmp_path / "python3.98"
    pretender.write_text("#!/bin/sh\nexit 127\n")
    pretender.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bytecode.interpreter("3.98") is None
    assert bytecode.interpreter("3.99") is None
    assert bytecode.interpreter(VERSION) == sys.executable
    pretender.write_text("#!/bin/sh\necho 3.98\n")
    assert bytecode.interpreter("3.98") == str(pretender)


def test_the_same_wheels_give_the_same_bytes(wheel, numpy, tmp_path):
    first = package.build(tmp_path / "1.zip", wheel=wheel, wheels=[numpy])
    # Of the same files in another order and at another time.
    again = tmp_path / "again"
    again.mkdir()
    turned = wheels.write(again / ARM, dict(reversed(FILES.items())))
    os.utime(turned, (1, 1))
    second = package.build(again / "2.zip", wheel=turned, wheels=[numpy])
    assert package.inspect(first).sha256 == package.inspect(second).sha256
    changed = wheels.write(again / ARM, {**FILES, "fastrcf/__init__.py": "x = 2"})
    third = package.build(again / "3.zip", wheel=changed, wheels=[numpy])
    assert package.inspect(third).sha256 != package.inspect(first).sha256


@pytest.mark.parametrize("name", ["../evil.py", "/etc/x", "fastrcf/../../x", "a\\..\\b"])
def test_names_that_leave_the_folder(numpy, tmp_path, name):
    bad = wheels.write(tmp_path / ARM, {name: "x"})
    with pytest.raises(package.PackageError, match="outside"):
        package.build(tmp_path / "x.zip", wheel=bad, wheels=[numpy])
    assert not (tmp_path / "x.zip").exists()


def test_wheels_of_other_systems(wheel, numpy, tmp_path):
    with pytest.raises(package.PackageError, match="not for Linux on x86_64"):
        package.build(tmp_path / "x.zip", arch="x86_64", wheel=wheel, wheels=[numpy])
    for tag in ("macosx_11_0_arm64", "win_arm64", "musllinux_1_2_aarch64"):
        other = wheels.write(tmp_path / f"fastrcf-1.0-cp311-abi3-{tag}.whl", FILES)
        with pytest.raises(package.PackageError, match="not for Linux on arm64"):
            package.check_fits(other, "arm64")
    pure = wheels.write(tmp_path / "pure-1-py3-none-any.whl", {"pure.py": ""})
    package.check_fits(pure, "arm64")


def test_what_is_no_wheel(wheel, numpy, tmp_path):
    with pytest.raises(package.PackageError, match="no such wheel"):
        package.build(tmp_path / "x.zip", wheel=tmp_path / "none.whl", wheels=[])
    broken = tmp_path / "b-1-py3-none-any.whl"
    broken.write_bytes(b"PK broken")
    with pytest.raises(package.PackageError, match="no wheel"):
        package.build(tmp_path / "x.zip", wheel=wheel, wheels=[broken])
    with pytest.raises(InvalidParameterError, match="arch"):
        package.build(tmp_path / "x.zip", arch="riscv", wheel=wheel, wheels=[])
    twice = wheels.write(tmp_path / "c-1-py3-none-any.whl", {"numpy/__init__.py": "other"})
    with pytest.raises(package.PackageError, match="another wheel"):
        package.build(tmp_path / "x.zip", wheel=wheel, wheels=[numpy, twice])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fastrcf-1.0-cp311-abi3-manylinux2014_x86_64.whl", "not for Linux on arm64"),
        ("fastrcf-1.0-cp311-abi3-manylinux_2_39_aarch64.whl", r"C library 2\.39"),
        ("fastrcf-1.0-cp311-cp311-manylinux2014_aarch64.whl", r"not for Python 3\.13"),
        ("fastrcf-1.0-cp314-abi3-manylinux2014_aarch64.whl", r"not for Python 3\.13"),
        ("fastrcf.whl", "its name does not tell"),
        ("other-1.0-py3-none-any.whl", "no package fastrcf"),
    ],
)
def test_a_wheel_that_does_not_fit_is_told_before_anything_is_downloaded(
    tmp_path, monkeypatch, name, told
):
    monkeypatch.setattr(package, "_download", lambda *given: pytest.fail("pip was asked"))
    files = FILES if name.startswith("fastrcf") else {"other/__init__.py": ""}
    said = []
    with pytest.raises(package.PackageError, match=told):
        package.build(tmp_path, wheel=wheels.write(tmp_path / name, files), tell=said.append)
    assert said == []


def test_wheels_that_run_on_its_python(tmp_path):
    for tags in ("cp313-cp313", "cp39-abi3", "cp39.cp310-abi3", "py3-none", "py2.py3-none"):
        path = wheels.write(tmp_path / f"numpy-1-{tags}-manylinux_2_17_aarch64.whl", {})
        package.check_fits(path, "arm64")
    several = "numpy-1-1-cp313-cp313-manylinux_2_39_aarch64.manylinux_2_28_aarch64.whl"
    package.check_fits(wheels.write(tmp_path / several, {}), "arm64")


def test_what_the_function_imports_has_to_be_there(wheel, tmp_path):
    alone = wheels.write(tmp_path / "numpy-1-py3-none-any.whl", {"numpy/__init__.py": ""})
    for given, missing in (([], "numpy"), ([alone], "msgspec")):
        with pytest.raises(package.PackageError, match=f"no package {missing}"):
            package.build(tmp_path / "x.zip", wheel=wheel, wheels=given)
    assert not (tmp_path / "x.zip").exists()


def test_more_than_lambda_takes(wheel, numpy, tmp_path, monkeypatch):
    monkeypatch.setattr(package, "ZIPPED", 100)
    with pytest.raises(package.PackageError, match="Lambda takes"):
        package.build(tmp_path / "x.zip", wheel=wheel, wheels=[numpy])
    assert not (tmp_path / "x.zip").exists()


def test_pip_that_finds_nothing(wheel, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for name in ("PIP_FIND_LINKS", "PIP_CONFIG_FILE"):
        monkeypatch.setenv(name, os.devnull)
    with pytest.raises(package.PackageError, match="pip cannot get the wheels for arm64"):
        package.build(tmp_path / "x.zip", wheel=wheel)


def test_without_a_wheel_pip_is_not_asked_for_the_name(numpy, tmp_path, monkeypatch):
    """What an index has by this name may be anybody's, and would run in the account."""
    monkeypatch.chdir(tmp_path)
    asked = []

    def download(command, **given):
        asked.append(command[-1])
        return subprocess.CompletedProcess(command, 1, "", "ERROR: not here")

    monkeypatch.setattr(package.subprocess, "run", download)
    for arch, machine, other in (("arm64", "aarch64", "x86_64"), ("x86_64", "x86_64", "arm64")):
        with pytest.raises(package.PackageError) as refused:
            package.build(tmp_path / "x.zip", arch=arch, wheels=[numpy])
        for words in (
            f"make function ARCH={arch}",
            f"rustup target add {machine}-unknown-linux-gnu",
            "--wheel",
            f"--set Architecture={other}",
            "--from-index",
        ):
            assert words in str(refused.value)
    assert asked == []
    with pytest.raises(package.PackageError, match="pip cannot get"):
        package.build(tmp_path / "x.zip", wheels=[numpy], from_index=True)
    assert len(asked) == 1
    assert asked[0].startswith("fastrcf")
    assert not (tmp_path / "x.zip").exists()


def test_what_refuses_names_options_that_there_are(capfd, tmp_path, monkeypatch):
    from fastrcf.cli import main
    from fastrcf.cli.stack_commands import deploy

    monkeypatch.chdir(tmp_path)
    assert main(["stack", "package"]) == 1
    told = capfd.readouterr().err
    of_deploy = {name for option in deploy.params for name in option.opts}
    named = {"--wheel", "--set", "--from-index"}
    assert named <= of_deploy
    assert all(name in told for name in named)
    makefile = (ROOT / "Makefile").read_text()
    # Its last step is the command, which comes with the engine.
    assert "\nfunction: $(VENV)/.wheel-tools $(VENV)/.engine\n" in makefile


def test_a_wheel_of_dist_is_taken(wheel, numpy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / ARM).write_bytes(wheel.read_bytes())
    other = ARM.replace("aarch64", "x86_64")
    (tmp_path / "dist" / other).write_bytes(wheel.read_bytes())
    assert package.build("x.zip", wheels=[numpy]).is_file()
    (tmp_path / "dist" / ARM.replace("1.0", "0.9")).write_bytes(wheel.read_bytes())
    with pytest.raises(package.PackageError, match="2 wheels"):
        package.build("y.zip", wheels=[numpy])


# In the function there is Python, the zip, and boto3, which shall not be needed to score.
BARE = """
import json, sys
sys.path[:] = [folder for folder in sys.path if "site-packages" not in folder]
sys.path.insert(0, sys.argv[1])
for name in ("boto3", "botocore", "pyarrow", "starlette", "uvicorn", "click", "narwhals"):
    sys.modules[name] = None
import index
events = json.load(sys.stdin)
results = [index.handler(event, None) for event in events]
import numpy, fastrcf
assert numpy.__file__.startswith(sys.argv[1]), numpy.__file__
assert fastrcf.__file__.startswith(sys.argv[1]), fastrcf.__file__
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The zip of what is installed here, unpacked as Lambda does."""
    if sys.platform != "linux" or not wheels.ARCH:
        pytest.skip("Lambda's systems are Linux on x86_64 and ARM")
    folder = tmp_path_factory.mktemp("zip")
    needed = [wheels.repack(name, folder) for name in ("numpy", "msgspec")]
    path = package.build(
        folder / "function.zip",
        arch=wheels.ARCH,
        wheel=wheels.own(folder),
        wheels=needed,
        python=VERSION,
    )
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "task")
    return folder / "task"


def test_a_bare_process_answers_from_the_zip(unpacked, model, detector, tmp_path):
    environment = {"FASTRCF_MODEL_URI": str(model), "FASTRCF_SOLUTION": "fdml"}
    given = [
        {"data": ROW, "metadata": ["a"]},
        event("/v1/detect", {"rows": [{"amount": 90000.5, "items": 3, "hour": 0.5}]}),
        event("/v1/score", f"{ROW}\n" * 2000, kind="text/csv"),
        event("/openapi.json", method="GET"),
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-W", "error", "-c", BARE, str(unpacked)],
        input=json.dumps(given),
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    direct, detected, scored, described = json.loads(last)
    score = float(detector.score([[float(x) for x in ROW.split(",")]])[0])
    assert direct["anomaly_detector"]["score"] == score
    assert json.loads(detected["body"])["rows"][0]["is_anomaly"] is True
    assert len(json.loads(scored["body"])["scores"]) == 2000
    assert described["statusCode"] == 200
    logged = [json.loads(line) for line in lines]
    assert [line["status"] for line in logged] == [200] * 4
    # Of the first alone.
    assert logged[0]["ColdStartMs"] > 0
    assert all("ColdStartMs" not in line for line in logged[1:])


def test_wrong_settings_are_told_to_each_request(unpacked):
    given = [event("/ping", method="GET"), event("/ping", method="GET")]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", BARE, str(unpacked)],
        input=json.dumps(given),
        env={"FASTRCF_BACKEND": "both"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    *lines, last = done.stdout.splitlines()
    for result in json.loads(last):
        assert result["statusCode"] == 500
        assert "FASTRCF_BACKEND" in json.loads(result["body"])["message"]
    assert [json.loads(line)["level"] for line in lines] == ["ERROR"]


LIGHT = """
import sys
import fastrcf.stack.function
heavy = {"boto3", "botocore", "pyarrow", "starlette", "uvicorn", "click", "tempfile", "asyncio"}
print(sorted(heavy & set(sys.modules)))
"""


def test_the_import_is_light():
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = done.stdout.strip()
    assert loaded == "[]"
