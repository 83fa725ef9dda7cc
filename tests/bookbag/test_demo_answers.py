"""The demo's agent answers what people ask it first, from the help pages, and says when it only has something near."""

import pytest

from agents.knowledge import index
from agents.models import Agent
from agents.running import local
from bookbag import demo

pytestmark = pytest.mark.django_db
# As people asked, and what the answer says.
FIRST = {
    "How do I stop a reply?": "press Stop",
    "What happens when I press stop?": "press Stop",
    "Can I get a refund?": "ask a Bookbag operator",
    "How do refunds work?": "ask a Bookbag operator",
    "I was charged by mistake, can I get my credits back?": "ask a Bookbag operator",
    "Which model is the cheapest?": "Bookbag Local, which is free",
    "what's the cheepest model": "Bookbag Local, which is free",
    "Can I read my key back?": "never read back",
    "Can I see my API key again?": "never read back",
    "My credits ran out, what now?": "turn on BYO",
    "What happens if we run out of credits?": "Bookbag Local go on working",
    "Who may add a key?": "Admins and owners",
    "Who can change the LLM settings?": "Only admins and owners",
    "Why was my key rejected?": "Replace a rejected key",
    "My key was rejected, what should I do?": "Replace a rejected key",
    "How many credits have we spent?": "credits page",
    "Where do I see what was spent?": "credits page",
    "How do I switch back to Bookbag's credits?": "turn the switch",
    "Can I turn off my own key again?": "turn the switch",
    "Where is the price of a reply shown?": "beside the message box",
    "Where do I see the price?": "beside the message box",
    "How much does GPT-4o cost?": "Credits per reply: 5",
    "How can I bring our own key?": "paste your",
    "Does talking to Claude cost anything?": "Yes. On Bookbag's keys",
    "Who pays for a reply?": "**Who pays for a reply?**",
    "who can see my key": "**Who can see a key?**",
    "my credits are gone why": "The credits page tells",
    "which model is best": "Compare chat models",
    "what happens when i delete a key?": "wiped at once",
    "how do I top up": "For more, ask the operators",
    "thanks, but how do I delete my account?": "Open your account",
    "hello": "Hello!",
}


def test_it_answers_what_people_ask_first() -> None:
    demo.seed("correct-horse-9-battery")
    agent = Agent.objects.get(name=demo.AGENT_NAME)

    # The one that `make run` prints: its answer is said as one.
    first = "What happens when the credits run out?"
    assert not local.answer(first, index.search(agent.pk, first), fallback=agent.fallback_text).is_nearest

    said = {}
    for question in FIRST:
        hits = index.search(agent.pk, question)
        said[question] = hits.answer or local.answer(question, hits, fallback=agent.fallback_text).text

    assert {question: text for question, text in said.items() if FIRST[question] not in text} == {}
