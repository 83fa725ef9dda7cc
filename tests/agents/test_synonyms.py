"""The files of words that mean the same: each line a meaning, and no word in two of them unless the file says so."""

from collections import Counter
from itertools import chain

import pytest

from agents.knowledge import languages, synonyms
from agents.knowledge.folding import fold

# Left out of questions, and yet worth finding in a passage: "support" for help, "müdür", "su".
SAID_ALL_THE_SAME = {"help", "mudur", "su"}
LANGUAGES = (*synonyms.BY_WORDS, *synonyms.BY_SIGNS)


def _roots(word: str, language: str) -> tuple[str, ...]:
    return (word,) if language in synonyms.BY_SIGNS else synonyms.roots(word, language)


def test_each_language_of_the_evaluation_has_its_file() -> None:
    assert set(synonyms.BY_WORDS) == {"arabic", "english", "french", "german", "spanish", "turkish"}
    assert set(synonyms.BY_WORDS) <= set(languages.SILENT)


@pytest.mark.parametrize("language", LANGUAGES)
class TestFile:
    def test_a_meaning_has_several_words_each_once(self, language: str) -> None:
        for words in synonyms.meanings(language):
            assert len(set(words)) == len(words) > 1, words

    def test_no_meaning_stands_there_twice(self, language: str) -> None:
        every = Counter(frozenset(words) for words in synonyms.meanings(language))

        assert not [sorted(words) for words, times in every.items() if times > 1]

    def test_a_word_of_several_meanings_is_named_in_the_head(self, language: str) -> None:
        lines = (synonyms.FOLDER / f"{language}.txt").read_text("utf-8").splitlines()
        named = {word for line in lines if line.startswith("#several ") for word in line.split()[1:]}
        roots = [
            {root for word in words for root in _roots(word, language)}
            for words in synonyms.meanings(language)
        ]
        several = {root for root, times in Counter(chain.from_iterable(roots)).items() if times > 1}

        assert all(any(root in several for root in _roots(fold(word), language)) for word in named)
        assert several <= {root for word in named for root in _roots(fold(word), language)}

    def test_the_words_are_in_the_form_that_is_looked_up(self, language: str) -> None:
        for word in (word for words in synonyms.meanings(language) for word in words):
            assert word == fold(word)
            assert word.isalpha()
            if language in synonyms.BY_SIGNS:
                assert len(word) == 2

    def test_no_word_is_one_that_questions_leave_out(self, language: str) -> None:
        words = {word for words in synonyms.meanings(language) for word in words}

        assert words & languages.SILENT.get(language, frozenset()) <= SAID_ALL_THE_SAME


def test_a_word_by_itself_is_of_each_language_that_lists_it() -> None:
    assert {"cout", "gewinn"} <= {*synonyms.of("prix", ""), *synonyms.of("preis", "")}
    assert not list(synonyms.of("zebra", ""))


def test_a_word_leads_to_what_means_the_same_in_its_language_alone() -> None:
    assert {"refund", "reimburs"} <= set(synonyms.of("reimbursed", "english"))
    assert not set(synonyms.of("reimbursed", "german"))
    assert "返金" in set(synonyms.of("払戻", ""))
