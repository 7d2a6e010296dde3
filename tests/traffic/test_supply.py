"""Bodies made ahead: as many as are sent, as much as memory holds, as long as they are wanted."""

import asyncio
import time
from functools import partial

import pytest

from fastrcf.errors import InvalidInputError
from fastrcf.traffic.payload import Maker, Payload
from fastrcf.traffic.rows import Simulated
from fastrcf.traffic.supply import Supply


class Bodies:
    """Bodies of one size, counted."""

    def __init__(self, size, most=10**9):
        self.size, self.most, self.made = size, most, 0

    def __call__(self, is_over):
        while self.made < self.most:
            self.made += 1
            yield Payload(bytes(self.size), "text/csv", 1, None)


async def following(supply):
    while (payload := supply.take()) is None:
        await asyncio.wait_for(supply.come(), 30)
    return payload


async def settled(bodies):
    """Wait until no more are made."""
    before = -1
    while before != bodies.made:
        before = bodies.made
        await asyncio.sleep(0.2)
    return bodies.made


def test_no_more_are_made_than_are_sent():
    async def run():
        bodies = Bodies(10)
        supply = Supply(bodies, 200)
        for _ in range(200):
            await following(supply)
        made = await settled(bodies)
        supply.close()
        return made

    assert asyncio.run(run()) == 200


@pytest.mark.parametrize(("size", "most"), [(50 << 20, 1), (20 << 20, 2), (1 << 20, 36)])
def test_what_waits_is_bounded_in_bytes(size, most):
    async def run():
        bodies = Bodies(size)
        supply = Supply(bodies, 1000)
        ahead = [await settled(bodies)]
        for i in range(1, 4):
            await following(supply)
            ahead.append(await settled(bodies) - i)
        supply.close()
        return ahead

    assert 1 <= max(asyncio.run(run())) <= most


def test_it_ends_amid_a_body():
    async def run():
        supply = Supply(partial(Maker("csv", ["V1"], 10**9).payloads, Simulated(columns=["V1"])), 1)
        await asyncio.sleep(0.1)
        assert supply.take() is None
        started = time.perf_counter()
        supply.close()
        return time.perf_counter() - started

    assert asyncio.run(run()) < 5


def test_rows_that_end_too_soon_are_told():
    async def run():
        supply = Supply(Bodies(10, most=3), 5)
        try:
            for _ in range(3):
                await following(supply)
            with pytest.raises(InvalidInputError, match="ended"):
                await following(supply)
        finally:
            supply.close()

    asyncio.run(run())
