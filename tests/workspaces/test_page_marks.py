"""Marks of where a log goes on: they lead there and tell nothing."""

import pytest

from workspaces import page_marks


def test_mark_leads_to_its_row() -> None:
    assert page_marks.row_id(page_marks.mark(51, log="audit"), log="audit") == 51


def test_mark_shows_neither_how_large_the_id_is_nor_that_it_is_the_same() -> None:
    marks = [page_marks.mark(number, log="audit") for number in (7, 7, 10**12)]

    assert len(set(marks)) == 3
    assert len({len(mark) for mark in marks}) == 1
    assert max(map(len, marks)) < page_marks.MOST_CHARACTERS


@pytest.mark.parametrize("given", ["", "7", "x" * 100, "²", "A" * 100_000])
def test_what_is_no_mark_leads_nowhere(given: str) -> None:
    assert page_marks.row_id(given, log="ledger") is None


def test_mark_that_is_cut_off_leads_nowhere() -> None:
    assert page_marks.row_id(page_marks.mark(7, log="ledger")[:-8], log="ledger") is None


def test_mark_is_good_for_its_own_log_and_key(settings) -> None:
    mark = page_marks.mark(7, log="audit")

    assert page_marks.row_id(mark, log="ledger") is None
    settings.SECRET_KEY = "another" * 8
    assert page_marks.row_id(mark, log="audit") is None
