"""The life of a provider key, from entry to its last byte."""

import datetime as dt

import pytest
from django.core import mail
from django.utils import timezone

from llm import byo, health, keys, unseals, upkeep, vault
from llm.models import ProviderKey, UnsealCount
from llm.providers import roster
from llm.providers.base import Fault
from llm.vault import Secret
from tests.harness.chat import each_provider
from tests.llm.rows import the_key
from workspaces.models import AuditEvent

Health, State = ProviderKey.Health, ProviderKey.State
FIRST, SECOND, THIRD = (
    f"sk-proj-{letter * 40}{letter}{end}" for letter, end in zip("Pqw", ("1a2B", "3c4D", "5e6F"), strict=True)
)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_process():
    """What a process remembers of its keys, forgotten."""
    health._noted.clear()
    unseals._counts.clear()


def put(cast, plaintext=FIRST, *, provider="openai", workspace="acme", **kwargs):
    return keys.replace(
        getattr(cast, workspace) if workspace else None,
        provider=provider,
        secret=Secret(plaintext),
        by=cast.adam,
        **kwargs,
    )


def story(workspace) -> list[str]:
    return [
        event.action
        for event in AuditEvent.objects.filter(
            workspace=workspace, action__startswith="provider_key"
        ).order_by("id")
    ]


def opened(row) -> str:
    return keys.open_row(ProviderKey.objects.get(pk=row.pk), purpose="test").reveal()


# --- Entering and replacing --------------------------------------------------------------------


def test_a_key_is_stored_as_mask_and_sealed_bytes(cast):
    row = put(cast)
    stored = ProviderKey.objects.filter(pk=row.pk).values().get()
    assert (stored["prefix"], stored["tail"], row.mask) == ("sk-", "1a2B", "sk-…1a2B")
    assert FIRST.encode() not in bytes(stored["wrapped_dek"]) + bytes(stored["ciphertext"])
    assert opened(row) == FIRST


@pytest.mark.parametrize(
    ("provider", "plaintext", "mask"),
    [
        ("openai", "sk-proj-abcdefghijklmnop9f3C", "sk-…9f3C"),
        ("anthropic", "sk-ant-api03-abcdefghijkl9f3C", "sk-ant-…9f3C"),
        ("openai", "sk-nineteen-letters", "sk-…"),
        ("openai", "sk-twenty-letters-ok", "sk-…s-ok"),
        ("openai", "a-gateway-of-our-own-with-its-own-keys", "…keys"),
    ],
)
def test_the_mask_is_prefix_and_tail(cast, provider, plaintext, mask):
    assert put(cast, plaintext, provider=provider).mask == mask


def test_a_new_key_supersedes_the_one_before(cast):
    first, second = put(cast), put(cast, SECOND)
    first.refresh_from_db()
    assert (keys.active(cast.acme, "openai"), first.state, opened(second)) == (
        second,
        State.SUPERSEDED,
        SECOND,
    )


def test_replacing_one_provider_leaves_the_other_and_other_workspaces_alone(cast):
    put(cast, "sk-ant-api03-abcdefghijkl9f3C", provider="anthropic")
    before = keys.active(cast.globex, "openai")
    put(cast)
    assert the_key(cast.acme, "anthropic").state == State.ACTIVE
    assert keys.active(cast.globex, "openai") == before


def test_the_key_before_the_last_is_wiped_at_once(cast):
    first, _, _ = put(cast), put(cast, SECOND), put(cast, THIRD)
    first.refresh_from_db()
    assert (first.kek_id, bytes(first.wrapped_dek), bytes(first.nonce), bytes(first.ciphertext)) == (
        "",
        b"",
        b"",
        b"",
    )


def test_two_workspaces_may_hold_the_same_secret(cast):
    ours, theirs = put(cast), put(cast, workspace="globex")
    assert bytes(ours.ciphertext) != bytes(theirs.ciphertext)


@pytest.mark.parametrize("plaintext", ["", "sk-a\nb", "sk-é" + "a" * 30, "sk-" + "a" * 600])
def test_a_secret_that_no_header_can_carry_is_not_stored(cast, plaintext):
    with pytest.raises(keys.SecretUnfit):
        put(cast, plaintext)
    assert keys.active(cast.acme, "openai") is None


def test_a_row_moved_to_another_workspace_does_not_open(cast):
    row = put(cast)
    ProviderKey.objects.filter(workspace=cast.globex).delete()
    ProviderKey.objects.filter(pk=row.pk).update(workspace=cast.globex)
    with pytest.raises(vault.SecretUnreadable):
        opened(row)


def test_a_platform_key_moved_to_a_workspace_does_not_open(cast):
    row = put(cast, workspace=None)
    ProviderKey.objects.filter(pk=row.pk).update(workspace=cast.acme)
    with pytest.raises(vault.SecretUnreadable):
        opened(row)


def test_sealed_bytes_of_a_superseded_row_do_not_open_in_the_new_one(cast):
    old, new = put(cast), put(cast, SECOND)
    new.kek_id, new.wrapped_dek, new.nonce, new.ciphertext = (
        old.kek_id,
        old.wrapped_dek,
        old.nonce,
        old.ciphertext,
    )
    new.save()
    with pytest.raises(vault.SecretUnreadable):
        opened(new)
    new.refresh_from_db()
    assert (new.health, story(cast.acme)[-1]) == (Health.UNREADABLE, "provider_key.unreadable")


# --- Checking ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plaintext", "found"),
    [
        (FIRST, Health.VALID),
        ("sk-bad-" + "a" * 30, Health.REJECTED),
        ("sk-quota-" + "a" * 30, Health.LIMITED),
    ],
)
def test_entering_marks_the_key_with_what_the_provider_says(cast, provider_double, plaintext, found):
    row = keys.enter(cast.acme, provider="openai", secret=Secret(plaintext), by=cast.adam)
    assert (row.health, keys.active(cast.acme, "openai")) == (found, row)


def test_entering_asks_for_the_list_of_models_and_nothing_else(cast, provider_double):
    keys.enter(cast.acme, provider="openai", secret=Secret(FIRST), by=cast.adam)
    assert [(call["path"], call["secret"]) for call in provider_double.calls()] == [("/v1/models", FIRST)]


def test_a_rejected_key_is_not_stored_when_that_is_asked(cast, provider_double):
    before = put(cast)
    with pytest.raises(keys.SecretRejected):
        keys.enter(
            cast.acme,
            provider="openai",
            secret=Secret("sk-bad-" + "a" * 30),
            by=cast.adam,
            only_if_accepted=True,
        )
    assert keys.active(cast.acme, "openai") == before


def test_a_key_that_cannot_be_checked_is_stored(cast):
    # The tests' provider hosts lead nowhere.
    row = keys.enter(cast.acme, provider="openai", secret=Secret(FIRST), by=cast.adam, only_if_accepted=True)
    assert (row.health, row.last_good_at) == (Health.UNREACHABLE, None)


def test_an_unfit_secret_never_reaches_the_provider(cast, provider_double):
    with pytest.raises(keys.SecretUnfit):
        keys.enter(cast.acme, provider="openai", secret=Secret(f"{FIRST}\r\nX-Evil: 1"), by=cast.adam)
    assert provider_double.calls() == []


@each_provider
def test_verify_remembers_a_good_answer(cast, provider_double, provider):
    row = put(cast, roster.named(provider).key_prefix + "a" * 30, provider=provider)
    assert keys.verify(row, by=cast.adam) == Health.VALID
    row.refresh_from_db()
    assert (row.health, row.last_good_at is None, row.last_error) == (Health.VALID, False, "")


def test_verify_of_a_key_that_does_not_open_calls_nobody(cast, provider_double):
    row = put(cast)
    ProviderKey.objects.filter(pk=row.pk).update(nonce=b"twelve bytes")
    row.refresh_from_db()
    assert keys.verify(row, by=cast.adam) == Health.UNREADABLE
    assert provider_double.calls() == []


def test_verify_under_an_absent_kek_says_unreadable_and_comes_back_with_it(cast, provider_double, settings):
    row, ring = put(cast), settings.VAULT_KEYS
    settings.VAULT_KEYS = [("k2", vault.new_kek())]
    assert keys.verify(row) == Health.UNREADABLE
    settings.VAULT_KEYS = ring
    assert keys.verify(row) == Health.VALID


# --- Learning from replies ---------------------------------------------------------------------


def health_of(row) -> str:
    return ProviderKey.objects.get(pk=row.pk).health


def test_a_reply_that_came_makes_a_key_valid_and_used(cast):
    row = put(cast)
    keys.note_result(row.pk, fault=None)
    row.refresh_from_db()
    assert (row.health, row.last_good_at, row.last_used_at) == (Health.VALID, row.health_at, row.health_at)


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (Fault.REJECTED, Health.REJECTED),
        (Fault.RATE_LIMITED, Health.LIMITED),
        (Fault.NO_FUNDS, Health.LIMITED),
        (Fault.TIMED_OUT, Health.UNVERIFIED),
        (Fault.MODEL_MISSING, Health.UNVERIFIED),
    ],
)
def test_only_faults_that_tell_of_the_key_change_its_health(cast, fault, found):
    row = put(cast)
    keys.note_result(row.pk, fault=fault)
    assert health_of(row) == found


def test_good_news_is_written_once_a_minute(cast, django_assert_num_queries):
    row = put(cast)
    keys.note_result(row.pk, fault=None)
    with django_assert_num_queries(0):
        for _ in range(100):
            keys.note_result(row.pk, fault=None)


def test_a_rejection_is_written_at_once_and_so_is_the_recovery(cast):
    row = put(cast)
    seen = []
    for fault in (None, Fault.REJECTED, None, Fault.REJECTED):
        keys.note_result(row.pk, fault=fault)
        seen.append(health_of(row))
    assert seen == [Health.VALID, Health.REJECTED, Health.VALID, Health.REJECTED]


def test_the_first_rejection_is_audited_and_mailed_to_admins_once(cast, django_capture_on_commit_callbacks):
    row = put(cast)
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(5):
            keys.note_result(row.pk, fault=Fault.REJECTED)
            health._noted.clear()
    assert story(cast.acme) == ["provider_key.added", "provider_key.rejected"]
    assert sorted(message.to[0] for message in mail.outbox) == [cast.adam.email, cast.olivia.email]
    assert "OpenAI rejected Acme's key sk-…1a2B" in mail.outbox[0].subject
    assert not any(
        FIRST[i : i + 9] in f"{message.body}{message.subject}"
        for message in mail.outbox
        for i in range(len(FIRST) - 9)
    )


def test_a_flapping_provider_is_one_mail_a_day(cast, django_capture_on_commit_callbacks):
    row = put(cast)
    with django_capture_on_commit_callbacks(execute=True):
        for fault in (Fault.REJECTED, None, Fault.REJECTED, None, Fault.REJECTED):
            keys.note_result(row.pk, fault=fault)
    assert len(mail.outbox) == 2  # one each to Adam and Olivia


def test_a_rejected_platform_key_is_mailed_to_operators(cast, django_capture_on_commit_callbacks):
    row = put(cast, workspace=None)
    with django_capture_on_commit_callbacks(execute=True):
        keys.note_result(row.pk, fault=Fault.REJECTED)
    assert [message.to for message in mail.outbox] == [[cast.oscar.email]]


def test_a_superseded_key_that_is_rejected_alarms_nobody(cast, django_capture_on_commit_callbacks):
    row = put(cast)
    put(cast, SECOND)
    with django_capture_on_commit_callbacks(execute=True):
        keys.note_result(row.pk, fault=Fault.REJECTED)
    assert mail.outbox == []


# --- Restoring, deleting, wiping ---------------------------------------------------------------


def later(monkeypatch, **delta):
    now = timezone.now() + dt.timedelta(**delta)
    monkeypatch.setattr(timezone, "now", lambda: now)


def test_restore_swaps_the_active_key_for_the_one_before(cast):
    first, second = put(cast), put(cast, SECOND)
    keys.restore(cast.acme, provider="openai", by=cast.adam)
    second.refresh_from_db()
    assert (keys.active(cast.acme, "openai"), second.state, opened(first)) == (first, State.SUPERSEDED, FIRST)


def test_restore_can_be_undone(cast):
    _, second = put(cast), put(cast, SECOND)
    keys.restore(cast.acme, provider="openai", by=cast.adam)
    keys.restore(cast.acme, provider="openai", by=cast.adam)
    assert keys.active(cast.acme, "openai") == second


def test_restore_ends_after_24_hours(cast, monkeypatch):
    put(cast), put(cast, SECOND)
    later(monkeypatch, hours=24, seconds=1)
    with pytest.raises(keys.NothingToRestore):
        keys.restore(cast.acme, provider="openai", by=cast.adam)


def test_wiping_leaves_what_can_still_be_restored(cast, monkeypatch):
    put(cast), put(cast, SECOND)
    later(monkeypatch, hours=23, minutes=59)
    assert keys.wipe_retired() == 0


def test_wiping_takes_the_bytes_and_leaves_the_history(cast, monkeypatch):
    first, second = put(cast), put(cast, SECOND)
    later(monkeypatch, hours=24, seconds=1)
    assert (keys.wipe_retired(), keys.wipe_retired()) == (1, 0)
    first.refresh_from_db()
    assert (first.mask, first.kek_id, opened(second)) == ("sk-…1a2B", "", SECOND)


def test_delete_wipes_the_key_and_the_one_before_it(cast):
    put(cast), put(cast, SECOND)
    keys.delete(cast.acme, provider="openai", by=cast.adam)
    assert keys.active(cast.acme, "openai") is None
    assert not any(row.kek_id or bytes(row.ciphertext) for row in keys.held_by(cast.acme))


def test_delete_without_a_key_says_so(cast):
    with pytest.raises(keys.NoActiveKey):
        keys.delete(cast.acme, provider="openai", by=cast.adam)


def test_a_platform_key_lives_the_same_life(cast):
    first, second = put(cast, workspace=None), put(cast, SECOND, workspace=None)
    keys.restore(None, provider="openai", by=cast.oscar)
    assert keys.active(None, "openai") == first
    keys.delete(None, provider="openai", by=cast.oscar)
    second.refresh_from_db()
    assert (keys.active(None, "openai"), second.kek_id) == (None, "")


# --- Nothing is sealed by guess ----------------------------------------------------------------


def test_another_kek_under_a_familiar_id_seals_nothing(cast, settings):
    before = put(cast)
    settings.VAULT_KEYS = [(settings.VAULT_KEYS[0][0], vault.new_kek())]
    with pytest.raises(vault.WrongKek):
        put(cast, SECOND)
    assert keys.active(cast.acme, "openai") == before


# --- The audit log -----------------------------------------------------------------------------


def test_every_act_leaves_its_event_with_both_masks(cast):
    put(cast), put(cast, SECOND)
    keys.restore(cast.acme, provider="openai", by=cast.adam)
    keys.delete(cast.acme, provider="openai", by=cast.adam)
    events = AuditEvent.objects.filter(workspace=cast.acme, action__startswith="provider_key").order_by("id")
    assert [(e.action, e.actor_email, e.data["before"], e.data["after"]) for e in events] == [
        ("provider_key.added", cast.adam.email, None, "sk-…1a2B"),
        ("provider_key.replaced", cast.adam.email, "sk-…1a2B", "sk-…3c4D"),
        ("provider_key.restored", cast.adam.email, "sk-…3c4D", "sk-…1a2B"),
        ("provider_key.deleted", cast.adam.email, "sk-…1a2B", None),
    ]


def test_an_act_whose_event_cannot_be_written_does_not_happen(cast, monkeypatch):
    before = put(cast)

    def full_disk(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr("workspaces.audit.record", full_disk)
    with pytest.raises(OSError, match="no space left"):
        put(cast, SECOND)
    assert [row.pk for row in keys.held_by(cast.acme)] == [before.pk]


def test_openings_are_counted_by_day_and_purpose_and_then_audited(cast, monkeypatch):
    row = put(cast)
    for purpose in ("reply", "reply", "verify"):
        keys.count_unseal(row.pk, purpose=purpose)
    assert (upkeep.run().counted, upkeep.run().counted) == (3, 0)
    keys.count_unseal(row.pk, purpose="reply")
    upkeep.run()
    assert set(UnsealCount.objects.values_list("purpose", "times")) == {("reply", 3), ("verify", 1)}
    later(monkeypatch, days=1, hours=2)
    assert (upkeep.run().reported, upkeep.run().reported) == (2, 0)
    events = AuditEvent.objects.filter(action="provider_key.opened", workspace=cast.acme)
    assert {(event.data["purpose"], event.data["times"], event.data["mask"]) for event in events} == {
        ("reply", 3, "sk-…1a2B"),
        ("verify", 1, "sk-…1a2B"),
    }


def test_a_wrong_ring_is_logged_once_by_the_server(cast, settings, caplog):
    put(cast)
    settings.VAULT_KEYS = [("k7", vault.new_kek())]
    for _ in range(3):
        upkeep.run()
    # Gina's key and this one.
    assert [record.message for record in caplog.records if record.name == "llm.upkeep"] == [
        "VAULT_KEYS lacks 'k1', under which 2 stored secrets are sealed."
    ]


def test_counts_that_could_not_be_written_are_kept(cast, monkeypatch):
    row = put(cast)
    keys.count_unseal(row.pk, purpose="reply")
    with monkeypatch.context() as broken:
        broken.setattr(unseals, "_add", lambda taken: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            unseals.flush()
    assert unseals.flush() == 1


# --- The switch and custom models --------------------------------------------------------------


def test_the_switch_is_audited_only_when_it_moves(cast):
    moved = [byo.set_byo(cast.acme, enabled=enabled, by=cast.adam) for enabled in (False, True, True, False)]
    actions = AuditEvent.objects.filter(workspace=cast.acme, action__startswith="byo.").order_by("id")
    assert (moved, [event.action for event in actions]) == (
        [False, True, False, True],
        ["byo.enabled", "byo.disabled"],
    )


def test_a_custom_model_costs_no_credits_and_is_listed_once(cast):
    row = byo.add_model(cast.acme, provider="openai", model_id="o-custom", by=cast.adam)
    assert (row.price, row.name, row.is_custom) == (0, "o-custom", True)
    with pytest.raises(byo.ModelExists):
        byo.add_model(cast.acme, provider="openai", model_id="o-custom", by=cast.adam)
    with pytest.raises(byo.ModelExists):
        byo.add_model(cast.acme, provider="openai", model_id="gpt-6-luna", by=cast.adam)
    assert byo.add_model(cast.globex, provider="openai", model_id="o-custom", by=cast.gina) != row
