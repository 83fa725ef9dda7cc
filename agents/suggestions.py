"""Questions to begin a conversation with: the agent's own, else a few taken from its sources."""

from agents.models import Agent

MOST = 6
QUESTION_CHARACTERS = 200
DRAWN = 3
# How many passages are read for headings; neighbouring passages often share one.
PASSAGES = 40


def cleaned(text: str) -> list[str]:
    """The questions of a form, one per line, each once; blank lines are ignored."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line))


def of(agent: Agent) -> list[str]:
    """The suggestions for an empty conversation. At most two queries; none if the agent has questions of its own."""
    own = cleaned(agent.suggested_questions)[:MOST]
    if own:
        return own
    asked = list(agent.qa_pairs.order_by("created_at", "pk").values_list("question", flat=True)[:DRAWN])
    if len(asked) == DRAWN:
        return asked
    return [*asked, *_headings(agent)][:DRAWN]


def _headings(agent: Agent) -> list[str]:
    passages = agent.passages.exclude(heading="").order_by("source__created_at", "source", "position")
    return list(dict.fromkeys(passages.values_list("heading", flat=True)[:PASSAGES]))
