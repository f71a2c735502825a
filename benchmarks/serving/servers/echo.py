"""
The floor of our own stack: a body is read, and a fixed answer sent.

The same web server with the same settings as `breakcast serve`, and nothing of
breakcast behind it.
"""

import sys

from starlette.types import ASGIApp, Receive, Scope, Send

from breakcast.adapters import webserver

ANSWER = b'{"predictions":[0.22880280651552756]}'
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(ANSWER)),
]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer every request alike."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive())["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


def make_echo() -> ASGIApp:
    """Give the application, as the web server wants it."""
    return echo


def main() -> None:
    """Serve on the port that is named, until a signal says to end."""
    listening = webserver.listen("127.0.0.1", int(sys.argv[1]))
    webserver.run(make_echo, listening, workers=1)


if __name__ == "__main__":
    main()
