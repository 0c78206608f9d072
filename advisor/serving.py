"""`lowtide serve`: the store and the HTTP API in one process, the only opener of the store.

One worker. The address is bound before anything is opened, and said once the service answers:
on standard output, and in a file where somebody waits for one.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import uvicorn

from collector.catalog import load_catalog
from collector.database import Place
from collector.feed_config import FeedsConfig
from collector.store import Store
from collector.tariffs import load_tariffs
from model.errors import EnvironmentTrouble

from .api import create_app
from .auth import refuse_open_binding
from .collecting import GRACE_S
from .service import Service
from .settings import Settings, credentials
from .simulating import Simulating


def utc_now() -> datetime:
    """The wall clock, aware UTC."""
    return datetime.now(UTC)


@contextmanager
def open_service(
    place: Place,
    *,
    clock: Callable[[], datetime] = utc_now,
    tariffs: str | None = None,
    feeds: FeedsConfig | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Service]:
    """Open the store, None for one in memory, and put the service together.

    Args:
        place: The store's file, or the lake.
        clock: Tells now.
        tariffs: The user's tariff file, which is asked before the built-in one.
        feeds: The live feeds that are configured; nothing is read until somebody asks.
        environ: Where their credentials are looked up by name.

    Raises:
        EnvironmentTrouble: Another process holds the store, or a file cannot be read or made.
        ImpossibleInput: An entry of the tariff file is impossible; file, line and field are named.
    """
    figures = load_tariffs(Path(tariffs).expanduser() if tariffs else None)
    if isinstance(place, Path):
        _make_folder(place.parent)
    with Store.open(place, clock=clock) as store:
        yield Service(
            store,
            catalog=load_catalog(),
            tariffs=figures,
            clock=clock,
            feeds=feeds,
            environ=environ,
            refine=Simulating(store),
        )


def serve(settings: Settings, *, ready_file: Path | None = None, as_json: bool = False) -> None:
    """Serve until stopped.

    Args:
        settings: Store, host, port, keys, feeds.
        ready_file: Written with the address once the service answers.
        as_json: Say the address as a JSON object.
    """

    def announce(url: str, collecting: list[str]) -> None:
        if ready_file is not None:  # Before it is said: whoever heard it finds the file.
            _write_whole(ready_file, url + "\n")
        if as_json:
            print(json.dumps({"url": url, "collecting": collecting}), flush=True)
        else:
            print(f"listening on {url}\n{collecting_words(settings, collecting)}", flush=True)

    run_server(settings, announce=announce)


def collecting_words(settings: Settings, collecting: list[str]) -> str:
    """What is collected by the clock, or why nothing is."""
    if collecting:
        return f"collecting {', '.join(collecting)}; see lowtide collect status"
    if settings.collect.config().feeds:
        return "collecting nothing: it is switched off"
    return "collecting nothing: no feed is configured; docs/collect.md shows how"


def run_server(settings: Settings, *, announce: Callable[[str, list[str]], None]) -> None:
    """Bind, open the store, answer until SIGINT or SIGTERM; `announce` gets the address and the jobs.

    Raises:
        ImpossibleInput: The address is open to others and no key is set, or a feed cannot be.
        EnvironmentTrouble: The address or the store is taken.
    """
    refuse_open_binding(settings.host, settings.keys)
    feeds = settings.collect.config()
    with _bound(settings.host, settings.port) as listener:
        port = listener.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        opened = open_service(settings.place, tariffs=settings.tariffs, feeds=feeds, environ=credentials())
        with opened as service:
            service.url = settings.url or f"http://{host}:{port}"
            app = create_app(service, keys=settings.keys)
            config = uvicorn.Config(
                app, log_level="warning", access_log=False, lifespan="off",
                timeout_graceful_shutdown=round(GRACE_S),
            )  # fmt: skip
            collecting = service.collecting
            jobs = collecting.start(threads=settings.collect.threads) if settings.collect.enabled else []
            started = partial(announce, f"http://{host}:{port}", jobs)
            try:
                with _outliving_sigterm():
                    _Announcing(config, started, collecting.stop).run(sockets=[listener])
            finally:
                collecting.stop()


@contextmanager
def _outliving_sigterm() -> Iterator[None]:
    """Let the end of the server be the end of the block: uvicorn raises the signal anew once it has
    stopped, which would end the process before the store is closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Announcing(uvicorn.Server):
    """A server that says when it answers, and ends the collecting before it goes."""

    def __init__(
        self, config: uvicorn.Config, started: Callable[[], None], stop: Callable[[], object]
    ) -> None:
        super().__init__(config)
        self._say_started, self._stop = started, stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as usual, then say so."""
        await super().startup(sockets)
        self._say_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End passes after their batch, then as usual: whoever waits for one gets its answer."""
        await asyncio.to_thread(self._stop)
        await super().shutdown(sockets)


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as trouble:
        raise EnvironmentTrouble(
            f"{host}:{port} cannot be listened on: {trouble.strerror}.",
            fix="Stop what listens there, or pass --port 0 for a free port.",
        ) from None
    with listener:
        yield listener


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as trouble:
        raise EnvironmentTrouble(
            f"The folder {folder} for the store cannot be made: {trouble.strerror}.",
            fix="Pass --store FILE, or set LOWTIDE_STORE.",
        ) from None


def _write_whole(path: Path, text: str) -> None:
    """Write so that whoever finds the file finds all of it."""
    half = path.with_name(f"{path.name}.part")
    half.write_text(text)
    os.replace(half, path)
