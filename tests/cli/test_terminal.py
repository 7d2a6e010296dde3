import os
import pty
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from fastrcf.cli import main

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Tables of 20,000 rows, so many times each, by how often."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("tables")
    body = "\n".join(",".join(map(str, row)) for row in rng.normal(size=(20_000, 20)).round(6))
    made = {}
    for times in (1, 2, 25):
        made[times] = folder / f"{times}.csv"
        with made[times].open("w") as file:
            print(",".join(f"c{j}" for j in range(20)), file=file)
            for _ in range(times):
                print(body, file=file)
    yield made
    for path in made.values():
        path.unlink()


@pytest.fixture(scope="module")
def model(tables):
    path = tables[1].with_name("model.rcf")
    assert main(["train", str(tables[1]), "-o", str(path)]) == 0
    return path


def test_progress_is_shown_on_a_terminal_only(shell, model, tables, tmp_path):
    words = ["score", model, tables[2], "-o", tmp_path / "s.csv"]
    with shell(*words) as child:
        out, err = child.communicate(timeout=120)
    assert (child.returncode, out, err) == (0, "", "")
    leader, follower = pty.openpty()
    with shell(*words, stderr=follower, env={**os.environ, "TERM": "xterm"}) as child:
        os.close(follower)
        shown = b""
        while True:
            try:
                piece = os.read(leader, 1 << 16)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        assert child.wait(120) == 0
        assert child.stdout.read() == ""
    os.close(leader)
    assert b"scoring" in shown
    assert b"rows" in shown
    assert b"%" in shown


def test_ctrl_c_leaves_nothing_half_done(shell, model, tables, tmp_path):
    out = tmp_path / "s.csv"
    out.write_text("as it was")
    with shell("score", model, tables[25], "-o", out) as child:
        limit = time.monotonic() + 60
        while not list(tmp_path.glob(".s.csv*unfinished")) and time.monotonic() < limit:
            time.sleep(0.005)
        # It has begun to score, and has far to go.
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, err = child.communicate(timeout=60)
        took = time.monotonic() - started
    assert (child.returncode, err.strip()) == (130, "interrupted")
    assert took < 3
    assert out.read_text() == "as it was"
    assert not list(tmp_path.glob(".*unfinished"))


def test_an_interrupt_within_exec_gives_our_exit_code(tmp_path):
    """Imports run strings by exec(), and CPython treats an interrupt there otherwise."""
    (tmp_path / "interrupted_within_exec.py").write_text(
        "import sys\n"
        "from fastrcf import cli\n"
        "def run(arguments):\n"
        "    exec('raise KeyboardInterrupt')\n"
        "cli._run = run\n"
        "sys.exit(cli.main())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "interrupted_within_exec"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert (ended.returncode, ended.stderr.strip()) == (130, "interrupted")


def test_a_full_disk_is_told(model, tables):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    words = ["score", str(model), str(tables[2]), "-o", "-"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "fastrcf.cli", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert ended.returncode == 1
    assert "No space left" in ended.stderr
    assert "Traceback" not in ended.stderr
