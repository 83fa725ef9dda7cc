"""The language of a text is recognised by its small words, its special letters and its word endings."""

import pytest

from agents.knowledge import languages, particles, spelling, terms, turkish
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
        ("rabattschlussel", None),
        ("ruckgabefrist", ("ruckgabe", "frist")),
        ("zahlungsart", None),
        ("lieferungszeiten", ("lieferung", "zeiten")),
    ],
)
def test_a_compound_is_taken_apart_by_known_words(word: str, parts: tuple[str, str] | None) -> None:
    known = {"fahrrad", "verleih", "ruckgabe", "frist", "lieferung", "zeiten", "zahlung", "art"}

    assert spelling.parts(word, known) == parts


def test_longer_words_that_end_with_one_come_shortest_first() -> None:
    known = {"hausschlussel", "schlussel", "fahrradschlussel", "schlusselbund"}

    assert spelling.longer("schlussel", known) == ["hausschlussel", "fahrradschlussel"]
    assert spelling.longer("sel", known) == []


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("damensauna", ("damen", "sauna")),
        ("wasserqualitat", ("wasser", "qualitat")),
        ("saunen", None),
        ("kartoffel", None),
    ],
)
def test_a_compound_is_taken_apart_where_one_part_is_known(word: str, parts: tuple[str, str] | None) -> None:
    assert spelling.part(word, {"sauna", "wasser", "kart"}) == parts


@pytest.mark.parametrize(
    "forms",
    [
        "klinik kliniği kliniğe klinikte",
        "kedi kedim kedimi kediler kedilere kediye kedinin",
        "köpek köpeğim köpekler köpeklere",
        "diş dişler dişleri",
        "yaş yaşında yaşından",
        "para parası paramı",
    ],
)
def test_the_forms_of_a_turkish_noun_have_one_stem(forms: str) -> None:
    assert len({turkish.noun(fold(form)) for form in forms.split()}) == 1


@pytest.mark.parametrize(
    "forms",
    [
        "saklıyorsunuz saklarız saklamak saklanır saklıyor",
        "kurdu kurmak kuruldu kurmuş",
        "yapıyor yapılır yapmak yapıyorsunuz",
        "bakıyor bakmıyoruz bakar",
        "değiştirmek değiştirebilir değiştiririz değiştirilir",
    ],
)
def test_the_forms_of_a_turkish_verb_have_one_stem(forms: str) -> None:
    assert len({turkish.verb(fold(form)) for form in forms.split()}) == 1


def test_what_is_paid_and_what_is_free_are_two_words_in_turkish() -> None:
    assert turkish.noun("ucretsiz") != turkish.noun("ucreti")


@pytest.mark.parametrize(
    ("question", "language", "found"),
    [
        ("What if I never pick it up?", "english", ("pick", "up")),
        ("can you send the broken parcel back", "english", ("send", "back")),
        ("wann holt ihr das paket ab?", "german", ("holt", "ab")),
        ("Hallo. Wo stelle ich mein Auto ab?", "german", ("stelle", "ab")),
    ],
)
def test_a_verb_of_two_parts_is_known_by_both(question: str, language: str, found: tuple[str, str]) -> None:
    assert found in particles.verbs(fold(question), language)


@pytest.mark.parametrize(
    ("question", "language"), [("Ab wann ist offen?", "german"), ("pick it up", "french"), ("", "german")]
)
def test_a_particle_alone_is_no_verb_of_two_parts(question: str, language: str) -> None:
    assert particles.verbs(fold(question), language) == []


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("storage", "store", "english"),
        ("arrival", "arrive", "english"),
        ("cheaper", "cheap", "english"),
        ("directrice", "directeur", "french"),
        ("vendeuses", "vendeur", "french"),
    ],
)
def test_words_made_of_one_another_share_a_stem(one: str, other: str, language: str) -> None:
    assert set(languages.stems(one, language)) & set(languages.stems(other, language))


@pytest.mark.parametrize(
    ("written", "asked"), [("e-mail", "email"), ("non-profits", "nonprofit"), ("WLAN-Netz", "WLANnetz")]
)
def test_what_a_hyphen_joins_is_one_word_as_well(written: str, asked: str) -> None:
    for text, question in ((written, asked), (asked, written)):
        passage = f" {terms.searchable('', f'The {text} is here.')} "
        assert any(
            terms.share(word, passage) > terms.SYNONYM for word in terms.asked(f"the {question}").words
        )


def test_what_is_told_beside_a_question_weighs_less_than_what_it_asks() -> None:
    words = {
        word.text: word.weight
        for word in terms.asked("My kiln is broken. How long is the repair guaranteed?").words
    }

    assert words["kiln"] < words["repair"] == words["guaranteed"]
