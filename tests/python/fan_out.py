"""Each message reaches every other client of its topic once, in order, and no other topic."""

import asyncio

from client import assert_silent, connect, receive, run

RECEIVERS = 50
MESSAGES = 100


async def main():
    receivers = await asyncio.gather(*(connect("/fan-out") for _ in range(RECEIVERS)))
    stranger = await connect("/fan-out/other")
    sender = await connect("/fan-out")

    expected = [f"message {number}" for number in range(MESSAGES)]
    for message in expected:
        await sender.send(message)

    async def receive_all(receiver):
        return [await receive(receiver) for _ in range(MESSAGES)]

    for received in await asyncio.gather(*map(receive_all, receivers)):
        assert received == expected, received

    # Any of them may send; the sender itself gets the message this time.
    await receivers[0].send("from another")
    for client in [sender, *receivers[1:]]:
        assert await receive(client) == "from another"

    await asyncio.gather(*map(assert_silent, [sender, stranger, *receivers]))
    await asyncio.gather(*(client.close() for client in [sender, stranger, *receivers]))
    for client in [sender, stranger, *receivers]:
        assert client.close_code == 1000, client.close_code


run(main)
