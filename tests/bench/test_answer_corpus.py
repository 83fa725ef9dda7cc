"""The labelled questions of the evaluation: enough of each kind, and labels that their documents bear out."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bench.answers.corpus import (
    FRESH,
    KINDS,
    LONG_WORDS,
    SOURCES,
    CorpusError,
    Document,
    Question,
    answers,
    finds,
    half,
    load,
    part,
    words,
)

DOCUMENTS, QUESTIONS = load()
OTHER_TRADES, ASKED_OF_THEM = load(FRESH)
LANGUAGES = ("ar", "de", "en", "es", "fr", "ja", "tr", "zh")


def test_there_are_enough_languages_sources_and_questions() -> None:
    spread = Counter(source for source, _ in {(document.source, document.language) for document in DOCUMENTS})

    assert sorted({document.language for document in DOCUMENTS}) == list(LANGUAGES)
    assert all(spread[source] == len(LANGUAGES) for source in SOURCES)
    assert len(QUESTIONS) >= 320


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: f"{document.agent}/{document.name}")
def test_a_document_has_the_length_of_a_real_one(document: Document) -> None:
    assert 400 <= words(document.text, document.language) <= 1500


@pytest.mark.parametrize("language", LANGUAGES)
class TestLanguage:
    def test_it_has_enough_questions(self, language: str) -> None:
        assert len(_of(language)) >= 40

    def test_about_a_third_is_unanswerable(self, language: str) -> None:
        share = sum(not question.answerable for question in _of(language)) / len(_of(language))

        assert 0.3 <= share <= 0.4

    def test_at_least_a_fifth_is_not_asked_plainly(self, language: str) -> None:
        kinds = Counter(question.kind for question in _of(language))

        assert all(kinds[kind] >= 2 for kind in KINDS)
        assert kinds["plain"] <= 0.8 * len(_of(language))

    def test_each_document_is_asked_about(self, language: str) -> None:
        asked = Counter(question.document for question in _of(language))

        assert all(asked[document.name] >= 2 for document in DOCUMENTS if document.language == language)

    def test_both_halves_have_a_fair_part_of_both_sorts(self, language: str) -> None:
        parts = Counter((half(question), question.answerable) for question in _of(language))

        assert all(parts[part, True] >= 8 and parts[part, False] >= 3 for part in ("tuned", "reported"))


@pytest.mark.parametrize("language", sorted({question.language for question in ASKED_OF_THEM}))
def test_the_set_of_other_trades_is_large_and_mixed(language: str) -> None:
    asked = [question for question in ASKED_OF_THEM if question.language == language]
    kinds = Counter(question.kind for question in asked)

    assert len(asked) >= 25
    assert 0.3 <= sum(not question.answerable for question in asked) / len(asked) <= 0.4
    assert all(kinds[kind] >= 2 for kind in KINDS)
    assert {question.document for question in asked} - {""} == {
        document.name for document in OTHER_TRADES if document.language == language
    }


def test_a_part_has_its_own_questions_alone() -> None:
    parts = [part(name)[1] for name in ("tuned", "reported", "fresh")]

    assert {q.id for q in parts[0] + parts[1]} == {q.id for q in QUESTIONS}
    assert parts[2] == ASKED_OF_THEM
    assert not {q.id for q in parts[0]} & {q.id for q in parts[1]}
    assert not {q.id for q in QUESTIONS} & {q.id for q in ASKED_OF_THEM}


LONG = [question for question in QUESTIONS + ASKED_OF_THEM if question.kind == "long"]


@pytest.mark.parametrize("question", LONG, ids=lambda q: q.id)
def test_a_long_question_is_long(question: Question) -> None:
    assert words(question.text, question.language) >= LONG_WORDS


def test_no_question_is_asked_twice() -> None:
    assert not [text for text, times in Counter(q.text.casefold() for q in QUESTIONS).items() if times > 1]


def test_pairs_are_read_whole() -> None:
    for document in DOCUMENTS:
        assert len(document.pairs) == document.text.count("Q: ")


def test_a_half_depends_on_the_id_alone() -> None:
    question = QUESTIONS[0]

    assert half(question) == half(replace(question, text="Other words", kind="typo"))
    assert {half(replace(question, id=f"en-{number}")) for number in range(20)} == {"tuned", "reported"}
    # A change of the way to split would let answers that were tuned on into the reported half.
    assert [half(replace(question, id=f"xx-{number}")) for number in range(4)] == [
        "reported",
        "reported",
        "reported",
        "tuned",
    ]


def _asked(**label: object) -> Question:
    return Question("xx-1", "xx", "xx", "plain", "How long?", "plain-a", **label)  # type: ignore[arg-type]


class TestComparing:
    def test_a_passage_is_found_through_line_breaks_and_emphasis(self) -> None:
        question = _asked(quote="within fourteen Days", answer=("14",))

        assert finds("Send it back **within** four-\nteen days, please.", question)
        assert not finds("Send it back within four days.", question)

    def test_nothing_is_right_for_an_unanswerable_question(self) -> None:
        assert not finds("Anything", _asked())
        assert not answers("Anything", _asked())

    @pytest.mark.parametrize("reply", ["It is 5 days.", "5\ndays"])
    def test_an_answer_is_said(self, reply: str) -> None:
        assert answers(reply, _asked(quote="5 days", answer=("five days", "5 days")))

    @pytest.mark.parametrize("reply", ["15 days", "1.5 days", "5", ""])
    def test_a_number_inside_another_is_another(self, reply: str) -> None:
        assert not answers(reply, _asked(quote="5 days", answer=("5 days",)))

    def test_scripts_without_blanks_are_compared_without_them(self) -> None:
        assert answers("期限は三\n十日です", _asked(quote="三十日", answer=("三十日",)))


LABEL = 'document = "plain-a"\nquote = "{quote}"\nanswer = ["{answer}"]'


class TestRules:
    def test_what_is_labelled_well_is_read(self, tmp_path: Path) -> None:
        documents, questions = load(_data(tmp_path, LABEL.format(quote="in May", answer="May")))

        assert [document.source for document in documents] == ["plain"]
        assert questions[0].answer == ("May",)

    @pytest.mark.parametrize(
        ("label", "complaint"),
        [
            (LABEL.format(quote="in June", answer="May"), "once"),
            (LABEL.format(quote="We open", answer="May"), "once"),
            (LABEL.format(quote="in May", answer="June"), "none of the answers"),
            (LABEL.format(quote="in May", answer="May").replace("plain-a", "plain-b"), "no document"),
            (LABEL.format(quote="in May", answer="May") + "\nunanswerable = true", "alone"),
            ('document = "plain-a"', "needs a document"),
            ("unanswerable = true\nremark = 1", "no other fields"),
        ],
    )
    def test_what_breaks_a_rule_is_named(self, tmp_path: Path, label: str, complaint: str) -> None:
        with pytest.raises(CorpusError, match=complaint) as raised:
            load(_data(tmp_path, label))

        assert "xx-1" in str(raised.value)


def _data(folder: Path, label: str) -> Path:
    (folder / "xx").mkdir()
    (folder / "xx" / "plain-a.txt").write_text("We open in May.\nWe open late.\n", "utf-8")
    (folder / "xx" / "questions.toml").write_text(
        f'[[question]]\nid = "xx-1"\nkind = "plain"\ntext = "When?"\n{label}\n', "utf-8"
    )
    return folder


def _of(language: str) -> list[Question]:
    return [question for question in QUESTIONS if question.language == language]
