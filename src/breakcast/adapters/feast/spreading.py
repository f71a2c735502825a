"""Requests spread over connections, so that no worker over there gets them all."""

from itertools import cycle

import httpx

# A connection belongs to one worker of one replica for as long as it lasts. A single
# pool sends nearly all over the first it has: of two workers one had nine times as
# much to do as the other, and its answers waited for each other.
_LANES = 16
_CONNECTIONS_A_LANE = 2
# Below the 30 seconds after which `feast serve` closes a connection that is idle.
_KEEP_ALIVE_SECONDS = 15.0


class SpreadTransport(httpx.BaseTransport):
    """Sends each request over the next of 16 lanes, of two connections at most."""

    def __init__(self) -> None:
        limits = httpx.Limits(
            max_connections=_CONNECTIONS_A_LANE,
            max_keepalive_connections=_CONNECTIONS_A_LANE,
            keepalive_expiry=_KEEP_ALIVE_SECONDS,
        )
        # They share what they trust: making that takes longer than all the rest.
        trusted = httpx.create_ssl_context()
        self._lanes = [
            httpx.HTTPTransport(limits=limits, verify=trusted) for _ in range(_LANES)
        ]
        self._next = cycle(self._lanes)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        return next(self._next).handle_request(request)

    def close(self) -> None:
        """Close all connections."""
        for lane in self._lanes:
            lane.close()
