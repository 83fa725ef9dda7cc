"""Encoders: they make a vector of a text, so that texts with the same meaning have vectors near each other.

`WordLlama` is a table of a vector for each of 32,000 tokens (words and parts of words); a text's vector is the mean
of its tokens'. The table and the rules for cutting words are in the wheel of `wordllama`, so nothing is fetched.
Only these two files are used, because the package's own loader fetches one of them, takes twice the memory, and
adds a handler to the program's log.
"""

import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from agents.knowledge import languages, terms
from agents.knowledge.folding import fold

# The most characters of a text that are encoded.
MOST_CHARACTERS = 4_000
NOTHING = np.float32(1e-6)


class WordLlama:
    """For English texts only: it was trained on English and knows little of other languages but their letters."""

    name = "wordllama-l2-256"
    size = 256
    # The least cosine between a question and a text that is found. Below it, related and unrelated texts cannot be
    # distinguished.
    floor = 0.2

    def __init__(self) -> None:
        folder = Path((find_spec("wordllama").submodule_search_locations or [""])[0])  # type: ignore[union-attr]
        self._cutter = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
        self._cutter.no_padding()
        self._cutter.no_truncation()
        self._table = _mapped(folder / "weights" / f"l2_supercat_{self.size}.safetensors")

    def asks(self, question: str, language: str) -> bool:
        """Whether a question in this language (languages.of) is searched by vector.

        A question of few words may have no known language.
        """
        return language == "english" or (not language and question.isascii())

    def encode(self, text: str) -> NDArray[np.float32]:
        """The vector of `text`, of length 1; zeros for a text without a known token."""
        tokens = self._cutter.encode(text[:MOST_CHARACTERS], add_special_tokens=False).ids
        if not tokens:
            return np.zeros(self.size, np.float32)
        known, times = np.unique(tokens, return_counts=True)
        total = times.astype(np.float32) @ self._table[known].astype(np.float32)
        return np.asarray(total / max(np.linalg.norm(total), NOTHING), np.float32)

    def packed(self, text: str) -> bytes | None:
        """The vector of `text` as it is stored, one byte for each number; None for texts that are not encoded."""
        if languages.of(terms.runs(fold(text[:MOST_CHARACTERS]))) != "english":
            return None
        vector = self.encode(text)
        most = np.abs(vector).max()
        return np.rint(vector * (127 / most)).astype(np.int8).tobytes() if most > NOTHING else None


def _mapped(file: Path) -> NDArray[np.float16]:
    """The only table of a safetensors file, mapped into memory, so that all processes share it."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        [table] = (about for name, about in json.loads(opened.read(length)).items() if name != "__metadata__")
    return np.memmap(
        file, "<f2", "r", offset=8 + length + table["data_offsets"][0], shape=tuple(table["shape"])
    )


class Vectors:
    """The stored vectors of one agent, each with its place: a passage's id, or a Q&A pair's number, which is negative."""

    # How many rows are compared at once. For more, the library under numpy starts threads, which wait for each other
    # on a busy machine: 10,000 rows then took 50 ms instead of one.
    BLOCK = 1_024

    def __init__(self, rows: Sequence[tuple[int, bytes | memoryview]], size: int) -> None:
        self.places = np.array([place for place, _ in rows], np.int64)
        self.stored = np.frombuffer(b"".join(bytes(one) for _, one in rows), np.int8).reshape(-1, size)
        self.lengths = self._block_by_block(lambda block: np.linalg.norm(block, axis=1))

    @property
    def bytes(self) -> int:
        return self.stored.nbytes + self.places.nbytes + self.lengths.nbytes

    def nearest(self, vector: NDArray[np.float32], most: int, floor: float) -> list[int]:
        """The places of the vectors nearest to `vector`, nearest first: at most `most`, none with a cosine below
        `floor`.
        """
        near = self._block_by_block(lambda block: block @ vector) / self.lengths
        ranked = np.argsort(-near, kind="stable")[:most]
        return [int(self.places[row]) for row in ranked if near[row] >= floor]

    def _block_by_block(
        self, made_of: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        starts = range(0, len(self.stored), self.BLOCK)
        parts = [made_of(self.stored[start : start + self.BLOCK].astype(np.float32)) for start in starts]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)
