# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Fraud in session records, on Spark
#
# [local_fraud_detection_1week](local_fraud_detection_1week.ipynb) tells what is looked for in a
# week of IoT sessions, and how it is found on one machine. Here the same is done on Spark, for
# what one machine does not hold: a year, or a fleet of millions. It reads sessions, computes
# features on the workers, fits a detector to some SIMs, scores all sessions on the workers, writes
# the alerts, tells the three cases that matter most in words, and says what was found and what each
# step took.
#
# It needs `pip install 'fastrcf[cli,report]' 'fastrcf-spark[connect]'` and Java 17.
# [docs/spark.md](../docs/spark.md) tells about clusters.
#
# **What is the same, and what differs.** Features are those of one machine, bit for bit, and so are
# the scores of a given detector: the end of this notebook compares them. But
#
# * the detector learns from **some SIMs**, drawn by a hash, up to `learn_from` sessions, where one
#   machine takes all sessions of the first days;
# * the **threshold** is that of the fit for all days, where one machine gives each day that of the
#   day before. It was found on the drawn SIMs, among which fleets look smaller than they are, so
#   that there are not quite as many cases as were asked for. So was the ratio from which on a SIM
#   is silent;
# * **what is usual** for a family is told of the drawn SIMs;
# * the **report** sums up all sessions once more, by one process. It is made where one machine does
#   the same again (`one_machine`), and left out on a cluster, which would have to send all sessions
#   through the driver.
#
# If your week fits one machine, use one machine: the table at the end says by how much it is
# faster.

# %% [markdown]
# ## Parameters
#
# `sims=10_000` are about a million sessions in a week, `sims=190_000` about twenty million. If
# `folder` is there, it is read instead. `master` is empty on a cluster, whose notebook has its
# session already; then `folder` and `out` must be where the workers can reach them, and
# `one_machine`, which does the same again without Spark, is best left off.

# %% tags=["parameters"]
folder = "../build/spark-week"
out = "../build/spark-week-found"
sims = 10_000
days = 7
seed = 7
fraud = 1.0
budget = 1.0
timezone = "UTC"
master = "local[*]"
driver_memory = "4g"
learn_from = 500_000
one_machine = True

# %%
import json
import os
import shutil
import sys
import textwrap
import time
import warnings
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
import pyspark
from IPython.display import HTML, display
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import fastrcf
from fastrcf.telecom import report, schema, week
from fastrcf.telecom.catalogue import FEATURES
from fastrcf.telecom.detection import SessionDetector
from fastrcf.telecom.evaluation import evaluate_findings
from fastrcf.telecom.feature_files import features_folder
from fastrcf.telecom.generator import Parameters, generate
from fastrcf.telecom.stories import cases, stories
from fastrcf.telecom.tell import title
from fastrcf_spark import (
    detect_sessions,
    fit_peers,
    quiet_times,
    score_sessions,
    session_features,
)

folder, out = Path(folder), Path(out)
took = {}


@contextmanager
def step(name):
    """Note how many seconds a step takes."""
    started = time.monotonic()
    yield
    took[name] = time.monotonic() - started


def here(rows):
    """Bring a few rows of Spark to this machine."""
    return pl.from_arrow(rows.toArrow())


def show(rows):
    """Show a table: names to the left, numbers to the right."""
    frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows)
    side = ["right" if kind.is_numeric() else "left" for kind in frame.dtypes]

    def cell(tag, value, align):
        text = "" if value is None else f"{value:,}" if align == "right" else str(value)
        return f'<{tag} style="text-align:{align}">{escape(text)}</{tag}>'

    head = "".join(
        f'<th style="text-align:{align}">{escape(name)}</th>'
        for name, align in zip(frame.columns, side, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(cell("td", *pair) for pair in zip(row, side, strict=True)) + "</tr>"
        for row in frame.iter_rows()
    )
    display(HTML(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"))


INK, MUTED, LINE = "#1d2230", "#5d6475", "#dcdee4"
DATA, SOFT, ALERT = "#3b6fb6", "#cfdef2", "#c4442b"
plt.rcParams.update(
    {
        "figure.figsize": (9, 3.2),
        "figure.dpi": 110,
        "figure.constrained_layout.use": True,
        "font.size": 9.5,
        "text.color": INK,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.labelcolor": MUTED,
        "axes.edgecolor": LINE,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": LINE,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "legend.frameon": False,
    }
)


@contextmanager
def errors_into(path):
    """Let what programs started here say on stderr go into a file."""
    kept, log = os.dup(2), os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(log)


# %% [markdown]
# ## 1. A Spark
#
# On a laptop this makes one; on a cluster it takes the one that is there. Workers must find the
# same Python environment: locally that is this interpreter, on a cluster `fastrcf` and
# `fastrcf-spark` are installed like any other library (or sent as an archive).
#
# Spark's log goes into `spark.log` beside the results.
#
# One setting matters: since 4.0 Spark measures each Arrow batch row by row, which costs more than
# the forest does; batches stay bounded by the number of their rows.

# %%
warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
out.mkdir(parents=True, exist_ok=True)
if master:
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    builder = (
        SparkSession.builder.master(master)
        .appName("fraud in session records")
        .config("spark.driver.memory", driver_memory)
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
    )
else:
    builder = SparkSession.builder
with step("start Spark"), errors_into(out / "spark.log"):
    spark = builder.getOrCreate()
parallel = spark.sparkContext.defaultParallelism if master else 100
spark.conf.set("spark.sql.shuffle.partitions", 2 * parallel)
spark.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", 2147483647)
spark.conf.set("spark.sql.session.timeZone", "UTC")
print(f"Spark {spark.version}, PySpark {pyspark.__version__}, fastrcf {fastrcf.__version__}")

# %% [markdown]
# ## 2. The sessions

# %%
if not folder.exists():
    with step("make up"):
        made_up = generate(folder, Parameters(sims=sims, days=days, seed=seed, fraud=fraud))
    print(f"Made up {made_up.sessions:,} sessions of {sims:,} SIMs in {days} days, seed {seed}.")

sessions = spark.read.parquet(str(folder / "sessions"))
for name in ("family", "visited_plmn", "home_plmn"):
    if name not in sessions.columns:
        # What an operator does not have is unknown; without families all devices are one.
        sessions = sessions.withColumn(name, F.lit(None).cast("string"))
with step("count"):
    seen = sessions.agg(
        F.count("*").alias("n"),
        F.countDistinct("sim_id").alias("sims"),
        F.unix_micros(F.min("start_ts")).alias("first"),
        F.unix_micros(F.max("start_ts")).alias("last"),
    ).first()
first, last = (pl.Series([at], dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))[0] for at in seen[2:])
known = week.incidents(folder)
print(f"{seen.n:,} sessions of {seen.sims:,} SIMs, {first:%a %d %b %Y} to {last:%a %d %b %Y}.")

# A shuffle makes parts of some hundred thousand sessions: a worker holds one at a time.
spark.conf.set("spark.sql.shuffle.partitions", max(2 * parallel, seen.n // 250_000))

# %%
families = (
    sessions.groupBy(F.coalesce("family", F.lit("all")).alias("family"))
    .agg(
        F.countDistinct("sim_id").alias("SIMs"),
        F.count("*").alias("sessions"),
        F.round(F.sum(F.col("bytes_up") + F.col("bytes_down")) / 1e9, 2).alias("GB"),
        F.round(100 * F.sum("bytes_up") / F.sum(F.col("bytes_up") + F.col("bytes_down"))).alias(
            "% sent"
        ),
        F.round(100 * F.avg((F.col("visited_plmn") != F.col("home_plmn")).cast("int")), 1).alias(
            "% roaming"
        ),
    )
    .orderBy(F.desc("sessions"))
)
show(here(families))

# %% [markdown]
# ## 3. Features on the workers
#
# First the counts of peers, from which features know what is usual for a fleet and a place: small
# enough for one file, and kept, since tomorrow's sessions are held to them. Then the features: all
# records of a SIM meet in one task, and the code that runs there is that of one machine.

# %%
detector = SessionDetector(alerts_per_thousand=budget, random_state=seed)
with step("peers"):
    peers = fit_peers(sessions, timezone=timezone)
peers.save(out / "peers.parquet")
with step("features"):
    computed = session_features(
        sessions, timezone=timezone, peers=peers, features=detector.features
    )
    computed.write.mode("overwrite").parquet(str(out / "features"))
features = spark.read.parquet(str(out / "features"))
print(f"{len(detector.features)} features of {seen.n:,} sessions: {took['features']:.1f} s.")

# %% [markdown]
# ## 4. Learn from some SIMs
#
# A forest needs thousands of sessions, not millions. Whole SIMs are drawn by a hash of their name,
# so that the same are drawn tomorrow; their sessions of the first days come to this machine, with
# their features. The detector is the same as elsewhere, one file.

# %%
n_days = (last.date() - first.date()).days + 1
learnt = min(n_days - 1, max(2, round(week.LEARNT * n_days)))
until = first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=learnt)
share = min(1.0, learn_from / max(1, seen.n * 4 / 7))
drawn = (F.abs(F.xxhash64("sim_id")) % 10_000) < int(10_000 * share)
learnable = drawn & (F.col("start_ts") < F.lit(until))
records = sessions.select([name for name in schema.NAMES if name in sessions.columns])
with step("learn"):
    some = here(features.where(learnable)).sort("sim_id", "start_ts", "session_id")
    some_sessions = here(records.where(learnable))
    detector.fit(some, some_sessions)
    detector.save(out / "sessions.rcf")
print(
    f"Learnt from {len(some):,} sessions of {some['sim_id'].n_unique():,} SIMs before "
    f"{until:%a %d %b}. Sessions above {detector.threshold:.1f} alert, and SIMs that are quiet for "
    f"{detector.silence_ratio:.1f} times the longest gap that they had in seven days."
)

# %% [markdown]
# ## 5. Score on the workers, write the alerts
#
# The detector travels to the workers. What comes back is each session with its score, and those
# above the threshold with what they probably are. Of the days that were learnt from only the last
# hours are needed, since what came together on a SIM within hours counts.

# %%
with step("score"):
    judged = features.where(F.col("start_ts") >= F.lit(until - detector.look_back))
    scored = score_sessions(judged, detector).where(F.col("start_ts") >= F.lit(until))
    scored.write.mode("overwrite").parquet(str(out / "scores"))
scored = spark.read.parquet(str(out / "scores"))
with step("write alerts"):
    scored.where("kind IS NOT NULL").coalesce(1).write.mode("overwrite").parquet(
        str(out / "alerting")
    )
n_judged = scored.count()
print(f"Judged {n_judged:,} sessions.")

# %% [markdown]
# A session that never comes cannot be scored. How long each SIM was quiet the workers find, too;
# what comes here are the times that are longer than all those of the SIM's last seven days.
#
# Sessions above the threshold are few: they come here with their features and become alerts and
# cases, by the same rules as on one machine. What an alert probably is follows from the reasons of
# its sessions.

# %%
with step("silent SIMs"):
    quiet = quiet_times(sessions)
with step("alerts"):
    findings = detect_sessions(
        spark.read.parquet(str(out / "alerting")), features, detector, quiet=quiet, since=until
    )
above, alerts = findings.alerting, findings.alerts
n_cases, n_silent = alerts["case"].n_unique(), alerts["score"].null_count()
alerts.write_parquet(out / "alerts.parquet")
print(
    f"{len(above):,} sessions are above the threshold; of {len(quiet):,} times that a SIM was "
    f"quiet for longer than usual {n_silent:,} are told. {len(alerts):,} alerts, {n_cases:,} "
    f"cases: one for every {n_judged / max(1, n_cases):,.0f} sessions; asked for one in "
    f"{1000 / budget:,.0f}."
)
by_kind = alerts.group_by("kind").agg(
    pl.len().alias("alerts"), pl.col("case").n_unique().alias("cases")
)
by_kind = by_kind.sort("cases", "kind", descending=[True, False])
show(by_kind.with_columns(pl.Series("kind", [title(kind) for kind in by_kind["kind"]])))

# %%
figure, (left, right) = plt.subplots(1, 2)
bins = scored.groupBy(F.floor("score").alias("score")).count().orderBy("score")
bins = here(bins)
beyond = bins["score"] >= detector.threshold
for some_bins, colour, label in (
    (~beyond, DATA, "sessions"),
    (beyond, ALERT, "above the threshold"),
):
    part = bins.filter(some_bins)
    left.bar(part["score"], part["count"], width=1, align="edge", color=colour, label=label)
left.set_yscale("log")
left.set(title="Scores of the judged days", xlabel="score", ylabel="sessions")
left.legend()
per_hour = (
    alerts.unique("case", keep="first")
    .group_by(at=pl.col("opened").dt.truncate("6h"))
    .len()
    .sort("at")
)
right.bar([f"{at:%a %H}" for at in per_hour["at"]], per_hour["len"], color=ALERT, width=0.8)
right.tick_params(axis="x", rotation=60)
right.set(title="Cases that open within six hours", ylabel="cases")
plt.show()

# %% [markdown]
# ## 6. Was that right?
#
# Where it is known what happened, alerts are joined with it. An incident is **found** if one of its
# sessions is above the threshold, or one of its silent SIMs was told while it lasted. Precision and
# recall of all sessions come from counts by score, rounded to a twentieth, so that nothing large
# leaves the workers.

# %%
figures = {
    "sessions": seen.n,
    "judged": n_judged,
    "alerts": len(alerts),
    "cases": n_cases,
    "silent": n_silent,
}
if known is None or "incident" not in scored.columns:
    print("Nobody knows what happened: nothing to hold alerts to.")
else:
    with step("evaluate"):
        happened = here(scored.where("incident IS NOT NULL").groupBy("incident").count())
        of_incidents = above.filter(pl.col("incident").is_not_null())
        is_silent = pl.col("label").cast(pl.String) == "silent_device"
        gone = known.filter(is_silent).select("incident", "onset", "end", sim_id="sim_ids")
        told_silent = (
            alerts.filter(pl.col("score").is_null())
            .join(gone.explode("sim_id"), on="sim_id")
            .filter(
                (pl.col("opened") >= pl.col("onset"))
                & (pl.col("opened") <= pl.col("end")).fill_null(True)
            )
        )
        found = (
            pl.concat(
                [
                    of_incidents.select("incident", "alert", at="start_ts", above=1),
                    told_silent.select("incident", "alert", at="opened", above=0),
                ]
            )
            .group_by("incident")
            .agg(pl.col("above").sum(), first=pl.col("at").min())
        )
        goes_silent = is_silent & pl.col("onset").is_between(until, last)
        joined = (
            known.select("incident", pl.col("label").cast(pl.String), "onset")
            .join(happened, on="incident", how="left")
            .join(found, on="incident", how="left")
            .filter(pl.col("count").is_not_null() | goes_silent)
            .with_columns(
                hours=(pl.col("first") - pl.col("onset")).dt.total_minutes() / 60,
            )
        )
        table = (
            joined.group_by("label")
            .agg(
                pl.len().alias("incidents"),
                pl.col("first").is_not_null().sum().alias("found"),
                pl.col("count").sum().alias("sessions"),
                pl.col("above").sum().alias("above the threshold"),
                pl.col("hours").median().round(1).alias("hours to detection"),
            )
            .sort("label")
        )
        fine = F.floor(F.col("score") * 20)
        counts = here(
            scored.groupBy(fine.alias("bin")).agg(
                F.count("*").alias("n"), F.count("incident").alias("bad")
            )
        ).sort("bin", descending=True)
    recall = table["found"].sum() / table["incidents"].sum()
    true = pl.concat([of_incidents["alert"], told_silent["alert"]]).unique()
    true_cases = alerts.filter(pl.col("alert").is_in(true.implode()))["case"].n_unique()
    caught = counts["bad"].cum_sum().to_numpy()
    precision = caught / counts["n"].cum_sum().to_numpy()
    gained = np.diff(caught, prepend=0) / caught[-1]
    figures |= {"recall": recall, "average precision": float((gained * precision).sum())}
    show(table.with_columns(pl.Series("label", [title(kind) for kind in table["label"]])))
    print(
        f"{table['found'].sum()} of {table['incidents'].sum()} incidents were found; "
        f"{true_cases:,} of {n_cases:,} cases are part of one. Average precision of sessions: "
        f"{figures['average precision']:.2f}."
    )
    figure, axes = plt.subplots(figsize=(6, 3))
    axes.plot(100 * caught / caught[-1], 100 * precision, color=DATA)
    share_above = above["incident"].is_not_null()
    axes.plot(
        100 * share_above.sum() / caught[-1],
        100 * share_above.mean(),
        "o",
        color=ALERT,
        label="at the threshold",
    )
    axes.set(title="Sessions", xlabel="recall, %", ylabel="precision, %", ylim=(0, 103))
    # Where nothing is: to look for the best place among many points takes long.
    axes.legend(loc="upper right")
    plt.show()

# %% [markdown]
# ## 7. The three cases that matter most
#
# In words, of three different kinds. Which they are follows from scores alone; then the sessions of
# their SIMs come here, and no others. What is usual for a SIM is what it did in the seven days
# before, what is usual for its family what the drawn SIMs did in the days that were learnt from.
# Below each the reasons: which features made the score, and how much of it.

# %%
with step("tell"):
    of_kind = {}
    for case in cases(stories(findings, some_sessions.head(0), training_until=until)):
        of_kind.setdefault(case.kind, case)
    chosen = list(of_kind.values())[:3]
    told = [story for case in chosen for story in case.stories]
    own_sessions = here(records.where(F.col("sim_id").isin([story.sim_id for story in told])))
    near = pl.concat([some_sessions, own_sessions]).unique("session_id")
    told = stories(findings, near, training_until=until, alerts=[story.alert for story in told])
    by_number = {case.case: case for case in cases(told)}
    important = [by_number[case.case] for case in chosen]

meaning = {feature.name: feature.meaning for feature in FEATURES}
for number, case in enumerate(important, 1):
    story = case.stories[0]
    said = [f"{number}. {story.headline}"]
    said += [case.sentence] if case.sentence != story.headline else []
    said += list(story.sentences)
    for sentence in said:
        print(textwrap.fill(sentence, 96, subsequent_indent="   "))
    for reason in findings.reasons.get(story.alert, [])[:4]:
        print(f"   {100 * reason.share:3.0f} %  {reason.column}: {meaning[reason.column]}")
    print()
print(f"{len(own_sessions):,} sessions of {own_sessions['sim_id'].n_unique():,} SIMs were read.")
figures["told"] = [case.kind for case in important]

# %% [markdown]
# The same three as time lines: each session of the SIM by its bytes. Red stood out; the shade is
# the alert.

# %%
if important:
    rows = len(important)
    figure, all_axes = plt.subplots(rows, 1, figsize=(9, 2.3 * rows), squeeze=False)
    for axes, case in zip(all_axes[:, 0], important, strict=True):
        story = case.stories[0]
        around = pl.col("start_ts").is_between(
            story.opened - timedelta(days=3), story.last + timedelta(days=1)
        )
        own = own_sessions.filter((pl.col("sim_id") == story.sim_id) & around)
        own = own.with_columns(bytes=pl.col("bytes_up") + pl.col("bytes_down"))
        stood = own["session_id"].is_in(above["session_id"].implode())
        margin = timedelta(minutes=30)
        axes.axvspan(story.opened - margin, story.last + margin, color=SOFT, lw=0)
        for which, colour, size in ((~stood, DATA, 4), (stood, ALERT, 7)):
            part = own.filter(which)
            axes.semilogy(part["start_ts"], part["bytes"].clip(1), ".", color=colour, ms=size)
        axes.set_yticks([1, 1e3, 1e6, 1e9], ["0", "1 kB", "1 MB", "1 GB"])
        axes.set_yticks([], minor=True)
        axes.set_title(f"{title(story.kind)}: SIM {story.sim_id[:8]} ({story.family})")
        locator = AutoDateLocator(minticks=3, maxticks=9)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    plt.show()

# %% [markdown]
# ## 8. The same on one machine, and the report
#
# The same folder, the same features and the same detector, without Spark; then the scores of all
# judged sessions are compared.
#
# The report is one page that needs no network, of the alerts that Spark found. It is made here
# because it counts all sessions by the hour, the fleet and the cell, which one process does.

# %%
if one_machine:
    alone = out / "one-machine"
    shutil.rmtree(alone, ignore_errors=True)
    with step("features, one machine"):
        written = features_folder(folder, alone, timezone=timezone, features=detector.features)
    own = week.read_features(written.folder, detector.features)
    with step("score, one machine"):
        expected = detector.score(
            own.filter(pl.col("start_ts") >= until - detector.look_back)
        ).filter(pl.col("start_ts") >= until)
    got = week.read_sessions(out / "scores", ["session_id", "score"])
    both = expected.select("session_id", here="score").join(got, on="session_id", how="inner")
    apart = (both["here"] - both["score"]).abs().max()
    figures["difference from one machine"] = apart
    print(
        f"{len(both):,} of {len(expected):,} sessions are in both; their scores differ by at most "
        f"{apart:.2g}."
    )
    whole = replace(findings, scored=expected)
    with step("report"):
        judged_well = (
            evaluate_findings(whole, known, n_bootstrap=0) if "recall" in figures else None
        )
        page = report.build(
            whole,
            folder,
            training_until=until,
            evaluation=judged_well,
            incidents=known,
            made=report.Made(
                data=folder.name,
                seed=seed,
                parameters={"alerts a thousand sessions": budget, "time zone": timezone},
                seconds=dict(took),
                versions=week.versions() | {"Spark": spark.version},
            ),
        )
        page.save(out / "report.html")
    if judged_well is not None:
        figures["recall, one machine"] = judged_well.recall
    print(f"report.html: {(out / 'report.html').stat().st_size / 1e3:,.0f} kB")
else:
    print("No report: it would read all sessions here.")

# %% [markdown]
# ## What it took
#
# Of this run, on this machine, with whatever else it was doing. A step of Spark has the time to
# read, to move sessions to where their SIM is, and to write.

# %%
rows = {"learn": len(some), "score": n_judged, "score, one machine": n_judged}
show(
    {
        "step": list(took),
        "seconds": [round(seconds, 1) for seconds in took.values()],
        "sessions a second": [
            int(rows.get(name, seen.n) / max(seconds, 1e-9))
            if name not in ("start Spark", "evaluate", "write alerts", "alerts", "tell", "report")
            else None
            for name, seconds in took.items()
        ],
    }
)
if one_machine:
    spark_seconds = took["peers"] + took["features"]
    ratio = spark_seconds / took["features, one machine"]
    print(
        f"Features, peers and all, took Spark {spark_seconds:.0f} s and one machine "
        f"{took['features, one machine']:.0f} s: {ratio:.1f} times as long."
    )
figures["seconds"] = {name: round(seconds, 2) for name, seconds in took.items()}
(out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
if master:
    spark.stop()

# %% [markdown]
# ## On a cluster
#
# * **The same code.** Leave `master` empty, give `folder` and `out` as paths that all workers see
#   (a mounted volume; for object stores read and write with `spark.read` and `spark.write`, and
#   keep the small files, `peers.parquet`, `sessions.rcf` and `alerts.parquet`, where the driver
#   can).
# * **Every night:** features of the last eight days (a week of history, and the day), scored by
#   the model of yesterday; learn anew from time to time. `peers.parquet` spares counting all days
#   again.
# * **Partitions:** a worker holds some hundred thousand sessions, or the largest SIM.
#   `spark.sql.shuffle.partitions` above is set for 250,000 sessions each.
# * **A SIM that matters:** `stories` tells any alert from the sessions of its SIM, as above.
# * **Other faces:** `score`, `detect`, streams and SQL functions for any table are in
#   [docs/spark.md](../docs/spark.md).
