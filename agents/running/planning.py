"""Planning a reply: prompt, chat model, route and key, all decided before anything is stored or a provider is asked."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

from django.db import connection
from django.utils import timezone

from agents import sent_prompts
from agents.errors import NoSuchPlace, NotRunnable
from agents.ids import as_uuid, new_id
from agents.knowledge import finding, prompt
from agents.knowledge.found import Found, Hits
from agents.models import Agent, Reply
from agents.running import admission, local
from agents.running.submission import AcceptedReply, Submission
from billing.sql import named, quoted, uid
from llm import gateway, keys, outlook, profiles, routing
from llm.gateway import SealedKey
from llm.models import Provider
from llm.profiles import Parameters
from llm.providers.base import Message
from llm.routing import Credential, KeyState
from llm.vault import Secret

STORED_ANSWER, CLOSEST_ANSWER = "Stored answer", "Closest stored answer"
# Earlier turns that may go into a prompt; agents/knowledge/prompt.py also bounds their size.
HISTORY_TURNS = 12


@dataclass(frozen=True, slots=True)
class Draft:
    """The prompt of a message and what it is made of. Replies and the prompt inspector both start from this.

    `found`: the passages in the prompt, or those that a built-in answer cites. `turns`: the earlier turns in the
    prompt. `ready_text`: the whole answer, where no provider is asked.
    """

    admitted: admission.Admission
    is_qa_match: bool
    # Whether the matching pair asks something close to the question, not the very same.
    is_closest: bool
    found: list[Found] = field(repr=False)
    turns: list[prompt.EarlierTurn] = field(repr=False)
    messages: list[Message] = field(repr=False)
    parameters: Parameters
    ready_text: str | None = field(repr=False)


def plan(send: Submission, admitted: admission.Admission) -> AcceptedReply:
    """The reply as it will be stored. NotRunnable when its route is refused."""
    if admitted.status == Agent.Status.ARCHIVED:
        raise NotRunnable("agent_archived")
    asked = draft(send, admitted)
    stored = routing.QA_CLOSEST if asked.is_closest else routing.QA_MATCH
    route, sealed, secret = (stored, None, None) if asked.is_qa_match else _route(admitted)
    return AcceptedReply(
        reply_id=new_id(),
        conversation_id=send.conversation_id or new_id(),
        slug=admitted.caller.slug,
        agent_id=admitted.agent_id,
        role=admitted.caller.role,
        route=route,
        provider=admitted.provider,
        # No chat model wrote a stored answer.
        model_id="" if asked.is_qa_match else admitted.model_id,
        model_name=_answered_by(asked),
        credential_mask=sealed.mask if sealed else "",
        credential_id=sealed.id if sealed else None,
        region=sealed.region if sealed else "",
        workspace_id=admitted.caller.workspace_id,
        chat_model_id=admitted.chat_model_id,
        parameters=asked.parameters,
        left_out=admitted.left_out,
        may_think=sealed is not None and admitted.profile.may_think,
        prices=admitted.prices,
        lease_token=uuid4(),
        hold_id=new_id() if route.billing is routing.Billing.CREDITS else None,
        available=admitted.available - route.price,
        held=admitted.held + route.price,
        sources=[_as_source(one) for one in asked.found],
        messages=asked.messages,
        kept_prompt=_kept(asked) if secret else None,
        ready_text=asked.ready_text,
        secret=secret,
    )


def _as_source(found: Found) -> dict[str, str]:
    """A passage as it is stored with its reply, with the page's address when it comes from a website."""
    source = {"title": found.source, "heading": found.heading, "text": found.text}
    return {**source, "url": found.url} if found.url else source


def draft(send: Submission, admitted: admission.Admission) -> Draft:
    hits = finding.search(admitted.agent_id, send.text) if admitted.has_knowledge else Hits(None, [])
    ready, found = (
        hits.answer,
        [] if hits.answer is not None else prompt.passages_within_budget(hits.passages),
    )
    if ready is None and admitted.provider == Provider.LOCAL:
        answer = local.answer(send.text, hits, fallback=admitted.fallback_text)
        ready, found = answer.marked, answer.citations
    history = _history(send.conversation_id, admitted, send.instead_of) if send.conversation_id else []
    parameters = profiles.parameters(admitted.profile, admitted.wish)
    context = admitted.profile.context_tokens
    messages = prompt.build(
        instructions=admitted.instructions,
        fallback=admitted.fallback_text,
        has_knowledge=admitted.has_knowledge,
        passages=found,
        history=history,
        question=send.text,
        # The answer's share of the context is not available to the prompt.
        tokens=context - parameters.max_output_tokens if context else None,
    )
    return Draft(
        admitted,
        is_qa_match=hits.answer is not None,
        is_closest=hits.is_closest,
        found=found,
        turns=prompt.turns_in(messages, history),
        messages=messages,
        parameters=parameters,
        ready_text=ready,
    )


def _answered_by(asked: Draft) -> str:
    if asked.is_qa_match:
        return CLOSEST_ANSWER if asked.is_closest else STORED_ANSWER
    return asked.admitted.model_name


def _kept(asked: Draft) -> bytes:
    return sent_prompts.kept(
        asked.messages,
        asked.turns,
        has_knowledge=asked.admitted.has_knowledge,
        parameters=asked.parameters,
        left_out=asked.admitted.left_out,
    )


def _route(admitted: admission.Admission) -> tuple[routing.Route, SealedKey | None, Secret | None]:
    """The route, the key that runs it, and that key's secret; the other key stays sealed.

    Raises NotRunnable when there is no route.
    """
    keys_at_hand = {Credential.WORKSPACE: admitted.workspace_key, Credential.PLATFORM: admitted.platform_key}
    states = {
        credential: KeyState.READABLE if sealed else KeyState.MISSING
        for credential, sealed in keys_at_hand.items()
    }
    choice = _choice(admitted, states)
    sealed = secret = None
    if isinstance(choice, routing.Route):
        sealed = keys_at_hand.get(choice.credential)
    if isinstance(choice, routing.Route) and sealed:
        states[choice.credential], secret = gateway.open_key(sealed)
        if secret is None:
            keys.note_unreadable(sealed.id)
            choice = _choice(admitted, states)
    if isinstance(choice, routing.Refusal):
        raise NotRunnable(
            choice.code.value,
            provider=choice.provider,
            model=admitted.model_name,
            replacement=admitted.profile.replaced_by,
        )
    return choice, sealed, secret


def _choice(
    admitted: admission.Admission, states: dict[Credential, KeyState]
) -> routing.Route | routing.Refusal:
    return routing.choose(
        outlook.facts(
            provider=admitted.provider,
            price=admitted.price,
            is_custom=admitted.is_custom,
            is_available=admitted.is_available,
            is_shut_down=admitted.profile.is_gone(timezone.now().date()),
            byo_enabled=admitted.byo_enabled,
            workspace_key=states[Credential.WORKSPACE],
            platform_key=states[Credential.PLATFORM],
        )
    )


def _history(
    conversation_id: UUID, admitted: admission.Admission, instead_of: UUID | None = None
) -> list[prompt.EarlierTurn]:
    """The turns before the message, oldest first.

    Raises NoSuchPlace when the conversation is deleted or not of this agent. `instead_of`: only the turns before
    this reply.
    """
    before = "AND r.created_at < (SELECT o.created_at FROM agents_reply o WHERE o.id = %(instead_of)s)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT r.question, substr(r.text, 1, %(characters)s) AS text, r.id FROM agents_conversation c
               LEFT JOIN agents_reply r ON r.conversation_id = c.id AND r.state IN ({quoted(Reply.ANSWERED)})
                 AND r.ending <> '{Reply.Ending.DECLINED.value}' AND r.superseded_by_id IS NULL {before if instead_of else ""}
               WHERE c.id = %(conversation_id)s AND c.agent_id = %(agent_id)s AND c.deleted_at IS NULL
               ORDER BY r.created_at DESC LIMIT %(turns)s""",
            {
                # One character more than the budget is enough to see that an answer exceeds it and is left out.
                "characters": prompt.HISTORY_BUDGET + 1,
                "conversation_id": uid(connection, conversation_id),
                "agent_id": uid(connection, admitted.agent_id),
                "turns": HISTORY_TURNS,
            }
            | ({"instead_of": uid(connection, instead_of)} if instead_of else {}),
        )
        rows = named(cursor)
    if not rows:
        raise NoSuchPlace
    return [
        prompt.EarlierTurn(row.question, row.text, as_uuid(row.id))
        for row in reversed(rows)
        if row.id is not None
    ]
