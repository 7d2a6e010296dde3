"""What is found and read for a choice of features is all that they need, and no more."""

import polars as pl
import pytest

from fastrcf.telecom import needs
from fastrcf.telecom.catalogue import FEATURES
from fastrcf.telecom.features import compute, session_features
from fastrcf.telecom.peers import PeerTable
from fastrcf.telecom.timeline import NEEDED, READ, Timeline, canonical
from fastrcf.telecom.windows import row_facts, sim_facts
from tests.telecom.timelines import ordinary


@pytest.fixture(scope="module")
def records() -> pl.DataFrame:
    place = pl.int_range(pl.len())
    # Messages have bytes too, so that it is seen where a service is looked at.
    found = ordinary(n_sims=60, n=5_000, seed=5).with_columns(
        bytes_up=place % 5 * 1_000, bytes_down=place % 3 * 700
    )
    last = pl.col("start_ts").dt.date() == pl.col("start_ts").max().dt.date()
    new = pl.when(last).then(pl.lit("999-01")).otherwise(pl.col("visited_plmn").cast(pl.String))
    return found.with_columns(visited_plmn=new)


@pytest.fixture(scope="module")
def table(records) -> PeerTable:
    return PeerTable.fit(records)


@pytest.fixture(scope="module")
def whole(records, table) -> pl.DataFrame:
    return session_features(records, peers=table)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_feature_alone_is_the_same_and_every_column_it_reads_matters(
    records, table, whole, feature
):
    read = needs.columns([feature], table.group, keep=())
    assert set(NEEDED) <= set(read) <= set(READ)

    def alone(columns):
        found = pl.concat(compute(canonical(records, columns), "UTC", table, [feature]))
        return found[feature.name]

    assert alone(read).equals(whole[feature.name])
    for name in set(read) - set(NEEDED):
        # Without it the feature is another.
        assert not alone([column for column in read if column != name]).equals(whole[feature.name])


def test_facts_that_no_feature_asks_for_are_not_found(records, table):
    feature = next(feature for feature in FEATURES if feature.name == "short_share_24h")
    wanted = needs.facts([feature])
    assert wanted == {"short_24h", "sessions_24h"}
    (chunk,) = Timeline(canonical(records)).chunks(1 << 30)
    row = row_facts("UTC", chunk.records, wanted)
    assert set(row.columns) == {"day", "short"}
    found = sim_facts(chunk, row, wanted)
    assert wanted <= set(found.columns)
    others = {"usual_gap_ms", "cells_24h", "slot_logs_7d", "bytes_24h", "distance_km"}
    assert others.isdisjoint(found.columns)
    assert table.lookup().facts(chunk.records, row["day"], wanted) == {}
