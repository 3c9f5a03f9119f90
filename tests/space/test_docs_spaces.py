import doctest
from pathlib import Path


def test_the_guide_shows_what_happens():
    guide = Path(__file__).parents[2] / "docs" / "spaces.md"
    failed, tried = doctest.testfile(str(guide), module_relative=False, optionflags=doctest.REPORT_NDIFF)
    assert tried > 15
    assert failed == 0
