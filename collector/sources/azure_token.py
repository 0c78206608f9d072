"""An Entra access token for the customer's own service principal, by the client-credentials grant.

The secret is read from the environment when a token is needed and goes into one request. It
is kept nowhere, and no error shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import httpx

from .retry import endpoint
from .web import PATIENT, Patience, Shaped, credential, json_answer

NAMES: Final = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
SCOPE: Final = "https://management.azure.com/.default"


def entra_token(
    client: httpx.Client, environ: Mapping[str, str], *, patience: Patience = PATIENT
) -> Callable[[], str]:
    """A function that asks for a token; `client` has https://login.microsoftonline.com as its base URL.

    Raises (when called):
        SourceSkipped: A variable of NAMES is not set, or Entra refuses them.
    """

    def ask() -> str:
        tenant, client_id, secret = (credential(name, environ) for name in NAMES)
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": secret,
            "scope": SCOPE,
        }
        request = client.build_request("POST", f"/{tenant}/oauth2/v2.0/token", data=form)
        answer = json_answer(client, request, patience)
        with Shaped(endpoint(request)):
            return str(answer["access_token"])

    return ask
