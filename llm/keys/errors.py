"""The errors of acts on provider keys. When one is raised, nothing was changed.

ProviderKeyError
├── NoActiveKey       there is nothing to verify, delete or replace
├── NoSuchRegion      the provider has no such region, or the deployment has set another address
├── NothingToRestore  there is no superseded key that can be restored
├── SecretUnfit       the secret cannot be sent in a header, or is a credential of another sort
├── CheckRunning      another check of this key is running
└── SecretRejected    the provider does not accept it, so it was not stored
"""


class ProviderKeyError(Exception):
    """An act on a provider key that could not be done; nothing was changed."""


class NoActiveKey(ProviderKeyError):
    pass


class NoSuchRegion(ProviderKeyError):
    pass


class NothingToRestore(ProviderKeyError):
    pass


class SecretUnfit(ProviderKeyError):
    pass


class CheckRunning(ProviderKeyError):
    pass


class SecretRejected(ProviderKeyError):
    pass
