"""The wording of each code: plain for members, and precise for admins.

Texts of providers are never repeated, because they may contain the key.
"""

import datetime as dt
from typing import Any, NamedTuple

from agents.errors import OurFault
from llm import lifecycle, listing
from llm.models import Provider
from llm.providers.base import Fault
from llm.routing import Credential
from workspaces import contact
from workspaces.figures import count, credits, grouped

PROVIDER_NAMES = {one.value: one.label for one in Provider}

# (title, rest), a sentence each. The title says what is the case and is shown in bold.
REFUSALS = {
    "not_signed_in": ("Your session has ended.", "Sign in again; what you typed is still here."),
    "not_found": ("There is no such agent or conversation in this workspace.", ""),
    "agent_gone": (
        "This agent is not here any more.", "It was deleted, or its address is wrong.",
    ),
    "forbidden": ("Your role does not allow this.", "An editor or admin of the workspace can do it."),
    "not_yours": ("Another member asked for this reply.", "They or an admin of the workspace can stop it."),
    "second_factor_needed": (
        "This workspace wants a second factor.", "Set up a passkey or an app that shows codes, and come back.",
    ),
    "workspace_suspended": (
        "The operators of this site have suspended the workspace: {reason}",
        "Its pages can still be read. An owner of the workspace can write to the operators{at_support}.",
    ),
    "message_empty": ("Write a message first.", ""),
    "message_too_large": (
        "This message is too long.", "Shorten it to at most {limit:,} characters; it is still here.",
    ),
    "idempotency_key_missing": ("The page is out of date.", "Reload it and send again."),
    "malformed": ("The request could not be read.", "Reload the page and send again."),
    "csrf_failed": ("The page is out of date.", "Reload it and send again."),
    "database_down": (
        "Bookbag is out of reach for a moment.", "Your message is still here. Send it again.",
    ),
    "busy": (
        "Bookbag is busy at the moment.", "Your message is still here. Send it again in a few seconds.",
    ),
    "too_fast": (
        "You have sent {per_minute} messages within a minute.", "Wait {retry_after} seconds and send again.",
    ),
    "too_many_running": (
        "{most} of your messages are being answered already.", "Wait until one is, or stop one, and send again.",
    ),
    "too_many_running_here": (
        "{most} messages are being answered in this workspace already.", "Wait a moment and send again.",
    ),
    "idempotency_conflict": ("This page already sent another message.", "Reload it and send again."),
    "not_replaceable": (
        "That turn cannot be replaced: an answer after it is still being written, or a newer version took its place.",
        "Your text is still here. Reload the page to see the conversation as it is.",
    ),
    "agent_archived": ("This agent is archived.", "An editor can make it active again on the agent's page."),
    "price_changed": (
        "A reply now costs {price}, not {said} as was said here.", "Send again if that is what you want.",
    ),
    "credits_exhausted": (
        "The workspace has {available} left and this reply costs {price}.",
        "Choose a cheaper model, use Bookbag Local, bring your own key, or ask the operators{at_support} for more.",
    ),
    "platform_key_missing": (
        "Our side: Bookbag has no working {provider} key at the moment.",
        "Choose another model, or try again later.",
    ),
    "platform_key_unreadable": (
        "Our side: Bookbag's {provider} key cannot be opened at the moment.",
        "Choose another model, or try again later.",
    ),
    "byo_key_missing": (
        "This workspace brings its own keys, but has none for {provider}.",
        "An admin can add one in LLM settings, or the agent can use another model.",
    ),
    "byo_key_unreadable": (
        "The workspace's {provider} key can no longer be read.",
        "An admin has to enter it again in LLM settings.",
    ),
    "model_requires_byo": (
        "{model} is this workspace's own model and runs only while “Bring your own keys” is on.",
        "An admin can turn it on in LLM settings, or the agent can use another model.",
    ),
    "model_unavailable": ("{model} is no longer offered.", "Choose another model on the agent's page."),
    "model_shut_down": ("{provider} has shut {model} down.", "{instead} on the agent's page."),
}  # fmt: skip
# Problems known before a message is sent; it is tried all the same.
EXPECTED = {
    "credits_short": (
        "The next reply costs {price}, which is more than is left.",
        "Choose a cheaper model, use Bookbag Local, bring your own key, or ask the operators{at_support} for more.",
    ),
    "key_rejected": (
        "{provider} rejects the workspace's key: a reply would fail.",
        "An admin can replace it in LLM settings, or check it again once it is repaired at {provider}.",
    ),
    "platform_key_rejected": (
        "Our side: {provider} rejects Bookbag's key, so a reply would fail.",
        "Choose another model, or try again later.",
    ),
}
# Refusals that mention that the message cost nothing. The others are about the page, where no cost is expected.
ABOUT_PAYING = {
    "database_down", "busy", "price_changed", "credits_exhausted", "platform_key_missing", "platform_key_unreadable", "byo_key_missing",
    "byo_key_unreadable", "model_shut_down", "not_replaceable", "agent_gone",
}  # fmt: skip
NOTHING_CHARGED = "Nothing was charged."

# (member, admin). Members are told what to do; admins what is wrong.
FAILURES = {
    "key_rejected": (
        "{owner} {provider} key was rejected.{tell_admin}",
        "{provider} rejected the key {mask}. Check on the provider's dashboard that it exists and is active, "
        "then replace it in LLM settings.",
    ),
    "key_lacks_permission": (
        "{owner} {provider} key may not run replies.{tell_admin}",
        "{provider} says that the key {mask} lacks a permission. It needs “Model capabilities: Request”; "
        "give it that on the provider's dashboard, or replace the key.",
    ),
    "not_allowed": (
        "{provider} does not allow this.{tell_admin}",
        "{provider} does not allow this request, and does not say that the key {mask} is at fault. "
        "Look at what its project may use on the provider's dashboard.",
    ),
    "wrong_region": (
        "{owner} {provider} account is kept in another region.{tell_admin}",
        "The project of {mask} keeps its data in a region and is reached at that region's address only. "
        "The key is fine: choose its region beside it in LLM settings.",
    ),
    "address_refused": (
        "{owner} {provider} account does not admit this server.{tell_admin}",
        "The account of {mask} admits requests from listed addresses only, and this server's is not among them. "
        "The key is fine: add the address on the provider's dashboard.",
    ),
    "place_not_served": (
        "{provider} does not serve the country that this server is in. Choose a model of another provider.",
        "{provider} does not serve the country, region or territory of this server's address. The key is fine. "
        "Choose a model of another provider. {operator} may move the server or its way out.",
    ),
    "model_not_found": (
        "{model} is not available on this {provider} account. Choose another model.",
        "{provider} does not offer {model_id} to the account of {mask}. Choose another model, or allow this one on the "
        "provider's dashboard.",
    ),
    "other_api_needed": (
        "{model} cannot be talked to here. Choose another model.",
        "{model_id} does not answer in a chat, or only through another of {provider}'s APIs than the one Bookbag speaks. "
        "Choose another model.",
    ),
    "organisation_unverified": (
        "{owner} {provider} account may not use {model} yet.{tell_admin}",
        "{provider} asks that the organisation of {mask} be verified before it uses {model_id}. "
        "Verify it on the provider's dashboard, or choose another model.",
    ),
    "organisation_disabled": (
        "{owner} {provider} account is switched off.{tell_admin}",
        "{provider} has disabled the organisation of {mask}. Its dashboard and its support say why.",
    ),
    "bad_request": (
        "{provider} did not accept this request. Try rephrasing it, or another model.",
        "{provider} answered that the request is invalid.",
    ),
    "declined": (
        "{model} declined to answer this. Ask something else, or choose another model.",
        "{model} declined to answer, by its provider's rules of use. The key and the account are fine.",
    ),
    "prompt_too_large": (
        "The conversation has become too long for {model}. Start a new conversation.",
        "{provider} answered that the prompt is too large for {model_id} or for the account's limits.",
    ),
    "rate_limited": (
        "{provider} is limiting requests right now. {wait}",
        "{provider} is limiting the requests of {mask}. {wait} Raise the limit on the provider's dashboard.",
    ),
    "no_funds": (
        "{owner} {provider} account is out of funds, or has reached its own limit.{tell_admin}{until}",
        "The {provider} account of {mask} has no funds left or has reached its own spending limit.{until} Look at its "
        "billing page. The workspace's credits have nothing to do with it.",
    ),
    "provider_unavailable": (
        "{provider} is having problems. {wait}",
        "{provider} failed; tried {attempts}. {wait}",
    ),
    "provider_unreachable": (
        "{provider} could not be reached. Try again in a moment.",
        "No connection to {provider}; tried {attempts}.",
    ),
    "not_the_provider": (
        "{provider} was not reached: something else answered in its place. {wait}",
        "What answered is not {provider}: a proxy, a firewall or a wrong base URL. It says nothing of the key or the "
        "model. {operator} has to look at how the server reaches {provider}.",
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
    "thinking_spent": (
        "{model} used its whole output allowance for thinking, before any text. "
        "Choose a lower effort or a higher output limit on the agent's page.",
        "{model_id} used its whole output allowance for thinking. "
        "Choose a lower effort or a higher output limit on the agent's page.",
    ),
    "interrupted": (
        "Our side: the answer was interrupted. Send again.",
        "The server that ran this reply stopped before it was settled.",
    ),
    "internal": (
        "Our side: something went wrong. Send again.",
        "An error of ours ended this reply; the log has its class.",
    ),
}


# Why a reply failed, as a clause for the first line of its receipt.
BRIEFLY = {
    "key_rejected": "{provider} rejected {whose} key",
    "key_lacks_permission": "{whose} {provider} key lacks a permission",
    "not_allowed": "{provider} did not allow the request",
    "wrong_region": "{whose} {provider} account is kept in another region",
    "address_refused": "{whose} {provider} account does not admit this server",
    "place_not_served": "{provider} does not serve the country of this server",
    "model_not_found": "{provider} does not offer {model} to this account",
    "other_api_needed": "{model} cannot be talked to here",
    "organisation_unverified": "{provider} wants this account to be verified first",
    "organisation_disabled": "{whose} {provider} account is switched off",
    "bad_request": "{provider} did not accept the request",
    "declined": "{model} declined to answer",
    "prompt_too_large": "The conversation was too long for {model}",
    "rate_limited": "{provider} was limiting requests",
    "no_funds": "{whose} {provider} account was out of funds or at its own limit",
    "provider_unavailable": "{provider} failed after {tries}",
    "provider_unreachable": "{provider} could not be reached in {tries}",
    "not_the_provider": "Something else answered in the place of {provider}",
    "provider_timed_out": "{provider} took too long to answer",
    "stream_broken": "{provider} broke the answer off",
    "stream_malformed": "{provider} sent something unreadable",
    "provider_redirected": "{provider} answered with a redirect",
    "empty_reply": "{model} sent an empty answer",
    "thinking_spent": "{model} used its whole output allowance for thinking",
    "interrupted": "The server stopped before the answer was whole",
    "internal": "Something went wrong on our side",
}

# Failures worded with the key's mask for admins; never for the platform's keys.
OF_THE_KEY = {code for code, (_, admin) in FAILURES.items() if "{mask}" in admin}


class Told(NamedTuple):
    """A refusal in two parts: `title`, shown in bold, and the rest, which may be empty."""

    title: str
    rest: str


def refusal(code: str, data: dict[str, Any]) -> str:
    """The sentences for a refused message."""
    return " ".join(filter(None, told(code, data)))


def told(code: str, data: dict[str, Any], *, is_sent: bool = True) -> Told:
    """The same in two parts.

    Without `is_sent`, the wording is for a broken route that is known before anything was sent.
    """
    facts = {
        "provider": PROVIDER_NAMES.get(str(data.get("provider")), "provider"),
        "at_support": contact.at_support(),
        **{k: v for k, v in data.items() if k != "provider"},
    }
    replacement = facts.get("replacement")
    facts["instead"] = f"Choose {lifecycle.name_of(replacement)}" if replacement else "Choose another model"
    amounts = {name: credits(facts[name]) for name in ("available", "price", "said") if name in facts}
    title, rest = (text.format_map(facts | amounts) for text in (REFUSALS | EXPECTED)[code])
    charged = NOTHING_CHARGED if is_sent and code in ABOUT_PAYING else ""
    return Told(title, " ".join(filter(None, [charged, rest])))


# The admin's wording for a wrong region if the operator has set an address other than OpenAI's.
ONE_ADDRESS = (
    "The project of {mask} keeps its data in a region and is reached at that region's address only. The key is fine, but "
    "this Bookbag reaches {provider} at one address. {operator} has to look at it."
)


def failure(reply: Any, *, for_admin: bool) -> str:
    """The sentences for a failed reply; the last says that it cost nothing. `reply` must have ended."""
    own = reply.credential_kind == Credential.WORKSPACE
    wait = _wait(reply.retry_after, reply.done_at)
    told = {
        "model": reply.model_name,
        "model_id": reply.model_id or reply.model_name,
        "mask": reply.credential_mask or "the key",
        "attempts": count(reply.attempts, "time"),
        "provider": PROVIDER_NAMES.get(reply.provider, "The provider"),
        "owner": "The workspace's own" if own else "Our side: Bookbag's",
        "operator": contact.operator(),
        "tell_admin": " An admin can see what to do in LLM settings." if own else "",
        "wait": wait or "Try again in a moment.",
        "until": f" {wait}" if wait else "",
    }
    member, admin = FAILURES.get(reply.error_code, FAILURES[OurFault.INTERNAL])
    if reply.error_code == Fault.WRONG_REGION and not listing.regions(reply.provider):
        admin = ONE_ADDRESS
    to_admin = for_admin and (own or reply.error_code not in OF_THE_KEY)
    sentence = (admin if to_admin else member).format_map(told)
    answer = provider_answer(reply) if for_admin else ""
    return f"{sentence} {NOTHING_CHARGED}" + (f" ({answer})" if answer else "")


def briefly(reply: Any) -> str:
    """Why `reply` failed, as a sentence: "Anthropic failed after 3 tries."."""
    whose = "the workspace's own" if reply.credential_kind == Credential.WORKSPACE else "Bookbag's"
    tries = "1 try" if reply.attempts == 1 else f"{grouped(reply.attempts)} tries"
    clause = BRIEFLY.get(reply.error_code, BRIEFLY[OurFault.INTERNAL]).format(
        provider=PROVIDER_NAMES.get(reply.provider, "The provider"),
        whose=whose,
        model=reply.model_name,
        tries=tries,
    )
    return f"{clause[0].upper()}{clause[1:]}."


def provider_answer(reply: Any) -> str:
    """For admins: what is stored of the provider's answer (status, code, parameter, request id)."""
    request = f"request {reply.request_id}" if reply.request_id and reply.error_code else ""
    return ", ".join(filter(None, [provider_refusal(reply), request]))


def provider_refusal(reply: Any) -> str:
    """For admins: the same without the request id, as "HTTP 400, unsupported_value, parameter stream"."""
    parts = [
        f"HTTP {reply.provider_status}" if reply.provider_status else "",
        reply.provider_code,
        f"parameter {reply.provider_param}" if reply.provider_param else "",
    ]
    return ", ".join(filter(None, parts))


def _wait(seconds: int | None, since: dt.datetime | None) -> str:
    """How long a provider asked to wait, in seconds, minutes or as a clock time; empty if it did not ask."""
    return "" if seconds is None else f"Try again in {span(seconds, since)}."


def span(seconds: int, since: dt.datetime | None) -> str:
    """A wait in words: "7 seconds", "10 minutes", or "24 hours, after 01:20 UTC on 27 November".

    Computed from stored figures only, so that it reads the same live and later.
    """
    if seconds < 100:
        return count(max(1, seconds), "second")
    if seconds <= 5_400 or since is None:
        return count(-(-seconds // 60), "minute")
    at = since + dt.timedelta(seconds=seconds)
    return f"{count(-(-seconds // 3600), 'hour')}, after {at:%H:%M} UTC on {at.day} {at:%B}"


WHY = {
    "byo_off": (
        "“Bring your own keys” was off, so the reply ran on Bookbag's key. "
        "One that is delivered costs the model's price in credits."
    ),
    "byo_on": "“Bring your own keys” was on, so the reply ran on the workspace's own key and cost no credits.",
    "local_model": "Bookbag Local answers without any key or network, and is never charged.",
    "metering_off": "This deployment does not meter replies.",
    "qa_match": "The question is one of the agent's Q&A pairs, so its stored answer was given, without a model and free.",
    "qa_closest": (
        "The question is not word for word one of the agent's Q&A pairs, but clearly means one of them, so the closest "
        "stored answer was given, without a model and free."
    ),
}
