"""Correcting words that no passage has: the known words within two edits."""

from collections.abc import Container, Iterable, Mapping
from itertools import chain

# The least letters of a word in which one letter may be wrong, and of one in which two may be.
FOR_ONE, FOR_TWO = 4, 6
MOST_MEANT = 4


def most_edits(word: str) -> int:
    """How many edits `word` may have: letters that are wrong, missing, added or swapped."""
    if not word.isalpha() or len(word) < FOR_ONE:
        return 0
    return 1 if len(word) < FOR_TWO else 2


def by_size(words: Iterable[str]) -> dict[int, list[str]]:
    """The words by their number of letters."""
    sized: dict[int, list[str]] = {}
    for word in words:
        sized.setdefault(len(word), []).append(word)
    return sized


def meant(word: str, known: Mapping[int, Iterable[str]]) -> list[tuple[str, int]]:
    """The `known` words (from by_size) at the least distance from `word`, with that distance; only a few."""
    limit = most_edits(word)
    if not limit:
        return []
    letters, size = set(word), len(word)
    nearest: list[tuple[str, int]] = []
    for one in chain.from_iterable(known.get(near, ()) for near in range(size - limit, size + limit + 1)):
        if len(letters.symmetric_difference(one)) > 2 * limit:
            continue
        found = distance(word, one, limit)
        if found is None or (found > 1 and one[0] != word[0]):
            continue
        if found < limit:
            limit, nearest = found, []
        nearest.append((one, found))
    return sorted(nearest)[:MOST_MEANT]


# The least letters of a part of a compound, and of a word that compounds may end with.
PART, TAIL = 4, 5
# Letters that German inserts between the parts.
_JOINTS = ("", "s", "n", "es", "en", "er")


# Languages that write compounds as one word (empty: a question too short to show its language), and the least
# letters of a compound.
_COMPOUNDING = ("german", "dutch", "")
COMPOUND = 9


def may_be_compound(word: str, language: str) -> bool:
    return language in _COMPOUNDING and len(word) >= COMPOUND and word.isalpha() and word.isascii()


def parts(word: str, known: Container[str]) -> tuple[str, str] | None:
    """The two `known` words that `word` consists of ("fahrradverleih"); None if there are none."""
    if not word.isalpha():
        return None
    for start in range(PART, len(word) - PART + 1):
        tail = word[start:]
        if tail in known:
            heads = (word[: start - len(joint)] for joint in _JOINTS if word[:start].endswith(joint))
            head = next((one for one in heads if len(one) >= PART and one in known), "")
            if head:
                return head, tail
    return None


def part(word: str, known: Container[str]) -> tuple[str, str] | None:
    """A compound of which only one part is `known`, split at that part ("damen", "sauna"); None if there is none."""
    cuts = range(PART, len(word) - PART + 1)
    at = next((cut for cut in cuts if len(word) - cut >= TAIL and word[cut:] in known), 0)
    at = at or next((cut for cut in reversed(cuts) if cut >= TAIL and word[:cut] in known), 0)
    return (word[:at], word[at:]) if at else None


def longer(word: str, known: Iterable[str]) -> list[str]:
    """The few shortest of the `known` words that end with `word`: "haustürschlüssel" for "schlüssel"."""
    if not word.isalpha() or len(word) < TAIL:
        return []
    return sorted(
        (one for one in known if one.endswith(word) and one != word), key=lambda one: (len(one), one)
    )[:MOST_MEANT]


def distance(one: str, other: str, most: int) -> int | None:
    """The number of edits between two words; a swap of neighbours counts as one. None if above `most`."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        earlier, before, row = before, row, [i] + [0] * len(other)
        for j, another in enumerate(other, start=1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != another))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == another:
                row[j] = min(row[j], earlier[j - 2] + 1)
        if min(row) > most and min(before) > most:
            return None
    return row[-1] if row[-1] <= most else None
