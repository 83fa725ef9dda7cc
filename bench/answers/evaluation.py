"""The report of `make eval`: an agent for each language, trained on its documents and asked its questions."""

from statistics import median

from django.conf import settings

from agents.models import Agent
from bench.answers import corpus, measuring
from bench.answers import pace as paces
from bench.answers.measuring import Figures
from bench.report import Table
from bookbag import onboarding
from llm.models import ChatModel, Provider
from workspaces.models import User, Workspace

COLUMNS = (
    "Language", "Questions", "Recall@5", "Exact", "Says the answer", "of it as the nearest", "Wrong", "Refused rightly",
    "Refused wrongly",
)  # fmt: skip


def report(part: str, *, with_misses: bool) -> str:
    """The table as Markdown, over the questions of one part."""
    documents, questions = corpus.part(part)
    workspace, local = _scene()
    by = "" if settings.EMBEDDINGS == "off" else f", with {settings.EMBEDDINGS}"
    table = Table(f"Answers, {part} {'half' if part in corpus.HALVES else 'set'}{by}", COLUMNS)
    every = Figures()
    for language in sorted({document.language for document in documents}):
        agent = Agent.objects.create(workspace=workspace, name=language, chat_model=local)
        measuring.train(agent, [one for one in documents if one.language == language])
        asked = [one for one in questions if one.language == language]
        figures = measuring.measure(agent.pk, asked)
        table.rows.append(row(language, figures))
        every.add(figures)
    table.rows.append(row("all", every))
    table.notes.append(
        f"Search and answer of one question: {1000 * median(every.seconds):.1f} ms at the median."
    )
    misses = "\n".join(every.misses) if with_misses else ""
    return f"{table.markdown()}\n{misses}".rstrip()


def pace(passages: int) -> str:
    """The table of how long finding and answering take with so many passages, as Markdown."""
    return paces.report(*_scene(), passages)


def _scene() -> tuple[Workspace, ChatModel]:
    owner = User.objects.create_user("eval@example.org", None)
    workspace = onboarding.create_workspace(name="Evaluation", owner=owner, plan="enterprise")
    return workspace, ChatModel.objects.get(workspace=None, provider=Provider.LOCAL)


def row(name: str, figures: Figures) -> list[str]:
    answerable, unanswerable = figures.answerable, figures.unanswerable
    says = figures.right + figures.right_as_nearest
    return [
        name,
        str(figures.all),
        share(figures.found, answerable),
        share(figures.exact, figures.exact_of),
        share(says, answerable),
        share(figures.right_as_nearest, answerable),
        share(figures.wrong + figures.answered_wrongly, figures.all),
        share(figures.refused_rightly, unanswerable),
        share(figures.refused - figures.right_as_nearest, answerable),
    ]


def share(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "–"
