"""Correcting an answer: what was asked becomes a Q&A pair of the agent, with the answer that should have been given."""

from django.db import transaction

from agents.knowledge import folding, index, training
from agents.knowledge.training import AlreadyKnown
from agents.models import Agent, QAPair

QUESTION_CHARACTERS = 500
ANSWER_CHARACTERS = 20_000


class WouldReplace(Exception):
    """The agent answers this question with `pair` already, and whoever corrects has not seen that answer."""

    def __init__(self, pair: QAPair | None) -> None:
        super().__init__("the agent has another answer to this question")
        self.pair = pair


def pair_for(agent: Agent, question: str) -> QAPair | None:
    """The agent's pair that `question` would be answered with, if there is one."""
    return agent.qa_pairs.filter(exact=folding.exact(question)).first()


def seen(pair: QAPair) -> str:
    """What a form carries to say which answer was shown with it."""
    return training.content_hash(f"{pair.pk} {pair.answer}")


def correct(agent: Agent, *, question: str, answer: str, shown: str) -> QAPair:
    """Have `question`, which has a word in it, answered with `answer` from now on, word for word and free.

    An answer that the agent has is replaced if it is the one that was `shown` (see `seen`); else WouldReplace.
    LimitReached when the agent has none and its plan no room for one.
    """
    known = pair_for(agent, question)
    if known is None:
        try:
            with transaction.atomic():
                return training.add_qa(agent, question=question, answer=answer)
        except AlreadyKnown:  # somebody else added it just now
            raise WouldReplace(pair_for(agent, question)) from None
    if (known.question, known.answer) == (question, answer):
        return known
    unchanged = agent.qa_pairs.filter(pk=known.pk, answer=known.answer)
    seen_before = seen(known)
    known.question, known.answer = question, answer
    index.prepare(known)
    changes = {name: getattr(known, name) for name in ("question", "answer", *index.PREPARED)}
    if seen_before != shown or not unchanged.update(**changes):
        raise WouldReplace(pair_for(agent, question))
    return known
