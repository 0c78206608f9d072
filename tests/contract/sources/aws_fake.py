"""A small HTTP server that speaks AWS's own protocols to the unmodified boto3 client.

Every request is read against botocore's model of the operation: an unknown operation or
parameter, or a value of the wrong type, is refused and noted in `strangers`. Every answer is
written from the model too, so a fake cannot invent a field. What to answer is a function of
operation and parameters that the test hands in; it may return

    a dict            the answer, in the model's own member names
    Failure           an error of the service
    bytes             sent as they are, with status 200
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as Xml

import botocore.session
from botocore.model import OperationModel, Shape
from botocore.validate import ParamValidator

SESSION = botocore.session.get_session()
MODELS = {name: SESSION.get_service_model(name) for name in ("ec2", "pricing", "sqs")}
TARGETS = {MODELS[name].metadata["targetPrefix"]: name for name in ("pricing", "sqs")}
EC2_SPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


@dataclass(frozen=True)
class Failure:
    """An error answer."""

    status: int
    code: str
    message: str = ""


Answer = dict[str, Any] | Failure | bytes
Script = Callable[[str, dict[str, Any]], Answer]


@dataclass
class FakeAws:
    """What the server was told to answer, and what it was asked."""

    script: Script
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)  # Requests that the real service would not know.
    address: str = ""

    def answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body for one request."""
        service = TARGETS.get(headers.get("X-Amz-Target", "").split(".")[0], "ec2")
        wire = Ec2Wire() if service == "ec2" else JsonWire()
        try:
            operation, params = wire.read(MODELS[service], headers, body)
        except ValueError as stranger:
            self.strangers.append(str(stranger))
            return wire.failure(Failure(400, "UnknownParameter", str(stranger)))
        self.asked.append((operation.name, params))
        answer = self.script(operation.name, params)
        if isinstance(answer, bytes):
            return 200, answer
        return wire.failure(answer) if isinstance(answer, Failure) else (200, wire.write(operation, answer))


class Ec2Wire:
    """The query protocol: form fields in, XML out."""

    def read(self, model: Any, _headers: Mapping[str, str], body: bytes) -> tuple[OperationModel, dict]:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        operation = _operation(model, form.pop("Action", ""))
        form.pop("Version", None)
        used: set[str] = set()
        params = _unflatten(operation.input_shape, "", form, used)
        if strange := set(form) - used:
            raise ValueError(f"{operation.name} has no parameter {', '.join(sorted(strange))}")
        return operation, _valid(params, operation)

    def write(self, operation: OperationModel, answer: dict[str, Any]) -> bytes:
        root = Xml.Element(f"{operation.name}Response", xmlns=EC2_SPACE)
        Xml.SubElement(root, "requestId").text = "fake"
        _to_xml(root, operation.output_shape, answer)
        return Xml.tostring(root)

    def failure(self, failure: Failure) -> tuple[int, bytes]:
        error = f"<Error><Code>{failure.code}</Code><Message>{failure.message}</Message></Error>"
        return failure.status, f"<Response><Errors>{error}</Errors></Response>".encode()


class JsonWire:
    """The JSON protocol: the operation in a header, members as they are."""

    def read(self, model: Any, headers: Mapping[str, str], body: bytes) -> tuple[OperationModel, dict]:
        operation = _operation(model, headers["X-Amz-Target"].split(".")[1])
        params = json.loads(body)
        if strange := set(params) - set(operation.input_shape.members):
            raise ValueError(f"{operation.name} has no parameter {', '.join(sorted(strange))}")
        return operation, _valid(params, operation)

    def write(self, operation: OperationModel, answer: dict[str, Any]) -> bytes:
        if strange := set(answer) - set(operation.output_shape.members):
            raise AssertionError(f"the fake invents {strange}")
        return json.dumps(answer).encode()

    def failure(self, failure: Failure) -> tuple[int, bytes]:
        return failure.status, json.dumps({"__type": failure.code, "message": failure.message}).encode()


def _operation(model: Any, name: str) -> OperationModel:
    if name not in model.operation_names:
        raise ValueError(f"{model.service_name} has no operation {name!r}")
    return model.operation_model(name)


def _valid(params: dict[str, Any], operation: OperationModel) -> dict[str, Any]:
    """The parameters, if types, limits, enums and required members agree with the model."""
    report = ParamValidator().validate(params, operation.input_shape)
    if report.has_errors():
        raise ValueError(f"{operation.name}: {report.generate_report()}")
    for name, value in params.items():
        allowed = getattr(operation.input_shape.members[name], "enum", [])
        if allowed and value not in allowed:
            raise ValueError(f"{operation.name} {name} is {value!r}, not one of {allowed}")
    return params


def _unflatten(shape: Shape, prefix: str, form: Mapping[str, str], used: set[str]) -> Any:
    """The value of a shape from form fields such as Filter.1.Value.2."""
    if shape.type_name == "structure":
        members = {name: (f"{prefix}.{_field(name, m)}".lstrip("."), m) for name, m in shape.members.items()}
        present = {
            n: pm for n, pm in members.items() if any(k == pm[0] or k.startswith(pm[0] + ".") for k in form)
        }
        return {name: _unflatten(m, path, form, used) for name, (path, m) in present.items()}
    if shape.type_name == "list":
        count = len({k[len(prefix) + 1 :].split(".")[0] for k in form if k.startswith(prefix + ".")})
        return [_unflatten(shape.member, f"{prefix}.{i}", form, used) for i in range(1, count + 1)]
    used.add(prefix)
    return _scalar(shape.type_name, form[prefix])


def _field(name: str, shape: Shape) -> str:
    """How EC2 spells a member in a form: its query name, or its XML name with a capital."""
    spelt = shape.serialization.get("queryName") or shape.serialization.get("name", name)
    return spelt[0].upper() + spelt[1:]


def _scalar(kind: str, text: str) -> Any:
    if kind in ("integer", "long"):
        return int(text)
    if kind == "boolean":
        return {"true": True, "false": False}[text]
    return datetime.fromisoformat(text) if kind == "timestamp" else text


def _to_xml(parent: Xml.Element, shape: Shape, value: Any) -> None:
    """Members of a structure as child elements, as EC2 nests them."""
    if strange := set(value) - set(shape.members):
        raise AssertionError(f"the fake invents {strange}")
    for name, content in value.items():
        member = shape.members[name]
        element = Xml.SubElement(parent, member.serialization.get("name", name))
        if member.type_name == "structure":
            _to_xml(element, member, content)
        elif member.type_name == "list":
            for entry in content:
                item = Xml.SubElement(element, "item")
                _text_or_tree(item, member.member, entry)
        else:
            _text_or_tree(element, member, content)


def _text_or_tree(element: Xml.Element, shape: Shape, value: Any) -> None:
    if shape.type_name == "structure":
        _to_xml(element, shape, value)
    elif shape.type_name == "boolean":
        element.text = "true" if value else "false"
    else:
        element.text = value.isoformat() if isinstance(value, datetime) else str(value)


@contextmanager
def serving(script: Script) -> Iterator[FakeAws]:
    """The fake on a free local port; `address` is its URL."""
    fake = FakeAws(script)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = fake.answer(self.headers, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing: the test says what went wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    fake.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
