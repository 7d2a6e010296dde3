"""Interrupts, threads and processes: what other threads and signals may do meanwhile."""

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import fastrcf

# Every call takes seconds if nobody stops it.
FOREST = """
model = fastrcf.RandomCutForest(100, 256, random_state=1, n_threads=THREADS)
model.insert(x[:1000])
"""
FROZEN = FOREST + "model = model.freeze()\n"
MANY = "x = np.tile(x[900:], (4, 1))\n"
WIDE = """
x = np.random.default_rng(0).normal(size=(2000, 3000)).astype(np.float32)
model = fastrcf.RandomCutForest(60, 16, random_state=1, n_threads=THREADS)
model.insert(x[:20])
x = np.tile(x, (20, 1))
"""
SHINGLES = """
model = fastrcf.RandomCutForest(100, 256, shingle_size=20, random_state=1, n_threads=THREADS)
x = x[:, :1]
model.insert(x[:2000])
"""
DETECTOR = """
model = fastrcf.Detector(n_trees=100, alert_rate=0.5, random_state=1, n_threads=THREADS)
model.fit(x[:2000])
"""
# Two rows are learnt at once, even by very many trees.
REFITTED = """
model = fastrcf.Detector(n_trees=8000, random_state=1, n_threads=THREADS).fit(x[:2])
"""
CALLS = {
    "insert": (FOREST, "model.insert(x)"),
    "process": (FOREST, "model.process(x)"),
    "delete": (FOREST + MANY, "model.delete(x)"),
    "score": (FOREST + MANY, "model.score(x)"),
    "displacement": (FOREST, "model.displacement(x)"),
    "codisp": (FOREST, "model.codisp(x)"),
    "attribution": (FOREST, "model.attribution(x)"),
    "density": (FOREST, "model.density(x)"),
    "neighbors": (FOREST, "model.neighbors(x)"),
    "impute": (FOREST, "x = x.copy(); x[:, 3] = np.nan; model.impute(x)"),
    "forecast": (SHINGLES, "model.forecast(2**16)"),
    "backtest": (SHINGLES, "model.backtest(x[1000:2000], 200)"),
    "frozen score": (FROZEN + MANY, "model.score(x)"),
    "frozen displacement": (FROZEN, "model.displacement(x)"),
    "frozen codisp": (FROZEN, "model.codisp(x)"),
    "frozen attribution": (FROZEN, "model.attribution(x)"),
    "frozen density": (FROZEN, "model.density(x)"),
    "frozen neighbors": (FROZEN, "model.neighbors(x)"),
    "frozen impute": (FROZEN, "x = x.copy(); x[:, 3] = np.nan; model.impute(x)"),
    "few wide rows": (WIDE, "model.codisp(x)"),
    "insert wide rows": (WIDE, "model.insert(x)"),
    "detect": (DETECTOR, "model.detect(x)"),
    "explain": (DETECTOR, "model.explain(x)"),
    "detector process": (DETECTOR, "model.process(x)"),
    "fit": (REFITTED, "model.fit(x)"),
}
# Calls of one program, by what is in common.
GROUPS = {
    "forest": ["insert", "process", "delete", "score", "displacement", "codisp", "attribution"],
    "asked": ["density", "neighbors", "impute", "forecast", "backtest"],
    "frozen": [name for name in CALLS if name.startswith("frozen")],
    "wide": ["few wide rows", "insert wide rows"],
    "detector": ["detect", "explain", "detector process", "fit"],
}
TWO_THREADS = {"score", "codisp", "few wide rows", "neighbors", "backtest"}
INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np, fastrcf
data = np.random.default_rng(0).normal(size=(400_000, 20)).astype(np.float32)
data.flags.writeable = False
def interrupt():
    global sent
    sent = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)
for name, (setup, call), threads in eval(sys.argv[1]):
    given = {"np": np, "fastrcf": fastrcf, "x": data, "THREADS": threads}
    exec(setup, given)
    before = bytes(given["model"])
    threading.Timer(0.25, interrupt).start()
    try:
        exec(call, given)
    except KeyboardInterrupt:
        took = time.perf_counter() - sent
        # A second is promised; machines may be busy.
        assert took < 2.0, (name, took)
        assert bytes(given["model"]) == before, name
        print("stopped", name, flush=True)
    else:
        raise SystemExit(f"{name} was not stopped")
"""


def run(code, *words, timeout=120):
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=timeout
    )


def test_every_call_is_in_a_group():
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(CALLS)


@pytest.mark.parametrize("group", GROUPS)
def test_ctrl_c_stops_a_call_within_a_second_and_changes_nothing(group):
    names = GROUPS[group]
    calls = [(name, CALLS[name], 2 if name in TWO_THREADS else 1) for name in names]
    done = run(INTERRUPTED, repr(calls))
    assert done.stdout == "".join(f"stopped {name}\n" for name in names), done.stderr


def test_ctrl_c_stops_a_call_that_waits_for_the_call_of_another_thread():
    code = """
import os, signal, threading, time
import numpy as np, fastrcf
x = np.random.default_rng(0).normal(size=(400_000, 20))
f = fastrcf.RandomCutForest(random_state=1, n_threads=1)
f.insert(x[:1000])
threading.Thread(target=f.process, args=(x,), daemon=True).start()
time.sleep(0.3)
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
for call in ("f.n_seen", "f.score(x[:1])", "f.insert(x[:1])"):
    start = time.perf_counter()
    try:
        eval(call)
    except KeyboardInterrupt:
        assert time.perf_counter() - start < 2.5
        print("stopped", flush=True)
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
os._exit(0)
"""
    done = run(code)
    assert done.stdout == "stopped\n" * 3, done.stderr


def in_threads(*calls):
    """Run calls at once; raise what any of them raises."""
    failures = []

    def guarded(call):
        try:
            call()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_eight_threads_score_while_one_inserts(rng):
    x = rng.normal(size=(4000, 4))
    f = fastrcf.RandomCutForest(20, 64, random_state=5)
    f.insert(x[:500])
    done = threading.Event()

    def score():
        while not done.is_set():
            assert np.isfinite(f.score(x[:50])).all()

    def insert():
        try:
            for start in range(500, 4000, 50):
                f.insert(x[start : start + 50])
        finally:
            done.set()

    in_threads(insert, *[score] * 8)
    f._core.check()
    alone = fastrcf.RandomCutForest(20, 64, random_state=5)
    alone.insert(x)
    assert bytes(f) == bytes(alone)


def test_every_reader_sees_the_forest_between_two_calls(rng):
    """Whatever a reader gets is what the forest gave after some whole call."""
    x = rng.normal(size=(1000, 3))
    f, alone = (fastrcf.RandomCutForest(10, 64, random_state=2) for _ in range(2))
    f.insert(x[:100])
    alone.insert(x[:100])
    query = rng.normal(size=(5, 3))
    possible = {alone.score(query).tobytes()}
    files = {bytes(alone)}
    for start in range(100, 1000, 100):
        alone.insert(x[start : start + 100])
        possible.add(alone.score(query).tobytes())
        files.add(bytes(alone))
    done = threading.Event()

    def read():
        while not done.is_set():
            assert f.score(query).tobytes() in possible
            assert bytes(f) in files
            assert bytes(pickle.loads(pickle.dumps(f))) in files
            assert f.freeze().score(query).tobytes() in possible

    def insert():
        try:
            for start in range(100, 1000, 100):
                f.insert(x[start : start + 100])
                time.sleep(0.01)
        finally:
            done.set()

    in_threads(insert, read, read, read)


def test_a_detector_answers_while_it_learns(rng):
    x = rng.normal(size=(3000, 3))
    stream = rng.normal(size=(4000, 3))
    one, two = (fastrcf.Detector(random_state=1, n_trees=20).fit(x) for _ in range(2))
    found = []
    done = threading.Event()

    def ask():
        while not done.is_set():
            assert np.isfinite(one.score(stream[:3000])).all()
            assert np.isfinite(one.detect(stream[:20]).grade).all()

    def learn():
        try:
            for start in range(0, 4000, 200):
                found.append(one.process(stream[start : start + 200]).score)
        finally:
            done.set()

    in_threads(learn, ask, ask, ask)
    np.testing.assert_array_equal(np.concatenate(found), two.process(stream).score)
    assert bytes(one) == bytes(two)


def test_a_frozen_forest_is_shared_by_eight_threads(rng):
    f = fastrcf.RandomCutForest(30, 128, random_state=5)
    f.insert(rng.normal(size=(2000, 5)))
    query = rng.normal(size=(3000, 5))
    expected = f.score(query)
    codisp = f.codisp(query[:100])
    # Nobody has asked it yet: the first questions, all at once, build its boxes.
    frozen = f.freeze()

    def score():
        np.testing.assert_array_equal(frozen.score(query), expected)
        np.testing.assert_array_equal(frozen.score(query[:3]), expected[:3])
        np.testing.assert_array_equal(frozen.codisp(query[:100]), codisp)

    in_threads(*[score] * 8)


@pytest.mark.parametrize("n_rows", [1, 50])
def test_the_first_rows_may_come_from_several_threads(n_rows):
    """No rows are lost and no second forest is made."""
    f = fastrcf.RandomCutForest(5, 16, sampling="window", random_state=1)
    start = threading.Barrier(8)

    def insert():
        rows = np.full((n_rows, 2), float(threading.get_ident() % 1000))
        start.wait()
        f.insert(rows)

    in_threads(*[insert] * 8)
    assert f.n_seen == 8 * n_rows
    f._core.check()


@pytest.mark.parametrize("key", [None, "x0"])
def test_the_first_rows_of_a_series_may_come_from_several_threads(key):
    for _ in range(10):
        s = fastrcf.SeriesDetector(key_column=key, n_trees=2, sample_size=8, random_state=1)
        start = threading.Barrier(8)

        def process(s=s, start=start):
            rows = np.ones((3, 2))
            start.wait()
            s.process(rows)

        in_threads(*[process] * 8)
        assert s.n_seen == 24
        assert pickle.loads(pickle.dumps(s)).process(np.ones((1, 2))) is not None


def test_bad_first_rows_of_one_thread_do_not_spoil_those_of_another():
    for _ in range(20):
        f = fastrcf.RandomCutForest(5, 16, random_state=1)
        start = threading.Barrier(2)

        def good(f=f, start=start):
            start.wait()
            f.insert(np.ones((3, 2)))

        def bad(f=f, start=start):
            start.wait()
            with pytest.raises(fastrcf.InvalidInputError):
                f.insert([[1.0, 2.0, np.nan]])

        in_threads(good, bad)
        assert (f.n_seen, f.n_features) == (3, 2)


def test_the_interpreter_runs_on_while_a_call_takes_long(rng):
    f = fastrcf.RandomCutForest(100, 256, random_state=1, n_threads=1)
    x = rng.normal(size=(2000, 8))
    f.insert(x)
    query = np.tile(x, (8, 1))
    ticks = []
    done = threading.Event()

    def count():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    def score():
        try:
            f.codisp(query)
        finally:
            done.set()

    start = time.perf_counter()
    in_threads(count, score)
    took = time.perf_counter() - start
    # If the call held the interpreter, there would be a handful of ticks, and
    # one pause as long as the call.
    assert len(ticks) > 20 * took
    assert max(np.diff(ticks)) < max(0.5 * took, 0.1)


FORK = """
import os, threading, time, warnings
warnings.simplefilter("ignore")
import numpy as np, fastrcf
x = np.random.default_rng(0).normal(size=(5_000, 8))
f = fastrcf.RandomCutForest(random_state=1, n_threads=2)
f.insert(x)
expected = f.score(x)
{meanwhile}
children = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        ok = (f.score(x) == expected).all()
        f.insert(x)
        os._exit(0 if ok and f.n_seen == 10_000 else 1)
    children.append(pid)
print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children], flush=True)
os._exit(0)
"""
MEANWHILE = {
    "nothing": "",
    "a long call on another forest": """
other = fastrcf.RandomCutForest(random_state=2, n_threads=2)
threading.Thread(target=other.process, args=(np.tile(x, (80, 1)),), daemon=True).start()
time.sleep(0.2)
""",
}


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_a_forked_child_works(meanwhile):
    done = run(FORK.format(meanwhile=MEANWHILE[meanwhile]))
    assert done.stdout == "[0, 0, 0]\n", done.stderr


FORK_IN_USE = """
import os, threading, time, warnings
warnings.simplefilter("ignore")
import numpy as np, fastrcf
x = np.random.default_rng(0).normal(size=(300_000, 8))
f = fastrcf.RandomCutForest(random_state=1, n_threads=1)
f.insert(x[:1000])
saved = bytes(f)
threading.Thread(target=f.{method}, args=(x,), daemon=True).start()
time.sleep(0.3)
pid = os.fork()
if pid == 0:
    codes = []
    for call in (f.score, f.insert):
        try:
            call(x[:10])
            codes.append("done")
        except fastrcf.InvalidInputError as error:
            codes.append("forked" if "forked while another thread" in str(error) else str(error))
    fastrcf.loads(saved).insert(x[:10])
    print(codes, flush=True)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
os._exit(0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.parametrize(
    ("method", "answers"),
    [
        ("process", ["forked", "forked"]),
        ("attribution", ["done", "forked"]),
        ("density", ["done", "forked"]),
    ],
)
def test_a_child_forked_while_its_model_was_in_use_is_told(method, answers):
    done = run(FORK_IN_USE.format(method=method))
    assert done.stdout == f"{answers}\n0\n", done.stderr


def score_in_child(models, query, answers):
    answers.put([model.score(query) for model in models])


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_models_go_to_processes(rng, method):
    x = rng.normal(size=(3000, 4))
    f = fastrcf.RandomCutForest(20, 64, random_state=5, n_threads=2)
    f.insert(x)
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    models = (f, f.freeze(), fastrcf.Detector(random_state=1, n_trees=20).fit(x))
    child = context.Process(target=score_in_child, args=(models, x, answers))
    child.start()
    for model, found in zip(models, answers.get(timeout=60), strict=True):
        np.testing.assert_array_equal(found, model.score(x))
    child.join(60)
    assert child.exitcode == 0


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity")
def test_no_more_threads_than_the_process_may_use(rng):
    code = """
import os, sys, threading, time
import numpy as np, fastrcf
if sys.argv[1] == "one":
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
x = np.random.default_rng(0).normal(size=(10_000, 8))
f = fastrcf.RandomCutForest(random_state=1)
most, done = 0, threading.Event()
def watch():
    global most
    while not done.is_set():
        most = max(most, len(os.listdir("/proc/self/task")))
        time.sleep(0.002)
watcher = threading.Thread(target=watch)
watcher.start()
idle = len(os.listdir("/proc/self/task"))
scores = f.process(x)
done.set()
watcher.join()
print(most - idle, __import__("hashlib").sha256(scores.tobytes()).hexdigest())
"""
    if not os.path.isdir("/proc/self/task"):
        pytest.skip("needs /proc to count threads")

    def threads(limit):
        done = subprocess.run(
            [sys.executable, "-c", code, limit], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        extra, scores = done.stdout.split()
        return int(extra), scores

    extra, scores = threads("one")
    assert extra == 0
    more, same = threads("all")
    assert scores == same
    if len(os.sched_getaffinity(0)) > 1:
        assert more >= 1
