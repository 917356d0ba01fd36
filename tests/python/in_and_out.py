"""/in/X sends into /out/X; /out/X only receives."""

import asyncio

from client import assert_silent, connect, receive, run


async def main():
    async with (
        connect("/in/camera") as sender,
        connect("/in/camera") as other_sender,
        connect("/out/camera") as receiver,
        connect("/out/camera") as other_receiver,
        connect("/camera") as stranger,
    ):
        await sender.send("a picture")
        for client in (other_sender, receiver, other_receiver):
            assert await receive(client) == "a picture"

        await receiver.send("dropped")
        everybody = (sender, other_sender, receiver, other_receiver, stranger)
        await asyncio.gather(*map(assert_silent, everybody))

        # The one whose message was dropped is still served.
        await other_sender.send(b"another picture")
        assert await receive(receiver) == b"another picture"


run(main)
