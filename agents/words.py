"""What people are told: each code in plain words for a member, and precisely for an admin.

Nothing a provider said is repeated here; its texts can echo the key.
"""

from typing import Any

PROVIDER_NAMES = {"openai": "OpenAI", "anthropic": "Anthropic", "local": "Bookbag Local"}

REFUSALS = {
    "not_signed_in": "Your session has ended. Sign in again; what you typed is still here.",
    "not_found": "There is no such agent or conversation in this workspace.",
    "forbidden": "Your role does not allow this. An editor or admin of the workspace can do it.",
    "message_empty": "Write a message first.",
    "message_too_large": "This message is too long. Shorten it to at most {limit:,} characters; it is still here.",
    "idempotency_key_missing": "The page is out of date. Reload it and send again.",
    "malformed": "The request could not be read. Reload the page and send again.",
    "csrf_failed": "The page is out of date. Reload it and send again.",
    "database_down": "Bookbag is out of reach for a moment. Nothing was charged; your message is still here. Send it again.",
    "too_fast": "You have sent {per_minute} messages within a minute. Wait {retry_after} seconds and send again.",
    "idempotency_conflict": "This page already sent another message. Reload it and send again.",
    "agent_archived": "This agent is archived. An editor can make it active again on the agent's page.",
    "credits_exhausted": (
        "The workspace has {available} left and this reply costs {price}. Nothing was charged. "
        "Choose a cheaper model, use Bookbag Local, bring your own key, or ask for more credits."
    ),
    "platform_key_missing": (
        "Our side: Bookbag has no working {provider} key at the moment. Nothing was charged. "
        "Choose another model, or try again later."
    ),
    "byo_key_missing": (
        "This workspace brings its own keys, but has none for {provider}. Nothing was charged. "
        "An admin can add one in LLM settings, or the agent can use another model."
    ),
    "byo_key_unreadable": (
        "The workspace's {provider} key can no longer be read. Nothing was charged. An admin has to enter it again in LLM settings."
    ),
    "model_requires_byo": (
        "{model} is this workspace's own model and runs only while bring-your-own-keys is on. "
        "An admin can turn it on in LLM settings, or the agent can use another model."
    ),
    "model_unavailable": "{model} is no longer offered. Choose another model on the agent's page.",
}

# (member, admin). A member learns what to do; an admin learns what is wrong and with what.
FAILURES = {
    "key_rejected": (
        "{owner} {provider} key was rejected.{tell_admin}",
        "{provider} rejected the key {mask} (401 or 403). Check on the provider's dashboard that it exists and may use "
        "{model}, then replace it in LLM settings.",
    ),
    "model_not_found": (
        "{model} is not available on this {provider} account. Choose another model.",
        "{provider} answered 404 for the model id {model_id}. The account of {mask} may lack access to it.",
    ),
    "bad_request": (
        "{provider} did not accept this request. Try rephrasing it, or another model.",
        "{provider} answered that the request is invalid (HTTP {status}). A model may refuse the agent's settings.",
    ),
    "prompt_too_large": (
        "The conversation has become too long for {model}. Start a new conversation.",
        "{provider} answered that the prompt is too large for {model_id}.",
    ),
    "rate_limited": (
        "{provider} is limiting requests right now. {wait}",
        "{provider} answered 429 for the key {mask}: its rate limit is reached. {wait} Raise the limit on the provider's dashboard.",
    ),
    "no_funds": (
        "{owner} {provider} account is out of funds or quota.{tell_admin}",
        "{provider} answered that the account of {mask} has no quota left. Add funds on the provider's dashboard; "
        "workspace credits are not what is missing.",
    ),
    "provider_unavailable": (
        "{provider} is having problems. Try again in a moment.",
        "{provider} failed with HTTP {status}; tried {attempts} times.",
    ),
    "provider_unreachable": (
        "{provider} could not be reached. Try again in a moment.",
        "No connection to {provider}; tried {attempts} times.",
    ),
    "provider_timed_out": (
        "{provider} took too long to answer. Try again.",
        "{provider} was silent for too long and the call was ended.",
    ),
    "stream_broken": (
        "The answer broke off at {provider}'s side. What arrived is kept. Send again for a whole one.",
        "{provider} closed the stream before its finish marker.",
    ),
    "stream_malformed": (
        "{provider} sent something unreadable. Try again.",
        "{provider} sent a stream that does not follow its protocol.",
    ),
    "provider_redirected": (
        "{provider} could not be reached. Try again in a moment.",
        "{provider} answered with a redirect, which is never followed. Check the deployment's base URL.",
    ),
    "empty_reply": ("{model} sent an empty answer. Try again.", "{provider} finished without any text."),
    "interrupted": (
        "Our side: the answer was interrupted. Send again.",
        "The server that ran this reply stopped before it was settled.",
    ),
    "internal": (
        "Our side: something went wrong. Send again.",
        "An error of ours ended this reply; the log has its class.",
    ),
}


def count(amount: int, noun: str) -> str:
    """ "1 agent", "1,200 agents"."""
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"


def credits(amount: int) -> str:
    return count(amount, "credit")


# Of these an admin is told with the key's mask; the platform's keys are no admin's business.
OF_THE_KEY = {"key_rejected", "model_not_found", "rate_limited", "no_funds"}


def refusal(code: str, data: dict[str, Any]) -> str:
    """The sentence for a refused message."""
    facts = {
        "provider": PROVIDER_NAMES.get(str(data.get("provider")), "provider"),
        **{k: v for k, v in data.items() if k != "provider"},
    }
    amounts = {name: credits(facts[name]) for name in ("available", "price") if name in facts}
    return REFUSALS[code].format_map(facts | amounts)


def failure(code: str, facts: dict[str, Any], *, for_admin: bool) -> str:
    """The sentence for a reply that failed, ending in what it cost: nothing.

    `facts`: provider, model, model_id, mask, credential_kind, status, attempts, retry_after (seconds or None).
    """
    own = facts.get("credential_kind") == "workspace"
    seconds = facts.get("retry_after")
    told = {
        **facts,
        "provider": PROVIDER_NAMES.get(facts.get("provider", ""), "The provider"),
        "status": facts.get("status") or "unknown",
        "owner": "The workspace's own" if own else "Our side: Bookbag's",
        "tell_admin": " An admin can see what to do in LLM settings." if own else "",
        "wait": f"Try again in {seconds:.0f} seconds." if seconds else "Try again in a moment.",
    }
    member, admin = FAILURES.get(code, FAILURES["internal"])
    sentence = (admin if for_admin and (own or code not in OF_THE_KEY) else member).format_map(told)
    return f"{sentence} Nothing was charged."


WHY = {
    "byo_off": "Bring-your-own-keys was off, so the reply ran on Bookbag's key and cost the model's price in credits.",
    "byo_on": "Bring-your-own-keys was on, so the reply ran on the workspace's own key and cost no credits.",
    "local_model": "Bookbag Local answers without any key or network, and is never charged.",
    "metering_off": "This deployment does not meter replies.",
    "qa_match": "The question is one of the agent's Q&A pairs, so its stored answer was given, without a model and free.",
}


def badge(reply: Any) -> str:
    """What a reply cost and who paid, in a few words. `reply` has billing, state, charged, price and provider."""
    if reply.billing == "local":
        return "local, free"
    if reply.billing == "byo":
        return f"your {PROVIDER_NAMES[reply.provider]} key"
    if reply.billing == "unmetered":
        return "not metered"
    if reply.is_running:
        return f"{credits(reply.price)} held"
    if not reply.charged:
        return "not charged"
    return credits(reply.charged)
