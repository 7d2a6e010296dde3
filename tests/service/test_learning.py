"""Rows are scored and learnt in order, once; what was learnt survives, all but the last of it."""

import itertools
import json
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastrcf
from fastrcf.errors import FastRCFError, ModelFileError
from fastrcf.service.app import Options, application
from fastrcf.service.core import LocalModel, Request, Service
from fastrcf.service.idempotency import Answers, read
from fastrcf.service.learning import Learner, State, begin
from fastrcf.service.living import LivingModel
from fastrcf.service.messages import Response
from fastrcf.serving.limits import Limits, Load
from fastrcf.serving.problems import Problem
from tests.service.conftest import ask
from tests.service.process import failed, started
from tests.serving.live import serving

JSON = {"content-type": "application/json"}


@pytest.fixture
def model(detector, tmp_path):
    detector.save(tmp_path / "model.rcf")
    return tmp_path / "model.rcf"


@pytest.fixture
def state(tmp_path):
    return State(tmp_path / "state.rcf")


def learner(model, state, **given):
    living, answers = begin(model, state)
    service = Service(living)
    return Learner(service, living, answers, state, **given), living


def send(learner, rows, key=None, path="/v1/score", **headers):
    body = json.dumps({"rows": rows}).encode()
    told = JSON | ({} if key is None else {"idempotency-key": key}) | headers
    answer = learner.answer(Request("POST", path, told, body))
    return answer.status, json.loads(answer.body), answer.headers


def test_rows_are_scored_and_then_learnt(model, state, rows):
    ours, living = learner(model, state)
    wanted = fastrcf.load(model)
    x = rows[:60].tolist()
    for part, path in ((x[:1], "/v1/score"), (x[1:40], "/v1/detect"), (x[40:], "/v1/score")):
        found = wanted.process(np.array(part))
        _, told, headers = send(ours, part, path=path)
        scores = told.get("scores") or [row["score"] for row in told["rows"]]
        assert scores == found.score.tolist()
    assert headers["x-model-version"] == told["model_version"] == f"{living.origin}+60"
    assert bytes(living.model) == bytes(wanted)


def test_what_is_refused_is_not_learnt(model, state):
    ours, living = learner(model, state)
    before = bytes(living.model)
    for rows in ([[1, 2]], [[1, 2, 1e31]], [], [[1, 2, None]]):
        assert send(ours, rows, key="k")[0] == 400
    assert bytes(living.model) == before
    # The key may be used for what has been put right.
    assert send(ours, [[1, 2, 3]], key="k")[0] == 200


def test_the_same_key_again_gets_the_first_answer_and_learns_nothing(model, state):
    ours, living = learner(model, state)
    first = send(ours, [[1, 2, 3]], key="a")
    assert "idempotent-replayed" not in first[2]
    learnt = bytes(living.model)
    again = send(ours, [[1, 2, 3]], key="a")
    assert again[:2] == first[:2]
    assert again[2]["idempotent-replayed"] == "true"
    assert bytes(living.model) == learnt
    other = send(ours, [[1, 2, 3]], key="b")
    assert other[1]["model_version"] == f"{living.origin}+2"
    for changed in (
        send(ours, [[1, 2, 4]], key="a"),
        send(ours, [[1, 2, 3]], key="a", path="/v1/detect"),
        send(ours, [[1, 2, 3]], key="a", accept="text/csv"),
        send(ours, [[1, 2, 3]], key="a", model="anomaly_detector"),
    ):
        assert (changed[0], changed[1]["error"]) == (422, "key_reused")
    assert living.learnt == 2


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256])
def test_keys_that_cannot_be(model, state, key):
    ours, living = learner(model, state)
    assert send(ours, [[1, 2, 3]], key=key)[1]["error"] == "invalid_key"
    assert living.learnt == 0


def test_a_snapshot_goes_on_as_if_it_had_not_stopped(model, state, rows):
    before = model.read_bytes()
    ours, _ = learner(model, state)
    send(ours, rows[:50].tolist(), key="first")
    assert ours.save()
    assert not ours.save(), "nothing has changed"
    again, living = learner(model, state)
    wanted = fastrcf.load(model)
    wanted.process(rows[:50])
    assert bytes(living.model) == bytes(wanted)
    assert living.version.endswith("+50")
    _, told, headers = send(again, rows[:50].tolist(), key="first")
    assert headers["idempotent-replayed"] == "true"
    assert living.learnt == 50
    _, told, _ = send(again, rows[50:60].tolist())
    assert told["scores"] == wanted.process(rows[50:60]).score.tolist()
    assert model.read_bytes() == before
    assert fastrcf.load(state.path).n_seen == 3050


def test_whenever_the_process_dies_no_key_is_learnt_twice(model, state, rows, monkeypatch):
    """Between the two files of a snapshot, too: keys are then of a later moment."""
    from fastrcf.service import learning

    ours, _ = learner(model, state)
    send(ours, rows[:5].tolist(), key="one")
    ours.save()
    send(ours, rows[5:9].tolist(), key="two")
    real, written = learning._fastrcf.write_atomically, []

    class Dies:
        @staticmethod
        def write_atomically(path, data):
            if written:
                raise KeyboardInterrupt
            written.append(path)
            real(path, data)

    monkeypatch.setattr(learning, "_fastrcf", Dies)
    with pytest.raises(KeyboardInterrupt):
        ours.save()
    monkeypatch.undo()
    again, living = learner(model, state)
    assert living.learnt == 5, "the rows of the last interval are lost"
    for key, part in (("one", rows[:5]), ("two", rows[5:9])):
        assert send(again, part.tolist(), key=key)[2]["idempotent-replayed"] == "true"
    assert living.learnt == 5


def test_states_that_do_not_fit(model, state, tmp_path, forest, with_categories):
    ours, _ = learner(model, state)
    send(ours, [[1, 2, 3]], key="a")
    ours.save()
    keys = state.keys.read_bytes()
    forest.save(tmp_path / "forest.rcf")
    with pytest.raises(FastRCFError, match="goes on from model"):
        begin(tmp_path / "forest.rcf", state)
    state.keys.write_bytes(b"nonsense")
    with pytest.raises(ModelFileError, match="keys"):
        begin(model, state)
    # Without its keys it may be any model, which would be overwritten.
    state.keys.unlink()
    before = state.path.read_bytes()
    with pytest.raises(FastRCFError, match="a file that no server has written"):
        begin(model, state)
    assert state.path.read_bytes() == before
    state.keys.write_bytes(keys)
    begin(model, state)
    with_categories.save(state.path)
    with pytest.raises(FastRCFError, match="other columns"):
        begin(model, state)
    state.path.write_bytes(b"nonsense")
    with pytest.raises(ModelFileError):
        begin(model, state)
    with pytest.raises(FastRCFError, match="another file"):
        begin(model, State(model))


def test_a_living_forest(forest, rows, tmp_path, state):
    fresh = fastrcf.RandomCutForest(20, 32, random_state=1)
    fresh.insert(rows[:1])
    fresh.save(tmp_path / "forest.rcf")
    ours, living = learner(tmp_path / "forest.rcf", state)
    wanted = fastrcf.load(tmp_path / "forest.rcf").process(rows[1:200])
    _, told, _ = send(ours, rows[1:200].tolist())
    expected = [None if np.isnan(score) else score for score in wanted]
    assert told["scores"] == expected
    assert told["scores"][0] is None
    assert send(ours, [[1, 2, 3]], path="/v1/detect")[1]["error"] == "no_threshold"
    assert living.learnt == 200
    service = Service(LivingModel(fastrcf.load(tmp_path / "forest.rcf"), "v1", threshold=1.0))
    told = ask(service, "/v1/detect", rows[1:300].tolist())[1]["rows"]
    assert [row["is_anomaly"] for row in told] == [(row["score"] or 0) > 1 for row in told]


def test_series_by_key_and_time(tmp_path, state):
    days = 20
    names = ["load", "when", "site"]
    rng = np.random.default_rng(2)
    hours = np.arange(24 * days)
    load = np.sin(hours * 2 * np.pi / 24) + rng.normal(0, 0.05, len(hours))
    load[-5] = 9.0

    def make():
        return fastrcf.SeriesDetector(
            ["load"],
            time_column="when",
            key_column="site",
            sample_size=128,
            n_trees=20,
            random_state=1,
        )

    make().save(tmp_path / "series.rcf")
    ours, living = learner(tmp_path / "series.rcf", state)
    assert living.names == names
    stamps = np.datetime64("2026-01-01T00:00:00") + hours * np.timedelta64(3600, "s")
    rows = [
        {"load": value, "when": str(stamp), "site": site}
        for stamp, value in zip(stamps, load.tolist(), strict=True)
        for site in ("a", 7)
    ]
    rows[30]["load"] = None
    _, told, _ = send(ours, rows, path="/v1/detect")
    wanted = make().process(
        {
            "load": [np.nan if row["load"] is None else row["load"] for row in rows],
            "when": np.repeat(stamps.astype("datetime64[us]"), 2),
            "site": [str(row["site"]) for row in rows],
        }
    )
    found = [np.nan if row["score"] is None else row["score"] for row in told["rows"]]
    np.testing.assert_array_equal(found, wanted["score"].to_numpy())
    alerts = [i for i, row in enumerate(told["rows"]) if row["is_anomaly"]]
    assert {len(rows) - 10, len(rows) - 9} <= set(alerts)
    assert told["rows"][alerts[-1]]["reasons"]
    for wrong, column in (({"when": "soon"}, 1), ({"site": None}, 2), ({"when": True}, 1)):
        status, told, _ = send(ours, [{**rows[0], **wrong}])
        assert (status, told["row"], told["column"]) == (400, 0, column)
    assert living.learnt == len(rows)


def test_one_series_without_times(tmp_path, state):
    fastrcf.SeriesDetector(["x"], sample_size=64, n_trees=10, random_state=1).save(
        tmp_path / "one.rcf"
    )
    ours, living = learner(tmp_path / "one.rcf", state)
    _, told, _ = send(ours, [[float(i % 5)] for i in range(200)])
    assert told["scores"][0] is None
    assert told["scores"][-1] is not None
    assert living.learnt == 200


def test_models_that_do_not_learn(forest):
    with pytest.raises(FastRCFError, match="does not learn"):
        LivingModel(forest.freeze(), "v1")
    with pytest.raises(FastRCFError, match="know its columns"):
        LivingModel(fastrcf.RandomCutForest(), "v1")


keys = st.sampled_from("abcdef")


@given(st.lists(st.tuples(keys, st.integers(0, 40)), max_size=40), st.integers(1, 5))
@settings(max_examples=150, deadline=None)
def test_memory_of_keys_is_bounded_and_right(asked, most):
    answers = Answers(keys=most, held=60)
    first = {}
    for key, size in asked:
        try:
            found = answers.find(key, key.encode())
        except Problem as problem:
            forgotten = problem.kind == "answer_forgotten"
        else:
            forgotten = False
        if forgotten:
            continue
        if found is None:
            first[key] = b"x" * size
            answers.keep(key, key.encode(), Response(200, first[key], {}))
        else:
            assert found.body == first[key]
        again = Answers(keys=most, held=60)
        again.fill(read(answers.to_bytes("m"))[1])
        assert again.to_bytes("m") == answers.to_bytes("m")
        assert len(answers) <= most
        held = [kept.body for _, kept in read(answers.to_bytes("m"))[1] if kept.body is not None]
        assert sum(map(len, held)) <= 60


def test_requests_are_learnt_one_by_one_over_a_socket(model, state, rows):
    ours, living = learner(model, state)
    options = Options(ordered=True)

    def app(_):
        return application(ours._service, load, options, answer=ours.answer)

    load = Load(Limits(), n_threads=1)
    big = json.dumps({"rows": rows[:500].tolist()}).encode()
    with serving(app) as client, ThreadPoolExecutor(6) as pool:
        bodies = [b"[1,2,3]" if i % 3 else big for i in range(30)]
        answers = list(
            pool.map(lambda body: client.invoke(body, "application/json", "/v1/score"), bodies)
        )
        client.ask("GET", "/v1/model")
    assert {status for status, _ in answers} == {200}
    total = sum(1 if body != big else 500 for body in bodies)
    assert living.learnt == total
    # Each answer ends where the next one begins.
    ends = sorted(int(told["model_version"].partition("+")[2]) for _, told in answers)
    assert ends[-1] == total
    assert {b - a for a, b in itertools.pairwise([0, *ends])} == {1, 500}


@pytest.mark.parametrize("how", ["kill", "term"])
def test_what_a_process_learnt_survives_it(model, state, rows, how):
    interval = 0.4
    options = ["--learn", "--state", state.path, "--save-every", str(interval), "--no-access-log"]
    before = model.read_bytes()
    sent = []
    with started(model, *options) as running:
        began = time.monotonic()
        # A kill loses what the last intervals learnt: some must be older.
        while time.monotonic() - began < (1.5 if how == "kill" else 0.6):
            part = rows[len(sent) : len(sent) + 1].tolist()
            key = f"k{len(sent)}"
            status, _, body = running.ask("/v1/score", {"rows": part}, idempotency_key=key)
            assert status == 200
            sent.append((time.monotonic(), part, key, body))
            time.sleep(0.005)
        stopped = time.monotonic()
        if how == "kill":
            os.kill(running.process.pid, signal.SIGKILL)
        else:
            running.process.send_signal(signal.SIGTERM)
        running.process.wait(20)
    assert model.read_bytes() == before
    learnt = fastrcf.load(state.path)
    kept = learnt.n_seen - learnt.n_fitted
    wanted = fastrcf.load(model)
    for _, part, *_ in sent[:kept]:
        wanted.process(np.array(part))
    assert bytes(learnt) == bytes(wanted), "a prefix of what was sent, nothing twice"
    if how == "term":
        assert kept == len(sent)
    else:
        assert kept >= 1
        # Twice the interval: the machine may be slow at that moment.
        safe = [at for at, *_ in sent if at < stopped - 2 * interval]
        assert kept >= len(safe)
    with started(model, *options) as running:
        for _, part, key, body in (sent[0], sent[kept - 1]):
            status, headers, again = running.ask("/v1/score", {"rows": part}, idempotency_key=key)
            assert (status, again) == (200, body)
            assert headers["idempotent-replayed"] == "true"
        told = json.loads(running.ask("/v1/model")[2])
        assert told["rows_learnt"] == kept
        metrics = running.ask("/metrics")[2].decode()
        assert f"fastrcf_rows_learnt {float(kept)}" in metrics


def test_a_state_that_cannot_be_written_is_told_and_not_fatal(model, tmp_path):
    folder = tmp_path / "away"
    folder.mkdir()
    options = ["--learn", "--state", folder / "s", "--save-every", "0.2", "--no-access-log"]
    with started(model, *options) as running:
        shutil.rmtree(folder)
        assert running.ask("/v1/score", {"rows": [[1, 2, 3]]})[0] == 200
        running.wait_for("the snapshot was not written")
        folder.mkdir()
        assert running.ask("/v1/score", {"rows": [[1, 2, 3]]})[0] == 200
        deadline = time.monotonic() + 10
        while not (folder / "s").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_whatever_keeps_a_snapshot_from_being_made_the_next_is_tried(
    model, state, monkeypatch, caplog
):
    ours, _ = learner(model, state, interval=0.05)
    send(ours, [[1, 2, 3]])
    failures = [MemoryError(), RuntimeError("777.25")]
    write = Answers.to_bytes

    def failing(answers, origin):
        if failures:
            raise failures.pop()
        return write(answers, origin)

    monkeypatch.setattr(Answers, "to_bytes", failing)
    ours.start()
    deadline = time.monotonic() + 10
    while not ours.snapshots:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    ours.stop()
    assert caplog.messages.count("the snapshot was not written") == 2
    assert state.path.exists()


def test_a_state_is_of_one_process(model, state):
    options = (model, "--learn", "--state", state.path, "--no-access-log")
    with started(*options):
        code, told = failed(*options)
        assert code == 1
        assert "another process learns into it" in told
    # Killed: the next one has it.
    with started(*options) as running:
        assert running.ask("/v1/score", {"rows": [[1, 2, 3]]})[0] == 200


def test_a_state_without_a_place_is_refused_at_the_start(model, tmp_path):
    code, told = failed(model, "--learn", "--state", tmp_path / "no" / "folder" / "s")
    assert code == 1
    assert "No such file or directory" in told


def test_series_are_served_only_while_they_learn(tmp_path):
    fastrcf.SeriesDetector(["x"]).save(tmp_path / "series.rcf")
    code, told = failed(tmp_path / "series.rcf")
    assert code == 1
    assert "--learn" in told
    with pytest.raises(FastRCFError, match="--learn"):
        LocalModel.load(tmp_path / "series.rcf")
