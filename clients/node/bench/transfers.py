"""The same load as transfers.mjs with the client for Python, to compare them on one machine.

PYTHONPATH=clients/python/src python3 clients/node/bench/transfers.py unix:PATH [TRANSFERS]
"""

import asyncio
import resource
import sys
import time

from ringfence import Account, AsyncClient, Status, Transfer

ADDRESS = sys.argv[1]
TRANSFERS = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
FIRST = time.time_ns() << 32


def payment(at):
    return Transfer(FIRST + 2 + at, FIRST, FIRST + 1, 1, ledger=978, code=1)


def check(answers):
    for answer in answers:
        if answer.status is not Status.CREATED:
            raise SystemExit(f"transfer {answer.outcome.id}: {answer.status.name}")


async def batches(client, start):
    sent = []
    for at in range(start, start + TRANSFERS, 1000):
        sent.append(await client.send([payment(at + of) for of in range(1000)]))
    for future in sent:
        check(await future)
    return TRANSFERS


async def singles(client, start):
    count = TRANSFERS // 5
    sent = [await client.send([payment(at)]) for at in range(start, start + count)]
    for future in sent:
        check(await future)
    return count


async def callers(client, start):
    each = TRANSFERS // 10 // 64

    async def call(caller):
        for at in range(each):
            check(await client.execute([payment(start + caller * each + at)]))

    await asyncio.gather(*map(call, range(64)))
    return 64 * each


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def main():
    async with AsyncClient(ADDRESS, session=FIRST) as client:
        await client.execute([Account(FIRST + of, ledger=978, code=1) for of in (0, 1)])
        start = 0
        for run in (batches, singles, callers):
            begun, cpu = time.monotonic(), cpu_seconds()
            done = await run(client, start)
            seconds, cpu = time.monotonic() - begun, cpu_seconds() - cpu
            start += done
            each = cpu / done * 1e6
            print(f"{run.__name__}: {done / seconds:,.0f} transfers/s, "
                  f"{each:.2f} us of this process for each")


asyncio.run(main())
