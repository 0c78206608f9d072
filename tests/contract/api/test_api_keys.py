"""Keys: on loopback without them all is open; with them every route needs its scope."""

from __future__ import annotations

import hashlib

import pytest

from advisor.auth import Key
from advisor.client import Client, ServiceProblem

ROUTES = [  # Method, path, scope. A new route without a row here fails the last test.
    ("POST", "/v1/recommendations", "recommend"),
    ("GET", "/v1/recommendations/{recommendation_id}", "read"),
    ("GET", "/v1/pools", "read"),
    ("GET", "/v1/pools/{key}/prices", "read"),
    ("GET", "/v1/pools/{key}/probes", "read"),
    ("GET", "/v1/pools/{key}", "read"),
    ("POST", "/v1/collect", "admin"),
    ("GET", "/v1/collect/status", "read"),
    ("GET", "/v1/collect/progress", "read"),
    ("POST", "/v1/store/snapshot", "admin"),
    ("POST", "/v1/store/backup", "admin"),
    ("GET", "/v1/store/verification", "read"),
    ("GET", "/v1/listings", "read"),
    ("GET", "/v1/overheads", "read"),
    ("GET", "/v1/quality", "read"),
    ("POST", "/v1/backtests", "admin"),
    ("POST", "/v1/backtests/policies", "admin"),
    ("GET", "/v1/backtests/progress", "read"),
    ("GET", "/v1/status", "read"),
    ("GET", "/metrics", "read"),
    ("GET", "/livez", None),
    ("GET", "/readyz", None),
    ("POST", "/v1/runs", "run"),
    ("GET", "/v1/runs", "read"),
    ("GET", "/v1/runs/{run_id}", "read"),
    ("POST", "/v1/runs/{run_id}/events", "run"),
    ("GET", "/v1/runs/{run_id}/events", "read"),
    ("GET", "/v1/runs/{run_id}/checkpoints", "read"),
    ("GET", "/v1/runs/{run_id}/directive", "run"),
    ("POST", "/v1/runs/{run_id}/next-pool", "run"),
]
FILLED = {
    "{recommendation_id}": "rec-0000000000000000",
    "{key}": "aws/us-east-1/-/p3.2xlarge/spot",
    "{run_id}": "run-0000000000000000",
}


def key(token: str, *scopes: str) -> Key:
    return Key(hashlib.sha256(token.encode()).hexdigest(), frozenset(scopes))


KEYS = tuple(key(f"key-{scope}", scope) for scope in ("read", "recommend", "run", "admin"))


def ask(http, method, path, token=None):
    for name, value in FILLED.items():
        path = path.replace(name, value)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body = {"json": {"unknown": 0}} if method == "POST" else {}  # Refused in words, once the key is good.
    return http.request(method, path, headers=headers, **body)


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
def test_each_route_opens_to_its_scope_and_admin_alone(service, http_of, method, path, scope):
    with http_of(service, KEYS) as http:
        for held in ("read", "recommend", "run", "admin"):
            status = ask(http, method, path, f"key-{held}").status_code
            assert (status != 403) == (scope is None or held in (scope, "admin")), held
        for token in (None, "key-unknown", ""):
            assert (ask(http, method, path, token).status_code != 401) == (scope is None)


def test_a_refusal_for_want_of_a_key_says_which_header(service, http_of):
    with http_of(service, KEYS) as http:
        problem = http.get("/v1/pools").json()
    assert "Authorization: Bearer" in problem["fix"]


def test_the_description_of_the_routes_needs_a_key_too(service, http_of):
    with http_of(service, KEYS) as http:
        assert http.get("/openapi.json").status_code == 401


@pytest.mark.filterwarnings("ignore:You should not use the 'timeout' argument")
def test_the_client_sends_its_key_and_passes_refusals_on(service, http_of):
    with http_of(service, KEYS) as http:
        assert Client("http://testserver", "key-read", http=http).status()["rows"] > 0
        with pytest.raises(ServiceProblem, match="needs the scope admin") as refusal:
            Client("http://testserver", "key-read", http=http).collect("sample")
    assert (refusal.value.status, refusal.value.exit_code) == (403, 4)


def test_no_route_is_missing_from_the_table(http):
    document = http.get("/openapi.json").json()
    declared = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert declared == {(method, path) for method, path, _ in ROUTES}
