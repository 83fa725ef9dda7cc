"""Many people and processes at one key at once: exactly one is active, and no one sees a crash."""

import threading
from collections.abc import Callable

import pytest
from django.db import connections

from llm import health, keys, unseals, vault
from llm.models import ProviderKey, UnsealCount
from llm.providers.base import Fault
from llm.vault import Secret
from workspaces.models import AuditEvent

State = ProviderKey.State
pytestmark = pytest.mark.django_db(transaction=True)


def together(count: int, act: Callable[[int], object]) -> list[object]:
    """`act(0)` … `act(count - 1)` at the same moment, each in a thread; returns results, exceptions among them."""
    results: list[object] = [None] * count
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        try:
            results[number] = act(number)
        except Exception as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def secret(number: int) -> Secret:
    return Secret(f"sk-proj-{number:04}-" + "RaCe" * 8)


@pytest.mark.parametrize("whose", ["workspace", "platform"])
def test_twenty_replacements_leave_one_active_key(cast, whose):
    workspace = cast.acme if whose == "workspace" else None
    results = together(
        20, lambda number: keys.replace(workspace, provider="openai", secret=secret(number), by=cast.adam)
    )
    assert [result for result in results if isinstance(result, Exception)] == []
    rows = keys.held_by(workspace).filter(provider="openai")
    assert (rows.count(), rows.filter(state=State.ACTIVE).count(), rows.sealed().count()) == (
        20,
        1,
        2,
    )
    story = AuditEvent.objects.filter(workspace=workspace, action__startswith="provider_key.").order_by("id")
    assert [event.action for event in story] == ["provider_key.added"] + ["provider_key.replaced"] * 19
    # Each event's "before" is the one before it's "after": no two acts saw the same state.
    assert [event.data["before"] for event in story][1:] == [event.data["after"] for event in story][:-1]


def test_replacing_deleting_and_restoring_at_once_never_leaves_two(cast):
    keys.replace(cast.acme, provider="openai", secret=secret(100), by=cast.adam)
    keys.replace(cast.acme, provider="openai", secret=secret(101), by=cast.adam)

    def act(number: int) -> object:
        if number % 3 == 0:
            return keys.delete(cast.acme, provider="openai", by=cast.adam)
        if number % 3 == 1:
            return keys.restore(cast.acme, provider="openai", by=cast.adam)
        return keys.replace(cast.acme, provider="openai", secret=secret(number), by=cast.adam)

    for _ in range(5):
        results = together(9, act)
        odd = [
            one
            for one in results
            if isinstance(one, Exception) and not isinstance(one, keys.ProviderKeyError)
        ]
        active = keys.held_by(cast.acme).filter(state=State.ACTIVE)
        assert (odd, active.count() <= 1) == ([], True)
        for row in active:
            assert keys.open_row(row, purpose="test").reveal().startswith("sk-proj-")


def test_a_rewrap_racing_replacements_loses_no_key(cast, settings):
    from llm import rotation

    old = settings.VAULT_KEYS[0]
    settings.VAULT_KEYS = [("k9", vault.new_kek()), old]

    def act(number: int) -> object:
        if number < 2:
            return sum(batch.moved for batch in rotation.rewrap_all(1))
        return keys.replace(cast.acme, provider="openai", secret=secret(number), by=cast.adam)

    settings.VAULT_KEYS = [old]
    for number in range(10):
        keys.replace(
            cast.acme, provider="anthropic", secret=Secret(f"sk-ant-{number}" + "x" * 30), by=cast.adam
        )
    settings.VAULT_KEYS = [("k9", vault.new_kek()), old]
    results = together(8, act)
    assert [result for result in results if isinstance(result, Exception)] == []
    for row in ProviderKey.objects.sealed():
        assert keys.open_row(row, purpose="test").reveal().startswith("sk-")


def test_fifty_rejections_are_one_event_and_one_mail_each(cast, mailoutbox):
    row = keys.replace(cast.acme, provider="openai", secret=secret(1), by=cast.adam)

    def act(number: int) -> None:
        # As many processes, each with a memory of its own.
        health._noted.clear()
        keys.note_result(row.pk, fault=Fault.REJECTED)

    assert together(50, act) == [None] * 50
    assert AuditEvent.objects.filter(workspace=cast.acme, action="provider_key.rejected").count() == 1
    assert sorted(message.to[0] for message in mailoutbox) == [cast.adam.email, cast.olivia.email]


def test_openings_counted_by_many_threads_are_all_written_once(cast):
    row = keys.replace(cast.acme, provider="openai", secret=secret(1), by=cast.adam)
    unseals._counts.clear()

    def act(number: int) -> None:
        for _ in range(10):
            keys.count_unseal(row.pk, purpose="reply")
        unseals.flush()

    assert together(10, act) == [None] * 10
    unseals.flush()
    assert UnsealCount.objects.get(provider_key=row, purpose="reply").times == 100
