from argparse import ArgumentParser
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from django.core.management.base import BaseCommand, CommandError

from billing import operators
from billing.errors import AmountRefused, ExternalIdTaken
from billing.forms import GrantForm
from billing.models import Account
from workspaces.figures import credits, grouped


class Command(BaseCommand):
    help = "Grants credits to a workspace, with a reason that its members read in their ledger."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the workspace")
        parser.add_argument("credits", type=int)
        parser.add_argument("--reason", required=True)
        parser.add_argument(
            "--expires", metavar="YYYY-MM-DD", type=date.fromisoformat, help="the last day, in UTC"
        )
        parser.add_argument(
            "--request-id", type=UUID, default=None, help="a UUID; the same one again grants nothing more"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        form = GrantForm(
            {
                "amount": options["credits"],
                "reason": options["reason"],
                "expires_on": options["expires"],
                "request_id": options["request_id"] or uuid4(),
            }
        )
        if not form.is_valid():
            raise CommandError("; ".join(f"{name}: {said.as_text()}" for name, said in form.errors.items()))
        account = Account.objects.filter(workspace__slug=options["slug"]).first()
        if account is None:
            raise CommandError(f"There is no workspace {options['slug']!r} with an account.")
        try:
            transfer = operators.grant_credits(
                account,
                amount=form.cleaned_data["amount"],
                reason=form.cleaned_data["reason"],
                request_id=form.cleaned_data["request_id"],
                expires_at=form.expires_at,
                actor=None,
            )
        except (AmountRefused, ExternalIdTaken) as refusal:
            raise CommandError(str(refusal)) from refusal
        account.refresh_from_db()
        self.stdout.write(
            f"{credits(transfer.amount)} granted; {grouped(account.available)} remain in {options['slug']}."
        )
