"""Correcting an answer: the question becomes a Q&A pair of the agent, with the answer that should have been given."""

from django.db import transaction

from agents.knowledge import folding, index, training
from agents.knowledge.training import AlreadyKnown
from agents.models import Agent, QAPair


class WouldReplace(Exception):
    """The agent already answers this question with `pair`, and the person correcting has not seen that answer."""

    def __init__(self, pair: QAPair | None) -> None:
        super().__init__("the agent has another answer to this question")
        self.pair = pair


def pair_for(agent: Agent, question: str) -> QAPair | None:
    """The pair of the agent that answers `question`, if there is one."""
    return agent.qa_pairs.filter(exact=folding.exact(question)).first()


def seen(pair: QAPair | None) -> str:
    """A digest that a form carries, to tell which answer it was shown with; empty for none."""
    return training.content_hash(f"{pair.pk} {pair.answer}") if pair else ""


def correct(agent: Agent, *, question: str, answer: str, shown: str) -> QAPair:
    """Have `question` answered with `answer` from now on, word for word and free. The question must contain a word.

    An existing answer is replaced if it is the one that was `shown` (see `seen`); otherwise raises WouldReplace.
    Raises LimitReached when a new pair is needed and the plan has no room for it.
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
