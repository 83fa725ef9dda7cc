"""Shared by all pages of the operators' site: acts are audited, and nobody overwrites an unseen change.

The site shows no other pages (bookbag/operations/operators.py), because a page that a library registers for its own
model does neither.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.core import signing
from django.db import models
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from workspaces import audit
from workspaces.models import AuditEvent, Workspace

SALT = "workspaces.desk"
# The most characters of a search. Each word adds a condition, and SQLite takes at most a thousand.
LONGEST_SEARCH = 200
EMPTY = "–"


class _Opened(forms.CharField):
    """A hidden field with the row's values when the page was opened, signed.

    Not a field of the row, so it never counts as changed.
    """

    widget = forms.HiddenInput

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


class StaleForm(forms.ModelForm):
    """A form that is refused if somebody has changed the row since the page was opened.

    A form sent without the values of the opened page, for example by a script, counts as opened just now.
    """

    opened = _Opened(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["opened"] = self._sealed(self.values(self.instance))

    def values(self, row: Model) -> dict[str, str]:
        """What the page shows of `row`, as text, by the name that the page gives it."""
        # Disabled fields are left out: they cannot change, and one of them is a password's hash, which should not be
        # in a page.
        ours = {field.name for field in _fields(row)}
        return {
            str(field.label or name): shown(row, name)
            for name, field in self.fields.items()
            if name in ours and not field.disabled
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        sealed = cleaned.pop("opened", "")
        if sealed:
            self._refuse_if_stale(sealed)
        return cleaned

    def _refuse_if_stale(self, sealed: str) -> None:
        # Locked, so that of two saves at the same time the second sees the change of the first.
        row = type(self.instance)._base_manager.select_for_update(no_key=True).get(pk=self.instance.pk)
        now = self.values(row)
        try:
            pk, since, opened = signing.loads(sealed, salt=SALT)
        except signing.BadSignature:
            raise forms.ValidationError("This page cannot be read any more. Open it anew.") from None
        if pk == str(row.pk) and opened != now:
            # The form now carries the new values, because the page shows them: a second save is allowed.
            data: Any = self.data.copy()  # type: ignore[attr-defined]
            data[self.add_prefix("opened")] = self._sealed(now)
            self.data = data
            raise forms.ValidationError([_refusal(row, since), *_differences(opened, now)])

    def _sealed(self, values: dict[str, str]) -> str:
        facts = [str(self.instance.pk), timezone.now().isoformat(), values]
        return signing.dumps(facts, salt=SALT, compress=True)


def shown(row: Model, name: str) -> str:
    """The value of a field as people read it."""
    field = row._meta.get_field(name)
    if field.many_to_many:
        return ", ".join(sorted(map(str, getattr(row, name).all()))) or EMPTY
    display = getattr(row, f"get_{name}_display", None)
    value = display() if display else getattr(row, name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return EMPTY if value in (None, "") else str(value)


def _fields(row: Model) -> list[Any]:
    return [*row._meta.fields, *row._meta.many_to_many]


def _refusal(row: Model, since: str) -> str:
    """The error that names who has changed `row` since that moment, if Django's admin log has an entry."""
    from django.contrib.admin.models import LogEntry
    from django.contrib.contenttypes.models import ContentType

    content_type = ContentType.objects.get_for_model(row, for_concrete_model=False)
    entries = LogEntry.objects.filter(
        content_type=content_type, object_id=str(row.pk), action_time__gte=since
    )
    last = entries.select_related("user").first()
    return (
        f"{last.user if last else 'Somebody'} has changed this since you opened the page, so nothing was saved. "
        "What you entered is still here: save again to put it in the place of theirs."
    )


def _differences(opened: dict[str, str], now: dict[str, str]) -> list[str]:
    names = [name for name in {**opened, **now} if opened.get(name) != now.get(name)]
    return [f"{name}: {opened.get(name, EMPTY)} → {now.get(name, EMPTY)}" for name in names]


class DeskAdmin(admin.ModelAdmin):
    """A page of the operators' site. `noun`: the first part of its audit actions; by default the model's name."""

    noun = ""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is None or not self.has_change_permission(request, obj) or issubclass(form, StaleForm):
            return form
        return type(form.__name__, (StaleForm, form), {})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # The template renders this field itself, so it is left out of the form's rows.
        return [name for name in super().get_fields(request, obj) if name != "opened"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return super().get_search_results(request, queryset, search_term[:LONGEST_SEARCH])

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Saves only the fields that were changed on the page.

        The other values of `obj` may be older than the row's.
        """
        if not change:
            super().save_model(request, obj, form, change)
        else:
            columns = {field.name for field in obj._meta.concrete_fields}
            obj.save(update_fields=[name for name in form.changed_data if name in columns])
        self.audit_saving(request, obj, form, change)

    def audit_saving(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """Record one event with each changed field, before and after."""
        changes = changes_of(form)
        if changes or not change:
            self.record(request, obj, "edited" if change else "added", changes=changes)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        self.record(request, obj, "deleted", id=obj.pk)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            self.record(request, obj, "deleted", id=obj.pk)
        super().delete_queryset(request, queryset)

    def record(self, request: HttpRequest, obj: Any, verb: str, **data: Any) -> AuditEvent:
        """Record an event about `obj`: in its own log if it is a workspace, else in the platform's."""
        noun = self.noun or str(self.opts.verbose_name).replace(" ", "_")
        if isinstance(obj, Workspace):
            return audit.record(obj, f"{noun}.{verb}", request=request, **data)
        return audit.record(None, f"{noun}.{verb}", request=request, **{noun: str(obj), **data})

    def act_page(
        self,
        request: HttpRequest,
        title: str,
        *,
        verb: str = "",
        words: str = "",
        form: forms.Form | None = None,
        subject: Model | None = None,
    ) -> HttpResponse:
        """A page with one form or question.

        `verb`: the button's text, by default the title. `subject`: the row that it is about.
        """
        own = {"title": title, "verb": verb or title, "words": words, "form": form, "subject": subject}
        context = {**self.admin_site.each_context(request), "opts": self.opts, **own}
        return TemplateResponse(request, "admin/act.html", context)


def changes_of(form: Any) -> dict[str, list[Any]]:
    """The changes of a form to its row, before and after, by field. Passwords are left out, even their hashes."""
    names = {field.name for field in _fields(form.instance)} - {"password"}
    return {
        name: [_plain(form.initial.get(name)), _plain(form.cleaned_data.get(name))]
        for name in form.changed_data
        if name in names
    }


def _plain(value: Any) -> Any:
    """`value` as JSON for the audit log."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple | models.QuerySet):
        return [_plain(one) for one in value]
    return str(value)


class ReadOnlyAdmin(DeskAdmin):
    """Shows rows; none can be added, changed or deleted."""

    actions = None
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
