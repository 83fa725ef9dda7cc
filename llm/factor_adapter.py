"""What django-allauth calls whenever it stores or uses the secret of a second factor (MFA_ADAPTER)."""

from allauth.core import context as current

from llm import factor_secrets, ring, vault
from workspaces import second_factors
from workspaces.errors import FactorUnreadable

# The attribute of the request that keeps envelopes made ahead.
AHEAD = "factor_envelopes"


class SealingAdapter(second_factors.FactorAdapter):
    """Seals and opens second factors, each for the person whose it is."""

    def make_ready(self, secrets: int) -> None:
        """Make envelopes for so many `secrets`.

        Making one may call a KMS, and allauth seals inside its transactions, where no network call is allowed.

        Raises workspaces.errors.FactorUnreadable.
        """
        person_id = second_factors.at_hand()
        try:
            envelopes = [factor_secrets.envelope(person_id) for _ in range(secrets)]
        except vault.VaultError:
            raise FactorUnreadable from None
        setattr(current.request, AHEAD, envelopes)

    def encrypt(self, text: str) -> str:
        """Raises workspaces.errors.FactorUnreadable."""
        ready: list[vault.Envelope] = getattr(current.request, AHEAD, [])
        try:
            ring.assert_genuine()
            # An envelope is used once, because every secret has a DEK of its own.
            ahead = ready.pop() if ready else None
            return factor_secrets.seal(text, second_factors.at_hand(), ahead=ahead)
        except vault.VaultError:
            raise FactorUnreadable from None

    def decrypt(self, encrypted_text: str) -> str:
        """Raises workspaces.errors.FactorUnreadable."""
        try:
            return factor_secrets.unseal(encrypted_text, second_factors.at_hand())
        except vault.VaultError:
            raise FactorUnreadable from None
