"""A reply's receipt, in words and as JSON for scripts: what ran, how it ended, who paid what. For display only."""

from dataclasses import dataclass
from typing import Any

from agents import actions, payers, wording
from agents.models import Reply
from llm.routing import Billing, Credential
from workspaces.figures import credits, exact_dollars, grouped
from workspaces.models import Role


@dataclass(frozen=True, slots=True)
class Receipt:
    """The lines of a receipt that need more than a column; empty ones are not shown.

    `summary`: the receipt in a sentence.
    """

    summary: str
    is_stored_answer: bool
    answered_by: str
    ran_on: str
    ended: str
    why: str
    payer: payers.Badge
    given_back: int
    tokens: str
    cost: str
    saved: str
    left_out: str
    asked_to_wait: str
    took: str
    provider_refusal: str
    request_id: str


def hide_mask(reply: Reply, role: Role) -> None:
    """Take the mask from what is shown, unless an admin reads and the key is the workspace's own.

    Others see whose key it was.
    """
    if not role.is_admin or reply.credential_kind != Credential.WORKSPACE:
        reply.credential_mask = ""


def describe(reply: Reply, *, role: Role, given_back: int = 0) -> Receipt:
    """The receipt of `reply` for a reader of this role. Only admins see what the provider answered.

    `given_back`: credits of its charge that an operator reversed.
    """
    return Receipt(
        summary=summary(reply, given_back=given_back),
        is_stored_answer=payers.is_stored_answer(reply),
        answered_by=f"none: {payers.article(reply, capital=False)}"
        if payers.is_stored_answer(reply)
        else reply.model_name,
        ran_on=ran_on(reply),
        ended=reply.get_ending_display() or reply.get_state_display(),
        why=wording.WHY.get(reply.why, ""),
        payer=payers.payer(reply, given_back=given_back),
        given_back=given_back,
        tokens=tokens(reply),
        cost=cost(reply) if _shows_cost(reply) else "",
        saved=saved(reply),
        left_out=left_out(reply),
        asked_to_wait="" if reply.retry_after is None else wording.span(reply.retry_after, reply.done_at),
        took=took(reply),
        provider_refusal=wording.provider_refusal(reply) if role.is_admin else "",
        request_id=reply.request_id if role.is_admin else "",
    )


def summary(reply: Reply, *, given_back: int = 0) -> str:
    """The cost in a sentence or two: "1 credit, from Acme's credits.". The caller has fetched the reply's workspace."""
    if reply.is_running:
        return f"Still running. {_so_far(reply)}"
    if reply.billing == Billing.CREDITS and reply.charged:
        back = f" Given back since: {credits(given_back)}." if given_back else ""
        return f"{credits(reply.charged)}, from {reply.workspace}'s credits.{back}"
    if payers.is_own_bill(reply):
        return f"Billed by {_provider(reply)}, {_about(reply)}, on {_own_key(reply)}."
    return " ".join(filter(None, [wording.NOTHING_CHARGED, _why_nothing(reply), _may_bill(reply)]))


def _so_far(reply: Reply) -> str:
    if reply.billing == Billing.CREDITS:
        held = "is held" if reply.price == 1 else "are held"
        return (
            f"{credits(reply.price)} {held} from {reply.workspace}'s credits, and taken only for an answer."
        )
    if reply.billing == Billing.BYO:
        return f"{_provider(reply)} bills what it writes, on {_own_key(reply)}."
    return "Nothing will be charged."


def _why_nothing(reply: Reply) -> str:
    """Why an ended reply was charged nothing here."""
    if payers.is_stored_answer(reply):
        return f"{payers.article(reply)} was given, free."
    if reply.state == Reply.State.FAILED:
        return wording.briefly(reply)
    if reply.billing == Billing.LOCAL:
        return "Bookbag Local is free."
    if reply.billing == Billing.UNMETERED:
        return "Replies are not metered here."
    if reply.state == Reply.State.STOPPED:
        return "It was stopped before any text had appeared."
    return "The answer came too late to be charged."


def _may_bill(reply: Reply) -> str:
    if reply.billing != Billing.BYO or not reply.attempts:
        return ""
    if reply.output_tokens is not None:
        return f"{_provider(reply)} may bill what it wrote, {_about(reply)}."
    has_begun = reply.state == Reply.State.STOPPED or payers.is_billed(reply)
    return f"{_provider(reply)} may bill what it had begun." if has_begun else ""


def _shows_cost(reply: Reply) -> bool:
    """Whether to show the provider's cost: the workspace or this installation is billed, and there is something to bill."""
    if reply.billing == Billing.BYO:
        return payers.is_billed(reply) and not reply.is_running
    return reply.billing == Billing.UNMETERED and reply.estimated_cost is not None


def _about(reply: Reply) -> str:
    if reply.estimated_cost is None:
        return "how much is not known"
    return cost(reply) if reply.cost_is_at_most else f"about {cost(reply)}"


def _own_key(reply: Reply) -> str:
    """The workspace's key in words, with its mask for those who may see it."""
    return f"your key {reply.credential_mask}" if reply.credential_mask else "the workspace's own key"


def _provider(reply: Reply) -> str:
    return wording.PROVIDER_NAMES.get(reply.provider, "the provider")


def ran_on(reply: Reply) -> str:
    """Whose key signed the calls; pages show its mask separately."""
    if reply.credential_kind == Credential.WORKSPACE:
        return f"the workspace's own {_provider(reply)} key"
    return f"Bookbag's {_provider(reply)} key" if reply.credential_kind == Credential.PLATFORM else "no key"


def tokens(reply: Reply) -> str:
    """ "1,591 in (984 from the provider's cache), 74 out (62 thinking)"."""
    if reply.input_tokens is None and reply.output_tokens is None:
        return "not reported"
    read = _part(reply.cached_tokens, "from the provider's cache")
    stored = _part(reply.cache_write_tokens, "stored in the provider's cache")
    thinking = _part(reply.thinking_tokens, "thinking")
    return f"{_count(reply.input_tokens)} in{_aside(read, stored)}, {_count(reply.output_tokens)} out{_aside(thinking)}"


def _count(amount: int | None) -> str:
    return "?" if amount is None else grouped(amount)


def _part(amount: int | None, what: str) -> str:
    return f"{grouped(amount)} {what}" if amount else ""


def _aside(*parts: str) -> str:
    told = ", ".join(filter(None, parts))
    return f" ({told})" if told else ""


def cost(reply: Reply) -> str:
    """What the provider bills, estimated; "at most" where its price for cached input is not known."""
    return (
        f"at most {exact_dollars(reply.estimated_cost)}"
        if reply.cost_is_at_most
        else exact_dollars(reply.estimated_cost)
    )


def saved(reply: Reply) -> str:
    if reply.billing != Billing.BYO or not reply.cache_saved or reply.cache_saved < 0:
        return ""
    return f"saved about {exact_dollars(reply.cache_saved)} by the provider's prompt cache"


def left_out(reply: Reply) -> str:
    """ "temperature, because gpt-x refused it": the call was repeated without it. Names are the provider's."""
    names = reply.left_out.split()
    if not names:
        return ""
    return f"{', '.join(names)}, because {reply.model_id} refused {'it' if len(names) == 1 else 'them'}"


def took(reply: Reply) -> str:
    """ "first text after 0.8 s, done after 3.6 s"."""
    shown = {"first text": first_text_ms(reply), "done": done_ms(reply)}
    return ", ".join(f"{what} {_after(ms)}" for what, ms in shown.items() if ms is not None)


def _after(ms: int) -> str:
    return f"after {ms / 1000:.1f} s" if ms >= 100 else "within 0.1 s"


def first_text_ms(reply: Reply) -> int | None:
    return _ms_since_accepted(reply, reply.first_text_at)


def done_ms(reply: Reply) -> int | None:
    return _ms_since_accepted(reply, reply.done_at)


def _ms_since_accepted(reply: Reply, moment: Any) -> int | None:
    # The database's clock gives the time of acceptance, this machine's clock the others; they may differ a little.
    return None if moment is None else max(0, round((moment - reply.created_at).total_seconds() * 1000))


def as_json(reply: Reply, *, role: Role, given_back: int = 0) -> dict[str, Any]:
    """A receipt for scripts: times in ISO 8601, durations in milliseconds, money in millionths of a dollar.

    What the provider answered (`request_id`, `provider_…`) is included for admins, and null or empty for others.
    """
    return {
        "reply": str(reply.pk),
        "state": reply.state,
        "ending": reply.ending,
        "error": _error(reply, role),
        "left_out": reply.left_out.split(),
        **_provider_answer(reply, role),
        "retry_after": reply.retry_after,
        "summary": summary(reply, given_back=given_back),
        "is_stored_answer": payers.is_stored_answer(reply),
        "model": "" if payers.is_stored_answer(reply) else reply.model_name,
        "model_id": "" if payers.is_stored_answer(reply) else reply.model_id,
        "provider": reply.provider,
        "credential": {"kind": reply.credential_kind, "mask": reply.credential_mask},
        "billing": reply.billing,
        "paid_by": payers.payer(reply, given_back=given_back).words,
        "price": reply.price,
        "charged": reply.charged,
        "given_back": given_back,
        "why": reply.why,
        "attempts": reply.attempts,
        "tokens": _token_counts(reply),
        "estimated_provider_cost_micro_usd": reply.estimated_cost,
        "cost_is_at_most": reply.cost_is_at_most,
        "cache_saved_micro_usd": reply.cache_saved,
        "timings": {
            "queued": reply.created_at.isoformat(),
            "first_text": reply.first_text_at and reply.first_text_at.isoformat(),
            "done": reply.done_at and reply.done_at.isoformat(),
        },
        "durations": {"first_text_ms": first_text_ms(reply), "done_ms": done_ms(reply)},
    }


def _provider_answer(reply: Reply, role: Role) -> dict[str, Any]:
    answer = {
        "request_id": reply.request_id,
        "provider_status": reply.provider_status,
        "provider_code": reply.provider_code,
        "provider_param": reply.provider_param,
    }
    return answer if role.is_admin else dict.fromkeys(answer)


def _token_counts(reply: Reply) -> dict[str, int | None]:
    return {
        "input": reply.input_tokens,
        "output": reply.output_tokens,
        "cached": reply.cached_tokens,
        "cache_written": reply.cache_write_tokens,
        "thinking": reply.thinking_tokens,
    }


def _error(reply: Reply, role: Role) -> dict[str, Any] | None:
    if not reply.error_code:
        return None
    return {
        "code": reply.error_code,
        "message": wording.failure(reply, for_admin=role.is_admin),
        "actions": actions.of_reply(reply, role=role, slug=reply.workspace.slug),
    }
