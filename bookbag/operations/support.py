"""The role *Support*, which comes with `migrate`: it sees what is on the operators' pages and changes nothing.

Each `migrate` sets its permissions anew, so a right that was put into it by hand does not stay there.
"""

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connections
from django.db.models import Q

ROLE = "Support"


def keep_role(using: str) -> None:
    """Make the role, or put it right: the permission to view each model of the operators' pages."""
    if Group._meta.db_table in connections[using].introspection.table_names():
        group, _ = Group.objects.using(using).get_or_create(name=ROLE)
        group.permissions.set(_views(using))


def _views(using: str) -> list[Permission]:
    shown = Q(pk=None)
    for model in admin.site._registry:
        shown |= Q(content_type__app_label=model._meta.app_label, codename=f"view_{model._meta.model_name}")
    return list(Permission.objects.using(using).filter(shown))
