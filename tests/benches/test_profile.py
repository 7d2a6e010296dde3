"""Instructions and samples go to the phase that they belong to."""

from collections import Counter
from pathlib import Path

import pytest

from benches import profile

PROGRAM = Path("/build/profile")
# Costs after "calls=" are those of the callee again; libraries come under 0.
COUNTS = """\
version: 1
events: Ir

ob=(1) /build/profile
fn=(1) profile::Forests::profiled
0x100 12 100
cob=(2) /lib/libc.so
cfn=(2) memcpy
calls=3 0x900 0
0x104 12 50
0x108 13 7

ob=(2)
fn=(2)
0x900 0 50

ob=(1)
fn=(3)
0x100 12 30
0x200 40 300
"""
SCRIPT = """\
profile  7 1.0: PERF_RECORD_MMAP2 7/7: [0x5500000001000(0x3000) @ 0x1000 fe:01 9 1]: r-xp /build/profile
     5500000001234 fastrcf::score (/build/profile)
     5500000001234 fastrcf::score (/build/profile)
     5500000002000 [unknown] (/build/profile)
      7f0000000123 memcpy+0x3 (/lib/libc.so)
"""  # noqa: E501


def test_instructions_are_added_up_by_address():
    found = profile.counted(COUNTS, PROGRAM)
    assert found == Counter({0x100: 130, 0x108: 7, 0x200: 300, 0: 50})


def test_samples_are_added_up_by_place_in_the_file():
    found = profile.sampled(SCRIPT, PROGRAM)
    assert found == Counter({0x1234: 2, 0x2000: 1, 0: 1})


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("fastrcf::score::score_path", "score_path"),
        ("<fastrcf::tree::live::Live as fastrcf::walk::Nodes>::next", "next"),
        ("fastrcf::kernels::entry::add_scores<fastrcf::walk::A<u8>>", "add_scores"),
        ("exp", "exp"),
    ],
)
def test_names_are_without_types(function, name):
    assert profile.short(function) == name


def test_the_first_rule_that_fits_decides_and_the_rest_is_told():
    chain = ["avx2", "run_member_body", "replace", "insert", "descend"]
    assert profile.phase("process", chain) == "insertion"
    assert profile.phase("process", ["avx2", "run_member_body"]) == profile.REST
    assert profile.phase("score", []) == profile.REST


def test_a_profile_is_a_table_with_the_rest_at_the_end():
    made = profile.Profile("stream", 8, {"rest": 9.0, "b": 1.0}, {"a": 0.25, "rest": 0.75}, "avx2")
    lines = profile.table([made]).splitlines()
    assert lines[0] == "**stream, d = 8**: 10 instructions a row and tree"
    assert lines[4:] == ["| a | 0.0 | 25% |", "| b | 1.0 |  |", "| rest | 9.0 | 75% |"]


def test_no_samples_is_told():
    made = profile.Profile("stream", 8, {"b": 1.0}, {}, "")
    assert "time (not sampled)" in profile.table([made])
