"""Columns made from the label: train and evaluate say so."""

import json

import numpy as np
import polars as pl
import pytest

import fastrcf


@pytest.fixture
def leaking(payments):
    """Payments of which 30 are labelled; a column is made from the label, one nearly."""
    rng = np.random.default_rng(1)
    fraud = np.zeros(3000, dtype=int)
    fraud[rng.choice(3000, 30, replace=False)] = 1
    return payments.with_columns(
        fraud=fraud,
        review=np.where(fraud, rng.integers(1, 4, 3000), 0),
        risk=np.where(fraud, 5.0, 0.0) + rng.normal(size=3000),
    )


TOLD = "warning: columns 'review' (ROC AUC 1), 'risk' (ROC AUC 0.999"


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_train_and_evaluate_warn_of_a_column_made_from_the_label(
    leaking, table, run, tmp_path, ending
):
    path, model = table(ending, leaking), tmp_path / "m.rcf"
    for words in (
        ("train", path, "-o", model, "--label", "fraud", "--drop", "time"),
        ("evaluate", model, path, "--label", "fraud", "--bootstrap", 0),
    ):
        code, _, err = run(*words)
        assert code == 0
        assert TOLD in err
        assert "alone tell the rows that 'fraud' marks" in err
        code, out, err = run(*words, "--json")
        (warning,) = json.loads(out)["warnings"]
        assert f"warning: {warning}\n" in err


@pytest.mark.usefixtures("no_pictures")
def test_the_report_warns_of_the_same_columns(leaking, table, run, tmp_path):
    path, model = table("csv", leaking), tmp_path / "m.rcf"
    assert run("train", path, "-o", model, "--label", "fraud", "--drop", "time")[0] == 0
    code, _, err = run("report", model, path, "-o", tmp_path / "r.html", "--label", "fraud")
    assert code == 0
    assert "Columns review, risk alone tell (nearly) all rows that fraud marks" in err


def test_without_these_columns_there_is_no_warning(leaking, table, run, tmp_path):
    path, model = table("csv", leaking), tmp_path / "m.rcf"
    words = ("--label", "fraud", "--drop", "time,review,risk", "--json")
    code, out, err = run("train", path, "-o", model, *words)
    assert (code, json.loads(out)["warnings"]) == (0, [])
    assert "warning" not in err
    code, out, err = run("evaluate", model, path, "--label", "fraud", "--json")
    assert (code, json.loads(out)["warnings"], err) == (0, [], "")


def test_few_labelled_rows_that_are_odd_are_no_reason_to_warn(table, model, run):
    # The five odd payments of the fixture have the highest amounts.
    code, _, err = run("evaluate", model, table(), "--label", "fraud")
    assert (code, err) == (0, "")


def test_labels_change_nothing_of_the_model_and_may_be_missing(leaking, table, run, tmp_path):
    models = [tmp_path / f"{i}.rcf" for i in range(2)]
    words = ("--columns", "amount,review")
    some = leaking.with_columns(fraud=pl.when(pl.int_range(pl.len()) < 2000).then("fraud"))
    assert some["fraud"].null_count() == 1000
    code, _, err = run("train", table("csv", some), "-o", models[0], *words, "--label", "fraud")
    assert code == 0
    assert "'review' (ROC AUC 1)" in err
    assert run("train", table("csv", some), "-o", models[1], *words)[0] == 0
    first, second = map(fastrcf.load, models)
    first.notes = second.notes = {}
    assert bytes(first) == bytes(second)


def test_labels_of_two_names_are_two_labels_and_of_three_are_not_judged(
    leaking, table, run, tmp_path
):
    names = pl.when(pl.col("fraud") == 1).then(pl.lit("theft")).otherwise(pl.lit("fine"))
    third = pl.when(pl.int_range(pl.len()) == 5).then(pl.lit("lost")).otherwise(names)
    for label, warned in ((names, True), (third, False)):
        frame = leaking.with_columns(fraud=label)
        words = ("--label", "fraud", "--columns", "amount,review")
        code, _, err = run("train", table("csv", frame), "-o", tmp_path / "m.rcf", *words)
        assert code == 0
        assert ("'review' (ROC AUC 1)" in err) == warned


def test_a_folder_of_which_only_some_files_are_labelled_is_trained_on(leaking, run, tmp_path):
    folder = tmp_path / "days"
    folder.mkdir()
    leaking.head(2000).write_parquet(folder / "a.parquet")
    leaking.tail(1000).drop("fraud").write_parquet(folder / "b.parquet")
    words = ("--columns", "amount,review", "--label", "fraud")
    code, _, err = run("train", folder, "-o", tmp_path / "m.rcf", *words)
    assert code == 0
    assert "'review' (ROC AUC 1)" in err
