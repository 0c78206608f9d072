"""A client for a verb: of the service that answers, or of one started for as long as the verb runs.

One path to every answer (docs/decisions/0001): a verb never reads the store's file itself, so it
cannot disagree with what a launcher is told.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from model.errors import EnvironmentTrouble

from .api import create_app
from .client import Client
from .service import Service
from .serving import open_service, utc_now
from .settings import Settings, credentials, load_settings

LOOPBACK = "127.0.0.1"
START_S = 20.0
PATIENCE_S = 600.0  # It is this very process: it is at work, however long it takes.
GRACE_S = 2  # For answers under way when the verb is done.


@contextmanager
def connected(
    *, url: str | None = None, store: str | None = None, sample: int | None = None, keep: Path | None = None
) -> Iterator[Client]:
    """Yield a client.

    Args:
        url: Ask this service and no other.
        store: Open this file and ask no service that may be running.
        sample: Use the embedded market of this seed; ask it as of `newest(client)`.
        keep: The file in which it is kept, and found again; in memory where None.

    Raises:
        EnvironmentTrouble: Nothing answers at `url`, or the store cannot be opened.
    """
    settings = load_settings(url=url, store=store)
    if sample is not None:
        with open_service(keep, tariffs=settings.tariffs) as service, answering(service) as client:
            if newest(client) is None:
                client.collect("sample", seed=sample)
            yield client
    elif store is None and (url is not None or _answers(settings)):
        with Client(settings.service_url, settings.token) as client:
            client.status()  # Trouble is better met here than halfway through.
            yield client
    else:
        feeds = settings.collect.config()
        opened = open_service(settings.place, tariffs=settings.tariffs, feeds=feeds, environ=credentials())
        with opened as service, answering(service) as client:
            try:
                yield client
            finally:  # A verb that was stopped by hand does not wait for a feed that does not answer.
                service.collecting.stop(0)


def _answers(settings: Settings) -> bool:
    with Client(settings.service_url, settings.token, timeout_s=2.0) as client:
        return client.ready()


def newest(client: Client) -> str | None:
    """Return the newest instant of the history that a service holds; None where it holds none."""
    span = client.status()["span"]
    return None if span is None else str(span["last"])


@contextmanager
def answering(service: Service) -> Iterator[Client]:
    """Serve from a thread on a free loopback port, and yield a client of it."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        service.url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        config = uvicorn.Config(  # It would complain of answers that nobody waits for; our faults have a log.
            create_app(service, keys=()), log_level="critical", access_log=False, lifespan="off",
            timeout_graceful_shutdown=GRACE_S,
        )  # fmt: skip
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="service", daemon=True
        )
        thread.start()
        try:
            with Client(service.url, timeout_s=PATIENCE_S) as client:
                _wait_until(server)
                yield client
        finally:
            server.should_exit = True
            thread.join(timeout=START_S)


def _wait_until(server: uvicorn.Server) -> None:
    until = utc_now().timestamp() + START_S
    while not server.started:
        if utc_now().timestamp() > until:
            raise EnvironmentTrouble(
                f"The service did not start within {START_S:.0f} s.",
                fix="Type: lowtide serve, and read what it says.",
            )
        threading.Event().wait(0.02)
