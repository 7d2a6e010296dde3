"""One Spark in one JVM, seen as classic Spark and, from 4.0 on, through Spark Connect."""

import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import fastrcf
from tests.spark.needs import JAVA_OPTIONS, SPARK, absent, free_port, home

if absent() is not None:
    if os.environ.get("FASTRCF_NEEDS_SPARK"):
        raise RuntimeError(f"Spark's tests must run here: {absent()}")
    collect_ignore_glob = ["test_*.py"]

ROOT = Path(__file__).parents[2]

# Spark 3.5 has its Connect in a package of its own.
KINDS = ["classic", "connect"] if SPARK >= (4, 0) else ["classic"]

# pandas 3 and Spark's own warnings are not ours to mend.
WARNINGS = [
    "ignore:PySpark does not yet fully support pandas:FutureWarning",
    "ignore::ResourceWarning",
    "ignore::DeprecationWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    # Connect's thread of listeners, when its call ends before it is told to.
    "ignore:StreamingQueryListenerBus Handler thread:UserWarning",
    "ignore::pytest.PytestUnhandledThreadExceptionWarning",
]


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/spark" in str(item.path):
            for warning in WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))
            if _is_connects(item) and item.get_closest_marker("smoke") is None:
                item.add_marker(pytest.mark.twin)


def _is_connects(item):
    """Whether a test is what classic Spark showed already, through Connect."""
    return hasattr(item, "callspec") and item.callspec.params.get("spark") == "connect"


@pytest.fixture(scope="session")
def _spark(tmp_path_factory):
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    port = free_port()
    folder = tmp_path_factory.mktemp("spark")
    builder = SparkSession.builder.master("local[2]")
    if "connect" in KINDS:
        builder = (
            builder.config("spark.plugins", "org.apache.spark.sql.connect.SparkConnectPlugin")
            .config("spark.connect.grpc.binding.address", "127.0.0.1")
            .config("spark.connect.grpc.binding.port", port)
        )
    # For this JVM alone: notebooks that tests run have longer queries.
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SPARK_SUBMIT_OPTS", JAVA_OPTIONS)
        environment.setenv("SPARK_HOME", str(home(folder / "home")))
        # Workers find their daemon, wherever the tests are started.
        environment.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        classic = started(builder, folder)
    classic.sparkContext.setLogLevel("OFF")
    sessions = {"classic": classic}
    if "connect" in KINDS:
        from pyspark.sql.connect.session import SparkSession as RemoteSession

        sessions["connect"] = RemoteSession.builder.remote(f"sc://127.0.0.1:{port}").create()
    yield sessions
    for session in reversed(sessions.values()):
        session.stop()


def started(builder, folder):
    """Start the JVM."""
    return (
        builder.appName("fastrcf tests")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "2g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", 2)
        .config("spark.python.daemon.module", "tests.spark.daemon")
        # Code of a plan that runs once takes longer to compile than it saves. Examples and
        # programs of faulty.py, each in a JVM of its own, run as users do: with such code.
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .config(
            "spark.sql.streaming.stateStore.providerClass",
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider",
        )
        .getOrCreate()
    )


@pytest.fixture(params=KINDS)
def spark(request, _spark, monkeypatch):
    """A session of either kind; functions of PySpark look at the environment for which."""
    if request.param == "connect":
        monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")
    return _spark[request.param]


@pytest.fixture
def classic(_spark):
    """The session of classic Spark alone."""
    return _spark["classic"]


@pytest.fixture(scope="session")
def table() -> pa.Table:
    """Rows of three kinds of numbers, told apart by ``id``."""
    rng = np.random.default_rng(11)
    n = 3_000
    return pa.table(
        {
            "id": np.arange(n),
            "amount": rng.lognormal(3, 1, n),
            "speed": rng.normal(size=n).astype(np.float32),
            "items": rng.poisson(3, n),
        }
    )


@pytest.fixture(scope="session")
def detector(table) -> fastrcf.Detector:
    model = fastrcf.Detector(
        ["amount", "speed", "items"], alert_rate=0.01, n_trees=30, sample_size=64, random_state=7
    )
    return model.fit(table)
