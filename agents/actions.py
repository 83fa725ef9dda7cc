"""Ways out of a refusal or a failure: up to three links or buttons, limited to what the member's role may do.

`WAYS` has a row for every code of agents/wording.py. An empty row means that the code's sentence is enough.
"""

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from agents import wording
from agents.errors import ReplyRefused
from agents.models import Reply
from llm.models import Provider
from llm.providers.roster import with_article
from llm.routing import Credential
from workspaces.models import Role

MOST = 3


@dataclass(frozen=True, slots=True)
class Way:
    """A link, or a button if `method` is POST: its text, its page or act, and the smallest role that may use it.

    `of_own_key`: offered only if the workspace's own key ran, because members cannot fix the platform's.
    `off_provider`: offered only on a provider's model, since it leads to Bookbag Local.
    """

    label: str
    page: str
    needs: Role
    of_agent: bool = False
    of_provider: bool = False
    of_own_key: bool = False
    off_provider: bool = False
    fragment: str = ""
    method: str = "GET"


SEE_CREDITS = Way("See credits", "billing:credits", Role.VIEWER)
MEMBERS = Way("See who can", "workspaces:members", Role.VIEWER)
LLM_SETTINGS = Way("LLM settings", "llm:settings", Role.ADMIN)
OWN_KEY = Way("LLM settings", "llm:settings", Role.ADMIN, of_own_key=True, fragment="#{name}-title")
ADD_KEY = Way("Add {a_provider} key", "llm:settings", Role.ADMIN, fragment="#{name}-title")
REPLACE_KEY = Way("Replace the key", "llm:settings", Role.ADMIN, of_own_key=True, fragment="#{name}-title")
CHECK_KEY = Way(
    "Check the key again", "llm:verify_key", Role.ADMIN, of_provider=True, of_own_key=True, method="POST"
)
USE_OWN_KEY = Way("Use your own {provider} key", "llm:settings", Role.ADMIN, fragment="#{name}-title")
TURN_ON = Way("Turn on your own keys", "llm:settings", Role.ADMIN, fragment="#byo-title")
USE_LOCAL = Way(
    "Use Bookbag Local, free",
    "agents:use_local",
    Role.EDITOR,
    of_agent=True,
    off_provider=True,
    method="POST",
)
CHANGE_MODEL = Way("Change the model", "agents:agent", Role.EDITOR, of_agent=True, fragment="#agent-title")
AGENT_SETTINGS = Way("Agent's settings", "agents:agent", Role.EDITOR, of_agent=True, fragment="#agent-title")
AGENTS = Way("See the agents", "agents:list", Role.VIEWER)
NEW_AGENT = Way("New agent", "agents:create", Role.EDITOR)
AUDIT_LOG = Way("Audit log", "workspaces:audit", Role.ADMIN)
NEW_CONVERSATION = Way("New conversation", "agents:playground", Role.EDITOR, of_agent=True)

NONE: tuple[Way, ...] = ()
OF_REFUSALS = {
    "not_signed_in": NONE,  # its only way out needs no role: see of_refusal
    # For a member this means that the conversation is gone, for example deleted in another tab.
    "not_found": (NEW_CONVERSATION,),
    "agent_gone": (AGENTS, NEW_AGENT, AUDIT_LOG),
    "forbidden": (MEMBERS,),
    "not_yours": (MEMBERS,),
    "second_factor_needed": NONE,  # its way out is outside the workspace: see of_refusal
    "workspace_suspended": (MEMBERS,),
    "message_empty": NONE,
    "message_too_large": NONE,
    "idempotency_key_missing": NONE,
    "malformed": NONE,
    "csrf_failed": NONE,
    "database_down": NONE,
    "busy": NONE,
    "too_fast": NONE,
    "too_many_running": NONE,
    "too_many_running_here": NONE,
    "idempotency_conflict": NONE,
    "not_replaceable": NONE,
    "price_changed": NONE,  # the way out is to send again
    "agent_archived": (AGENT_SETTINGS,),
    "credits_exhausted": (USE_LOCAL, USE_OWN_KEY, SEE_CREDITS, CHANGE_MODEL),
    "platform_key_missing": (USE_LOCAL, CHANGE_MODEL, USE_OWN_KEY),
    "platform_key_unreadable": (USE_LOCAL, CHANGE_MODEL, USE_OWN_KEY),
    "byo_key_missing": (ADD_KEY, USE_LOCAL, CHANGE_MODEL),
    "byo_key_unreadable": (REPLACE_KEY, CHECK_KEY, USE_LOCAL, CHANGE_MODEL),
    "model_requires_byo": (TURN_ON, USE_LOCAL, CHANGE_MODEL),
    "model_unavailable": (CHANGE_MODEL, USE_LOCAL),
    "model_shut_down": (CHANGE_MODEL, USE_LOCAL, LLM_SETTINGS),
}
OF_FAILURES = {
    "key_rejected": (REPLACE_KEY, CHECK_KEY, USE_LOCAL, CHANGE_MODEL),
    "key_lacks_permission": (REPLACE_KEY, CHANGE_MODEL),
    "not_allowed": (OWN_KEY, CHANGE_MODEL),
    "wrong_region": (OWN_KEY, CHANGE_MODEL),
    "address_refused": (OWN_KEY, CHANGE_MODEL),
    "place_not_served": (CHANGE_MODEL,),
    "model_not_found": (CHANGE_MODEL,),
    "other_api_needed": (AGENT_SETTINGS,),
    "organisation_unverified": (CHANGE_MODEL, OWN_KEY),
    "organisation_disabled": (OWN_KEY, USE_LOCAL, CHANGE_MODEL),
    "bad_request": (CHANGE_MODEL,),
    "declined": (CHANGE_MODEL,),
    "prompt_too_large": (NEW_CONVERSATION, AGENT_SETTINGS),
    "rate_limited": (CHANGE_MODEL,),
    "no_funds": (OWN_KEY, USE_LOCAL, CHANGE_MODEL),
    "provider_unavailable": (CHANGE_MODEL,),
    "provider_unreachable": (CHANGE_MODEL,),
    "not_the_provider": (CHANGE_MODEL,),
    "provider_redirected": (CHANGE_MODEL,),
    # The way out of these is to send again.
    "provider_timed_out": NONE,
    "stream_broken": NONE,
    "stream_malformed": NONE,
    "empty_reply": NONE,
    "thinking_spent": (AGENT_SETTINGS,),
    "interrupted": NONE,
    "internal": NONE,
}
# Shown before anything is sent (wording.EXPECTED). A rejected key of the workspace uses the row of the failure.
OF_EXPECTED = {
    "credits_short": OF_REFUSALS["credits_exhausted"],
    "platform_key_rejected": (USE_LOCAL, CHANGE_MODEL, USE_OWN_KEY),
}
# Answers that are not whole. One that the model declined half-way uses the row of the failure.
OF_ENDINGS = {Reply.Ending.CUT_MODEL.value: (AGENT_SETTINGS,)}
WAYS: dict[str, tuple[Way, ...]] = OF_REFUSALS | OF_FAILURES | OF_EXPECTED | OF_ENDINGS


def of_refusal(refusal: ReplyRefused, *, slug: str, agent_id: UUID | None = None) -> list[dict[str, str]]:
    """The ways out for a refused message, or a reply that may not be watched."""
    if refusal.code == "not_signed_in":
        return [_sign_in(slug, agent_id)]
    if refusal.code == "second_factor_needed":
        return [{"label": "Set one up", "url": reverse("mfa_index"), "method": "GET"}]
    provider = str(refusal.data.get("provider", ""))
    return ways_out(refusal.code, role=refusal.role, slug=slug, agent_id=agent_id, provider=provider)


def of_reply(reply: Reply, *, role: Role, slug: str) -> list[dict[str, str]]:
    """The ways out for a reply that failed or is not whole; none for a whole reply."""
    return ways_out(
        reply.error_code or reply.ending,
        role=role,
        slug=slug,
        agent_id=reply.agent_id,
        provider=reply.provider,
        own_key=reply.credential_kind == Credential.WORKSPACE,
    )


def ways_out(
    code: str,
    *,
    role: Role | None,
    slug: str,
    agent_id: UUID | None = None,
    provider: str = "",
    own_key: bool = True,
) -> list[dict[str, str]]:
    """The ways out of `code`, as JSON and templates take them. `role` is None for somebody who is not a member."""
    if role is None:
        return []
    ways = [
        way
        for way in WAYS.get(code, NONE)
        if role.at_least(way.needs)
        and (agent_id is not None or not way.of_agent)
        and (own_key or not way.of_own_key)
        and not (way.off_provider and provider == Provider.LOCAL)
    ]
    return [_link(way, slug, agent_id, provider) for way in ways[:MOST]]


def _link(way: Way, slug: str, agent_id: UUID | None, provider: str) -> dict[str, str]:
    of = [agent_id] if way.of_agent else [provider] if way.of_provider else []
    name = wording.PROVIDER_NAMES.get(provider, "provider")
    return {
        "label": way.label.format(a_provider=with_article(name), provider=name),
        "url": reverse(way.page, args=[slug, *of]) + way.fragment.format(name=provider),
        "method": way.method,
    }


def _sign_in(slug: str, agent_id: UUID | None) -> dict[str, str]:
    page, of = ("agents:playground", [slug, agent_id]) if agent_id else ("workspaces:workspace", [slug])
    return {
        "label": "Sign in",
        "url": f"{reverse('account_login')}?{urlencode({'next': reverse(page, args=of)})}",
        "method": "GET",
    }
