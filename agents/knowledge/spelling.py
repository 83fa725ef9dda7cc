"""Words that were meant: the known ones within two edits of one that no passage has."""

from collections.abc import Iterable

# Letters that a word needs before one, or two, of them may be wrong.
FOR_ONE, FOR_TWO = 4, 6
MOST_MEANT = 4


def most_edits(word: str) -> int:
    """How many letters of `word` may be wrong, missing, too many or swapped with their neighbour."""
    if not word.isalpha() or len(word) < FOR_ONE:
        return 0
    return 1 if len(word) < FOR_TWO else 2


def meant(word: str, known: Iterable[str]) -> list[tuple[str, int]]:
    """Of the `known` words the nearest to `word`, with their distance; the few that share the least distance."""
    limit = most_edits(word)
    if not limit:
        return []
    letters, size = set(word), len(word)
    nearest: list[tuple[str, int]] = []
    for one in known:
        if abs(len(one) - size) > limit or len(letters.symmetric_difference(one)) > 2 * limit:
            continue
        found = distance(word, one, limit)
        if found is None or (found > 1 and one[0] != word[0]):
            continue
        if found < limit:
            limit, nearest = found, []
        nearest.append((one, found))
    return sorted(nearest)[:MOST_MEANT]


def distance(one: str, other: str, most: int) -> int | None:
    """The edits between two words, neighbours swapped counting as one; None above `most`."""
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
