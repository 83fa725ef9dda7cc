"""The language of a text, told by its small words, by letters of its own and by how its words end."""

import pytest

from agents.knowledge import languages, spelling, terms
from agents.knowledge.folding import fold

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is the shop?", "english"),
        ("Wo ist der Laden?", "german"),
        ("Où est la boutique ?", "french"),
        ("¿En qué año abrieron?", "spanish"),
        # "ne" is a small word of French as well.
        ("Baş tasarımcının adı ne?", "turkish"),
        ("antalyadaki servisin telefonu ne", "turkish"),
        ("Elle ne marche plus, la machine", "french"),
        ("", ""),
        ("12345", ""),
    ],
)
def test_language_of_a_text(text: str, language: str) -> None:
    assert languages.of(terms.runs(fold(text)), text) == language


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("fahrradverleih", ("fahrrad", "verleih")),
        ("rabattschlussel", ()),
        ("ruckgabefrist", ("ruckgabe", "frist")),
        ("zahlungsart", ()),
        ("lieferungszeiten", ("lieferung", "zeiten")),
    ],
)
def test_a_compound_is_taken_apart_by_known_words(word: str, parts: tuple[str, ...]) -> None:
    known = {"fahrrad", "verleih", "ruckgabe", "frist", "lieferung", "zeiten", "zahlung", "art"}

    assert spelling.parts(word, known) == parts


def test_longer_words_that_end_with_one_come_shortest_first() -> None:
    known = {"hausschlussel", "schlussel", "fahrradschlussel", "schlusselbund"}

    assert spelling.longer("schlussel", known) == ["hausschlussel", "fahrradschlussel"]
    assert spelling.longer("sel", known) == []
