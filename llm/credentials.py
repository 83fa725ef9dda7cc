"""Credentials that cannot run replies, recognised by how they begin: admin keys, sign-in tokens, keys of other makers.

The person who pastes one is told what it is, and it is never sent to a provider. The sources are the makers' own
references and the secret-scanning patterns they publish, as of November 2026.
"""

import re
from dataclasses import dataclass

ADMIN_KEY = (
    "This is an admin key of {maker}. It can do far more than replies, such as making keys and removing people, "
    "so it is not taken here."
)
SUBSCRIPTION = "This is a sign-in token of a Claude subscription. Anthropic forbids those in other products."
OTHER_MAKER = "This is a credential of {maker}, and no provider key."
NOT_FOR_REPLIES = "This is {maker}, and no provider key."


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of credential: the texts that it may begin with, and the sentence that tells people what it is."""

    begins: tuple[str, ...]
    words: str


def _sort(begins: str, words: str, maker: str = "") -> Sort:
    return Sort(tuple(begins.split()), words.format(maker=maker))


# The first match decides, so a longer beginning stands above a shorter one that it starts with.
SORTS = (
    _sort("sk-admin-", ADMIN_KEY, "an OpenAI organisation"),
    _sort("sk-ant-admin", ADMIN_KEY, "an Anthropic organisation"),
    _sort("sk-ant-oat sk-ant-ort sk-ant-sid", SUBSCRIPTION),
    _sort("sess-", NOT_FOR_REPLIES, "a sign-in token of OpenAI's website"),
    _sort("ek_", NOT_FOR_REPLIES, "a short-lived token of OpenAI's Realtime API"),
    _sort("whsec_", NOT_FOR_REPLIES, "a secret that signs webhooks"),
    _sort("org- proj_", NOT_FOR_REPLIES, "the id of an OpenAI organisation or project"),
    _sort("sk-or-", OTHER_MAKER, "OpenRouter"),
    _sort("sk-lf- pk-lf-", OTHER_MAKER, "Langfuse"),
    _sort("sk-kimi-", OTHER_MAKER, "Moonshot AI (Kimi)"),
    _sort("sk-litellm-", OTHER_MAKER, "a LiteLLM proxy"),
    _sort("sk_live_ sk_test_ rk_live_ rk_test_ pk_live_ pk_test_", OTHER_MAKER, "Stripe"),
    _sort("sk_", OTHER_MAKER, "another maker (sk- with a hyphen is another beginning)"),
    _sort("gsk_", OTHER_MAKER, "Groq"),
    _sort("AIza AQ. ya29.", OTHER_MAKER, "Google"),
    _sort("xai-", OTHER_MAKER, "xAI"),
    _sort("hf_ api_org_", OTHER_MAKER, "Hugging Face"),
    _sort("pplx-", OTHER_MAKER, "Perplexity"),
    _sort("r8_", OTHER_MAKER, "Replicate"),
    _sort("fw_", OTHER_MAKER, "Fireworks AI"),
    _sort("tgp_v1_", OTHER_MAKER, "Together AI"),
    _sort("csk-", OTHER_MAKER, "Cerebras"),
    _sort("nvapi-", OTHER_MAKER, "NVIDIA"),
    _sort("vck_", OTHER_MAKER, "Vercel's AI Gateway"),
    _sort("pa-", OTHER_MAKER, "Voyage AI"),
    _sort("jina_", OTHER_MAKER, "Jina AI"),
    _sort("tvly-", OTHER_MAKER, "Tavily"),
    _sort("lsv2_", OTHER_MAKER, "LangSmith"),
    _sort("AKIA ASIA ABSK bedrock-api-key-", OTHER_MAKER, "Amazon Web Services"),
    _sort("ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", OTHER_MAKER, "GitHub"),
    _sort("glpat-", OTHER_MAKER, "GitLab"),
    _sort("xoxb- xoxp- xoxa- xapp-", OTHER_MAKER, "Slack"),
    _sort("npm_", OTHER_MAKER, "npm"),
    _sort("pypi-", OTHER_MAKER, "PyPI"),
    _sort("SG.", OTHER_MAKER, "SendGrid"),
    _sort("eyJ", NOT_FOR_REPLIES, "a sign-in token (a JWT)"),
    _sort("-----BEGIN", NOT_FOR_REPLIES, "a private key or a certificate"),
)

# What people copy along with a key by mistake. The patterns are anchored, so that each reads only a text's
# beginning.
WITH_BEARER = re.compile(r"(?:[\w-]{1,40}\s*[:=]\s*)?[\"']?Bearer\s", re.IGNORECASE)
WITH_ITS_NAME = re.compile(
    r"(?:export\s+|set\s+|\$env:|-H\s+[\"'])?[A-Za-z_][\w.-]{0,60}\s*[:=]", re.IGNORECASE
)
QUOTES = "\"'`“”‘’«"
WRAPPED = (
    ("{", "it is a piece of JSON"),
    ("[", "it is a piece of JSON"),
    ("<", "it stands in angle brackets"),
    *((mark, "it stands in quotation marks") for mark in QUOTES),
)
# A long run of letters and digits, which random text has and names of models do not.
RANDOM_RUN = re.compile(r"[A-Za-z0-9]{16}")


def sort_of(text: str) -> Sort | None:
    """Which sort of credential `text` is, if it is one that cannot run replies."""
    return next((sort for sort in SORTS if text.startswith(sort.begins)), None)


def is_random(text: str) -> bool:
    """Whether `text` contains a random run, as only credentials do."""
    return RANDOM_RUN.search(text) is not None


def wrapping(text: str) -> str | None:
    """What surrounds the key in `text`, worded to follow a colon; None if `text` begins like a key of any sort."""
    if WITH_BEARER.match(text):
        return "it was copied with the word Bearer"
    if WITH_ITS_NAME.match(text):
        return "it was copied with the name of its setting or header"
    return next((words for mark, words in WRAPPED if text.startswith(mark)), None)


def unwrapped(text: str) -> str:
    """`text` without what was copied along with the key, as far as that is recognised."""
    for pattern in (WITH_ITS_NAME, WITH_BEARER):
        found = pattern.match(text)
        text = text[found.end() :].strip() if found else text
    return text.strip(" {[<" + QUOTES)
