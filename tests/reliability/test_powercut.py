"""Power cuts of rung's SQLite storage; `powercut.py` says how they are made, and makes any number of them."""

from __future__ import annotations

import pytest

pytest.importorskip("apsw")

from tests.reliability.powercut import by_kind, cut

pytestmark = pytest.mark.slow


def test_nothing_acknowledged_is_lost_and_no_study_is_half_made():
    assert cut(100) == {"kept": 100}


def test_the_detector_finds_what_is_lost_with_normal_in_the_place_of_full():
    bad = by_kind(cut(60, synchronous="NORMAL"))
    assert bad["lost"] > 10
    assert not bad["damaged"] + bad["wrong"]  # what durability="process" promises of a power cut


def test_the_detector_finds_damage_without_syncs():
    assert by_kind(cut(60, synchronous="OFF"))["damaged"] > 3


def test_the_detector_finds_studies_that_are_lost_or_half_made_without_syncs_of_folders():
    bad = by_kind(cut(60, sync_folders=False))
    assert bad["lost"] > 10
