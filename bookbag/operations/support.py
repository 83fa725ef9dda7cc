"""The role *Support*, made by `migrate`: it sees the operators' pages and changes nothing.

Each `migrate` sets its permissions again, so a permission added by hand does not stay.
"""

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connections
from django.db.models import Q

ROLE = "Support"


def keep_role(using: str) -> None:
    """Create or correct the role: the permission to view each model of the operators' pages."""
    if Group._meta.db_table in connections[using].introspection.table_names():
        group, _ = Group.objects.using(using).get_or_create(name=ROLE)
        group.permissions.set(_views(using))


def _views(using: str) -> list[Permission]:
    shown = Q(pk=None)
    for model in admin.site._registry:
        shown |= Q(content_type__app_label=model._meta.app_label, codename=f"view_{model._meta.model_name}")
    return list(Permission.objects.using(using).filter(shown))
