"""Cutting sources into passages: nothing is lost, nothing is invented, and each can be quoted."""

from hypothesis import given
from hypothesis import strategies as st

from agents.knowledge.chunk import TARGET, Chunk, chunks

words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12
).filter(lambda word: word.split() == [word] and not word.startswith("#"))
paragraphs = st.lists(words, min_size=1, max_size=400).map(" ".join)
texts = st.lists(paragraphs, max_size=6).map("\n\n".join)


def test_paragraphs_stay_whole_under_their_heading() -> None:
    text = "Intro.\n\n# Hours\n\nWe open at nine.\n\nWe close at five.\n\n## Prices ##\nCheap.\n"

    assert chunks(text) == [
        Chunk("", "Intro."),
        Chunk("Hours", "We open at nine.\n\nWe close at five."),
        Chunk("Prices", "Cheap.", "Hours"),
    ]


def test_paragraphs_that_do_not_fit_together_are_apart() -> None:
    long = "word " * 120

    assert [piece.text for piece in chunks(f"{long}\n\n{long}")] == [long.strip(), long.strip()]


def test_long_paragraph_is_cut_at_sentence_ends() -> None:
    sentences = [f"This is sentence number {number} of a long paragraph." for number in range(60)]

    cut = chunks(" ".join(sentences))

    assert len(cut) > 1
    assert [part for piece in cut for part in piece.text.replace(". ", ".\n").split("\n")] == sentences


def test_windows_line_ends_are_line_ends() -> None:
    assert chunks("# One\r\n\r\nText.\r\n\r\nMore.") == [Chunk("One", "Text.\n\nMore.")]


def test_nothing_comes_of_nothing() -> None:
    for text in ("", " \n\n\t\n", "\r\n"):
        assert chunks(text) == []


def test_a_heading_with_nothing_below_it_is_a_passage() -> None:
    assert chunks("# Manual\n\n## Phone: 030 1234567\n\n## Other\n\nSomething.\n\n# End") == [
        Chunk("Phone: 030 1234567", "Phone: 030 1234567", "Manual"),
        Chunk("Other", "Something.", "Manual"),
        Chunk("End", "End"),
    ]


def test_a_code_fence_is_one_block_whatever_is_in_it() -> None:
    fence = "```bash\n\n# update the index first\napt-get update\n\n\n# then install\napt-get install bookbag\n```"

    assert chunks(f"# Install\n\n{fence}\n\nAfter that, restart.") == [
        Chunk("Install", f"{fence}\n\nAfter that, restart.")
    ]


def test_a_fence_that_nobody_closed_loses_nothing() -> None:
    assert chunks("Run:\n```\n# one\n\n# two") == [Chunk("", "Run:\n\n```\n# one\n\n# two")]


def test_a_table_that_has_to_be_cut_has_its_head_in_each_part() -> None:
    head = "| Plan | Price |\n|---|---:|"
    rows = [f"| Plan number {number} with a name | {number} euros |" for number in range(60)]

    cut = [piece.text.split("\n") for piece in chunks("\n".join(["# Prices", "", head, *rows]))]

    assert len(cut) > 1
    assert {"\n".join(lines[:2]) for lines in cut} == {head}
    assert [row for lines in cut for row in lines[2:]] == rows


def test_a_short_line_goes_with_what_it_stands_over() -> None:
    long = "word " * 120

    assert [piece.text for piece in chunks(f"{long}\n\nOpening hours\n\n{long}")] == [
        long.strip(),
        f"Opening hours\n\n{long.strip()}",
    ]


def test_a_long_list_is_cut_between_its_lines() -> None:
    lines = [f"- Item number {number} of the list, with some words" for number in range(60)]

    cut = chunks("\n".join(lines))

    assert len(cut) > 1
    assert [line for piece in cut for line in piece.text.split("\n")] == lines


def test_long_heading_is_cut_to_what_a_column_holds() -> None:
    assert [len(piece.heading) for piece in chunks(f"# {'h' * 500}\n\nText.")] == [200]


@given(texts)
def test_every_word_of_a_text_is_in_its_passages_in_order(text: str) -> None:
    kept = "".join("".join(piece.text.split()) for piece in chunks(text))

    assert kept == "".join(text.split())


@given(texts)
def test_no_passage_is_empty_or_much_above_the_target(text: str) -> None:
    for piece in chunks(text):
        assert 0 < len(piece.text.strip()) <= len(piece.text) <= TARGET + 2


@given(st.text(max_size=3000))
def test_any_text_at_all_is_cut(text: str) -> None:
    for piece in chunks(text):
        assert piece.text.strip()
