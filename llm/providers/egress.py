"""Reaching providers from a closed network: the proxy to use, and an additional certificate authority to trust.

Set once, when the process starts (llm/apps.py), from PROVIDER_PROXY and PROVIDER_CA_FILE. HTTPS_PROXY and similar
variables are ignored: requests that carry people's keys go only where the deployment says explicitly.
"""

from typing import Any

_proxy = ""
_ca_file = ""


def configure(*, proxy: str, ca_file: str) -> None:
    """`proxy`: an http address, possibly with user and password. `ca_file`: certificates in PEM. Empty means none."""
    global _proxy, _ca_file
    _proxy, _ca_file = proxy, ca_file


def options() -> dict[str, Any]:
    """The arguments for making an HTTP client to a provider."""
    return {"trust_env": False, "proxy": _proxy or None, "verify": _trusted() if _ca_file else True}


def _trusted() -> Any:
    import httpx2  # imported late, because it takes a while to load

    context = httpx2.create_ssl_context()
    context.load_verify_locations(_ca_file)
    return context
