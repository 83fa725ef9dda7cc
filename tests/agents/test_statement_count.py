"""What one whole reply asks of the database: at most eight statements and exactly two commits.

`accept` and a run's settling are all that touches it for a reply of less than a second. They run here in the
test's own thread, where their statements can be counted; those of triggers are inside the database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.knowledge import training
from agents.models import Agent, Reply
from agents.running import accepting, outcomes, unsettled
from agents.running.outcomes import Cause
from agents.running.settlement import Result
from agents.running.submission import AcceptedReply, Submission
from billing import ledger
from billing.models import Hold, Transfer
from llm.providers.base import Finish, ResponseMetadata
from tests.agents.scenes import agent_on
from tests.harness.cast import Cast
from tests.harness.chat import bring_key, platform_key
from tests.harness.visitor import session_cookie

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]

QUESTION = "When does the shop open?"


@dataclass
class Counted:
    statements: list[str] = field(default_factory=list)
    commits: int = 0


@contextmanager
def counting(counted: Counted) -> Iterator[None]:
    """Adds what happens inside to `counted`."""
    with CaptureQueriesContext(connection) as captured:
        yield
    for query in captured.captured_queries:
        verb = query["sql"].split()[0].upper()
        counted.commits += verb == "COMMIT"
        if verb not in {"BEGIN", "COMMIT"}:
            counted.statements.append(query["sql"])


def trained_agent(cast: Cast) -> Agent:
    agent = agent_on(cast, "openai")
    training.add_text(agent, title="Hours", text="The shop opens at nine in the morning.")
    return agent


def whole_reply(cast: Cast, agent: Agent, conversation_id: UUID | None, counted: Counted) -> AcceptedReply:
    """Accept a question, and settle it as if the provider had answered."""
    send = Submission(session_cookie(cast.edith), "acme", agent.pk, QUESTION, uuid4().hex, conversation_id)
    with counting(counted):
        accepted = accepting.accept(send)
    assert isinstance(accepted, AcceptedReply)
    outcome = outcomes.decide(Cause.FINISHED, has_text=True)
    metadata = ResponseMetadata(Finish.STOP, input_tokens=60, output_tokens=5)
    with counting(counted):
        result = Result(outcome, "At nine [1].", attempts=1, metadata=metadata, first_text_at=timezone.now())
        unsettled.once(accepted, result)
    return accepted


def test_a_reply_on_credits_takes_eight_statements_at_most_and_two_commits(cast: Cast) -> None:
    platform_key()
    agent, counted = trained_agent(cast), Counted()
    first = whole_reply(cast, agent, None, Counted())

    followed = whole_reply(cast, agent, first.conversation_id, counted)

    # Admission, search, history; reply, hold; reply, capture; what is left.
    assert len(counted.statements) == 8, "\n".join(counted.statements)
    assert counted.commits == 2
    # It did all of its work: from the source, with what was said before, and for its price.
    assert [source["title"] for source in followed.sources] == ["Hours"]
    assert [message.role for message in followed.messages] == ["system", "user", "assistant", "user"]
    assert Reply.objects.filter(state="completed", charged=5).count() == 2
    assert ledger.balance(cast.acme) == ledger.Balance(90, 0)


def test_the_first_message_of_a_conversation_takes_no_more(cast: Cast) -> None:
    platform_key()
    counted = Counted()

    whole_reply(cast, trained_agent(cast), None, counted)

    # The conversation's row in place of its history.
    assert len(counted.statements) == 8, "\n".join(counted.statements)
    assert counted.commits == 2


def test_a_reply_on_the_workspaces_own_key_writes_no_ledger_row(cast: Cast) -> None:
    bring_key(cast.acme)
    agent, counted = trained_agent(cast), Counted()
    first = whole_reply(cast, agent, None, Counted())
    transfers = Transfer.objects.count()

    whole_reply(cast, agent, first.conversation_id, counted)

    assert len(counted.statements) == 6, "\n".join(counted.statements)
    assert counted.commits == 2
    assert [
        statement for statement in counted.statements if "billing_" in statement.partition("FROM")[0]
    ] == []
    assert (Transfer.objects.count(), Hold.objects.count()) == (transfers, 0)
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)
