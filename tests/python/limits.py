"""Started with a limit of 64 KiB a message: what is larger closes its sender, and nobody else."""

from client import assert_closed, connect, receive, run

LIMIT = 64 * 1024


async def main():
    async with connect("/limits") as receiver:
        async with connect("/limits") as sender:
            await sender.send(b"x" * LIMIT)
            assert await receive(receiver) == b"x" * LIMIT
            await sender.send(b"x" * (LIMIT + 1))
            await assert_closed(sender, 1009, "limit")

        async with connect("/limits") as sender:
            await sender.send([b"x" * (LIMIT // 2), b"x" * (LIMIT // 2), b"x"])
            await assert_closed(sender, 1009, "limit")

        async with connect("/limits") as sender:
            await sender.send("still served")
            assert await receive(receiver) == "still served"


run(main)
