"""The files of words that mean the same: each line a meaning, and no word in two of them unless the file says so."""

from collections import Counter

import pytest

from agents.knowledge import languages, synonyms
from agents.knowledge.folding import fold

LANGUAGES = (*synonyms.BY_WORDS, *synonyms.BY_SIGNS)


def _root(word: str, language: str) -> str:
    return word if language in synonyms.BY_SIGNS else synonyms.root(word, language)


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
        times = Counter(
            root for words in synonyms.meanings(language) for root in {_root(word, language) for word in words}
        )

        assert {root for root, number in times.items() if number > 1} == {
            _root(fold(word), language) for word in named
        }

    def test_the_words_are_in_the_form_that_is_looked_up(self, language: str) -> None:
        for word in (word for words in synonyms.meanings(language) for word in words):
            assert word == fold(word)
            assert word.isalpha()
            if language in synonyms.BY_SIGNS:
                assert len(word) == 2


def test_a_word_leads_to_what_means_the_same_in_its_language_alone() -> None:
    assert {"refund", "reimburs"} <= set(synonyms.of("reimbursed", "english"))
    assert not set(synonyms.of("reimbursed", "german"))
    assert "返金" in set(synonyms.of("払戻", ""))
