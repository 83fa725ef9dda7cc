"""Changing the KEK: step by step, beside running replies, and whatever is killed on the way."""

import base64
import os
import re
import secrets
import signal
import stat
import subprocess
import sys
import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from llm import keys, ring, rotation, vault
from llm.models import ProviderKey
from llm.vault import Secret
from tests.factories import make_workspace
from tests.harness.live import ROOT, database_url
from workspaces.models import AuditEvent

OLD, NEW, OTHER = (
    ("k1", secrets.token_bytes(32)),
    ("k2", secrets.token_bytes(32)),
    ("k3", secrets.token_bytes(32)),
)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_kek(settings):
    settings.VAULT_KEYS = [OLD]


def plaintext(number: int) -> str:
    return f"sk-proj-{number:05}-" + "RoTaTe" * 6


def fill(count: int) -> list[ProviderKey]:
    """`count` sealed rows, one workspace each and a platform key among them."""
    keys.replace(None, provider="openai", secret=Secret(plaintext(0)))
    workspaces = [make_workspace() for _ in range(count - 1)]
    for number, workspace in enumerate(workspaces, start=1):
        keys.replace(workspace, provider="openai", secret=Secret(plaintext(number)))
    return list(ProviderKey.objects.order_by("pk"))


def opened() -> list[str]:
    return sorted(keys.open_row(row, purpose="test").reveal() for row in ProviderKey.objects.sealed())


def run(command: str, *args: str) -> str:
    out = StringIO()
    call_command(command, *args, stdout=out, stderr=StringIO())
    return out.getvalue()


def everything_printed(command: str, *args: str) -> str:
    out, err = StringIO(), StringIO()
    try:
        call_command(command, *args, stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue() + err.getvalue() + str(error)
    return out.getvalue() + err.getvalue()


# --- Re-wrapping -------------------------------------------------------------------------------


def test_rewrap_moves_every_row_and_opens_none(settings, monkeypatch):
    fill(7)
    settings.VAULT_KEYS = [NEW, OLD]
    monkeypatch.setattr(vault, "unseal", lambda *args, **kwargs: pytest.fail("opened"))
    assert "7 rows moved to k2." in run("vault_rewrap", "--batch", "3")
    assert ring.rows_per_kek() == {"k2": 7, "k1": 0}


def test_after_rewrap_the_new_kek_alone_opens_everything(settings):
    fill(5)
    settings.VAULT_KEYS = [NEW, OLD]
    run("vault_rewrap")
    settings.VAULT_KEYS = [NEW]
    assert opened() == [plaintext(number) for number in range(5)]


def test_rewrap_again_has_nothing_to_do(settings):
    fill(3)
    settings.VAULT_KEYS = [NEW, OLD]
    run("vault_rewrap")
    assert "0 rows moved" in run("vault_rewrap")


def test_rewrap_takes_superseded_rows_along_and_leaves_wiped_ones(settings):
    workspace = make_workspace()
    for number in range(3):
        keys.replace(workspace, provider="openai", secret=Secret(plaintext(number)))
    settings.VAULT_KEYS = [NEW, OLD]
    assert "2 rows moved" in run("vault_rewrap")
    settings.VAULT_KEYS = [NEW]
    assert opened() == [plaintext(1), plaintext(2)]


def test_each_moved_row_is_audited(settings):
    [row] = fill(1)
    settings.VAULT_KEYS = [NEW, OLD]
    run("vault_rewrap")
    event = AuditEvent.objects.get(action="provider_key.rewrapped")
    assert event.data == {"provider": "openai", "mask": row.mask, "before": "k1", "after": "k2"}


def test_a_row_replaced_meanwhile_is_left_as_it_is_now(settings):
    [row] = fill(1)
    settings.VAULT_KEYS = [NEW, OLD]
    stale = ProviderKey.objects.get(pk=row.pk)
    moved = vault.rewrap(keys.sealed_of(stale), binding=keys.binding_of_row(stale))
    run("vault_rewrap")
    assert rotation._move(stale, moved) is False
    assert opened() == [plaintext(0)]


def test_rows_that_do_not_open_are_named_and_the_others_moved(settings):
    rows = fill(4)
    ProviderKey.objects.filter(pk=rows[1].pk).update(wrapped_dek=b"\x80" + b"0" * 104)
    settings.VAULT_KEYS = [NEW, OLD]
    with pytest.raises(CommandError, match=str(rows[1].pk)):
        run("vault_rewrap")
    assert ring.rows_per_kek() == {"k2": 3, "k1": 1}


def test_rewrap_refuses_to_seal_under_another_kek_of_a_known_id(settings):
    fill(2)
    settings.VAULT_KEYS = [NEW, OLD]
    run("vault_rewrap")
    settings.VAULT_KEYS = [("k1", secrets.token_bytes(32)), NEW]
    with pytest.raises(CommandError, match="another KEK under the id 'k1'"):
        run("vault_rewrap")
    assert ring.rows_per_kek()["k2"] == 2


def test_the_progress_is_shown_to_the_end(settings):
    fill(5)
    settings.VAULT_KEYS = [NEW, OLD]
    err = StringIO()
    call_command("vault_rewrap", "--batch", "2", stdout=StringIO(), stderr=err)
    assert re.findall(r"(\d) of 5", err.getvalue()) == ["2", "4", "5"]


@pytest.mark.django_db(transaction=True)
def test_a_rewrap_that_is_killed_goes_on_where_it_was(settings):
    fill(150)
    settings.VAULT_KEYS = [NEW, OLD]
    # Which it is killed at differs from run to run; that every row opens at every moment must not.
    process = subprocess.Popen(
        [sys.executable, "manage.py", "vault_rewrap", "--batch", "4"], cwd=ROOT, env=environment(NEW, OLD),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        for _ in range(6_000):
            if ring.rows_per_kek()["k2"] >= 20 or process.poll() is not None:
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    finally:
        process.communicate()
    halfway = ring.rows_per_kek()
    assert process.returncode == -signal.SIGKILL
    assert 20 <= halfway["k2"] < 150
    assert opened() == [plaintext(number) for number in range(150)]
    assert f"{halfway['k1']} rows moved" in run("vault_rewrap")
    settings.VAULT_KEYS = [NEW]
    assert opened() == [plaintext(number) for number in range(150)]


def environment(*entries: tuple[str, bytes]) -> dict[str, str]:
    text = ",".join(f"{kek_id}:{base64.b64encode(material).decode()}" for kek_id, material in entries)
    connection.ensure_connection()
    return os.environ | {
        "VAULT_KEYS": text,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "bookbag.settings",
    }


# --- Checking ----------------------------------------------------------------------------------


def test_check_says_that_all_is_well():
    fill(3)
    printed = run("vault_check")
    assert ("Every stored key opens." in printed, "k1        3 rows" in printed) == (True, True)


def test_check_names_what_does_not_open_and_fails(settings):
    rows = fill(3)
    ProviderKey.objects.filter(pk=rows[2].pk).update(ciphertext=b"x" * 60)
    with pytest.raises(CommandError) as failed:
        run("vault_check")
    assert [str(row.pk) in str(failed.value) for row in rows] == [False, False, True]


def test_check_names_an_absent_kek_with_its_rows(settings):
    fill(2)
    settings.VAULT_KEYS = [NEW]
    printed = everything_printed("vault_check")
    assert "VAULT_KEYS lacks 'k1', under which 2 stored secrets are sealed." in printed
    assert "NOT IN VAULT_KEYS" in printed


def test_check_names_a_wrong_kek_and_marks_no_row(settings):
    fill(2)
    settings.VAULT_KEYS = [("k1", NEW[1])]
    assert "another KEK under the id 'k1'" in everything_printed("vault_check")
    assert set(ProviderKey.objects.values_list("health", flat=True)) == {"unverified"}


def test_check_takes_back_a_mark_that_is_no_longer_true():
    [row] = fill(1)
    ProviderKey.objects.update(health="unreadable")
    assert "opens again" in run("vault_check")
    row.refresh_from_db()
    assert row.health == "unverified"


@pytest.mark.parametrize("command", ["vault_check", "vault_rewrap", "vault_rotate", "vault_upkeep"])
def test_no_command_prints_a_secret_or_a_kek_in_use(settings, command):
    fill(3)
    for entries in ([OLD], [OLD, NEW], [NEW, OLD], [NEW]):
        settings.VAULT_KEYS = entries
        printed = everything_printed(command)
        assert "RoTaTe" not in printed
        for _, material in entries:
            assert base64.b64encode(material).decode() not in printed
            assert material.hex() not in printed


# --- The guided rotation -----------------------------------------------------------------------


def test_a_rotation_from_beginning_to_end(settings):
    fill(4)
    printed = run("vault_rotate")
    assert "Step 1 of 2: add k2 at the END" in printed
    [encoded] = re.findall(r",k2:(\S+)", printed)
    material = base64.b64decode(encoded, validate=True)
    assert len(material) == 32

    settings.VAULT_KEYS = [OLD, ("k2", material)]
    printed = run("vault_rotate")
    assert "Step 2 of 2: move k2 to the FRONT" in printed
    assert "the order of ids: k2,k1" in printed

    settings.VAULT_KEYS = [("k2", material), OLD]
    assert "4 rows still under older KEKs. Run vault_rewrap" in run("vault_rotate")
    assert "still needed: do not drop it" in run("vault_rotate")

    run("vault_rewrap")
    assert "No row needs k1 any more" in run("vault_rotate")

    settings.VAULT_KEYS = [("k2", material)]
    assert opened() == [plaintext(number) for number in range(4)]
    assert "add k3 at the END" in run("vault_rotate")


def test_a_kek_with_rows_is_never_called_droppable(settings):
    fill(2)
    settings.VAULT_KEYS = [NEW, OLD]
    run("vault_rewrap")
    settings.VAULT_KEYS = [OLD, NEW]
    keys.replace(None, provider="anthropic", secret=Secret("sk-ant-" + "late" * 9))
    settings.VAULT_KEYS = [NEW, OLD]
    with pytest.raises(CommandError, match="1 row still under older KEKs"):
        run("vault_rotate", "--step", "drop")


def test_a_process_with_the_ring_of_step_one_opens_what_step_two_seals(settings):
    settings.VAULT_KEYS = [NEW, OLD]
    row = keys.replace(None, provider="openai", secret=Secret(plaintext(1)))
    settings.VAULT_KEYS = [OLD, NEW]
    assert keys.open_row(row, purpose="test").reveal() == plaintext(1)


def test_the_whole_ring_is_written_for_its_owner_alone(settings, tmp_path):
    fill(1)
    file = tmp_path / "ring"
    printed = run("vault_rotate", "--write", str(file))
    text = file.read_text(encoding="utf-8").strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert text.startswith("k1:" + base64.b64encode(OLD[1]).decode() + ",k2:")
    assert text.partition("k2:")[2] not in printed


def test_a_file_that_is_there_is_not_overwritten(settings, tmp_path):
    file = tmp_path / "ring"
    file.write_text("precious", encoding="utf-8")
    with pytest.raises(CommandError, match="exists"):
        run("vault_rotate", "--write", str(file))
    assert file.read_text(encoding="utf-8") == "precious"


def test_no_rotation_begins_on_a_broken_ring(settings):
    fill(2)
    settings.VAULT_KEYS = [NEW]
    with pytest.raises(CommandError, match="First mend this"):
        run("vault_rotate")
