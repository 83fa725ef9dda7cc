"""What kind of answer a question wants: a number, a name, a way, or anything."""

import pytest

from agents.knowledge import wanting

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    "question",
    [
        "How much is the large plan?", "how long do refunds take", "What does a seat cost?", "Was kostet der Eintritt?",
        "Wie viele Plätze gibt es?", "Combien coûte la carte ?", "¿Cuántos días tengo?", "Kart kaç lira?",
        "Teslimat ne kadar sürer?", "كم سعر البطاقة؟", "送料はいくらですか", "何時に開きますか", "多少钱？", "保修几年？",
    ],
)  # fmt: skip
def test_questions_that_want_a_number(question: str) -> None:
    assert wanting.wants_number(question)


@pytest.mark.parametrize(
    "question",
    [
        "Where is the price shown?", "How do I cancel?", "Who may see it?", "Wie kündige ich?", "Comment payer ?",
        "¿Quién responde?", "Nasıl iade ederim?", "كيف ألغي الحجز؟", "どこにありますか", "怎么取消？",
    ],
)  # fmt: skip
def test_questions_that_want_something_else(question: str) -> None:
    assert not wanting.wants_number(question)


@pytest.mark.parametrize(
    ("text", "question", "has"),
    [
        ("It costs 19 euros.", "How much is it?", True),
        ("Refunds take thirty days.", "How long do refunds take?", True),
        ("Der Versand ist kostenlos.", "Was kostet der Versand?", True),
        ("Dreißig Tage lang.", "Wie lange?", True),
        ("Il reste quatre places.", "Combien de places ?", True),
        ("三十天内。", "多久？", True),
        ("The house has a playground.", "What does the wine cost?", False),
        # A number of something else than money or time.
        ("It has 24 gears and a basket.", "What does the bike cost?", False),
        ("It has 24 gears and a basket.", "How long is it lent for?", False),
        ("Der Akku hat 500 Zellen.", "Wie lange hält der Akku?", False),
        ("Der Akku hält 40 Stunden.", "Wie lange hält der Akku?", True),
        # A number that the question brought along answers nothing.
        ("The plan of 2024 is listed here.", "How much is the plan of 2024?", False),
    ],
)
def test_number_that_a_text_says(text: str, question: str, has: bool) -> None:
    assert wanting.has_number(text, question) is has


def test_a_heading_says_that_a_number_is_a_price() -> None:
    assert wanting.has_number("Large: 24", "What does the large one cost?", under="Prices")
    assert not wanting.has_number("Large: 24", "What does the large one cost?", under="Seats")


@pytest.mark.parametrize(
    ("text", "question", "has"),
    [
        ("Eight people fit in.", "How many people fit in?", True),
        ("Room: Blue · Places: 90", "How many places has the room?", True),
        ("The lockers take a deposit of two euros.", "How many lockers are there?", False),
        ("Nous gardons les livres quatre semaines.", "Combien de livres puis-je prendre ?", False),
        ("On prend quatre livres.", "Combien de livres puis-je prendre ?", True),
        ("Das Bad hat 40 alte Schränke.", "Wie viele Schränke gibt es?", True),
        ("Dikişler on gün sonra alınır.", "Dikişler kaç gün sonra alınır?", True),
        ("Tres hornos y ocho fogones.", "¿Cuántas sillas hay?", False),
        # Nothing is counted.
        ("The lockers are grey.", "Where are the lockers?", True),
        ("Es kostet viel.", "Wie viele Euro kostet es?", True),
    ],
)
def test_the_number_of_a_thing_stands_beside_it(text: str, question: str, has: bool) -> None:
    assert wanting.has_count(text, question) is has


@pytest.mark.parametrize(
    ("text", "question", "lacks"),
    [
        ("Priya Nandakumar runs it.", "Who runs the workshop?", False),
        ("It was founded by Ada.", "Who founded Quillbox?", False),
        ("The error says that Quillbox was not found.", "Who founded Quillbox?", True),
        ("La tienda abre a las nueve.", "¿Quién abrió la tienda?", True),
        ("Kurucusu Nermin Saygın.", "Kliniği kim kurdu?", False),
        ("kliniğe en çok on kilometre", "Kliniği kim kurdu?", True),
        # A role is enough.
        ("Only admins and the owner.", "Who can delete a conversation?", False),
        ("Nothing.", "Where is it?", False),
    ],
)
def test_who_did_something_is_told_by_a_name(text: str, question: str, lacks: bool) -> None:
    assert wanting.lacks_name(text, question) is lacks


@pytest.mark.parametrize(
    "question",
    [
        "How do I print it?",
        "Wie kann ich drucken?",
        "Comment puis-je imprimer ?",
        "¿Cómo puedo imprimir?",
        "Nasıl?",
    ],
)
def test_questions_that_want_a_way(question: str) -> None:
    assert wanting.wants_way(question)


@pytest.mark.parametrize(
    "question", ["How much is it?", "Wie viel kostet es?", "Combien ?", "Who can print?"]
)
def test_questions_that_want_no_way(question: str) -> None:
    assert not wanting.wants_way(question)


@pytest.mark.parametrize(
    ("question", "stored", "otherwise"),
    [
        ("¿Qué llevo a clase?", "¿Quién lleva la clase?", True),
        ("When do you open?", "Where do you open?", True),
        ("Where can I park?", "Where is the car park?", False),
        ("What does it cost?", "How much is it?", False),
        ("Is it open?", "When is it open?", False),
    ],
)
def test_a_stored_question_for_something_else_is_told_apart(
    question: str, stored: str, otherwise: bool
) -> None:
    assert wanting.asks_otherwise(question, stored) is otherwise
