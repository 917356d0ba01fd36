"""What is compressed on the way is the same at its end, both ways, with every parameter."""

import os

from client import connect, receive, run
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

MESSAGES = [
    "",
    b"",
    "short",
    "Grüße, 世界, 🦚 " * 100,
    b"\x00" * 500_000,
    '{"id":1,"name":"somebody"},' * 2_000,
    os.urandom(70_000),
    "x" * 127,
    "x" * 128,
]

OFFERS = [
    {},
    {"client_max_window_bits": True},
    {"client_max_window_bits": 9},
    {"server_max_window_bits": 9},
    {"server_max_window_bits": 15},
    {"server_no_context_takeover": True, "client_no_context_takeover": True},
    {"server_max_window_bits": 12, "client_max_window_bits": 12},
]


async def exchange(client):
    extensions = [type(extension).__name__ for extension in client.protocol.extensions]
    assert extensions == ["PerMessageDeflate"], extensions
    for message in MESSAGES:
        await client.send(message)
        assert await receive(client) == message, f"{message!r:.60}"
        if message:
            half = len(message) // 2
            await client.send([message[:half], message[:0], message[half:]])
            assert await receive(client) == message, f"in fragments: {message!r:.60}"


async def main():
    for offer in OFFERS:
        extensions = [ClientPerMessageDeflateFactory(**offer)]
        async with connect("/", extensions=extensions) as client:
            await exchange(client)
    async with connect("/", compression="deflate") as client:
        await exchange(client)


run(main)
