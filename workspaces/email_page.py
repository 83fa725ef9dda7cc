"""The page of a person's e-mail addresses: django-allauth's, with another rule for the primary address."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.views import EmailView
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from workspaces import people


class OwnAddresses(EmailView):
    def _action_primary(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        """Make an address the primary one, if it is confirmed.

        An unconfirmed one might be somebody else's, who could then not use it.

        allauth would accept any address from a person without a confirmed one. Even a confirmed address may belong
        to another account by now, which an operator has added.
        """
        address: EmailAddress | None = self._get_email_address(request)
        if address is not None and not address.verified:
            messages.error(request, "Confirm the address first: “Send verification” mails you a link.")
            return HttpResponseRedirect(self.get_success_url())
        try:
            with transaction.atomic():
                answer: HttpResponse | None = super()._action_primary(request, *args, **kwargs)
        except IntegrityError:
            messages.error(request, people.address_is_anothers())
            return HttpResponseRedirect(self.get_success_url())
        return answer


email_page = OwnAddresses.as_view()
