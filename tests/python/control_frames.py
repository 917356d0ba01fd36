"""A ping is answered with its payload, also between fragments; a close is returned."""

import asyncio

from client import PATIENCE, connect, receive, run

CLOSES = [(1000, ""), (1000, "done"), (1001, "going away"), (3000, "ü"), (4999, "r" * 123)]


async def pings():
    async with connect("/control") as client:
        for payload in (b"", b"payload", b"p" * 125):
            answered = await client.ping(payload)
            await asyncio.wait_for(answered, PATIENCE)


async def ping_between_fragments():
    async with connect("/control") as receiver, connect("/control") as sender:
        answers = []

        async def fragments():
            yield "before "
            answers.append(await sender.ping(b"between"))
            await asyncio.wait_for(answers[0], PATIENCE)
            yield "after"

        await sender.send(fragments())
        assert await receive(receiver) == "before after"
        assert len(answers) == 1


async def closes():
    for code, reason in CLOSES:
        client = await connect("/control")
        await client.close(code, reason)
        sent, received = client.protocol.close_sent, client.protocol.close_rcvd
        assert received is not None, f"no answer to close {code}"
        assert received.code == sent.code == code, received


async def main():
    await pings()
    await ping_between_fragments()
    await closes()


run(main)
