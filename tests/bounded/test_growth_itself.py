"""The measure of growth finds code that is too slow, and accepts code that is not."""

import re

from tests.bounded.growth import too_steep
from tests.bounded.texts import TEXTS, repeated


def test_work_that_takes_the_square_of_its_text_is_found_in_a_moment() -> None:
    heading = re.compile(r"^#{1,6}\s+(?P<title>.+?)\s*#*$")

    found = too_steep(heading.match, TEXTS["a heading of blanks"], 128_000)

    assert found is not None
    assert "characters took" in found


def test_work_in_proportion_to_its_text_passes() -> None:
    assert too_steep(lambda text: [ord(letter) for letter in text], repeated("a"), 1_000_000) is None


def test_texts_are_as_long_as_asked_for() -> None:
    for name, text_of in TEXTS.items():
        assert 40_000 < len(text_of(100_000)) < 130_000, name
