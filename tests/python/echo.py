"""The echo dialect returns each message to its sender, on every path."""

from client import connect, receive, run


async def main():
    for path in ("/", "/some/where"):
        async with connect(path) as client:
            for message in ("text", b"binary", "", b"", "x" * 200_000):
                await client.send(message)
                assert await receive(client) == message


run(main)
