"""Of the two keys that could run a reply, only the route's is opened. The other stays sealed and is no fallback."""

import pytest

from agents.errors import NotRunnable
from agents.models import Reply
from llm import byo, gateway, keys
from llm.models import ProviderKey
from tests.agents.scenes import spoil
from tests.agents.test_sweeper import accept
from tests.harness.cast import Cast
from tests.harness.chat import bring_key, platform_key

pytestmark = [pytest.mark.django_db, pytest.mark.money]


@pytest.fixture
def opened(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Whose keys have been opened, a workspace's id or None for ours; both are there."""
    platform_key()
    bring_key(cast.acme)
    whose: list[object] = []
    open_key = gateway.open_key

    def recorded(row: gateway.SealedKey) -> object:
        whose.append(row.workspace_id)
        return open_key(row)

    monkeypatch.setattr(gateway, "open_key", recorded)
    return whose


def test_the_workspaces_is_opened_with_byo_on(cast: Cast, opened: list[object]) -> None:
    accepted = accept(cast)

    assert opened == [cast.acme.pk]
    assert accepted.credential_id == ProviderKey.objects.get(workspace=cast.acme).pk
    assert accepted.hold_id is None


def test_ours_is_opened_with_byo_off(cast: Cast, opened: list[object]) -> None:
    byo.set_byo(cast.acme, enabled=False, by=cast.adam)

    accepted = accept(cast)

    assert opened == [None]
    assert accepted.credential_id == ProviderKey.objects.get(workspace=None).pk
    assert accepted.hold_id is not None


def test_local_model_opens_none(cast: Cast, opened: list[object]) -> None:
    accept(cast, "")

    assert opened == []


@pytest.mark.parametrize("own", [True, False])
def test_key_that_does_not_open_is_no_reason_for_the_other(
    cast: Cast, opened: list[object], own: bool
) -> None:
    byo.set_byo(cast.acme, enabled=own, by=cast.adam)
    owner = cast.acme if own else None
    spoil(ProviderKey.objects.get(workspace=owner))

    with pytest.raises(NotRunnable) as refused:
        accept(cast)

    assert refused.value.code == ("byo_key_unreadable" if own else "platform_key_unreadable")
    assert opened == [owner.pk if owner else None]
    assert not Reply.objects.exists()
    assert ProviderKey.objects.get(workspace=owner).health == "unreadable"


@pytest.mark.parametrize("own", [True, False])
def test_key_that_is_not_there_is_no_reason_for_the_other(
    cast: Cast, opened: list[object], own: bool
) -> None:
    byo.set_byo(cast.acme, enabled=own, by=cast.adam)
    keys.delete(cast.acme if own else None, provider="openai", by=cast.adam)

    with pytest.raises(NotRunnable) as refused:
        accept(cast)

    assert refused.value.code == ("byo_key_missing" if own else "platform_key_missing")
    assert opened == []
