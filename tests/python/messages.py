"""Text and binary, empty, fragmented and large messages arrive as they were sent."""

import os

from client import connect, receive, run

MIB = 1024 * 1024

MESSAGES = [
    "",
    b"",
    "plain",
    "Grüße, 世界, 🦚",
    bytes(range(256)),
    "x" * 125,
    "x" * 126,
    b"y" * 65_535,
    b"y" * 65_536,
    "ü" * MIB,
    os.urandom(3 * MIB + 1),
]

FRAGMENTED = [
    (["one ", "two ", "", "three"], "one two three"),
    ([b"\x00", b"", b"\xff"], b"\x00\xff"),
    (["", ""], ""),
    ([os.urandom(1) for _ in range(1000)], None),
    (["z" * 300_000 for _ in range(5)], "z" * 1_500_000),
]


async def main():
    async with connect("/messages") as receiver, connect("/messages") as sender:
        for message in MESSAGES:
            await sender.send(message)
            assert await receive(receiver) == message, f"{message!r:.60}"

        for fragments, whole in FRAGMENTED:
            expected = b"".join(fragments) if whole is None else whole
            await sender.send(fragments)
            assert await receive(receiver) == expected, f"{expected!r:.60}"


run(main)
