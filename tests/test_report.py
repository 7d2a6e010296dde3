"""Reports: figures against naive ones, any batches the same, pages safe and whole."""

import subprocess
import sys
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pandas as pd
import polars as pl
import pytest

import fastrcf
from fastrcf import report
from fastrcf.report import drift
from fastrcf.report.plots import Plots
from tests.page import checked, without_pictures

N = 6000


def payments(seed=3, n=N, shift=0.0):
    """Some payments; one in a hundred is large and labelled."""
    rng = np.random.default_rng(seed)
    fraud = rng.random(n) < 0.01
    return pd.DataFrame(
        {
            "id": [f"t{i:05}" for i in range(n)],
            "when": pd.Timestamp("2026-03-01") + pd.to_timedelta(np.arange(n) * 97, "s"),
            "amount": rng.lognormal(3 + shift + 1.5 * fraud, 0.5, n).round(2),
            "items": rng.poisson(3, n),
            "online": rng.random(n) < 0.3,
            "shop": rng.choice(["grocery", "fuel", "travel"], n, p=[0.7, 0.25, 0.05]),
            "fraud": fraud,
        }
    )


COLUMNS = ["amount", "items", "online", "shop"]


@pytest.fixture(scope="module")
def detector():
    return fastrcf.Detector(COLUMNS, alert_rate=0.01, random_state=1, n_trees=40).fit(payments())


def same(a, b, path="facts"):
    """Whether two facts are equal to the bit, but for when they were made."""
    assert type(a) is type(b), path
    if is_dataclass(a):
        for field in fields(a):
            if field.name != "made":
                same(getattr(a, field.name), getattr(b, field.name), f"{path}.{field.name}")
    elif isinstance(a, np.ndarray):
        np.testing.assert_array_equal(a, b, err_msg=path)
    elif isinstance(a, tuple):
        assert len(a) == len(b), path
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            same(x, y, f"{path}[{i}]")
    else:
        assert a == b, path


def test_figures_are_those_that_one_would_count(detector):
    table = payments(seed=4, shift=0.3)
    facts = report.build(detector, table, label="fraud", time="when", keep=["id"], top=20).facts
    found = detector.detect(table)
    score, alert = found["score"].to_numpy(), found["is_anomaly"].to_numpy()
    scores = facts.scores
    assert (facts.data.n_rows, facts.data.n_sampled) == (N, N)
    assert scores.alerts.rows == alert.sum() > 20
    assert scores.alerts.found == alert.mean()
    assert (scores.least, scores.largest) == (score.min(), score.max())
    assert scores.median == np.median(score)
    for level in scores.levels:
        assert level.rows == (score > level.score).sum()
    spread = scores.spread
    ends = np.append(spread.start, np.inf)
    for i in range(len(spread.start)):
        inside = (score >= spread.start[i]) & (score < spread.start[i] + spread.width)
        assert (spread.rows[i], spread.alerts[i]) == (inside.sum(), alert[inside].sum())
        assert spread.start[i] + spread.width <= ends[i + 1]
    assert spread.rows.sum() == N
    # In time: stretches of six hours or the like.
    course = scores.course
    assert course.kind == "moments"
    at = table["when"].astype("datetime64[us]").astype(np.int64).to_numpy()
    by = pd.DataFrame({"at": at // int(course.stretches.width), "score": score, "alert": alert})
    by = by.groupby("at").agg(
        rows=("score", "size"),
        alerts=("alert", "sum"),
        highest=("score", "max"),
        median=("score", "median"),
        high=("score", lambda s: np.quantile(s, 0.95)),
    )
    np.testing.assert_array_equal(course.stretches.start, by.index * course.stretches.width)
    np.testing.assert_array_equal(course.stretches.rows, by["rows"])
    np.testing.assert_array_equal(course.stretches.alerts, by["alerts"])
    np.testing.assert_array_equal(course.stretches.highest, by["highest"])
    np.testing.assert_allclose(course.median, by["median"])
    np.testing.assert_allclose(course.high, by["high"])
    # The rows to look at.
    order = np.argsort(-score, kind="stable")[:20]
    assert [row.row for row in facts.top] == order.tolist()
    assert [row.kept for row in facts.top] == [(name,) for name in table["id"][order]]
    assert [row.score for row in facts.top] == score[order].tolist()
    assert [row.label for row in facts.top] == table["fraud"][order].tolist()
    for row in facts.top:
        assert row.is_alert
        expected = found["reasons"][row.row]
        assert [(r.column, r.share, r.direction, r.text) for r in row.reasons] == [
            (r["column"], r["share"], r["direction"], r["text"]) for r in expected
        ]
        assert row.time == str(table["when"][row.row])
    # Why.
    named = pd.DataFrame([r for row in found["reasons"] for r in row])
    shares = named.groupby("column")["share"].sum() / alert.sum()
    assert {cause.column: cause.alerts for cause in facts.causes} == dict(
        named["column"].value_counts()
    )
    for cause in facts.causes:
        assert cause.share == pytest.approx(shares[cause.column])
        assert sum(cause.directions.values()) == cause.alerts
    assert sum(cause.first for cause in facts.causes) == alert.sum()
    assert facts.causes[0].column == "amount"


def test_columns_are_those_that_one_would_count(detector):
    fitted, table = payments(), payments(seed=5, shift=0.4)
    table["shop"] = table["shop"].where(table.index % 50 > 0, "new shop")
    facts = report.build(detector, table).facts
    by_name = {column.name: column for column in facts.numbers}
    assert list(by_name) == ["amount", "items", "online"]
    for name, column in by_name.items():
        x, before = table[name].to_numpy(float), fitted[name].to_numpy(float)
        np.testing.assert_allclose(column.fitted, np.quantile(before, drift.SHARES))
        np.testing.assert_allclose(column.found, np.quantile(x, drift.SHARES))
        assert column.below == pytest.approx((x < column.fitted[1]).mean())
        assert column.above == pytest.approx((x > column.fitted[7]).mean())
        outside = (x < before.min()) | (x > before.max())
        assert column.outside == pytest.approx(outside.mean())
        assert column.counts.sum() == N
    assert by_name["amount"].reading == "strongly shifted"
    # Without ties the index is what everybody computes.
    edges = [-np.inf, *by_name["amount"].fitted[1:-1], np.inf]
    p = np.histogram(table["amount"], edges)[0] / N
    e = np.diff(drift.SHARES)
    assert by_name["amount"].index == pytest.approx(np.sum((p - e) * np.log(p / e)), rel=0.02)
    assert by_name["items"].reading == by_name["online"].reading == "as fitted"
    (shop,) = facts.categories
    assert (shop.n_fitted, shop.n_found, shop.is_all) == (3, 4, True)
    assert shop.unseen == pytest.approx(0.02)
    assert shop.reading == "shifted"
    counts = table["shop"].value_counts()
    assert [c.name for c in shop.frequent] == list(counts.index)
    assert [c.rows for c in shop.frequent] == list(counts)
    assert [c.is_new for c in shop.frequent] == [c.name == "new shop" for c in shop.frequent]
    found = detector.detect(table)
    alerts = table["shop"][found["is_anomaly"]].value_counts()
    assert {c.name: c.alerts for c in shop.frequent} == {n: alerts.get(n, 0) for n in counts.index}
    warned = " ".join(facts.warnings)
    assert "amount is strongly shifted" in warned


def test_labels_are_judged_as_evaluate_does(detector):
    table = payments(seed=6)
    facts = report.build(detector, table, label="fraud", time="when").facts
    found = detector.detect(table)
    labels, alert = table["fraud"], found["is_anomaly"]
    expected = fastrcf.evaluate(found["score"], labels, table["when"], alert_rate=(0.001, 0.01))
    judged = facts.labels
    # Rows come by label: draws differ, the measures do not.
    for name in ("roc_auc", "average_precision", "prevalence"):
        ours, theirs = getattr(judged.evaluation, name), getattr(expected, name)
        assert ours.value == pytest.approx(theirs.value)
        assert ours.low == pytest.approx(theirs.low, abs=0.03)
    for ours, theirs in zip(judged.evaluation.budgets, expected.budgets, strict=True):
        assert ours.precision.value == pytest.approx(theirs.precision.value)
        assert ours.recall.value == pytest.approx(theirs.recall.value)
    assert judged.evaluation.n_days == expected.n_days == 7
    table_of = (judged.caught, judged.missed, judged.false, judged.quiet)
    assert table_of == (
        (labels & alert).sum(),
        (labels & ~alert).sum(),
        (~labels & alert).sum(),
        (~labels & ~alert).sum(),
    )
    # The curve goes through what is above some of the scores.
    score = found["score"].to_numpy()
    curve = set(zip(judged.recall.round(9), judged.precision.round(9), strict=True))
    steps = {
        (
            round((labels & (score >= s)).sum() / labels.sum(), 9),
            round(labels[score >= s].mean(), 9),
        )
        for s in np.sort(score)[-30:]
    }
    assert steps <= curve
    assert judged.recall[-1] == 1


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(("size", "n"), [(1, 60), (7, 400), (1000, N)])
def test_any_batches_give_the_same_report(detector, size, n):
    table = payments(seed=7, n=n)
    whole = report.build(detector, table, label="fraud", time="when", keep=["id", "items"])
    parts = [table[i : i + size] for i in range(0, len(table), size)]
    in_parts = report.build(detector, parts, label="fraud", time="when", keep=["id", "items"])
    same(whole.facts, in_parts.facts)
    if size == 7:
        again = report.Report(replace(in_parts.facts, made=whole.facts.made))
        assert again.html() == whole.html()


@pytest.mark.usefixtures("no_pictures")
def test_samples_do_not_depend_on_batches(detector, monkeypatch):
    from fastrcf.report import gather, labelled

    monkeypatch.setattr(gather, "_SAMPLED", 1024)
    monkeypatch.setattr(labelled, "_OTHERS", 800)
    table = payments(seed=8)
    whole = report.build(detector, table, label="fraud")
    same(whole.facts, report.build(detector, [table[:1111], table[1111:]], label="fraud").facts)
    assert whole.facts.data.n_sampled == 1024
    assert whole.facts.labels.n_used == 800 + table["fraud"].sum()
    page = checked(whole.html())
    assert "uniform sample of 1,024 rows" in page.text
    # Weighted, so that the sample stands for all.
    exact = fastrcf.evaluate(detector.score(table), table["fraud"])
    found = whole.facts.labels.evaluation
    assert found.prevalence.value == pytest.approx(exact.prevalence.value)
    assert found.average_precision.value == pytest.approx(exact.average_precision.value, abs=0.1)
    # Rows that are counted one by one are not sampled.
    assert whole.facts.scores.alerts.rows == detector.detect(table)["is_anomaly"].sum()
    assert whole.facts.numbers[0].found[-1] == table["amount"].max()


def test_tables_of_any_kind(detector):
    table = payments(seed=9, n=500)
    expected = report.build(detector, table, keep=["id"]).facts
    frame = pl.from_pandas(table)
    for given_ in (frame, frame.to_arrow(), frame.to_dict(as_series=False), frame.lazy()):
        same(expected, report.build(detector, given_, keep=["id"]).facts)
    # What is not asked for need not be a column that anything can read.
    indexed = table.assign(junk=[object()] * 500).set_index(np.arange(500) % 7)
    same(expected, report.build(detector, indexed, keep=["id"]).facts)
    numbers = fastrcf.Detector(random_state=2, n_trees=20).fit(table[["amount", "items"]])
    x = table[["amount", "items"]].to_numpy(float)
    same(report.build(numbers, x).facts, report.build(numbers, table).facts)


def test_no_alerts(detector):
    table = payments(seed=10)[:300]
    table = table[~detector.detect(table)["is_anomaly"].to_numpy()]
    made = report.build(detector, table, top=3)
    assert made.facts.scores.alerts.rows == 0
    assert made.facts.causes == ()
    assert len(made.facts.top) == 3
    best = np.argsort(-detector.score(table), kind="stable")[:3]
    assert [row.row for row in made.facts.top] == best.tolist()
    for row in made.facts.top:
        assert not row.is_alert
        assert [r.text for r in row.reasons] == [
            r.text for r in detector.explain(table.iloc[[row.row]])[0]
        ]
    page = checked(made.html())
    assert "No row is above the threshold" in page.text
    labelled = report.build(detector, table.assign(fraud=False), label="fraud")
    assert labelled.facts.labels.evaluation.roc_auc.value is None
    assert "undefined" in checked(labelled.html()).text


def test_one_row(detector):
    made = report.build(detector, payments(n=1), label="fraud", time="when")
    assert made.facts.data.n_rows == 1
    checked(made.html())


def test_tables_of_one_value_and_times_beyond_all_years(detector):
    table = pd.DataFrame({"a": [1.0] * 300, "b": ["x"] * 300})
    flat = fastrcf.Detector(["a", "b"], random_state=1, n_trees=10).fit(table)
    made = report.build(flat, table)
    assert any("a, b had one value only in training" in text for text in made.facts.warnings)
    checked(made.html())
    made = report.build(flat, table.assign(a=np.r_[1.0, 1e30, [-1e30] * 298]))
    assert made.facts.numbers[0].outside == 299 / 300
    checked(made.html())
    table = payments(n=300)
    for times in (
        np.array(["1970-01-01", "20000-01-01"] * 150, "datetime64[us]"),
        np.array(["0001-01-01", "9999-12-31"] * 150, "datetime64[us]"),
        np.r_[-1e30, np.zeros(298), 1e30],
    ):
        made = report.build(detector, {**table[COLUMNS].to_dict("list"), "t": times}, time="t")
        scores = made.facts.scores
        assert scores.course.stretches.rows.sum() == 300
        # Of the pictures this one alone has times.
        assert "<svg" in Plots().course(scores.course, scores.alerts.score, scores.alerts.expected)
        with without_pictures():
            checked(made.html())


def test_columns_that_say_it_all_are_told():
    table = payments(seed=11)
    rng = np.random.default_rng(1)
    table["scenario"] = np.where(table["fraud"], rng.integers(1, 4, N), 0)
    table["review"] = np.where(table["fraud"], "blocked", rng.choice(["none", "late"], N))
    table["same"] = 5.0
    columns = [*COLUMNS, "scenario", "review", "same", "id"]
    detector = fastrcf.Detector(columns, random_state=1, n_trees=20).fit(table)
    facts = report.build(detector, table, label="fraud").facts
    apart = {c.name for c in (*facts.numbers, *facts.categories) if c.separates}
    # Every id has one row: that tells nothing apart.
    assert apart == {"scenario", "review"}
    assert "scenario, review alone tell (nearly) all rows that fraud marks" in facts.warnings[0]
    assert any("same had one value only in training" in text for text in facts.warnings)
    assert not any(c.separates for c in report.build(detector, table).facts.numbers)


SCRIPT = "<script>alert('x')</script>\"' &amp; {{ 7 * 7 }} $\\frac{$"


def test_what_data_say_stays_text(tmp_path):
    table = payments(seed=12, n=2000)
    evil = {"amount": f"amount {SCRIPT}", "shop": f"shop {SCRIPT}", "fraud": f"fraud {SCRIPT}"}
    table = table.rename(columns=evil)
    table.loc[:900, evil["shop"]] = f"fuel {SCRIPT}"
    table.loc[5, evil["amount"]] = 90_000.0
    table["id"] = "\x00\x1b[31m\u202e" + SCRIPT
    detector = fastrcf.Detector([evil["amount"], evil["shop"]], random_state=1, n_trees=20)
    detector.fit(table)
    detector.notes = {SCRIPT: SCRIPT}
    made = report.build(
        detector, table, label=evil["fraud"], keep=["id", "items"], name=f"{SCRIPT}.rcf"
    )
    made.save(tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in html.lower()
    assert not {"\x00", "\x1b", "\u202e"} & set(html)
    page = checked(html)
    assert page.text.count("<script>alert('x')</script>") >= 6
    assert "{{ 7 * 7 }}" in page.text


def test_pages_are_whole_and_say_what_was_found(detector, tmp_path):
    made = report.build(
        detector, payments(seed=13, shift=0.5), label="fraud", time="when", keep=["id"], name="m"
    )
    html = made.html()
    page = checked(html)
    # Drawn once more, the same.
    made.save(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == html
    facts = made.facts
    tables = {len(table): table for table in page.tables}
    alerts = next(table for table in page.tables if "in words" in table[0])
    first, reason = alerts[1], facts.top[0].reasons[0]
    assert first[0] == str(facts.top[0].row)
    assert first[1] == facts.top[0].kept[0]
    assert any(reason.text.startswith(f"{reason.column} = ") for _ in first)
    assert reason.text.endswith(first[-1])
    assert tables
    for said in (
        f"{facts.scores.alerts.rows:,} rows of {N:,} are above the threshold",
        "Chance does not explain it",
        "strongly shifted",
        "More alerts than asked for",
        "Against the labels in fraud",
        "score auto",
    ):
        assert said in page.text, said
    # For those who print, and those who like it dark.
    assert "@media print" in html
    assert "prefers-color-scheme: dark" in html
    assert html.count("<svg") == html.count("</svg>") == 4 + 3
    assert (
        html.count('role="img"') == html.count("aria-label=", 0) - html.count('role="region"') - 1
    )


@pytest.mark.usefixtures("no_pictures")
def test_reasons_may_say_more_and_be_about_several_columns(detector, monkeypatch):
    import pyarrow as pa

    real = fastrcf.Detector.detect

    def richer(self, table):
        found = real(self, table)
        rows = found["reasons"].to_pylist()
        for row in rows:
            for reason in row:
                reason |= {
                    "column": "amount + items - online",
                    "value": 4.1,
                    "usual_low": -0.5,
                    "usual_high": 0.25,
                    "kind": "relation",
                }
        return found.set_column(3, "reasons", pa.array(rows))

    monkeypatch.setattr(fastrcf.Detector, "detect", richer)
    made = report.build(detector, payments(seed=14))
    reason = made.facts.top[0].reasons[0]
    assert (reason.column, reason.value, reason.usual) == (
        "amount + items - online",
        "4.1",
        "-0.5 to 0.25",
    )
    assert [cause.column for cause in made.facts.causes] == ["amount + items - online"]
    checked(made.html())


def test_wrong_use_is_named(detector):
    table = payments(n=100)
    with pytest.raises(fastrcf.InvalidInputError, match="there are no rows"):
        report.build(detector, table[:0])
    with pytest.raises(fastrcf.InvalidInputError, match="no column 'nope'"):
        report.build(detector, table, keep=["nope"])
    with pytest.raises(fastrcf.InvalidInputError, match="no column 'shop'"):
        report.build(detector, table.drop(columns="shop"))
    with pytest.raises(fastrcf.InvalidParameterError, match="'amount' is a column that the model"):
        report.build(detector, table, label="amount")
    with pytest.raises(fastrcf.InvalidParameterError, match="top: 0"):
        report.build(detector, table, top=0)
    bad = table.assign(amount=table["amount"].where(table.index != 3))
    with pytest.raises(fastrcf.InvalidInputError, match=r"row 103, column 'amount'.*missing"):
        report.build(detector, [table, bad])
    with pytest.raises(fastrcf.InvalidInputError, match=r"row 102, column 'fraud'.*found 2"):
        report.build(detector, [table, table.assign(fraud=[0, 1, 2, *[0] * 97])], label="fraud")
    with pytest.raises(fastrcf.NotFittedError):
        report.build(fastrcf.Detector(), table)
    numbers = fastrcf.Detector(random_state=2, n_trees=5).fit(table[["amount", "items"]])
    with pytest.raises(fastrcf.InvalidInputError, match="2 columns in the fitted order"):
        report.build(numbers, np.zeros((3, 3)))


@pytest.mark.usefixtures("no_pictures")
def test_a_page_is_written_whole_or_not_at_all(detector, tmp_path, monkeypatch):
    made = report.build(detector, payments(n=100))
    path = tmp_path / "report.html"
    path.write_text("as it was")
    with pytest.raises(FileNotFoundError):
        made.save(tmp_path / "no" / "report.html")
    monkeypatch.setattr("os.fsync", lambda file: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        made.save(path)
    assert path.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("lacking", ["jinja2", "pyarrow"])
def test_a_missing_extra_is_named(lacking):
    code = (
        f"import sys; sys.modules[{lacking!r}] = None\n"
        "import fastrcf\n"
        "try: fastrcf.report\n"
        "except fastrcf.MissingExtraError as error: print(error)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"reports need {lacking}: pip install 'fastrcf[report]'" in out.stdout


def test_importing_fastrcf_imports_nothing_of_it():
    light = "import fastrcf, sys; print('matplotlib' in sys.modules, 'jinja2' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", light], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "False"]


def test_pictures_leave_matplotlib_as_it_was(detector):
    import matplotlib

    before = dict(matplotlib.rcParams)
    page = report.build(detector, payments(n=200))
    usual = page.html()
    own = {
        "text.usetex": True,
        "font.size": 30,
        "figure.constrained_layout.use": True,
        "axes.facecolor": "black",
        "lines.linewidth": 9,
    }
    with matplotlib.rc_context(own):
        # Someone's own look, as in a notebook, is not the page's.
        assert page.html() == usual
        assert matplotlib.rcParams["font.size"] == 30
    assert dict(matplotlib.rcParams) == before
