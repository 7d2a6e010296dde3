"""Whole jobs: what is read, what is written, what is said, and how they end."""

import contextlib
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import fastrcf
from fastrcf.container import artifact, fitting, train
from fastrcf.container.metrics import METRIC_DEFINITIONS
from fastrcf.sagemaker import ManagedForest, encode_recordio, managed_metrics
from tests.container.jobs import ROOT, Job, as_csv, labelled, usual
from tests.container.test_reading import PARQUET, RECORDIO, frame, parquet


def metrics(text):
    """What SageMaker finds in a log by the expressions."""
    found = {}
    for one in METRIC_DEFINITIONS:
        hits = re.findall(one["Regex"], text)
        if hits:
            assert len(hits) == 1, one
            found[one["Name"]] = float(hits[0])
    return found


def test_a_job_from_its_folders_to_its_model(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TRAINING_JOB_NAME", "fraud-7")
    rows = labelled()
    job = Job(tmp_path).file("a.csv", as_csv(usual())).file("t.csv", as_csv(rows), "test")
    job.set(feature_dim="3", mini_batch_size="1000", alert_rate="0.01")
    assert job.run() == 0
    assert job.failure is None
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["model.rcf"]
    model = artifact.load(tmp_path / "model")
    assert isinstance(model, fastrcf.Detector)
    assert (model.alert_rate, model.n_fitted, len(model.columns)) == (0.01, 400, 3)
    assert model.notes["training job"] == "fraud-7"
    assert json.loads(model.notes["hyperparameters"])["num_trees"] == 20
    said = capsys.readouterr().out
    stamp = r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d (INFO|WARNING|ERROR)\] "
    assert all(re.match(stamp, line) for line in said.splitlines())
    assert "train: 400 rows, 3 columns, 1 file\n" in said
    assert "without effect here: mini_batch_size" in said
    assert f"model: model.rcf, {job.model.stat().st_size:,} bytes" in said
    assert re.search(r"seconds: reading and fitting \d+\.\d\d", said)
    # What is told is what the model in the folder says.
    scores, labels = model.score(rows[:, 1:]), rows[:, 0] == 1
    theirs = managed_metrics(scores, labels)
    told = metrics(said)
    for name in ("accuracy", "precision", "recall", "f1"):
        assert told[f"test:{name}"] == pytest.approx(getattr(theirs, name), abs=1e-9)
    alerts = scores > model.threshold
    assert told["test:alert_rate"] == pytest.approx(alerts.mean())
    assert told["test:alert_precision"] == pytest.approx(labels[alerts].mean())
    assert told["test:alert_recall"] == pytest.approx(alerts[labels].mean())
    ranked = fastrcf.evaluate(scores, labels, n_bootstrap=0)
    assert told["test:roc_auc"] == pytest.approx(ranked.roc_auc.value)
    assert told["test:average_precision"] == pytest.approx(ranked.average_precision.value)
    assert set(told) == {one["Name"] for one in METRIC_DEFINITIONS}


def test_the_entry_point_takes_its_root_from_the_environment(tmp_path):
    job = Job(tmp_path).file("a.csv", as_csv(usual()))
    process = job.start()
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, out + error
    assert error == ""
    assert artifact.load(tmp_path / "model").n_fitted == 400
    assert "done in " in out


def test_the_entry_point_fails_with_a_reason(tmp_path):
    job = Job(tmp_path / "there").file("a.csv", "1,2\n3,x\n")
    process = job.start("--root", str(tmp_path / "there"), FASTRCF_CONTAINER_ROOT="/nowhere")
    out, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert error == ""
    assert job.failure == "train/a.csv: row 1 (line 2), column 1: the text is not a number"
    assert f"ERROR] {job.failure}" in out
    assert not job.model.exists()


def test_what_training_needs_is_what_the_extra_has(tmp_path):
    job = Job(tmp_path).channel("train", PARQUET)
    job.file("a.parquet", parquet({"x": usual()[:, 0]}))
    # Whatever else is installed must not be imported.
    (tmp_path / "sitecustomize.py").write_text(
        """import sys
class Blocked:
    names = "boto3 botocore polars pandas rich sklearn scipy matplotlib jinja2 duckdb".split()
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Blocked())
"""
    )
    process = job.start(PYTHONPATH=f"{tmp_path}:{ROOT / 'python'}")
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, out + error


@pytest.mark.parametrize("model", ["forest", "managed", "detector"])
def test_a_seed_makes_the_same_model(tmp_path, model):
    made = []
    for i, number in enumerate(("3", "3", "4")):
        job = Job(tmp_path / str(i)).file("a.csv", as_csv(usual(800)))
        job.set(model=model, random_state=number, num_trees="50")
        assert job.run() == 0
        made.append(job.model.read_bytes())
    assert made[0] == made[1] != made[2]


def test_a_managed_model_is_managed_forest_s(tmp_path, capsys):
    x, rows = usual(3000), labelled()
    job = Job(tmp_path).file("a.csv", as_csv(x[:1000])).file("b.csv", as_csv(x[1000:]))
    job.file("t.csv", as_csv(rows), "test")
    job.set(model="managed", num_trees="50", num_samples_per_tree="128", random_state="5")
    assert job.run() == 0
    model = artifact.load(tmp_path / "model")
    ours = ManagedForest(50, 128, random_state=5).fit(x)
    np.testing.assert_array_equal(model.score(rows[:, 1:]), ours.score(rows[:, 1:]))
    told = metrics(capsys.readouterr().out)
    assert told["test:f1"] == pytest.approx(ours.evaluate(rows[:, 1:], rows[:, 0]).f1)
    # It has no threshold of its own.
    assert {name for name in told if "alert" in name} == set()


def test_managed_rows_in_order_and_few(tmp_path, capsys):
    x = usual(150, 2)
    job = Job(tmp_path).file("a.csv", as_csv(x)).set(model="managed", num_trees="50")
    assert job.run() == 0
    ours = ManagedForest(50, 64, random_state=0).fit(x)
    np.testing.assert_array_equal(artifact.load(tmp_path / "model").score(x), ours.score(x))
    assert "50 trees of 3 rows each, blocks of rows in order" in capsys.readouterr().out
    job.file("a.csv", as_csv(x[:60]))
    assert job.run() == 0
    assert "WARNING] 60 rows leave one for each of 50 trees" in capsys.readouterr().out
    job.file("a.csv", as_csv(x[:49]))
    assert "49 rows for 50 trees" in job.fails()


def test_a_detector_is_the_packages_own(tmp_path):
    x = usual(1000)
    job = Job(tmp_path).file("a.csv", as_csv(x))
    job.set(model="detector", scaling="rank", score="displacement", relations="off")
    assert job.run() == 0
    model = artifact.load(tmp_path / "model")
    own = fastrcf.Detector(
        scaling="rank",
        score="displacement",
        relations="off",
        n_trees=20,
        sample_size=64,
        random_state=0,
    ).fit(x)
    np.testing.assert_array_equal(model.score(x), own.score(x))
    assert model.threshold == own.threshold


def test_names_reach_the_reasons(tmp_path):
    x = usual(500, 2)
    odd = np.array([[0.0, 99.0]])
    named = {"amount": x[:, 0], "items": x[:, 1]}
    cases = {
        "parquet": (Job(tmp_path / "p").channel("train", PARQUET), "a.parquet", parquet(named)),
        "header": (
            Job(tmp_path / "h").set(csv_header="true"),
            "a.csv",
            "amount,items\n" + as_csv(x),
        ),
        "given": (Job(tmp_path / "g").set(feature_names="amount,items"), "a.csv", as_csv(x)),
    }
    for job, name, data in cases.values():
        assert job.file(name, data).run() == 0
        model = artifact.load(job.root / "model")
        assert model.columns == ["amount", "items"]
        found = model.detect(odd)
        assert found.is_anomaly[0]
        assert found.reasons[0][0].column == "items"
    job = Job(tmp_path / "n").set(feature_names="a,b,c").file("a.csv", as_csv(x))
    assert "2 columns, but feature_names has 3 names" in job.fails()


def test_many_files_of_each_format_are_one_table(tmp_path):
    x = usual(1000, 3).astype(np.float32)
    models = []
    for i, (kind, ending, make) in enumerate(
        (
            ("text/csv", "csv", lambda part: as_csv(part).encode()),
            (RECORDIO, "pbr", encode_recordio),
            (RECORDIO, "pbr", lambda part: encode_recordio(part.astype(np.float64))),
        )
    ):
        job = Job(tmp_path / str(i)).channel("train", kind, "FastFile")
        for k in range(10):
            job.file(f"{k}/part.{ending}", make(x[k * 100 : k * 100 + 100]))
        assert job.run() == 0
        models.append(job.model.read_bytes())
    assert len({*models}) == 1


def test_pipes(tmp_path, capsys):
    x, rows = usual(2000), labelled()
    job = Job(tmp_path).channel("train", "text/csv", "Pipe")
    job.channel("test", RECORDIO, "Pipe")
    threads = [
        job.pipe(as_csv(x).encode(), pieces=37),
        job.pipe(encode_recordio(rows[:, 1:], rows[:, 0]), "test", pieces=11),
    ]
    assert job.run() == 0
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    said = capsys.readouterr().out
    assert "channel train: Pipe mode, csv" in said
    assert metrics(said)["test:recall"] == 1
    plain = Job(tmp_path / "plain").file("a.csv", as_csv(x))
    assert plain.run() == 0
    np.testing.assert_array_equal(
        artifact.load(tmp_path / "model").score(x), artifact.load(plain.root / "model").score(x)
    )


def test_pipes_of_wrapped_objects_and_of_gzip(tmp_path):
    x = usual(300)
    objects = [as_csv(part).rstrip("\n") for part in np.split(x, 3)]
    job = Job(tmp_path / "w").channel("train", "text/csv", "Pipe", RecordWrapperType="RecordIO")
    job.pipe(b"".join(frame(text.encode()) for text in objects), pieces=7)
    assert job.run() == 0
    assert artifact.load(job.root / "model").n_fitted == 300
    job = Job(tmp_path / "g").channel("train", "text/csv", "Pipe", CompressionType="Gzip")
    job.pipe(b"".join(gzip.compress(f"{text}\n".encode()) for text in objects))
    assert job.run() == 0
    assert artifact.load(job.root / "model").n_fitted == 300
    job = Job(tmp_path / "h").channel("train", "text/csv", "Pipe").set(csv_header="true")
    job.pipe("".join(f"a,b,c\n{text}\n" for text in objects).encode())
    assert job.run() == 0
    assert artifact.load(job.root / "model").columns == ["a", "b", "c"]
    assert artifact.load(job.root / "model").n_fitted == 300


def test_a_pipe_that_is_not_there_or_ends_early(tmp_path):
    job = Job(tmp_path / "a").channel("train", "text/csv", "Pipe")
    assert "there is no pipe" in job.fails()
    job = Job(tmp_path / "b").channel("train", "text/csv", "Pipe")
    job.pipe(b"")
    assert "'train': there are no rows" in job.fails()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda job: job.set(num_tres="3"), "'num_tres' is not known; is 'num_trees' meant"),
        (lambda job: job.set(feature_dim="4"), "3 columns, but feature_dim is 4"),
        (lambda job: job.set(num_trees=None), "'num_trees': it has no value"),
        (lambda job: job.hosts.append("algo-2"), "the job has 2 instances, and training takes one"),
        (lambda job: job.channels.update(tests={}), "channel 'tests' is not known"),
        (lambda job: job.channels.pop("train"), "'train': there is no folder"),
        (lambda job: job.file("t.csv", "1,2,3\n", "test"), "test/t.csv: 2 columns, but the train"),
        (lambda job: job.file("t.csv", "2,1,2,3\n", "test"), "the label is neither 0 nor 1"),
        (lambda job: job.file("t.csv", "", "test"), "channel 'test': there are no rows"),
        (lambda job: job.file("z.csv", "1,2,nan\n"), "train/z.csv: row 0 (line 1), column 2"),
        (lambda job: job.file("a.csv", "1,2,3\n"), "1 row is too few"),
    ],
)
def test_what_is_wrong_is_said_and_leaves_no_model(tmp_path, change, why):
    job = Job(tmp_path).file("a.csv", as_csv(usual()))
    assert job.run() == 0
    change(job)
    # The model of the run before must not pass for this one's.
    if "folder" in why:
        (tmp_path / "input" / "data" / "train").rename(tmp_path / "gone")
        job.channels["train"] = {"ContentType": "text/csv", "TrainingInputMode": "File"}
        job.written()
        (tmp_path / "input" / "data" / "train").rmdir()
        assert train.train(tmp_path) == 1
        assert why in job.failure
        assert not job.model.exists()
        return
    assert why in job.fails()[:1024]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("hyperparameters.json", "{", "hyperparameters.json: this is no JSON"),
        ("hyperparameters.json", "[]", "hyperparameters.json: expected an object, found a list"),
        ("inputdataconfig.json", '{"train": 3}', "channel 'train': its description is no object"),
        ("resourceconfig.json", '{"hosts": "a"}', "resourceconfig.json: expected a list of hosts"),
        (
            "hyperparameters.json",
            '{"seed": "1", "seed": "2"}',
            "hyperparameters.json: 'seed' is there twice",
        ),
        (
            "inputdataconfig.json",
            '{"train": {}, "train": {}}',
            "inputdataconfig.json: 'train' is there twice",
        ),
        ("hyperparameters.json", '{"num_trees": 10}', None),
        ("hyperparameters.json", '{"eval_metrics": ["accuracy"]}', None),
    ],
)
def test_descriptions_that_are_damaged_or_made_by_hand(tmp_path, name, text, why):
    job = Job(tmp_path).file("a.csv", as_csv(usual())).written()
    (tmp_path / "input" / "config" / name).write_text(text)
    assert train.train(tmp_path) == (0 if why is None else 1)
    assert why is None or job.failure.startswith(why)


def test_without_descriptions_the_folders_are_enough(tmp_path):
    Job(tmp_path).file("a.csv", as_csv(usual()))
    assert train.train(tmp_path) == 0
    assert (tmp_path / "model" / "model.rcf").exists()


def test_what_others_put_into_the_model_folder_stays(tmp_path):
    job = Job(tmp_path).file("a.csv", "x\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "notes.txt").write_text("mine")
    assert job.run() == 1
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["notes.txt"]


def test_an_error_that_nobody_expected_writes_its_trace_too(tmp_path, monkeypatch, capsys):
    def broken(*_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(fitting, "fit", broken)
    job = Job(tmp_path).file("a.csv", as_csv(usual()))
    reason = job.fails()
    assert reason.startswith("unexpected RuntimeError: a bug\n\nTraceback")
    assert "in broken" in reason
    assert "ERROR] unexpected RuntimeError: a bug" in capsys.readouterr().out


def test_memory_that_ran_out_says_what_to_do(tmp_path, monkeypatch):
    def full(*_):
        raise MemoryError("40 GiB")

    monkeypatch.setattr(fitting, "fit", full)
    job = Job(tmp_path).file("a.csv", as_csv(usual()))
    assert job.fails().startswith("not enough memory: take an instance with more")


def test_a_model_that_cannot_be_written_is_a_failure(tmp_path):
    job = Job(tmp_path).file("a.csv", as_csv(usual()))
    (tmp_path / "model").write_text("a file where the folder should be")
    assert job.run() == 1
    assert str(tmp_path / "model") in job.failure


def test_names_of_files_that_are_no_text(tmp_path, capsys):
    job = Job(tmp_path).file("a.csv", as_csv(usual()))
    odd = os.fsdecode(b"z\xff.csv")
    try:
        job.file(odd, "1,2\n")
    except OSError:
        pytest.skip("this file system takes no such names")
    assert job.fails().startswith("train/z?.csv: 2 columns, but 3 in rows before it")
    assert "train/z?.csv: 2 columns" in capsys.readouterr().out


def test_a_success_takes_an_old_failure_away(tmp_path):
    job = Job(tmp_path).file("a.csv", "x\n")
    assert job.run() == 1
    job.file("a.csv", as_csv(usual()))
    assert job.run() == 0
    assert job.failure is None


def test_tests_without_anomalies_or_labels(tmp_path, capsys):
    job = Job(tmp_path).file("a.csv", as_csv(usual()))
    rows = labelled()
    cases = (
        (rows[rows[:, 0] == 0], None, {"test:accuracy", "test:alert_rate"}, "no row is an anomaly"),
        (rows[rows[:, 0] == 1], None, None, "all rows are anomalies"),
        (rows[:, 1:], "text/csv;label_size=0", set(), "no labels"),
    )
    for given, kind, expected, why in cases:
        job.test_channel(kind or "text/csv").file("t.csv", as_csv(given), "test")
        assert job.run() == 0
        said = capsys.readouterr().out
        found = set(metrics(said))
        assert found == expected or expected is None
        assert "test:roc_auc" not in found
        assert f"WARNING] test: {why}" in said
        assert f"scores of {len(given):,} rows: mean" in said


def test_only_the_metrics_that_are_asked_for(tmp_path, capsys):
    job = Job(tmp_path).file("a.csv", as_csv(usual()))
    job.file("t.csv", as_csv(labelled()), "test").set(eval_metrics='["accuracy"]')
    assert job.run() == 0
    found = set(metrics(capsys.readouterr().out))
    assert "test:accuracy" in found
    assert "test:f1" not in found


def test_the_log_never_shows_a_value(tmp_path, capsys):
    x = usual(400)
    x[7, 1] = 12345.678
    job = Job(tmp_path).file("a.csv", as_csv(x)).file("t.csv", as_csv(labelled()), "test")
    assert job.run() == 0
    assert "12345" not in capsys.readouterr().out


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the peak is read in /proc")
def test_memory_does_not_grow_with_the_channel(tmp_path):
    peaks = []
    for i, times in enumerate((100, 500)):
        job = Job(tmp_path / str(i)).channel("train", "text/csv", "Pipe")
        job.pipe(as_csv(usual(1000, 5)).encode() * times)
        job.written()
        # A process's own peak: what wait4 tells has that of the process that started it too.
        code = (
            "import fastrcf.cli, re, sys; done = fastrcf.cli.main(sys.argv[1:]); "
            "print(done, re.search('VmHWM:(.*) kB', open('/proc/self/status').read())[1])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "container", "train", "--root", str(job.root)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "python")},
            capture_output=True,
            text=True,
            timeout=60,
        )
        exit_code, peak = done.stdout.splitlines()[-1].split()
        assert exit_code == "0"
        assert artifact.load(job.root / "model").n_fitted == 1000 * times
        peaks.append(int(peak) / 1024)
    # Megabytes; 400,000 more rows of CSV are 39 of them, and 16 as numbers.
    assert peaks[1] - peaks[0] < 10


@pytest.mark.parametrize("fed", [False, True])
def test_sigterm_ends_a_job_within_seconds(tmp_path, fed):
    job = Job(tmp_path).channel("train", "text/csv", "Pipe")
    path = tmp_path / "input" / "data" / "train_0"
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    process = job.start()
    writer = None
    if fed:
        writer = path.open("wb", buffering=0)
        writer.write(as_csv(usual(100)).encode())
    # The channel is announced before it is opened.
    while "channel train" not in process.stdout.readline():
        pass
    time.sleep(0.3)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, error = process.communicate(timeout=30)
    if writer is not None:
        writer.close()
    assert time.monotonic() - began < 5
    assert process.returncode == 128 + signal.SIGTERM, out + error
    assert "WARNING] stopped by SIGTERM: no model was written" in out
    assert not (tmp_path / "model").exists()
    assert job.failure is None


def test_a_signal_that_was_lost_on_its_way_still_stops(tmp_path, monkeypatch):
    def lost(model, rows, names):
        for i, _ in enumerate(rows):
            if i == 0:
                # As an extension module may do.
                with contextlib.suppress(BaseException):
                    signal.raise_signal(signal.SIGTERM)
        raise AssertionError("it went on")

    monkeypatch.setattr(fitting, "fit", lost)
    job = Job(tmp_path)
    for k in range(3):
        job.file(f"{k}.csv", as_csv(usual(10)))
    assert job.run() == 143
    assert job.failure is None
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
