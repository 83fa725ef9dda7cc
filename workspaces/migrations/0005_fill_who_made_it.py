from django.db import migrations


def fill_created_by(apps, schema_editor):
    """Whoever the audit log names; else the owner of longest standing."""
    Workspace = apps.get_model("workspaces", "Workspace")
    AuditEvent = apps.get_model("workspaces", "AuditEvent")
    people = set(apps.get_model("workspaces", "User").objects.values_list("pk", flat=True))
    created = AuditEvent.objects.filter(action="workspace.created", actor_id__in=people)
    makers = dict(created.order_by("-id").values_list("workspace_id", "actor_id"))
    for workspace in Workspace.objects.filter(created_by=None).iterator():
        owner = workspace.memberships.filter(role="owner").order_by("pk").first()
        workspace.created_by_id = makers.get(workspace.pk) or (owner.user_id if owner else None)
        workspace.save(update_fields=["created_by"])


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0004_who_made_it_and_sign_ups")]

    operations = [migrations.RunPython(fill_created_by, migrations.RunPython.noop)]
