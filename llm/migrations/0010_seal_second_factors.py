"""Seals the secrets of second factors, which were stored as they are. Back again, they are opened."""

from django.db import migrations

from llm import factor_secrets, vault


def seal(apps, schema_editor):
    authenticators = apps.get_model("mfa", "Authenticator").objects.filter(type__in=factor_secrets.NAMES)
    for row in authenticators.order_by("pk").iterator(chunk_size=500):
        name = factor_secrets.name_of(row)
        if not str(row.data[name]).startswith(f"{factor_secrets.MARK}:"):
            _note_kek(apps)
            row.data[name] = factor_secrets.seal(row.data[name], row.user_id)
            row.save(update_fields=["data"])


def unseal(apps, schema_editor):
    authenticators = apps.get_model("mfa", "Authenticator").objects.filter(type__in=factor_secrets.NAMES)
    for row in authenticators.order_by("pk").iterator(chunk_size=500):
        name = factor_secrets.name_of(row)
        if str(row.data[name]).startswith(f"{factor_secrets.MARK}:"):
            row.data[name] = factor_secrets.unseal(row.data[name], row.user_id)
            row.save(update_fields=["data"])


def _note_kek(apps):
    """As llm.ring.assert_genuine does."""
    kek = vault.ring().primary
    record, _ = apps.get_model("llm", "KekRecord").objects.get_or_create(
        kek_id=kek.kek_id, defaults={"proof": kek.proof}
    )
    if bytes(record.proof) != kek.proof:
        raise vault.WrongKek(kek.kek_id)


class Migration(migrations.Migration):
    dependencies = [
        ("llm", "0009_profile_bounds"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [migrations.RunPython(seal, unseal)]
