"""What kind of answer a question wants: a number, or anything."""

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
