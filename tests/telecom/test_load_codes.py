"""Codes of networks, places, technologies and ends, and forms of times."""

from datetime import UTC, datetime

import polars as pl
import pytest

from fastrcf.telecom.codes import closing_cause, home_plmn, location, plmn, rat, terminate_cause
from fastrcf.telecom.times import Clock


def test_networks_keep_their_digits():
    frame = pl.DataFrame(
        {"mcc": ["262", "310", "310", "30", None], "mnc": ["1", "410", "4", "1", "1"]}
    )
    assert frame.select(plmn(pl.col("mcc"), pl.col("mnc"))).to_series().to_list() == [
        "262-01", "310-410", "310-004", None, None,
    ]  # fmt: skip
    imsis = pl.Series(["262011234567890", "310410123456789", "405051234567890", "12", None])
    homes = pl.select(home_plmn(pl.lit(imsis))).to_series().to_list()
    assert homes == ["262-01", "310-410", None, None, None]
    assert pl.select(home_plmn(pl.lit(imsis), {"405": 3})).to_series()[2] == "405-051"


@pytest.mark.parametrize(
    ("octets", "flags", "plmn_", "cell"),
    [
        ("0062f21000010002", False, "262-01", "262-01-1-2"),
        ("0162f21000010002", True, "262-01", "262-01-1-2"),
        ("1862f210000162f2100000000a", True, "262-01", "262-01-1-10"),
        ("81130014f0000102", False, "310-410", "310-410--258"),
        ("8262f210", False, None, None),
        ("zz", False, None, None),
        ("89000162f210000001", False, None, None),
    ],
)
def test_locations(octets, flags, plmn_, cell):
    assert location(octets, flags=flags) == (plmn_, cell)


def test_names_of_codes():
    words = ["6", "EUTRAN", "LTEB20", "WCDMA2100", "GSM900", "NB-IoT", "LTE-M", "CAT_M1", "5G", "?"]
    assert [rat(word) for word in words] == [
        "LTE", "LTE", "LTE", "UMTS", "GSM", "NB-IoT", "LTE-M", "LTE-M", "NR", "unknown",
    ]  # fmt: skip
    assert [terminate_cause(c) for c in ("1", "User-Request", "NAS-Error", "99")] == [
        "normal", "normal", "error", "unknown",
    ]  # fmt: skip
    assert [closing_cause(c) for c in ("0", "normalRelease", "4", "16", "?")] == [
        "normal", "normal", "error", None, "unknown",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T10:00:00Z", "2026-05-01 10:00:00", "2026-05-01T12:00:00+02:00",
        "2026-05-01T12:00:00.000+0200", "May  1 2026 10:00:00 UTC", "01-05-2026 10:00:00",
        "1777629600", "1777629600000", "20260501100000", "Fri May  1 10:00:00 2026",
    ],
)  # fmt: skip
def test_forms_of_times(text):
    assert Clock().read(pl.Series("t", [text]))[0] == datetime(2026, 5, 1, 10, tzinfo=UTC)
