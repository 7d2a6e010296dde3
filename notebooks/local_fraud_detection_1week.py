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
# # A week of sessions, and what is wrong in it
#
# A fleet operator has tens of thousands of SIMs in meters, trackers, card terminals, alarm panels,
# cameras and routers. Now and then one is stolen, cloned or leaks data; a firmware loops; somebody
# streams films over a meter's tariff. Nobody has labelled examples. What there is, is a week of
# **session records**: who was connected, when, for how long, where, and how much went up and down.
#
# This notebook goes from such records to **a short list of alerts, each with its reasons**:
#
# 1. read the sessions, look at them, check their quality;
# 2. compute features that say how a session compares with its SIM, its fleet and its place;
# 3. learn from the first days, without labels, and judge the days after;
# 4. see what was found, how soon, and at what price, beside simple rules and another detector;
# 5. read the three cases that matter most, choose how many alerts a day are wanted, write the
#    report, and keep the model for sessions that come in tomorrow.
#
# It needs `pip install 'fastrcf[cli,report,sklearn]'`. A million sessions take a few minutes on a
# laptop. [docs/telecom.md](../docs/telecom.md) says how it works.

# %% [markdown]
# ## Parameters
#
# `folder` holds session records as `fastrcf sessions load` writes them from an operator's own
# tables. If it is not there, a week is made up: `sims`, `days`, `seed` and `fraud` (how many
# incidents, relative to a usual week) say what kind. `budget` is the number of cases for every
# thousand sessions that somebody has time to look at.

# %% tags=["parameters"]
folder = "../build/week"
out = "../build/week-found"
sims = 10_000
days = 7
seed = 7
fraud = 1.0
budget = 1.0
timezone = "UTC"

# %%
import json
import shutil
import textwrap
import time
from contextlib import contextmanager
from datetime import timedelta
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from IPython.display import HTML, display
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

import fastrcf
from fastrcf.telecom import baselines, report, rules, week
from fastrcf.telecom.alerts import AlertRule
from fastrcf.telecom.catalogue import FEATURES
from fastrcf.telecom.detection import SessionDetector
from fastrcf.telecom.evaluation import evaluate_findings
from fastrcf.telecom.feature_files import features_folder
from fastrcf.telecom.generator import Parameters, generate
from fastrcf.telecom.live import SessionStream
from fastrcf.telecom.schema import ABNORMAL, COLUMNS
from fastrcf.telecom.tell import title

folder, out = Path(folder), Path(out)
took = {}


@contextmanager
def step(name):
    """Note how many seconds a step takes."""
    started = time.monotonic()
    yield
    took[name] = time.monotonic() - started


# %% [markdown]
# One look for all pictures: blue is what usually happens, red is what stands out.

# %%
INK, MUTED, LINE = "#1d2230", "#5d6475", "#dcdee4"
DATA, SOFT, ALERT, FIT = "#3b6fb6", "#cfdef2", "#c4442b", "#a8901f"
plt.rcParams.update(
    {
        "figure.figsize": (9, 3.4),
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
        "axes.prop_cycle": plt.cycler(color=[DATA, ALERT, FIT, "#2c7a4b", "#7d4f9e", MUTED]),
        "grid.color": LINE,
        "grid.linewidth": 0.6,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "legend.frameon": False,
    }
)


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


def dates(axes):
    """Write days below an axis of time."""
    locator = AutoDateLocator(minticks=3, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


# %% [markdown]
# ## 1. The sessions
#
# A record is one data session of a SIM, or one message, as the operator's accounting closes it.
# SIMs and devices are hashed when records are loaded: nobody needs their numbers to find what is
# wrong.

# %%
if not folder.exists():
    with step("make up"):
        made_up = generate(folder, Parameters(sims=sims, days=days, seed=seed, fraud=fraud))
    print(f"Made up {made_up.sessions:,} sessions of {sims:,} SIMs in {days} days, seed {seed}.")
else:
    print(f"Read what is in {folder.name}.")

with step("read"):
    sessions = week.read_sessions(folder)
    known = week.incidents(folder)

first, last = sessions["start_ts"].min(), sessions["start_ts"].max()
print(
    f"{len(sessions):,} sessions of {sessions['sim_id'].n_unique():,} SIMs, "
    f"{first:%a %d %b %Y} to {last:%a %d %b %Y}."
)
print("What really happened is known." if known is not None else "Nobody knows what happened.")

# %% [markdown]
# What a record holds. Columns that an operator does not have may be missing; the first ones may
# not.

# %%
there = [column for column in COLUMNS if column.name in sessions.columns]
example = sessions.row(len(sessions) // 2, named=True)
show(
    {
        "column": [column.name for column in there],
        "meaning": [column.meaning for column in there],
        "unit": [column.unit for column in there],
        "for example": [str(example[column.name])[:28] for column in there],
    }
)

# %% [markdown]
# ## 2. A first look
#
# Families differ by orders of magnitude: a meter sends a few kilobytes, a camera hundreds of
# megabytes. A limit that is right for one is useless for the others. Roaming alone means nothing
# either: some fleets roam for good.

# %%
# What an operator does not have is unknown; without families all devices are one.
sessions = sessions.with_columns(
    pl.lit(None, column.dtype).alias(column.name)
    for column in COLUMNS
    if column.name not in sessions.columns
)
family_of = pl.col("family").cast(pl.String).fill_null("all").alias("family")
sessions = sessions.with_columns(bytes=pl.col("bytes_up") + pl.col("bytes_down"))
span = (last - first) / timedelta(days=1)
roams = (pl.col("visited_plmn") != pl.col("home_plmn")).fill_null(False)
fails = pl.col("end_cause").is_in([str(cause) for cause in ABNORMAL]).fill_null(False)
families = (
    sessions.group_by(family_of)
    .agg(
        pl.col("sim_id").n_unique().alias("SIMs"),
        pl.len().alias("sessions"),
        (pl.len() / pl.col("sim_id").n_unique() / span).round(1).alias("sessions a SIM and day"),
        (pl.col("bytes").sum() / 1e6 / pl.col("sim_id").n_unique() / span)
        .round(2)
        .alias("MB a SIM and day"),
        (100 * pl.col("bytes_up").sum() / pl.col("bytes").sum()).round(0).alias("% sent"),
        (100 * roams.mean()).round(1).alias("% roaming"),
        (100 * fails.mean()).round(1).alias("% failed"),
    )
    .sort("sessions", descending=True)
)
show(families)
names = families["family"].to_list()

# %%
hourly = sessions.group_by(family_of, hour=pl.col("start_ts").dt.truncate("1h")).len().sort("hour")
figure, all_axes = plt.subplots(len(names), 1, sharex=True, figsize=(9, 1 + 0.95 * len(names)))
for axes, name in zip(np.atleast_1d(all_axes), names, strict=True):
    part = hourly.filter(pl.col("family") == name)
    axes.fill_between(part["hour"], part["len"], color=DATA, lw=0)
    axes.set_ylim(bottom=0)
    axes.set_title(name, pad=2)
    axes.margins(x=0)
dates(axes)
figure.suptitle("Sessions an hour", x=0.01, ha="left")
plt.show()

# %% [markdown]
# Volumes of a session and hours of the day. Each family has a rhythm of its own, which is why
# later everything is compared with the SIM's own past and with its peers.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), width_ratios=[1, 1.15])
edges = np.linspace(0, 10, 61)
for name in names:
    values = sessions.filter((family_of == name) & (pl.col("bytes") > 0))["bytes"]
    counts, _ = np.histogram(np.log10(values.to_numpy()), edges, density=True)
    left.stairs(counts, edges, label=name, lw=1.3)
left.set_xticks([0, 3, 6, 9], ["1 B", "1 kB", "1 MB", "1 GB"])
left.set(title="Bytes of a session", ylabel="density")
left.legend(fontsize=8)

clock = sessions.select(
    family_of,
    hour=pl.col("start_ts").dt.convert_time_zone(timezone).dt.hour(),
)
table = np.zeros((len(names), 24))
for name, hour, count in clock.group_by("family", "hour").len().iter_rows():
    table[names.index(name), hour] = count
table /= table.sum(axis=1, keepdims=True)
right.imshow(100 * table, aspect="auto", cmap="Blues")
right.set_yticks(range(len(names)), names)
right.set(title=f"Share of a family's sessions by hour ({timezone})", xlabel="hour")
right.grid(visible=False)
plt.show()

# %%
fleets = sessions.filter(pl.col("customer").is_not_null()).group_by("customer")
fleets = fleets.agg(share=roams.mean())
if len(fleets):
    figure, axes = plt.subplots(figsize=(9, 2.4))
    counts, edges = np.histogram(fleets["share"], np.linspace(0, 1, 21))
    axes.stairs(counts, 100 * edges, fill=True, color=DATA)
    axes.set(
        title="Fleets by how much they roam",
        xlabel="% of a fleet's sessions in another network than the SIM's own",
        ylabel="fleets",
    )
    plt.show()

# %% [markdown]
# ## 3. Is the data good?
#
# What is checked here has spoilt many an analysis: sessions that came twice, clocks in the wrong
# unit, hours that never arrived. `fastrcf sessions load` puts bad records aside with reasons and
# counts, which `load.json` beside the sessions holds; the checks are of what was kept.

# %%
hours = sessions["start_ts"].dt.truncate("1h").n_unique()
expected = int((last - first) / timedelta(hours=1)) + 1
checks = {
    "session ids that occur twice": len(sessions) - sessions["session_id"].n_unique(),
    "sessions that end before they begin": int((sessions["end_ts"] < sessions["start_ts"]).sum()),
    "sessions longer than a week": int(
        ((sessions["end_ts"] - sessions["start_ts"]) > timedelta(days=7)).sum()
    ),
    "negative volumes": int(((sessions["bytes_up"] < 0) | (sessions["bytes_down"] < 0)).sum()),
    "hours without any session": expected - hours,
}
checks |= {
    f"% of sessions without {column.name}": round(100 * sessions[column.name].is_null().mean(), 1)
    for column in there
    if sessions[column.name].null_count()
}
show({"check": list(checks), "found": [f"{n:,}" for n in checks.values()]})

aside = week.put_aside(folder)
if aside is None:
    print("Nothing is known of a load.")
elif not aside:
    print("The load put no record aside.")
else:
    print(f"The load put {sum(aside.values()):,} records aside:")
    show({"put aside on load": list(aside), "records": list(aside.values())})
bad = [name for name in list(checks)[:4] if checks[name]]
assert not bad, f"mend this first: {', '.join(bad)}"

# %% [markdown]
# ## 4. Features
#
# Each session gets numbers that say how it follows on what came before it on its SIM, and how it
# compares with devices of its kind. None looks into the future: a feature of Wednesday is the same
# whether or not Thursday is there. [docs/telecom-features.md](../docs/telecom-features.md) has all
# of them with formulas.

# %%
shutil.rmtree(out / "features", ignore_errors=True)
with step("features"):
    written = features_folder(folder, out / "features", timezone=timezone)
detector = SessionDetector(alerts_per_thousand=budget, random_state=seed)
features = week.read_features(written.folder, detector.features)
print(
    f"{written.features} features of {written.rows:,} sessions in {took['features']:.1f} s; "
    f"the detector looks at {len(detector.features)} of them:"
)
meaning = {feature.name: feature for feature in FEATURES}
show(
    {
        "feature": detector.features,
        "unit": [meaning[name].unit for name in detector.features],
        "what it is for": [meaning[name].meaning for name in detector.features],
    }
)

# %% [markdown]
# What that looks like for one SIM: the one whose volume of a day is furthest above that of devices
# of its kind. The band is where nine of ten sessions of its family are at the time.

# %%
until = week.split(features)
odd = features.filter(pl.col("start_ts") >= until).sort("bytes_z", "session_id", descending=True)
sim, family = odd["sim_id"][0], odd.select(family_of)["family"][0]
own = sessions.filter(pl.col("sim_id") == sim).sort("start_ts")
of_sim = features.filter(pl.col("sim_id") == sim).sort("start_ts")
of_family = features.filter(family_of == family)

shown = ["bytes_z", "bytes_ratio_24h", "sessions_ratio_24h"]
figure, all_axes = plt.subplots(4, 1, sharex=True, figsize=(9, 7))
all_axes[0].semilogy(own["start_ts"], own["bytes"].clip(1), ".", color=DATA, ms=4)
all_axes[0].set_yticks([1, 1e3, 1e6, 1e9], ["0", "1 kB", "1 MB", "1 GB"])
all_axes[0].set_yticks([], minor=True)
all_axes[0].set_title(f"SIM {sim[:8]} ({family}): bytes of each session")
for axes, name in zip(all_axes[1:], shown, strict=True):
    band = (
        of_family.group_by(at=pl.col("start_ts").dt.truncate("6h"))
        .agg(low=pl.col(name).quantile(0.05), high=pl.col(name).quantile(0.95))
        .sort("at")
    )
    axes.fill_between(band["at"], band["low"], band["high"], color=SOFT, lw=0, step="post")
    axes.plot(of_sim["start_ts"], of_sim[name], ".", color=ALERT, ms=4)
    axes.set_title(f"{name}: {meaning[name].meaning}")
dates(all_axes[-1])
plt.show()

# %% [markdown]
# ## 5. Learn from the first days, judge the others
#
# A random cut forest learns what sessions look like; it is not told which are bad. The first day
# is left out, since SIMs without history look strange to anybody. Then each session gets a
# **score**: how rare it is within its family, together with what came together on its SIM within
# hours. The threshold is the one that would have opened as many cases as the budget allows on
# the day before. Sessions above it become **alerts** of a SIM, alerts of a fleet that open together
# become **cases**.

# %%
before = pl.col("start_ts") < until
with step("learn"):
    detector.fit(features.filter(before), sessions.filter(before))
with step("judge"):
    findings = detector.detect(features, sessions, since=until)
alerts = findings.alerts
n_cases = alerts["case"].n_unique()
judged_days = (last - until) / timedelta(days=1)
print(f"Learnt from {features.filter(before).height:,} sessions before {until:%a %d %b}.")
print(
    f"Judged {len(findings.scored):,} sessions since: {len(alerts):,} alerts in {n_cases:,} cases, "
    f"{n_cases / judged_days:.0f} cases a day, one for every "
    f"{len(findings.scored) / max(1, n_cases):,.0f} sessions."
)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
score = findings.scored["score"].to_numpy()
above = findings.alerting["score"].to_numpy()
edges = np.linspace(0, max(20.0, score.max()), 70)
for values, colour, label in ((score, DATA, "sessions"), (above, ALERT, "above the threshold")):
    counts, _ = np.histogram(values, edges)
    left.stairs(counts, edges, fill=True, color=colour, label=label, baseline=0.5)
left.set_yscale("log")
left.set_ylim(bottom=0.5)
left.set(title="Scores of the judged days", xlabel="score", ylabel="sessions")
left.legend()

by_day = alerts.unique("case", keep="first").group_by(day=pl.col("opened").dt.date(), kind="kind")
by_day = by_day.len().sort("day")
all_days = sorted(set(by_day["day"]))
bottom = np.zeros(len(all_days))
palette = plt.get_cmap("tab10")
for place, kind in enumerate(sorted(set(by_day["kind"]))):
    part = dict(by_day.filter(pl.col("kind") == kind).select("day", "len").iter_rows())
    height = np.array([part.get(day, 0) for day in all_days])
    label = [f"{day:%a %d}" for day in all_days]
    right.bar(label, height, bottom=bottom, color=palette(place), label=title(kind), width=0.6)
    bottom += height
right.set(title="Cases by day, and what they probably are", ylabel="cases")
right.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# ## 6. Was that right?
#
# Where it is known what happened, alerts can be held to it. An incident is **found** if one of its
# sessions is above the threshold, or one of its silent SIMs was told. The labels were not there for
# anything before this line.

# %%
figures = {
    "sessions": len(sessions),
    "judged": len(findings.scored),
    "alerts": len(alerts),
    "cases": n_cases,
    "cases a day": round(n_cases / judged_days, 1),
}
if known is None:
    print("Nobody knows what happened: nothing to hold alerts to.")
else:
    with step("evaluate"):
        evaluation = evaluate_findings(findings, known)
    figures["recall"] = evaluation.recall
    figures["average precision"] = evaluation.average_precision.value
    found = sum(kind.found for kind in evaluation.kinds)
    print(
        f"{found} of {sum(kind.incidents for kind in evaluation.kinds)} incidents were found. Of "
        f"{evaluation.cases:,} cases {evaluation.true_cases:,} are part of one. "
        f"Average precision of sessions: {evaluation.average_precision}."
    )
    show(
        evaluation.table().select(
            pl.col("kind").replace({kind: title(kind) for kind in evaluation.table()["kind"]}),
            "incidents",
            "found",
            pl.col("recall", "low", "high").round(2),
            sessions=pl.format("{} of {}", "sessions_found", "sessions"),
            hours_to_detection=pl.col("delay_hours").round(1),
        )
    )

# %% [markdown]
# `low` and `high` are the ends of a 95 % interval: of few incidents little can be said. What is
# missed, and why, is in [docs/telecom.md](../docs/telecom.md).
#
# How soon is soon? Time from an incident's beginning to its first session above the threshold:

# %%
if known is not None:
    firsts = (
        findings.alerting.filter(pl.col("incident").is_not_null())
        .group_by("incident")
        .agg(at=pl.col("start_ts").min())
        .join(known.select("incident", "label", "onset"), on="incident")
        .with_columns(hours=(pl.col("at") - pl.col("onset")).dt.total_minutes() / 60)
        # What began before the judged days is not late.
        .filter(pl.col("onset") >= until)
        .sort("label", "hours")
    )
    figure, axes = plt.subplots(figsize=(9, 2.8))
    labels = sorted(set(firsts["label"].cast(pl.String)))
    y = [labels.index(label) for label in firsts["label"].cast(pl.String)]
    axes.plot(firsts["hours"].clip(1 / 60), y, "o", color=DATA, alpha=0.7)
    axes.set_xscale("log")
    axes.set_xticks([1 / 60, 1, 6, 24], ["1 min", "1 h", "6 h", "1 d"])
    axes.set_xticks([], minor=True)
    axes.set_yticks(range(len(labels)), [title(label) for label in labels])
    axes.set_title("From onset to the first session above the threshold, each incident")
    plt.show()

# %% [markdown]
# ### Beside simple rules and another detector
#
# The same days, judged by three rules that operators set by hand, and by scikit-learn's
# IsolationForest on the same features. They give no kinds, and so no cases: here alerts of SIMs
# are counted, and each may open as many as this detector did, with the threshold that is best for
# it on the judged days themselves. A rule gives no more alerts than its own limit lets it. Silent
# SIMs, which only our detector tells, are left out.

# %%
for rule in rules.RULES:
    print(f"{rule.name}: {rule.meaning}")

if known is not None:
    keys = [name for name in findings.scored.columns if name not in ("score", "threshold")]
    rivals = {"this detector": findings.scored.select(*keys, "score")}
    with step("isolation forest"):
        scores = baselines.isolation_forest(features, detector.features, until, seed)
    in_order = features.filter(pl.col("start_ts") >= until).select(keys)
    rivals["isolation forest"] = in_order.with_columns(score=pl.Series(scores))
    rivals |= {f"rule: {name}": scored for name, scored in baselines.rules(sessions, until).items()}
    # Every SIM its own fleet: a case is then an alert.
    by_sim = AlertRule(quiet=detector.alert_rule.quiet, fleet="sim_id")
    n_alerts = int(alerts["score"].is_not_null().sum())
    with step("compare"):
        compared = {
            name: baselines.judged(scored, known, by_sim, n_alerts, n_bootstrap=0)
            for name, scored in rivals.items()
        }
    rows = {
        name: {row[0]: row[2] for row in one.table().iter_rows()} for name, one in compared.items()
    }
    kinds = sorted({kind for row in rows.values() for kind in row} - {"silent_device"})
    total = {one.kind: one.incidents for one in evaluation.kinds}
    show(
        {
            "incidents found": [title(kind) for kind in kinds] + ["alerts", "of an incident"],
            "there were": [total[kind] for kind in kinds] + [None, None],
            **{
                name: [rows[name].get(kind, 0) for kind in kinds] + [one.alerts, one.true_alerts]
                for name, one in compared.items()
            },
        }
    )
    figures["isolation forest"] = {
        "recall": compared["isolation forest"].recall,
        "average precision": compared["isolation forest"].average_precision.value,
    }

# %%
if known is not None:
    from sklearn.metrics import precision_recall_curve

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    for name in ("this detector", "isolation forest"):
        truth = rivals[name]["incident"].is_not_null()
        precision, recall, _ = precision_recall_curve(truth, rivals[name]["score"])
        value = compared[name].average_precision.value
        left.plot(100 * recall, 100 * precision, lw=1.5, label=f"{name}, {value:.2f}")
    left.axhline(100 * truth.mean(), color=MUTED, lw=1, ls=":", label="without skill")
    left.set(title="Sessions: average precision", xlabel="recall, %", ylabel="precision, %")
    # Where nothing is: to look for the best place among a million points takes a second.
    left.legend(loc="upper right", fontsize=8)

    budgets = 1000 * n_alerts / len(findings.scored) * np.array([0.25, 0.5, 1, 2, 4])
    curves = {}
    for name, scored in rivals.items():
        each = [
            baselines.judged(scored, known, by_sim, one * len(scored) / 1000, n_bootstrap=0)
            for one in budgets
        ]
        curves[name] = each
        share = [
            sum(k.found for k in one.kinds if k.kind != "silent_device")
            / sum(k.incidents for k in one.kinds if k.kind != "silent_device")
            for one in each
        ]
        right.plot(budgets, 100 * np.array(share), "o-", ms=3.5, lw=1.5, label=name)
    right.set_xscale("log", base=2)
    right.set_xticks(budgets, [f"{one:.2g}" for one in budgets])
    right.set(
        title="Incidents found, by budget",
        xlabel="alerts for every thousand sessions",
        ylabel="% found",
        ylim=(0, 103),
    )
    right.legend(fontsize=8)
    plt.show()

# %% [markdown]
# ## 7. The three cases that matter most
#
# In words, of three different kinds. What is usual for the SIM is what it did in the seven days
# before; nothing that is told looks beyond the alert. Below each the reasons: which features made
# the score, and how much of it.

# %%
with step("tell"):
    page = report.build(
        findings,
        folder,
        training_until=until,
        evaluation=evaluation if known is not None else None,
        baselines=[("isolation forest", compared["isolation forest"])] if known is not None else [],
        incidents=known,
        put_aside=aside,
        places=week.judged_places(out / "features" / "peers.parquet", until, seed),
        made=report.Made(
            data=folder.name,
            seed=seed,
            parameters={"alerts a thousand sessions": budget, "time zone": timezone},
            seconds=dict(took),
            versions=week.versions(),
        ),
    )
of_kind = {}
for case in page.facts.cases:
    of_kind.setdefault(case.kind, case)
important = list(of_kind.values())[:3]

for number, case in enumerate(important, 1):
    story = case.stories[0]
    said = [f"{number}. {story.headline}"]
    said += [case.sentence] if case.sentence != story.headline else []
    said += list(story.sentences)
    for sentence in said:
        print(textwrap.fill(sentence, 96, subsequent_indent="   "))
    for reason in findings.reasons.get(story.alert, [])[:4]:
        print(f"   {100 * reason.share:3.0f} %  {reason.column}: {meaning[reason.column].meaning}")
    print()

# %% [markdown]
# The same three as time lines: each session of the SIM by its bytes. Red stood out; the shade is
# the alert.

# %%
figure, all_axes = plt.subplots(len(important), 1, figsize=(9, 2.3 * len(important)), squeeze=False)
for axes, case in zip(all_axes[:, 0], important, strict=True):
    story = case.stories[0]
    near = pl.col("start_ts").is_between(
        story.opened - timedelta(days=3), story.last + timedelta(days=1)
    )
    own = sessions.filter((pl.col("sim_id") == story.sim_id) & near)
    stood = own["session_id"].is_in(findings.alerting["session_id"].implode())
    margin = timedelta(minutes=30)
    axes.axvspan(story.opened - margin, story.last + margin, color=SOFT, lw=0)
    for some, colour, size in ((~stood, DATA, 4), (stood, ALERT, 7)):
        part = own.filter(some)
        axes.semilogy(part["start_ts"], part["bytes"].clip(1), ".", color=colour, ms=size)
    axes.set_yticks([1, 1e3, 1e6, 1e9], ["0", "1 kB", "1 MB", "1 GB"])
    axes.set_yticks([], minor=True)
    axes.set_title(f"{title(story.kind)}: SIM {story.sim_id[:8]} ({story.family})")
    dates(axes)
plt.show()

# %% [markdown]
# ## 8. How many alerts do you want?
#
# A budget is a choice of people, not of statistics: how much can somebody look at in a day? More
# alerts find more, and more of them are nothing. Alerts of one fleet and kind that open together
# are one case, so that there is somewhat less to look at than this table says.

# %%
if known is not None:
    rows = []
    for one, result in zip(budgets, curves["this detector"], strict=True):
        counted = [kind for kind in result.kinds if kind.kind != "silent_device"]
        rows.append(
            {
                "alerts a thousand sessions": round(float(one), 2),
                "alerts a day": round(result.alerts / judged_days, 1),
                "incidents found": sum(kind.found for kind in counted),
                "of": sum(kind.incidents for kind in counted),
                "% of alerts part of one": round(100 * result.true_alerts / max(1, result.alerts)),
            }
        )
    show(rows)
else:
    for factor in (1, 2, 4):
        highest = findings.scored["score"].sort(descending=True)
        n = max(1, int(len(highest) * budget * factor / 1000))
        print(f"{n:,} sessions score {highest[n - 1]:.1f} or more")

# %% [markdown]
# ## 9. Keep it: the report, the model, the alerts
#
# The report is one page that needs no network: for those who do not open notebooks. The model is
# one file with all its rules; the alerts are a table.

# %%
with step("write"):
    page.save(out / "report.html")
    detector.save(out / "sessions.rcf")
    alerts.write_parquet(out / "alerts.parquet")
for name in ("report.html", "sessions.rcf", "alerts.parquet"):
    print(f"{name:16} {(out / name).stat().st_size / 1e3:8,.0f} kB")

# %% [markdown]
# ## 10. Sessions as they come
#
# Nights are long. The same model judges records one by one: a stream keeps the last days of each
# SIM and gives each new record the features, and the score, that the table would have given it.
# Here twenty SIMs are played back in order, some of those with an alert and some without; what was
# known of their peers is given, as it would be in service.

# %%
model = SessionDetector.load(out / "sessions.rcf")
stream = SessionStream(model, timezone=timezone, peers=written.peers, learn=False)
lively = alerts.filter(pl.col("score").is_not_null())["sim_id"].unique().sort()
played = [case.stories[0].sim_id for case in important] + lively.head(8).to_list()
others = features.filter(~pl.col("sim_id").is_in(lively.implode()))["sim_id"].unique().sort()
played = list(dict.fromkeys([*played, *others.to_list()]))[:20]
records = sessions.filter(pl.col("sim_id").is_in(played)).sort("start_ts", "end_ts", "session_id")

with step("stream"):
    answers = []
    for batch in records.iter_slices(200):
        answers += stream.push_all(batch.iter_rows(named=True))
opened = [one for one in answers if one.opens and one.start_ts >= until]
print(
    f"{len(answers):,} records, {len(answers) / took['stream']:,.0f} a second; since "
    f"{until:%a %d %b} {len(opened)} alerts opened. The first:"
)
for one in opened[:5]:
    print(
        f"  {one.start_ts:%a %H:%M}  SIM {one.sim_id[:8]}  {title(one.kind):18} score "
        f"{one.score:5.1f}  {one.reasons[0].column}"
    )

by_id = dict(findings.scored.select("session_id", "score").iter_rows())
gap = max(abs(one.score - by_id[one.session_id]) for one in answers if one.session_id in by_id)
print(f"The largest difference from the scores of the table: {gap:.2g}.")

# %% [markdown]
# ## What this took
#
# And the figures of this run, which are kept beside the report.

# %%
figures["stream difference"] = gap
figures["seconds"] = {name: round(seconds, 2) for name, seconds in took.items()}
figures["versions"] = {**week.versions(), "folder": folder.name}
(out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
show(
    {
        "step": [*took, "together"],
        "seconds": [round(s, 1) for s in [*took.values(), sum(took.values())]],
    }
)
print(f"fastrcf {fastrcf.__version__}, {len(sessions):,} sessions")

# %% [markdown]
# ## And then?
#
# * **Your own records:** `fastrcf sessions load records.csv -o data`, then this notebook with
#   `folder="data"`. Without `incidents.parquet` the parts that need the truth are left out.
# * **More than a week:** the detector gets better with history. Learn again every night.
# * **More than one machine holds:** `spark_fraud_detection.ipynb` does the same on Spark.
# * **Without a notebook:** `fastrcf sessions detect data -o found`.
#
# These data are made up, and honest about it: how well this does on an operator's own records
# depends on what happens there.
