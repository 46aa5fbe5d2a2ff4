"""Opens connections to a service."""

import ssl
from typing import Any

import httpx

from fabric_assets.client.auth import is_loopback
from fabric_assets.client.errors import FabricConfigError


def http_client(url: httpx.URL, **options: Any) -> httpx.AsyncClient:
    """A client for a service at ``url``, by the proxy and certificates that the environment names.

    Args:
        url: address of the service.
        **options: what else ``httpx.AsyncClient`` takes.

    Raises:
        FabricConfigError: the environment names a proxy or certificates that cannot be used.
    """
    try:
        # A proxy from the environment must not see what is said to this machine in plain http.
        return httpx.AsyncClient(trust_env=not is_loopback(url.host), **options)
    except (ImportError, ValueError, OSError, ssl.SSLError, httpx.InvalidURL) as error:
        raise FabricConfigError(
            f"no connection to {url.host} can be set up: {error}. Check the proxy (HTTPS_PROXY, ALL_PROXY) and the "
            "certificates (SSL_CERT_FILE, SSL_CERT_DIR) in the environment."
        ) from error
