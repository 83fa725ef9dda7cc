"""Bookbag Local quotes the section that answers, word for word, or says what is nearest, or its fallback."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.knowledge import terms
from agents.knowledge.found import Found, Hits
from agents.knowledge.quoting import units
from agents.running.local import LocalAnswer, answer, pieces

pytestmark = pytest.mark.any_database
FALLBACK = "I don't know that."
HOURS = Found(
    "Opening hours", "We open at nine in the morning. We close at five. On Sundays the shop is shut.", "Shop"
)
PARKING = Found("Parking", "There is free parking behind the shop. Bicycles go in front.", "Shop")
RETURNS = Found(
    "Returns", "You may return unworn shoes within thirty days. Bring the receipt with you.", "Rules"
)
EVERYTHING = [HOURS, PARKING, RETURNS]
NEAREST = "My sources do not clearly answer that. The nearest I have is:"
TOPIC = "This is what I have on it:"


def hits(question: str, passages: list[Found]) -> Hits:
    """As a search finds them that weighs all words alike: those that speak of most of the question first."""
    asked = terms.asked(question)

    def spoken_of(passage: Found) -> int:
        text = f" {terms.searchable(passage.heading, passage.text)} "
        return sum(terms.share(word, text) for word in asked.words)

    ranked = sorted((one for one in passages if spoken_of(one)), key=lambda one: -spoken_of(one))
    weights = tuple(word.weight / 100 for word in asked.words)
    return Hits(None, ranked, asked=asked, weights=weights, known=(1,) * len(asked.words))


def ask(question: str, passages: list[Found] = EVERYTHING) -> LocalAnswer:
    return answer(question, hits(question, passages), fallback=FALLBACK)


def test_answer_is_the_section_that_speaks_of_what_is_asked() -> None:
    assert ask("Where is the parking?") == LocalAnswer(
        "**Parking**\n\nThere is free parking behind the shop. Bicycles go in front.", [PARKING]
    )


def test_word_stems_and_case_do_not_matter() -> None:
    assert "unworn shoes within thirty days" in ask("RETURNING SHOE").text


@pytest.mark.parametrize(
    "question", ["Who won the cup in 1998?", "quantum chromodynamics", "", "the of and", "?!…", "🚀"]
)
def test_question_beside_the_sources_gets_the_fallback(question: str) -> None:
    assert ask(question) == LocalAnswer(FALLBACK, [])


def test_question_that_is_met_in_part_gets_the_nearest() -> None:
    said = ask("Is there parking for caravans?")

    assert (
        said.text
        == f"{NEAREST}\n\n**Parking**\n\nThere is free parking behind the shop. Bicycles go in front."
    )
    assert (said.citations, said.is_nearest) == ([PARKING], True)


def test_the_nearest_is_told_in_the_language_of_the_question() -> None:
    parken = Found("Parken", "Hinter dem Laden kann man kostenlos parken.", "Laden")

    assert ask("Wo kann ich mit dem Wohnmobil parken?", [parken]).text.startswith("Meine Quellen")


def test_short_source_is_quoted_all_the_same() -> None:
    assert ask("When are you open?", [Found("", "Open 9 to 5.", "Shop")]).text == "Open 9 to 5."


def test_a_row_of_a_table_is_told_with_its_heads() -> None:
    table = "| Plan | Price per month |\n|---|---|\n| Hobby | 19 euros |\n| Standard | **49** euros |"

    said = ask("What does the Hobby plan cost per month?", [Found("Prices", table, "Shop")])

    assert "Plan: Hobby · Price per month: 19 euros" in said.text
    assert "|" not in said.text


def test_code_is_quoted_whole() -> None:
    text = "```bash\n\n# update the index first\napt-get update\n```\n\nAfter that, restart."

    said = ask("How do I install?", [Found("Install", text, "Manual")])

    assert "```bash\n\n# update the index first\napt-get update\n```" in said.text


def test_lines_of_a_list_stay_lines() -> None:
    text = "**Refund policy**\n\nWithin 30 days.\n\n- Shipping: free\n- Returns: 5 euros"

    said = ask("refund policy", [Found("", text, "Shop")])

    assert "Within 30 days." in said.text


def test_sections_are_not_mixed() -> None:
    said = ask("When do you open, and where is the parking?")

    quoted = said.marked.removeprefix(NEAREST).strip().split("\n\n**")
    assert len(quoted) == len(said.citations) == 2
    for number, (part, cited) in enumerate(zip(quoted, said.citations, strict=True), start=1):
        heading, _, text = part.removeprefix("**").partition("**\n\n")
        assert heading == cited.heading
        assert text.removesuffix(f" [{number}]") in cited.text


def test_without_sources_there_is_the_fallback() -> None:
    assert ask("Where is the parking?", []) == LocalAnswer(FALLBACK, [])


def test_rows_of_other_things_are_not_quoted_with_the_one_that_is_asked_for() -> None:
    table = "| Country | Fee |\n|---|---|\n| Belgium | 5 euros |\n| Norway | 9 euros |\n| Chile | 12 euros |"

    said = ask("Do you deliver to Belgium?", [Found("Delivery: deliver to", table, "Shop")])

    assert said.text == "**Delivery: deliver to**\n\nCountry: Belgium · Fee: 5 euros"


def test_all_rows_are_quoted_where_the_table_is_asked_for() -> None:
    table = "| Country | Fee |\n|---|---|\n| Belgium | 5 euros |\n| Norway | 9 euros |"

    said = ask("Where do you deliver?", [Found("Where we deliver", table, "Shop")])

    assert "Belgium" in said.text
    assert "Norway" in said.text


def test_what_stands_before_and_speaks_of_something_else_is_left_out() -> None:
    text = "The old address leads members on.\n\nAn owner deletes a workspace under Settings. It is gone at once."

    said = ask("How do I delete a workspace?", [Found("Rename or delete a workspace", text, "Help")])

    assert said.text == (
        "**Rename or delete a workspace**\n\nAn owner deletes a workspace under Settings. It is gone at once."
    )


def test_a_line_that_stands_over_what_answers_is_quoted_with_it() -> None:
    text = "Something else is said here.\n\nRepairs of bicycles\n\nA new chain costs 30 euros."

    said = ask("How much is a new chain?", [Found("", text, "Shop")])

    assert said.text == "Repairs of bicycles\n\nA new chain costs 30 euros."


def test_two_sections_that_speak_of_it_alike_are_both_given_as_the_nearest() -> None:
    one = Found("", "The pool opens at nine in the morning.", "Summer")
    other = Found("", "The pool opens at ten in the morning.", "Winter")

    said = ask("When does the pool open in the morning?", [one, other])

    assert said.is_nearest
    assert said.citations == [one, other]


def test_the_same_text_in_two_sources_is_one_answer() -> None:
    one = Found("", "The pool opens at nine in the morning.", "Summer")

    said = ask("When does the pool open in the morning?", [one, replace(one, source="Copy")])

    assert not said.is_nearest


WINE = Found("Food", "The farm serves wine and juice of its own. It has a playground.", "Tours")
BATTERY = Found("", "A full battery lasts for forty kilometres. Charging takes four hours.", "Manual")


def test_a_section_without_a_number_is_no_answer_to_how_much() -> None:
    said = ask("What does the wine of the farm cost?", [WINE])

    assert said.is_nearest
    assert "serves wine" in said.text


def test_a_number_answers_though_the_words_of_measure_are_missing() -> None:
    said = ask("How long will the full battery last?", [BATTERY])

    assert not said.is_nearest
    assert "forty kilometres" in said.text


def test_a_section_without_the_rarest_word_is_the_nearest_only() -> None:
    question = "May I print the report of the month for the team?"
    text = Found("", "The report of the month is sent to the team.", "Manual")
    found = hits(question, [text])
    rare = tuple(5.0 if word.text == "print" else 1.0 for word in found.asked.words)

    said = answer(question, replace(found, weights=rare), fallback=FALLBACK)

    assert said.is_nearest


def test_one_shared_word_of_many_is_no_answer() -> None:
    assert ask("Does the shop sell quantum computers for interstellar travel?").is_nearest


def test_a_little_in_common_is_the_nearest_and_no_refusal() -> None:
    question = (
        "Does parking underneath interstellar quantum chromodynamics laboratories require hyperspace permits?"
    )

    said = ask(question)

    assert said.is_nearest
    assert "**Parking**" in said.text


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("Hello!", "Hello!"),
        ("hi there", "Hello!"),
        ("Guten Tag", "Hallo!"),
        ("Merci beaucoup !", "Avec plaisir"),
        ("Thank you very much.", "You're welcome"),
        ("こんにちは", "こんにちは"),
        ("谢谢！", "不客气"),
        ("teşekkür ederim", "Rica ederim"),
        ("Hi, how are you?", "Hello!"),
        ("Hallo, wie geht's?", "Hallo!"),
        ("¡Hola! ¿Qué tal?", "¡Hola!"),
        ("Salut, ça va ?", "Bonjour !"),
        ("Merhaba, nasılsınız?", "Merhaba!"),
        ("السلام عليكم", "مرحبًا"),
        ("你好吗？", "您好"),
        ("who are you?", "Hello!"),
        ("Thank you, that helped!", "You're welcome"),
        ("Danke für die Hilfe", "Gern geschehen"),
        ("merci pour votre aide", "Avec plaisir"),
        ("Muchas gracias por todo", "De nada"),
        ("شكرا جزيلا", "على الرحب"),
        ("ありがとうございました！", "どういたしまして"),
        ("ok", "You're welcome"),
        ("thanks, bye!", "Goodbye!"),
        ("Tschüss", "Auf Wiedersehen!"),
        ("Au revoir", "Au revoir"),
        ("hasta luego", "¡Hasta luego!"),
        ("Teşekkürler, hoşça kalın", "Hoşça kalın!"),
        ("مع السلامة", "مع السلامة"),
        ("さようなら", "失礼します"),
        ("再见", "再见"),
    ],
)
def test_greetings_and_thanks_are_answered_in_kind(said: str, reply: str) -> None:
    given_answer = ask(said)

    assert given_answer.text.startswith(reply)
    assert given_answer.citations == []


def test_a_greeting_before_a_question_is_no_greeting() -> None:
    assert ask("Hello, where is the parking?").citations == [PARKING]


@pytest.mark.parametrize(
    "said", ["parking hi", "greatness", "thanksgiving parking", "yes", "bye parking", "and"]
)
def test_a_greeting_within_something_else_is_no_greeting(said: str) -> None:
    assert ask(said).text.startswith((FALLBACK, "**Parking**", "This is what I have"))


@pytest.mark.parametrize(
    ("question", "opening"),
    [
        ("shop", TOPIC),
        ("free shop", TOPIC),
        ("shop?", NEAREST),
        ("where shop", NEAREST),
    ],
)
def test_a_word_or_two_are_no_question(question: str, opening: str) -> None:
    said = ask(question, [HOURS, PARKING, Found("", "The shop is free on Sundays.", "Shop")])

    assert said.is_nearest
    assert said.text.startswith(opening)


@pytest.mark.parametrize(
    ("question", "passages", "opening"),
    [
        (
            "Preis",
            ["Der Preis steht auf der Karte.", "Der Preis ist hoch und wird nicht erstattet."],
            "Das habe ich dazu:",
        ),
        (
            "prix",
            ["Le prix est dans la liste.", "Le prix de la carte est sur la porte."],
            "Voici ce que j'ai",
        ),
        ("料金", ["料金は表にあります。", "料金はあとで払います。"], "手元の資料"),
        ("价格", ["价格在表里。", "价格以后付。"], "关于这一点"),
        # The question shows its own.
        ("Was kostet der Plan?", ["The plan is cheap.", "The plan is large."], "Meine Quellen"),
    ],
)
def test_the_nearest_is_introduced_in_the_language_of_the_question_or_of_what_is_quoted(
    question: str, passages: list[str], opening: str
) -> None:
    said = ask(question, [Found("", text, "Liste") for text in passages])

    assert said.is_nearest
    assert said.text.startswith(opening)


def test_a_row_of_a_table_is_no_way_to_do_something() -> None:
    table = Found(
        "", "| Name | What it does |\n|---|---|\n| Boxline | Prints labels from a conversation |", "Tools"
    )

    assert ask("How do I print a conversation?", [table]).is_nearest
    assert not ask("What prints labels from a conversation?", [table]).is_nearest


def test_a_date_is_no_end_of_a_sentence() -> None:
    season = Found("", "Das Bad ist vom 8. Mai bis zum 20. September geöffnet. Danach schließt es.", "Bad")

    assert [unit.text for unit in units(season.text)] == [
        "Das Bad ist vom 8. Mai bis zum 20. September geöffnet.",
        "Danach schließt es.",
    ]


def test_the_question_of_a_long_letter_is_the_one_that_is_asked() -> None:
    letter = (
        "Dear team, yesterday my husband bought a wonderful green bicycle downtown near the river, because our daughter "
        "turned seven and grandmother had baked a chocolate cake for all the neighbours. Anyway: where is parking?"
    )

    assert ask(letter).citations == [PARKING]


@given(
    st.lists(st.lists(st.sampled_from("red green blue whales sing loud songs often".split()), min_size=3, max_size=9)
             .map(lambda words: " ".join(words).capitalize() + "."), min_size=1, max_size=8),
    st.lists(st.sampled_from("red green blue whales sing loud songs often zebra".split()), min_size=1, max_size=5).map(" ".join),
)  # fmt: skip
def test_every_sentence_of_an_answer_is_one_of_the_sources(sentences: list[str], question: str) -> None:
    passage = Found("", " ".join(sentences), "Book")

    said = ask(question, [passage])

    if said.text != FALLBACK:
        quoted = said.text.removeprefix(NEAREST).removeprefix(TOPIC).strip()
        assert {f"{part}." for part in quoted.removesuffix(".").split(". ")} <= set(sentences)
        assert said.citations == [passage]


@given(st.text(max_size=2_000))
def test_any_passage_can_be_quoted(text: str) -> None:
    assert ask("When do you open?", [Found("Open", text, "Shop")] if text.strip() else []).text
    assert all(unit.text.strip() for unit in units(text))


@given(st.text(max_size=300))
def test_pieces_put_together_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text.lstrip()


def test_an_answer_is_marked_with_its_source() -> None:
    said = ask("Is parking free?")

    assert re.findall(r"\[\d\]", said.marked) == ["[1]"]
    assert said.marked.removesuffix(" [1]") == said.text
    assert ask("Quantum chromodynamics?").marked == FALLBACK
