"""What makes a vector of a text, so that texts which mean the same are near each other.

`WordLlama` is a table of a vector for each of 32,000 pieces of words; a text's vector is the mean of its pieces'. The table
and the rules for cutting lie in the wheel of `wordllama`, and nothing is fetched. Only these two files are used: the
package's own loader wants to fetch one of them, takes twice the memory, and gives the program's log a handler.
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

# Of a text; what stands beyond is not looked at.
MOST_CHARACTERS = 4_000
NOTHING = np.float32(1e-6)


class WordLlama:
    """Of English texts only: it was made from English, and of the rest it knows little more than the letters."""

    name = "wordllama-l2-256"
    size = 256
    # How near a text must be to a question to be found by it, as a cosine. Below it, texts of the same subject and of any
    # other are alike.
    floor = 0.2

    def __init__(self) -> None:
        folder = Path((find_spec("wordllama").submodule_search_locations or [""])[0])  # type: ignore[union-attr]
        self._cutter = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
        self._cutter.no_padding()
        self._cutter.no_truncation()
        self._table = _mapped(folder / "weights" / f"l2_supercat_{self.size}.safetensors")

    def asks(self, question: str, language: str) -> bool:
        """Whether a question in this language (languages.of) is looked up. A few words may not tell theirs."""
        return language == "english" or (not language and question.isascii())

    def encode(self, text: str) -> NDArray[np.float32]:
        """The vector of `text`, of length 1; of a text without a piece that is known, zeros."""
        pieces = self._cutter.encode(text[:MOST_CHARACTERS], add_special_tokens=False).ids
        if not pieces:
            return np.zeros(self.size, np.float32)
        known, times = np.unique(pieces, return_counts=True)
        total = times.astype(np.float32) @ self._table[known].astype(np.float32)
        return np.asarray(total / max(np.linalg.norm(total), NOTHING), np.float32)

    def packed(self, text: str) -> bytes | None:
        """The vector of `text` as it is stored, a byte for each number; None for texts that are left out."""
        if languages.of(terms.runs(fold(text[:MOST_CHARACTERS]))) != "english":
            return None
        vector = self.encode(text)
        most = np.abs(vector).max()
        return np.rint(vector * (127 / most)).astype(np.int8).tobytes() if most > NOTHING else None


def _mapped(file: Path) -> NDArray[np.float16]:
    """The one table of a safetensors file, from the file itself: all processes share what is read of it."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        [table] = (about for name, about in json.loads(opened.read(length)).items() if name != "__metadata__")
    return np.memmap(
        file, "<f2", "r", offset=8 + length + table["data_offsets"][0], shape=tuple(table["shape"])
    )


class Vectors:
    """Vectors of one agent as they are stored, each with its place: a passage's id, or that of a Q&A pair, which is negative."""

    # Rows that are compared at once. For more, the library beneath numpy starts threads, which wait for each other on a
    # busy machine: 10,000 rows took 50 ms and not one.
    BLOCK = 1_024

    def __init__(self, rows: Sequence[tuple[int, bytes | memoryview]], size: int) -> None:
        self.places = np.array([place for place, _ in rows], np.int64)
        self.stored = np.frombuffer(b"".join(bytes(one) for _, one in rows), np.int8).reshape(-1, size)
        self.lengths = self._block_by_block(lambda block: np.linalg.norm(block, axis=1))

    @property
    def bytes(self) -> int:
        return self.stored.nbytes + self.places.nbytes + self.lengths.nbytes

    def nearest(self, vector: NDArray[np.float32], most: int, floor: float) -> list[int]:
        """The places of the nearest to `vector`, nearest first: at most so many, and none whose cosine is below `floor`."""
        near = self._block_by_block(lambda block: block @ vector) / self.lengths
        ranked = np.argsort(-near, kind="stable")[:most]
        return [int(self.places[row]) for row in ranked if near[row] >= floor]

    def _block_by_block(
        self, made_of: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        starts = range(0, len(self.stored), self.BLOCK)
        parts = [made_of(self.stored[start : start + self.BLOCK].astype(np.float32)) for start in starts]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)
