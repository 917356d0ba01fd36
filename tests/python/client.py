"""What the scripts here share: connecting, and receiving with a time limit.

Each script is given the server's URL without a path, asserts, and exits with 0 if all is well.
"""

import asyncio
import sys

import websockets

PATIENCE = 10


def connect(path, **options):
    """A connection to a topic. No pings of its own, no limit on messages, no compression."""
    options = {"ping_interval": None, "max_size": None, "compression": None} | options
    return websockets.connect(sys.argv[1] + path, **options)


async def receive(client):
    """The next message, or an error if there is none in time."""
    return await asyncio.wait_for(client.recv(), PATIENCE)


async def assert_silent(client, seconds=0.2):
    """Nothing arrives."""
    try:
        message = await asyncio.wait_for(client.recv(), seconds)
    except asyncio.TimeoutError:
        return
    raise AssertionError(f"received {message!r:.100}, expected nothing")


async def assert_closed(client, code, reason=None):
    """The server closes with this code and, if given, this reason."""
    try:
        message = await receive(client)
    except websockets.ConnectionClosed as closed:
        assert closed.rcvd is not None, "the connection ended without a close frame"
        assert closed.rcvd.code == code, closed.rcvd
        assert reason is None or reason in closed.rcvd.reason, closed.rcvd
        return
    raise AssertionError(f"received {message!r:.100}, expected close {code}")


def run(main):
    """Runs a script's coroutine, with an end."""
    asyncio.run(asyncio.wait_for(main(), 5 * PATIENCE))
