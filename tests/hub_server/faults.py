"""What can go wrong between client and Hub, on demand: an ASGI layer around the app that does it."""

import asyncio
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass
class Fault:
    """What happens to the next `times` requests of this method whose path the pattern finds.

    kind:
        status        answered with `status` and a page of HTML, as a proxy before the Hub does; nothing is done
        reset         the connection is reset after `after_bytes` of the request's body have been read
        lost_answer   the request is carried out, and the connection reset in place of the answer
        cut           the answer is cut by a reset after `after_bytes` of its body
        slow          answered after `seconds`
        twice         carried out two times, and answered as the second: what a client or a proxy does that repeats a
                      request whose answer was lost, as the Hub's own client does over Xet
    """

    method: str
    path: str
    kind: Literal["status", "reset", "lost_answer", "cut", "slow", "twice"]
    times: int = 1
    status: int = 503
    after_bytes: int = 0
    seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Faulty:
    """app, with faults. requests: every request so far, ``METHOD /path``. bodies: their sizes."""

    app: ASGIApp
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests.append(f"{scope['method']} {scope['path']}")
        fault = self._due(scope)
        if fault is None:
            await self.app(scope, receive, send)
            return
        await getattr(self, f"_{fault.kind}")(fault, scope, receive, send)

    def _due(self, scope: Scope) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method == scope["method"] and re.search(fault.path, scope["path"]):
                fault.times -= 1
                return fault
        return None

    async def _status(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        page = f"<html><body>{fault.status}</body></html>".encode()
        headers = {"content-type": "text/html", "content-length": str(len(page)), **fault.headers}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": fault.status, "headers": raw})
        await send({"type": "http.response.body", "body": page if scope["method"] != "HEAD" else b""})

    async def _reset(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        read, more = 0, True
        while more and read < fault.after_bytes:
            message = await receive()
            read, more = read + len(message.get("body", b"")), message.get("more_body", False)
        _reset_connection(receive)

    async def _lost_answer(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        async def lost(message: Message) -> None:
            pass

        await self.app(scope, receive, lost)
        _reset_connection(receive)

    async def _cut(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        async def cut(message: Message) -> None:
            if message["type"] == "http.response.body":
                await send({**message, "body": message["body"][: fault.after_bytes], "more_body": True})
                await asyncio.sleep(0.1)  # let the bytes leave before the reset drops them
                _reset_connection(receive)
            else:
                await send(message)

        await self.app(scope, receive, cut)

    async def _slow(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(fault.seconds)
        await self.app(scope, receive, send)

    async def _twice(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        messages: list[Message] = []
        while not messages or messages[-1].get("more_body", False):
            messages.append(await receive())

        async def lost(message: Message) -> None:
            pass

        await self.app(dict(scope), _repeating(messages), lost)
        await self.app(scope, _repeating(messages), send)


def _repeating(messages: list[Message]) -> Receive:
    left = iter(messages)

    async def receive() -> Message:
        return next(left)

    return receive


def _reset_connection(receive: Receive) -> None:
    """Close the client's connection with a RST, not in good order."""
    cycle: Any = getattr(receive, "__self__", None)  # uvicorn's; ASGI itself knows of no connection
    connection: socket.socket = cycle.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    cycle.transport.abort()
