"""What both rule tables are made of, and the rules that belong to neither provider.

The tables (openai_rules, anthropic_rules) say, as data, what the real services accept and refuse; they decide nothing.
Each row names where it is published. The double never imports the product's own table, so that the same mistake cannot be
in both unnoticed. The tables were read on 25 November 2026. test_rules.py compares those sets that repeat a locked SDK
with it, so that it fails when a new SDK differs.
"""

from typing import NamedTuple

FOUR_EFFORTS = ("low", "medium", "high", "xhigh")
FIVE_EFFORTS = (*FOUR_EFFORTS, "max")


class Listed(NamedTuple):
    """Ids of one family with one date: the day from which calls are refused, or None while no day is announced."""

    ids: str
    family: str
    source: str
    gone_on: str | None = None


# Prefixes of credentials that are not for replies, by the provider they are sent to (the makers' key pages, 2026-11-25).
WRONG_SORTS = {
    "openai": ("sk-admin-", "sk-ant-", "sk-or-v1-"),
    "anthropic": (
        "sk-ant-admin01-", "sk-ant-oat01-", "sk-ant-ort01-", "sk-ant-sid01-", "sk-or-v1-", "sk-admin-", "sk-proj-",
        "sk-svcacct-", "sk-None-",
    ),
}  # fmt: skip

# How many tokens the double thinks at each effort. The figures are ours, because the services publish none.
THINKING_TOKENS = {
    "none": 0, "minimal": 16, "low": 62, "medium": 180, "high": 600, "xhigh": 1_500, "max": 4_000,
}  # fmt: skip
