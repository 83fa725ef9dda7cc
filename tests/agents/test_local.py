"""Bookbag Local says what the sources say, word for word, or its fallback; never anything else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.knowledge.index import Found
from agents.running.local import Answer, answer, pieces, relevant

FALLBACK = "I don't know that."
HOURS = Found(
    "Opening hours", "We open at nine in the morning. We close at five. On Sundays the shop is shut.", "Shop"
)
PARKING = Found("Parking", "There is free parking behind the shop. Bicycles go in front.", "Shop")
RETURNS = Found(
    "Returns", "You may return unworn shoes within thirty days. Bring the receipt with you.", "Rules"
)
EVERYTHING = [HOURS, PARKING, RETURNS]


def ask(question: str, passages: list[Found] = EVERYTHING) -> Answer:
    return answer(question, passages, fallback=FALLBACK)


def test_answer_is_the_sentence_that_speaks_of_what_is_asked() -> None:
    assert ask("Where is the parking?") == Answer("There is free parking behind the shop.", [PARKING])


def test_word_stems_and_case_do_not_matter() -> None:
    assert ask("RETURNING SHOE").text == "You may return unworn shoes within thirty days."


@pytest.mark.parametrize(
    "question", ["Who won the cup in 1998?", "quantum chromodynamics", "", "the of and", "?!…", "🚀"]
)
def test_question_beside_the_sources_gets_the_fallback(question: str) -> None:
    assert ask(question) == Answer(FALLBACK, [])


def test_short_source_is_quoted_all_the_same() -> None:
    assert ask("When are you open?", [Found("", "Open 9 to 5.", "Shop")]).text == "Open 9 to 5."


def test_passage_without_a_sentence_is_not_quoted() -> None:
    assert ask("parking", [Found("Parking", "| parking | free |", "Shop")]) == Answer(FALLBACK, [])


def test_without_sources_there_is_the_fallback() -> None:
    assert ask("Where is the parking?", []) == Answer(FALLBACK, [])


def test_one_shared_word_of_many_is_not_relevant() -> None:
    assert relevant("Does the shop sell quantum computers for interstellar travel?", EVERYTHING) == []


def test_at_most_three_sentences_in_reading_order() -> None:
    text = " ".join(f"The blue whale fact number {number} is here." for number in range(9))

    said = ask("blue whale fact", [Found("Whales", text, "Sea")]).text

    numbers = [int(word) for word in said.split() if word.isdigit()]
    assert 1 <= len(numbers) <= 3
    assert numbers == sorted(numbers)


def test_cited_are_the_passages_that_were_quoted() -> None:
    given_answer = ask("When do you open, and where is the parking?")

    for passage in given_answer.citations:
        assert any(sentence in given_answer.text for sentence in passage.text.split(". ")), passage


@given(
    st.lists(st.lists(st.sampled_from("red green blue whales sing loud songs often".split()), min_size=3, max_size=9)
             .map(lambda words: " ".join(words).capitalize() + "."), min_size=1, max_size=8),
    st.lists(st.sampled_from("red green blue whales sing loud songs often zebra".split()), min_size=1, max_size=5).map(" ".join),
)  # fmt: skip
def test_every_sentence_of_an_answer_is_one_of_the_sources(sentences: list[str], question: str) -> None:
    passage = Found("", " ".join(sentences), "Book")

    said = ask(question, [passage])

    if said.text != FALLBACK:
        parts = [f"{part}." for part in said.text.removesuffix(".").split(". ")]
        assert set(parts) <= set(sentences)
        assert said.citations == [passage]


@given(st.text(max_size=300))
def test_pieces_put_together_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text.lstrip()


def test_each_part_of_an_answer_is_marked_with_its_source() -> None:
    passages = [
        Found("Parking", "There is free parking behind the shop. Parking is closed at night.", "Shop"),
        Found("Bicycles", "Bicycle parking is free too.", "Shop"),
    ]

    answer = ask("Is parking free?", passages)

    marks = [f"[{number}]" for number in range(1, len(answer.citations) + 1)]
    assert re.findall(r"\[\d\]", answer.marked) == marks
    assert " ".join(re.sub(r" \[\d\]", "", answer.marked).split()) == answer.text
    assert ask("Quantum chromodynamics?", passages).marked == ask("Quantum chromodynamics?", passages).text
