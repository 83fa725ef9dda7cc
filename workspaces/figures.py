"""Figures for people: credits, dollars and counts, with digits in groups of three."""

MILLIONTHS = 1_000_000


def grouped(number: int) -> str:
    """12000 as 12,000 and -5 as −5, with a real minus sign."""
    return f"{number:,}".replace("-", "\N{MINUS SIGN}")


def count(amount: int, noun: str) -> str:
    """ "1 agent", "1,200 agents"."""
    return f"{grouped(amount)} {noun}" if amount == 1 else f"{grouped(amount)} {noun}s"


def credits(amount: int) -> str:
    return count(amount, "credit")


def dollars(millionths: int | None) -> str:
    """A sum in millionths of a US dollar, rounded: cents, or four places for less than a cent; None is "unknown"."""
    if millionths is None:
        return "unknown"
    if 0 < millionths < MILLIONTHS // 100:
        return f"${millionths / MILLIONTHS:.4f}" if millionths >= 100 else "under $0.0001"
    return f"${millionths / MILLIONTHS:,.2f}"


def exact_dollars(millionths: int | None) -> str:
    """The cost of one reply in millionths of a US dollar, to the last digit: "$0.0012"; None is "unknown"."""
    return "unknown" if millionths is None else f"${millionths / MILLIONTHS:.6f}".rstrip("0").rstrip(".")
