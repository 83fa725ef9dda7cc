"""The way out to providers from a closed network: through which proxy, and which authority is trusted besides.

Set once, when the process starts (llm/apps.py), from PROVIDER_PROXY and PROVIDER_CA_FILE. The variables that other
programs read are not looked at: what carries people's keys goes where the deployment says explicitly.
"""

from typing import Any

_proxy = ""
_ca_file = ""


def configure(*, proxy: str, ca_file: str) -> None:
    """`proxy`: an http address, perhaps with a user and a password. `ca_file`: certificates in PEM. Empty is none."""
    global _proxy, _ca_file
    _proxy, _ca_file = proxy, ca_file


def options() -> dict[str, Any]:
    """What an HTTP client of a provider is made with."""
    return {"trust_env": False, "proxy": _proxy or None, "verify": _trusted() if _ca_file else True}


def _trusted() -> Any:
    import httpx2  # not when the process starts: it takes a while to load

    context = httpx2.create_ssl_context()
    context.load_verify_locations(_ca_file)
    return context
