"""The client against a real engine, which is killed now and then."""

import asyncio
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from ringfence import (
    Account, AccountPolicy, AsyncClient, Client, ConnectionLost, ErrorCode, LookupAccount, OtherHistory,
    Refused, Status, Subscription, Transfer, Unreachable, Wants, Wish,
)

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("RINGFENCE", str(ROOT / "target" / "debug" / "ringfence"))
#: Rounds of kills and cuts; more of them on demand.
ROUNDS = int(os.environ.get("RINGFENCE_CRASH_ROUNDS", "3"))


class Engine:
    """An engine in a temporary folder; started again after a kill, it goes on."""

    def __init__(self, *options):
        self._folder = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self._folder.name) / "data"
        self.address = f"unix:{self._folder.name}/socket"
        self._options = options
        self._process = None
        self.start()

    def start(self):
        self._process = subprocess.Popen(
            [PROGRAM, "run", "--data-dir", str(self.dir), "--listen", self.address,
             "--segment-bytes", "2097152", "--accounts", "1000", "--transfers", "100000",
             *self._options],
            stderr=subprocess.PIPE, text=True,
        )
        for line in self._process.stderr:
            if "ready on" in line:
                break
        # Whatever else it says must not fill the pipe.
        threading.Thread(target=self._process.stderr.read, daemon=True).start()

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self):
        self._process.terminate()
        self._process.wait()

    def close(self):
        self.kill()
        self._process.stderr.close()
        self._folder.cleanup()

    def dump(self):
        """What the journal holds: a list of batches."""
        dumped = subprocess.run([PROGRAM, "journal", "dump", "--data-dir", str(self.dir)],
                                capture_output=True, text=True, check=True)
        batches = [json.loads(line) for line in dumped.stdout.splitlines()]
        return [batch if isinstance(batch, list) else [batch] for batch in batches]


class Cutter:
    """Passes bytes on to the engine's socket, and cuts connections after a random number of them."""

    def __init__(self, engine, dice):
        self._engine, self._dice = engine, dice
        self._folder = tempfile.TemporaryDirectory()
        path = f"{self._folder.name}/cut"
        self.address = f"unix:{path}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self.cuts = True
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            try:
                engine.connect(self._engine.address.removeprefix("unix:"))
            except OSError:
                client.close()
                continue
            for source, sink in ((client, engine), (engine, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        left = self._dice.randrange(1, 20_000)
        try:
            while data := source.recv(65536):
                if self.cuts and len(data) >= left:
                    sink.sendall(data[:left])
                    break
                left -= len(data)
                sink.sendall(data)
        except OSError:
            pass
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()
        self._folder.cleanup()


def accounts():
    return [Account(id, ledger=978, code=1) for id in (1, 2)]


@unittest.skipUnless(os.path.exists(PROGRAM), f"there is no engine at {PROGRAM}")
class WithAnEngine(unittest.TestCase):
    def engine(self, *options):
        engine = Engine(*options)
        self.addCleanup(engine.close)
        return engine

    def test_batches_and_look_ups(self):
        engine = self.engine()
        with Client(engine.address) as client:
            answers = client.execute(accounts())
            self.assertEqual([a.status for a in answers], [Status.CREATED] * 2)
            transfers = [Transfer(10 + n, 1, 2, n, ledger=978, code=1) for n in range(1, 4)]
            futures = [client.send([transfer]) for transfer in transfers]
            self.assertEqual([f.result()[0].status for f in futures], [Status.CREATED] * 3)
            [found] = client.execute([LookupAccount(2)])
            self.assertEqual(found.body.credits_posted, 6)
            [missing] = client.execute([LookupAccount(9)])
            self.assertEqual((missing.status, missing.body), (Status.NOT_FOUND, None))

    def test_asyncio(self):
        engine = self.engine()

        async def pay():
            async with AsyncClient(engine.address, session="async") as client:
                await client.execute(accounts())
                payments = [[Transfer(10 + n, 1, 2, 1, ledger=978, code=1)] for n in range(500)]
                answers = await asyncio.gather(*map(client.execute, payments))
                return [a.status for [a] in answers]

        self.assertEqual(asyncio.run(pay()), [Status.CREATED] * 500)

    def test_a_session_is_taken_over(self):
        engine = self.engine()
        with Client(engine.address, session="one") as first:
            first.execute(accounts())
            with Client(engine.address, session="one", last_sequence=2, last_number=1) as second:
                second.execute([LookupAccount(1)])
                with self.assertRaises(Refused) as refused:
                    first.execute([LookupAccount(1)])
                self.assertIs(refused.exception.reason, ErrorCode.SUPERSEDED)
                second.execute([LookupAccount(1)])

    def test_what_an_earlier_life_did_not_deal_with_comes_again(self):
        engine = self.engine()
        with Client(engine.address, session="life") as client:
            client.execute(accounts())
            client.execute([LookupAccount(1)], tag=77)
            client.execute([LookupAccount(2), LookupAccount(9)], tag=78)
        engine.kill()
        engine.start()
        replayed = []
        with Client(engine.address, session="life", last_sequence=3, last_number=2,
                    on_replayed=replayed.append) as client:
            client.execute([LookupAccount(1)])
        [one] = replayed
        self.assertEqual((one.number, one.tag), (3, 78))
        self.assertEqual([a.status for a in one.answers], [Status.FOUND, Status.NOT_FOUND])
        self.assertEqual(one.answers[0].body.id, 2)

    def test_a_session_that_is_not_known_is_not_resumed(self):
        engine, other = self.engine(), self.engine()
        with Client(other.address) as client:
            client.execute(accounts())
        with self.assertRaises(Refused) as refused:
            Client(other.address, session="never", last_sequence=1, last_number=1)
        self.assertIs(refused.exception.reason, ErrorCode.UNKNOWN_SESSION)
        with Client(engine.address, session="known") as client:
            client.execute(accounts())
        with self.assertRaises(Refused) as refused:
            Client(engine.address, session="known", last_sequence=9, last_number=1)
        self.assertIs(refused.exception.reason, ErrorCode.SEQUENCE_AHEAD)

    def test_a_place_of_another_history_is_refused(self):
        engine, other = self.engine(), self.engine()
        with Client(engine.address, session="h") as client:
            client.execute(accounts())
            history, last = client.history, client.last_sequence
        with Client(other.address, session="h") as client:
            client.execute(accounts())
        with self.assertRaises(OtherHistory):
            Client(other.address, session="h", last_sequence=last, history=history)
        with Client(engine.address, session="h", last_sequence=last, history=history) as client:
            client.execute([LookupAccount(1)])
        with Subscription(engine.address, after=0) as subscription:
            subscription.next(20)
            self.assertEqual(subscription.history, history)
        with Subscription(other.address, after=last, history=history) as subscription:
            self.assertRaises(OtherHistory, subscription.next, 20)

    def test_an_engine_with_another_journal_ends_a_session(self):
        engine = self.engine()
        with Client(engine.address, session="h") as client:
            client.execute(accounts())
            engine.kill()
            shutil.rmtree(engine.dir)
            engine.start()
            with self.assertRaises(OtherHistory):
                client.execute([LookupAccount(1)], timeout=30)

    def test_only_what_was_handed_out_is_acknowledged(self):
        engine = self.engine()
        with Client(engine.address) as client:
            client.execute(accounts())
        with Subscription(engine.address, after=0, name="reader") as subscription:
            self.assertEqual(subscription.next(20).position, 1)
            self.assertEqual(subscription.position, 1)
            subscription.acknowledge()
        with Subscription(engine.address, name="reader") as subscription:
            self.assertEqual(subscription.next(20).position, 2)
            begun = time.monotonic()
            self.assertIsNone(subscription.next(0.2))
            self.assertGreater(time.monotonic() - begun, 0.15)
            with Client(engine.address) as client:
                client.execute([Transfer(9, 1, 2, 5, ledger=978, code=1)])
            self.assertEqual(subscription.next(20).position, 3, "it goes on after a time that ran out")

    def test_a_subscription_is_closed_while_a_thread_waits(self):
        engine = self.engine()
        subscription = Subscription(engine.address)
        seen = []
        thread = threading.Thread(target=lambda: seen.extend(subscription))
        thread.start()
        time.sleep(0.3)
        subscription.close()
        thread.join(20)
        self.assertEqual((thread.is_alive(), seen), (False, []))
        subscription.close()
        self.assertEqual(list(subscription), [])

    def test_whoever_waits_when_a_client_is_closed_is_told(self):
        engine = self.engine()
        for session in (None, "closed"):
            client = Client(engine.address, session=session)
            client.execute(accounts())
            ended = []

            def work():
                try:
                    while True:
                        client.execute([LookupAccount(1)] * 8000)
                except ConnectionLost:
                    ended.append(True)

            # More than may be under way at a time, so that some wait for room.
            threads = [threading.Thread(target=work, daemon=True) for _ in range(6)]
            for thread in threads:
                thread.start()
            time.sleep(0.5)
            client.close()
            for thread in threads:
                thread.join(20)
            self.assertEqual(ended, [True] * 6)
            client.close()
            self.assertRaises(ConnectionLost, client.execute, [LookupAccount(1)])

    def test_an_engine_that_is_away_is_named(self):
        with self.assertRaisesRegex(Unreachable, "unix:/nowhere/socket: "):
            Client("unix:/nowhere/socket", retry_seconds=0.2)
        with self.assertRaises(TimeoutError):
            with Client(self.engine().address) as client:
                client.execute([LookupAccount(1)], timeout=0)
        for address in ("localhost:99999", "localhost:", "localhost"):
            self.assertRaises(ValueError, Client, address)

    def test_every_request_takes_effect_once_whatever_is_cut_or_killed(self):
        for seed in range(ROUNDS):
            with self.subTest(seed=seed):
                self.crash_round(random.Random(seed))
            # What a round leaves is gone before the next: many of them would fill a disk.
            self.doCleanups()

    def crash_round(self, dice):
        engine = self.engine()
        cutter = Cutter(engine, dice)
        self.addCleanup(cutter.close)
        with Client(engine.address) as client:
            client.execute(accounts())
        done, wrong = threading.Event(), []
        counts = {}

        def pay(name):
            try:
                with Client(cutter.address, session=name) as client:
                    futures = []
                    for number in range(1, 120):
                        if number % 3 == 0:
                            # Commands without an id of their own.
                            batch = [AccountPolicy(1, debit_rate_count=10**6 + number,
                                                   debit_rate_window_seconds=1)] * dice.randint(1, 3)
                        else:
                            id = hash((name, number)) % 2**60 + 10
                            batch = [Transfer(id + n, 1, 2, 1, ledger=978, code=1)
                                     for n in range(dice.randint(1, 3))]
                        futures.append((batch, client.send(batch, tag=number)))
                        if number % 10 == 0:
                            time.sleep(dice.random() / 50)
                    last = 0
                    for batch, future in futures:
                        for answer in future.result(60):
                            if answer.status not in (Status.CREATED, Status.OK):
                                wrong.append((name, answer))
                            if answer.outcome.sequence <= last:
                                wrong.append((name, "order", answer))
                            last = answer.outcome.sequence
                    counts[name] = [len(batch) for batch, _ in futures]
            except Exception as error:  # The main thread reports it.
                wrong.append((name, repr(error)))

        names = [f"payer {n}" for n in range(3)]
        threads = [threading.Thread(target=pay, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        kills = 0
        while any(thread.is_alive() for thread in threads) and kills < 4:
            time.sleep(dice.random() / 5)
            engine.kill()
            engine.start()
            kills += 1
        for thread in threads:
            thread.join(90)
        done.set()
        cutter.cuts = False
        self.assertEqual(wrong, [])
        engine.stop()
        seen = {}
        for batch in engine.dump():
            if "session" in batch[0]:
                request = (int(batch[0]["request"]), len(batch), int(batch[0]["tag"]))
                seen.setdefault(batch[0]["session"], []).append(request)
        self.assertEqual(len(seen), len(names))
        from ringfence import session_id
        for name in names:
            expected = [(n, length, n) for n, length in enumerate(counts[name], 1)]
            self.assertEqual(seen[str(session_id(name))], expected, name)


if __name__ == "__main__":
    unittest.main()
