"""The vault: what is sealed for one row opens there, whole, and nowhere else."""

import base64
import copy
import dataclasses
import json
import pickle
import secrets

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from hypothesis import given
from hypothesis import strategies as st

from llm import vault
from llm.vault import Binding, Sealed, Secret

CANARY = "sk-proj-C4n4ry" + "Q7x9Zp2LmT5vWb8RkY3d" * 4
BINDING = Binding("provider_key", "7", "openai", "0b5c9c9e-8a51-4c0f-9d6e-0f6e1f1c2d3a")
OLD, NEW = ("k1", secrets.token_bytes(32)), ("k2", secrets.token_bytes(32))


@pytest.fixture(autouse=True)
def ring_of_one(settings):
    settings.VAULT_KEYS = [OLD]


def flipped(data: bytes):
    """Every copy of `data` with exactly one bit turned."""
    for place in range(len(data) * 8):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << (place % 8)
        yield bytes(changed)


def opens(sealed: Sealed, binding: Binding = BINDING) -> bool:
    try:
        vault.unseal(sealed, binding=binding)
    except (vault.SecretUnreadable, vault.UnknownKek):
        return False
    return True


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=512))
def test_unseal_returns_what_was_sealed(plaintext):
    assert vault.unseal(vault.seal(Secret(plaintext), binding=BINDING), binding=BINDING).reveal() == plaintext


def test_sealing_twice_shares_no_part():
    first, second = (vault.seal(Secret(CANARY), binding=BINDING) for _ in range(2))
    assert {first.wrapped_dek, first.nonce, first.ciphertext}.isdisjoint(
        {second.wrapped_dek, second.nonce, second.ciphertext}
    )


def test_sealed_bytes_hold_nothing_of_the_secret():
    sealed = vault.seal(Secret(CANARY), binding=BINDING)
    stored = sealed.wrapped_dek + sealed.nonce + sealed.ciphertext
    assert not any(CANARY[i : i + 4].encode() in stored for i in range(len(CANARY) - 4))


@pytest.mark.parametrize("part", ["ciphertext", "nonce", "wrapped_dek"])
def test_unseal_refuses_every_single_bit_flip(part):
    # The GCM tag is the end of the ciphertext, so its bits are among these.
    sealed = vault.seal(Secret(CANARY), binding=BINDING)
    mutants = [dataclasses.replace(sealed, **{part: changed}) for changed in flipped(getattr(sealed, part))]
    assert len(mutants) == 8 * len(getattr(sealed, part))
    assert [mutant for mutant in mutants if opens(mutant)] == []


def test_unseal_refuses_every_bit_flip_of_the_kek_id(settings):
    settings.VAULT_KEYS = [
        OLD,
        *((chr(code) + "1", OLD[1]) for code in (0x6A, 0x69, 0x6F)),
        NEW,
        ("k0", OLD[1]),
        ("k3", OLD[1]),
    ]
    sealed = vault.seal(Secret(CANARY), binding=BINDING)
    names = [changed.decode("latin-1") for changed in flipped(sealed.kek_id.encode())]
    assert [name for name in names if opens(dataclasses.replace(sealed, kek_id=name))] == []


@pytest.mark.parametrize("part", ["purpose", "workspace", "provider", "row"])
def test_unseal_refuses_every_bit_flip_of_the_binding(part):
    sealed = vault.seal(Secret(CANARY), binding=BINDING)
    values = [changed.decode("latin-1") for changed in flipped(getattr(BINDING, part).encode())]
    assert [value for value in values if opens(sealed, dataclasses.replace(BINDING, **{part: value}))] == []


@pytest.mark.parametrize("part", ["ciphertext", "nonce", "wrapped_dek"])
@pytest.mark.parametrize("length", [0, 1, 11, 15, 16, 40])
def test_unseal_refuses_a_part_cut_short(part, length):
    sealed = vault.seal(Secret(CANARY), binding=BINDING)
    cut = getattr(sealed, part)[:length]
    assert not opens(dataclasses.replace(sealed, **{part: cut})) or cut == getattr(sealed, part)


@pytest.mark.parametrize("part", ["ciphertext", "nonce", "wrapped_dek"])
@pytest.mark.parametrize("tail", [b"\0", b"x" * 16])
def test_unseal_refuses_a_part_with_something_appended(part, tail):
    sealed = vault.seal(Secret(CANARY), binding=BINDING)
    assert not opens(dataclasses.replace(sealed, **{part: getattr(sealed, part) + tail}))


ROWS = [
    BINDING,
    dataclasses.replace(BINDING, workspace="8"),
    dataclasses.replace(BINDING, workspace=Binding.PLATFORM),
    dataclasses.replace(BINDING, provider="anthropic"),
    dataclasses.replace(BINDING, row="another-row"),
    dataclasses.replace(BINDING, purpose="invitation"),
]


def test_unseal_refuses_every_swap_of_parts_between_rows():
    """Any mixture of two rows' parts, whole rows included, opens only when it is one row in its own place."""
    sealed = {binding: vault.seal(Secret(CANARY), binding=binding) for binding in ROWS}
    opened = [
        (dek, nonce, text, place)
        for dek in ROWS
        for nonce in ROWS
        for text in ROWS
        for place in ROWS
        if opens(Sealed("k1", sealed[dek].wrapped_dek, sealed[nonce].nonce, sealed[text].ciphertext), place)
    ]
    assert opened == [(row, row, row, row) for row in ROWS]


def test_bindings_that_would_join_to_one_text_differ():
    assert (
        Binding("p", "1", "open", "ai").associated_data() != Binding("p", "1", "opena", "i").associated_data()
    )
    assert Binding("p", '1","x', "y", "z").associated_data() != Binding("p", "1", "x", "y").associated_data()


def test_unseal_names_a_kek_that_is_not_in_the_ring(settings):
    sealed = vault.seal(Secret(CANARY), binding=BINDING)
    settings.VAULT_KEYS = [NEW]
    with pytest.raises(vault.UnknownKek) as refused:
        vault.unseal(sealed, binding=BINDING)
    assert refused.value.kek_id == "k1"


def test_unseal_refuses_another_kek_of_the_same_id(settings):
    sealed = vault.seal(Secret(CANARY), binding=BINDING)
    settings.VAULT_KEYS = [("k1", NEW[1])]
    with pytest.raises(vault.SecretUnreadable):
        vault.unseal(sealed, binding=BINDING)


def test_one_material_under_two_ids_makes_two_keks(settings):
    sealed = vault.seal(Secret(CANARY), binding=BINDING)
    settings.VAULT_KEYS = [("k9", OLD[1])]
    assert not opens(dataclasses.replace(sealed, kek_id="k9"))


def test_the_newest_kek_seals_and_every_kek_opens(settings):
    old = vault.seal(Secret(CANARY), binding=BINDING)
    settings.VAULT_KEYS = [NEW, OLD]
    new = vault.seal(Secret(CANARY), binding=BINDING)
    assert (old.kek_id, new.kek_id, opens(old), opens(new)) == ("k1", "k2", True, True)


def test_rewrap_moves_the_dek_and_leaves_the_payload(settings):
    sealed = vault.seal(Secret(CANARY), binding=BINDING)
    settings.VAULT_KEYS = [NEW, OLD]
    moved = vault.rewrap(sealed, binding=BINDING)
    settings.VAULT_KEYS = [NEW]
    assert (moved.kek_id, moved.nonce, moved.ciphertext) == ("k2", sealed.nonce, sealed.ciphertext)
    assert vault.unseal(moved, binding=BINDING).reveal() == CANARY


def test_rewrap_refuses_a_damaged_dek(settings):
    sealed = vault.seal(Secret(CANARY), binding=BINDING)
    settings.VAULT_KEYS = [NEW, OLD]
    damaged = dataclasses.replace(sealed, wrapped_dek=next(flipped(sealed.wrapped_dek)))
    with pytest.raises(vault.SecretUnreadable):
        vault.rewrap(damaged, binding=BINDING)


def test_the_secret_key_of_the_site_has_no_part_in_it(settings):
    sealed = vault.seal(Secret(CANARY), binding=BINDING)
    settings.SECRET_KEY = "another-" + secrets.token_hex(30)
    assert vault.unseal(sealed, binding=BINDING).reveal() == CANARY


# --- A secret in memory ------------------------------------------------------------------------


@dataclasses.dataclass
class Holder:
    secret: Secret


SHOWN = {
    "repr": repr,
    "str": str,
    "format": lambda secret: f"{secret:>40}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
    "list": lambda secret: repr([secret, {"secret": secret}]),
    "dataclass": lambda secret: repr(Holder(secret)),
    "exception": lambda secret: repr(ValueError(secret)),
    "json as text": lambda secret: json.dumps(secret, default=str),
    "dir": lambda secret: repr(dir(secret)),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
def test_a_secret_shows_nothing_of_itself(show):
    shown = show(Secret(CANARY))
    assert not any(CANARY[i : i + 6] in shown for i in range(len(CANARY) - 6))


REFUSED = {
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "asdict": lambda secret: dataclasses.asdict(Holder(secret)),
    "json": json.dumps,
    "django json": lambda secret: json.dumps(secret, cls=DjangoJSONEncoder),
    "vars": vars,
    "iteration": list,
    "bytes": bytes,
    "base64": base64.b64encode,
    "getstate": lambda secret: secret.__getstate__(),
}


@pytest.mark.parametrize("act", REFUSED.values(), ids=REFUSED)
def test_a_secret_refuses_to_be_copied_or_serialised(act):
    with pytest.raises(TypeError) as refused:
        act(Secret(CANARY))
    assert not any(CANARY[i : i + 6] in str(refused.value) for i in range(len(CANARY) - 6))


def test_a_secret_does_not_change():
    with pytest.raises(AttributeError):
        Secret(CANARY)._plaintext = "another"


def test_neither_sealed_nor_ring_shows_its_bytes():
    shown = repr([vault.seal(Secret(CANARY), binding=BINDING), vault.ring(), vault.ring().primary])
    assert shown == "[Sealed(kek_id='k1'), Ring(k1), LocalKek(k1)]"
