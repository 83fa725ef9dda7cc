"""The encoder and the vectors that it makes; without the extra `embeddings` there is nothing to test."""

import json
import subprocess
import sys

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tokenizers")
pytest.importorskip("wordllama")

from agents.knowledge.encoders import Vectors, WordLlama  # noqa: E402

TEXTS = ["How do I get my money back?", "Refunds are paid within thirty days.", "Zebras graze.", "漢字", ""]
AS_THE_PACKAGE_ITSELF = """
import json, pathlib, sys, wordllama
llama = wordllama.WordLlama.load(cache_dir=pathlib.Path(wordllama.__file__).parent, disable_download=True)
print(json.dumps(llama.embed(json.loads(sys.argv[1]), norm=True).tolist()))
"""


@pytest.fixture(scope="module")
def llama() -> WordLlama:
    return WordLlama()


def test_vectors_are_those_of_the_package_itself(llama: WordLlama) -> None:
    told = subprocess.run(
        [sys.executable, "-c", AS_THE_PACKAGE_ITSELF, json.dumps(TEXTS[:4])], capture_output=True, text=True,
        check=True,
    )  # fmt: skip

    ours = np.array([llama.encode(text) for text in TEXTS[:4]])

    assert np.abs(ours - np.array(json.loads(told.stdout))).max() < 1e-5


def test_an_empty_text_has_no_direction(llama: WordLlama) -> None:
    assert not llama.encode("").any()
    assert llama.packed("") is None


def test_a_stored_vector_points_where_the_text_does(llama: WordLlama) -> None:
    packed = llama.packed("You will be paid back what the ticket was, and that within the month.")
    assert packed is not None
    assert len(packed) == WordLlama.size
    stored = np.frombuffer(packed, np.int8).astype(np.float32)
    exact = llama.encode("You will be paid back what the ticket was, and that within the month.")

    assert float(stored @ exact / np.linalg.norm(stored)) > 0.999


def test_of_a_long_text_the_beginning_counts(llama: WordLlama) -> None:
    text = "We pay back what you paid. " * 1_000

    assert (llama.encode(text) == llama.encode(text[:4_000])).all()


@pytest.mark.parametrize(
    "text",
    [
        "Wir öffnen um neun und schließen um fünf, und am Sonntag ist zu.",
        "Nous ouvrons à neuf heures et nous fermons le dimanche.",
        "我们的退款政策是三十天内全额退款。",
    ],
)
def test_texts_in_other_languages_are_left_out(llama: WordLlama, text: str) -> None:
    assert llama.packed(text) is None


@pytest.mark.parametrize(
    ("question", "language", "asked"),
    [
        ("How do I get my money back?", "english", True),
        ("refund", "", True),
        ("Wie bekomme ich mein Geld?", "german", False),
        ("返金", "", False),
        ("Возврат", "russian", False),
    ],
)
def test_questions_in_other_languages_are_left_to_their_words(
    llama: WordLlama, question: str, language: str, asked: bool
) -> None:
    assert llama.asks(question, language) is asked


def test_nearest_are_those_by_cosine_and_above_the_floor() -> None:
    rows = [(1, b"\x7f\x00"), (-2, b"\x40\x40"), (3, b"\x00\x7f"), (4, b"\x81\x00"), (5, b"\x01\x00")]
    vectors = Vectors(rows, 2)

    assert vectors.nearest(np.array([1, 0], np.float32), 3, 0.1) == [1, 5, -2]
    assert vectors.nearest(np.array([1, 0], np.float32), 9, 0.9) == [1, 5]
    assert vectors.nearest(np.array([0, 0], np.float32), 9, 0.1) == []


def test_many_rows_are_compared_block_by_block() -> None:
    rows = [(number, bytes([number % 100 + 1, 20])) for number in range(2 * Vectors.BLOCK + 7)]

    nearest = Vectors(rows, 2).nearest(np.array([1, 0], np.float32), 4, 0.0)

    assert nearest == [99, 199, 299, 399]
