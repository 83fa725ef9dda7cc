"""What both rule tables are made of, and the rules that are no provider's own.

The tables (openai_rules, anthropic_rules) say, as data, what the real services accept and refuse; they decide
nothing. Each row names where it is published. They stand apart from the product's own table on purpose (the double
never imports the product), so that the two cannot agree by accident. They were read on 25 November 2026; the sets
that repeat a locked SDK are compared with it by test_rules.py, so that a new SDK makes itself known.
"""

from typing import NamedTuple

FOUR_EFFORTS = ("low", "medium", "high", "xhigh")
FIVE_EFFORTS = (*FOUR_EFFORTS, "max")


class Listed(NamedTuple):
    """Ids of one family with one date: the day from which calls are refused, None while none is announced."""

    ids: str
    family: str
    source: str
    gone_on: str | None = None


# Credentials that are none for replies: the makers' key pages, 2026-11-25. Prefixes, by the provider they are sent to.
WRONG_SORTS = {
    "openai": ("sk-admin-", "sk-ant-", "sk-or-v1-"),
    "anthropic": (
        "sk-ant-admin01-", "sk-ant-oat01-", "sk-ant-ort01-", "sk-ant-sid01-", "sk-or-v1-", "sk-admin-", "sk-proj-",
        "sk-svcacct-", "sk-None-",
    ),
}  # fmt: skip

# Our own: how many tokens the double thinks at each effort. The services give no such figures.
THINKING_TOKENS = {
    "none": 0, "minimal": 16, "low": 62, "medium": 180, "high": 600, "xhigh": 1_500, "max": 4_000,
}  # fmt: skip
