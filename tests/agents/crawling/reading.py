"""A website as an agent's source: its pages, how it is added and read, and what the agent knows of it then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import Client

from agents.models import Agent, Passage, Source
from agents.sources import adding, working


def page(text: str, *links: str) -> str:
    leads = "".join(f'<a href="{link}">Go</a>' for link in links)
    return f"<html><nav>{leads}</nav><main><h1>{text}</h1><p>This is about {text}.</p></main></html>"


def add(edith: Client, agent: Agent, url: str) -> Source:
    answer = edith.post(f"/w/acme/agents/{agent.pk}/sources/website/", {"url": url, "recrawl": "weekly"})
    assert answer.status_code == 302, answer.content.decode()
    return agent.sources.get(kind="website", url=url)


def read(source: Source) -> Source:
    adding.queue(source)
    working.train(source.pk)
    source.refresh_from_db()
    return source


def titles(source: Source) -> list[str]:
    return sorted(source.pages.values_list("title", flat=True))


@contextmanager
def before(name: str, of: Any, act: Callable[[], object]) -> Iterator[None]:
    """Call `act` each time before the function of that name."""
    done = getattr(of, name)

    def with_act(*arguments: Any, **named: Any) -> Any:
        act()
        return done(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of, name, with_act)
        yield


def known_of(source: Source) -> dict[str, str]:
    """What an agent knows of the website: its passages by the pages' titles."""
    passages = Passage.objects.filter(source__parent=source)
    return {one.source.title: one.text.rpartition("about ")[2] for one in passages.select_related("source")}


OLD = {"Home": "Home.", "Ants": "Ants.", "Bees": "Bees."}
NEW = {"House": "House.", "Apes": "Apes.", "Cats": "Cats."}
