"""Children of a training are not the training: their signals are no notice, its handlers not theirs."""

import multiprocessing
import signal
import socket
import threading
import time

import pytest

from trainer.errors import ServiceUnreachable
from trainer.notice import NoticeWatch
from trainer.wire import ask


def test_a_terminated_child_dies_and_is_no_notice():
    watch = NoticeWatch()
    watch.listen()
    try:
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(20,))
        child.start()
        time.sleep(0.2)
        child.terminate()
        child.join(5)
        time.sleep(0.3)
        assert child.exitcode == -signal.SIGTERM
        assert watch.heard() is None
    finally:
        watch.close()


def _serve(answer: bytes) -> int:
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            connection, _ = server.accept()
            connection.recv(1 << 16)
            connection.sendall(answer)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000,
    ],
)
def test_a_service_that_talks_nonsense_is_unreachable(answer):
    with pytest.raises(ServiceUnreachable):
        ask(f"http://127.0.0.1:{_serve(answer)}/x", token=None)


def test_a_token_is_never_told():
    with pytest.raises(ServiceUnreachable) as told:
        ask("http://127.0.0.1:1/x", token="s3cr\net")
    assert "s3cr" not in str(told.value)
