"""Faults that a single process cannot have: on a cluster of two workers on this machine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tests.spark.needs import JAVA_OPTIONS, free_port, home
from tests.spark.streams import by_hand, equal, events_of_keys, written

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="other systems lack /proc and 127.0.0.2"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Spark's own cluster: a master and two workers of one core, each on an address of its own.

    Spark does not start a task a second time on the host where it runs already.
    """
    folder, port = tmp_path_factory.mktemp("cluster"), free_port()
    environment = surroundings(folder)
    programs = Path(environment["SPARK_HOME"]) / "bin"
    master = f"spark://127.0.0.1:{port}"
    started = []

    def start(kind, host, *options):
        log = folder / f"{kind}-{host}.log"
        command = [programs / "spark-class", f"org.apache.spark.deploy.{kind}", "--host", host]
        with log.open("w") as file:
            started.append(
                subprocess.Popen(
                    [*map(str, command), "--webui-port", "0", *options],
                    env=environment | {"SPARK_LOCAL_IP": host},
                    stdout=file,
                    stderr=file,
                )
            )
        return log

    try:
        said(start("master.Master", "127.0.0.1", "--port", str(port)), "I have been elected leader")
        for host in ("127.0.0.1", "127.0.0.2"):
            options = ["--cores", "1", "--memory", "1g", "--work-dir", str(folder / host), master]
            log = start("worker.Worker", host, *options)
        said(log, "registered with master")
        yield master
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(30)


def said(log, words):
    for _ in range(600):
        if words in log.read_text():
            return
        time.sleep(0.1)
    raise TimeoutError(f"{log.name}: {log.read_text()[-2000:]}")


def surroundings(folder):
    """Give the environment of a Spark of its own."""
    environment = {k: v for k, v in os.environ.items() if "SPARK" not in k}
    environment["SPARK_SUBMIT_OPTS"] = environment["SPARK_DAEMON_JAVA_OPTS"] = JAVA_OPTIONS
    environment["SPARK_HOME"] = str(home(folder / "home"))
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    return environment


def program(name, master, folder):
    """Give the command of a program of faulty.py, and what it is run in."""
    local = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    command = [sys.executable, ROOT / "tests" / "spark" / "faulty.py", master, folder, name]
    return command, {"cwd": folder, "env": surroundings(folder) | local, "text": True}


def run(master, folder, name):
    command, where = program(name, master, folder)
    done = subprocess.run(command, capture_output=True, timeout=500, **where)
    assert done.stdout.endswith("done\n"), done.stderr[-4000:]


def read(folder):
    return ds.dataset(folder, format="parquet").to_table().sort_by("id")


def test_an_executor_that_is_lost_during_a_stream_changes_nothing(cluster, tmp_path):
    events = events_of_keys()
    written(events, tmp_path / "in")
    run(cluster, tmp_path, "lose_an_executor")
    assert (tmp_path / "killed").exists()
    found = read(tmp_path / "rows")
    assert found["id"].to_pylist() == list(range(len(events)))
    assert equal(found, by_hand(events))


# Through Connect ("connect:local[2]") it is the same for those who want to wait as long again.
@pytest.mark.parametrize("master", ["local[2]"])
def test_a_driver_that_is_killed_during_a_stream_changes_nothing(tmp_path, master):
    events = events_of_keys()
    written(events, tmp_path / "in")
    command, where = program("lose_the_driver", master, tmp_path)
    # Python and the JVM that it starts, at once and without a word.
    with (tmp_path / "log").open("w") as log:
        lost = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **where)
    try:
        for _ in range(3_000):
            if (tmp_path / "waiting").exists() or lost.poll() is not None:
                break
            time.sleep(0.1)
    finally:
        os.killpg(lost.pid, signal.SIGKILL)
    assert lost.wait(30) == -signal.SIGKILL, (tmp_path / "log").read_text()[-4000:]
    assert (tmp_path / "waiting").exists(), (tmp_path / "log").read_text()[-4000:]
    # The first micro-batch is done, the second had its scores.
    assert {path.name for path in (tmp_path / "checkpoint" / "commits").glob("[0-9]*")} == {"0"}
    assert (tmp_path / "checkpoint" / "offsets" / "1").exists()
    (tmp_path / "on").touch()
    run(master, tmp_path, "lose_the_driver")
    found = read(tmp_path / "rows")
    assert found["id"].to_pylist() == list(range(len(events)))
    assert equal(found, by_hand(events))


def test_tasks_that_are_tried_twice_at_once_leave_no_row_twice(cluster, tmp_path, table, detector):
    (tmp_path / "in").mkdir()
    for i in range(4):
        pq.write_table(table.slice(i * 750, 750), tmp_path / "in" / f"{i}.parquet")
    detector.save(tmp_path / "model.rcf")
    run(cluster, tmp_path, "try_tasks_twice_at_once")
    for name in ("score", "score_parquet"):
        assert (tmp_path / f"{name}-0-1").exists()
        found = read(tmp_path / name)
        assert (found["id"].to_numpy() == np.arange(len(table))).all()
        assert (found["score"].to_numpy() == detector.score(table)).all()
