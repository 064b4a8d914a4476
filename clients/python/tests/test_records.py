"""Records, checksums and messages, without an engine."""

import random
import unittest
from decimal import Decimal

from ringfence import (
    Account, AccountFlags, AccountPolicy, AmendOrder, Frozen, LedgerPolicy, LookupAccount,
    LookupMarket, Market, Op, Order, Outcome, OutcomesLost, PairPolicy, Refused, Side, Status,
    TimeInForce, Transfer, TransferFlags, Wants, Wish,
)
from ringfence import protocol, session_id
from ringfence.checksum import crc32c, crc32c_in_python
from ringfence.records import read_command
from ringfence.session import Session


class Checksums(unittest.TestCase):
    def test_the_known_sum(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)

    def test_both_ways_give_the_same(self):
        dice = random.Random(1)
        for length in [0, 1, 7, 8, 9, 63, 64, 65, 1000]:
            data = dice.randbytes(length)
            self.assertEqual(crc32c(data), crc32c_in_python(data), length)


class Records(unittest.TestCase):
    RECORDS = [
        Account(1, ledger=978, code=1, flags=AccountFlags.HISTORY, user_data_128=2**127),
        Transfer(10, 1, 2, 500, ledger=978, code=1, flags=TransferFlags.PENDING, timeout=60),
        LookupAccount(2**128 - 2),
        AccountPolicy(1, debit_amount_max=0, debit_spend_count=5, debit_spend_window_seconds=60,
                      frozen=Frozen.DEBITS),
        LedgerPolicy(978, amount_max=1000, open_second=60, close_second=120, halted=True),
        PairPolicy(1, 2, True),
        Market(1, 1, 2, 3, 4, 5, 10, 1, 2, 3),
        Order(1, 1, Side.SELL, 2, 3, 10, 5, time_in_force=TimeInForce.IOC),
        AmendOrder(1, price=7),
    ]

    def test_what_was_packed_is_read_again(self):
        for record in self.RECORDS:
            data = record.to_bytes()
            self.assertEqual(len(data), 128)
            self.assertEqual(read_command(record.OP, data), record)

    def test_a_value_that_does_not_fit_is_named(self):
        with self.assertRaisesRegex(ValueError, "ledger must be 0 to 2\\^32"):
            Account(1, ledger=2**32).to_bytes()
        with self.assertRaisesRegex(ValueError, "amount must be"):
            Transfer(1, 1, 2, -5).to_bytes()

    def test_what_is_no_integer_is_named_and_never_rounded(self):
        for amount in (19.99, 0.5, 5.0, Decimal("19.99"), "12", b"7", None):
            with self.assertRaisesRegex(TypeError, "amount must be an integer"):
                Transfer(1, 1, 2, amount, ledger=978, code=1).to_bytes()
        with self.assertRaisesRegex(TypeError, "debit_amount_max must be an integer"):
            AccountPolicy(1, debit_amount_max="").to_bytes()
        with self.assertRaisesRegex(TypeError, "amount_max must be an integer"):
            LedgerPolicy(1, amount_max=0.0).to_bytes()

    def test_what_the_engine_would_end_the_connection_for_is_refused_here(self):
        wrong = [
            lambda: LookupMarket(2**32).to_bytes(), lambda: Account(1, flags=1 << 15),
            lambda: Transfer(1, flags=1 << 14), lambda: PairPolicy(1, 2, 2),
            lambda: AccountPolicy(1, frozen=9), lambda: LedgerPolicy(1, halted="no"),
            lambda: Wish(Wants(0)), lambda: Wish(operations=[77]), lambda: Wish(ledgers=[2**32]),
        ]
        for make in wrong:
            self.assertRaises(ValueError, make)
        wrong = [
            lambda: Wish(ledgers=["978"]), lambda: session_id(b"x"),
            lambda: protocol.batch([Account(1)], tag="t"), lambda: protocol.batch(Account(1)),
        ]
        for make in wrong:
            self.assertRaises(TypeError, make)
        with self.assertRaisesRegex(TypeError, "no command: 'x', at 1 of the batch"):
            protocol.batch([Account(1), "x"])

    def test_a_history_is_read_as_it_was_written(self):
        written = hello(epoch=7).history
        self.assertEqual(protocol.read_history(written), (bytes(15) + b"j", 7))
        for text in ("", "7", "00:1", written + "x", written.upper()):
            self.assertRaises(ValueError, protocol.read_history, text)

    def test_a_batch_is_of_one_operation(self):
        with self.assertRaisesRegex(ValueError, "one operation"):
            protocol.batch([Account(1), Transfer(2)])
        with self.assertRaisesRegex(ValueError, "1 to 8192"):
            protocol.batch([])


def error(code, value, text):
    body = code.to_bytes(2, "little") + bytes(6) + value.to_bytes(8, "little") + text
    return protocol._message(5, 0, len(text), body)


#: What an engine begins with.
HELLO = protocol._message(1, 0, 0, protocol.MAGIC + (3).to_bytes(4, "little") + bytes(68))


class Decoding(unittest.TestCase):
    def test_messages_in_pieces_of_any_length(self):
        stream = HELLO + protocol.heartbeat() * 3 + error(12, 7, b"superseded")
        for length in range(1, len(stream)):
            decoder, beats = protocol.Decoder(), 0
            with self.assertRaises(Refused) as refused:
                for start in range(0, len(stream), length):
                    for reply in decoder.feed(stream[start : start + length]):
                        beats += reply == protocol.Heartbeat()
            self.assertEqual((beats, refused.exception.code, refused.exception.value), (3, 12, 7))

    def test_a_flipped_bit_is_noticed(self):
        message = protocol.heartbeat()
        for bit in range(32, 8 * len(message)):
            flipped = bytearray(message)
            flipped[bit // 8] ^= 1 << bit % 8
            with self.assertRaises(protocol.ProtocolError):
                list(protocol.Decoder().feed(HELLO + bytes(flipped)))


class Future:
    def __init__(self):
        self.result = self.error = None

    def done(self):
        return bool(self.result or self.error)

    def set_result(self, result):
        self.result = result

    def set_exception(self, error):
        self.error = error


def hello(**changed):
    values = dict(batch_commands_max=8192, in_flight_commands_max=16384, idle_timeout_ms=30000,
                  last_sequence=0, journal=bytes(15) + b"j", last_request=0, epoch=0, mode=0,
                  known=False, events=False, resumes_after=0)
    return protocol.Hello(**{**values, **changed})


def outcomes(*sequences):
    made = [Outcome(s, 0, 1, Status.CREATED, Op.CREATE_ACCOUNT)
            for s in sequences]
    return protocol.Outcomes(made)


def origin(first, number, commands):
    return protocol.Origin(first, 1, session_id("s"), 0, number, commands, Op.CREATE_ACCOUNT)


class Resuming(unittest.TestCase):
    def begun(self):
        session = Session("s")
        session.welcome(hello())
        futures = [Future() for _ in range(3)]
        for future in futures:
            session.push([Account(1), Account(2)], future)
        return session, futures

    def test_what_was_taken_in_is_not_sent_again(self):
        session, futures = self.begun()
        session.receive(outcomes(5, 6))
        session.receive(outcomes(7))
        session.connection_ended()
        again = session.welcome(hello(last_request=2, last_sequence=8, known=True, resumes_after=7))
        self.assertEqual(again, protocol.batch([Account(1), Account(2)], 3))
        session.receive(origin(7, 2, 2))
        session.receive(outcomes(8))
        session.receive(outcomes(11, 12))
        self.assertEqual([len(future.result) for future in futures], [2, 2, 2])
        self.assertEqual(session.last_sequence, 12)

    def test_outcomes_that_cannot_be_had_are_named(self):
        session, futures = self.begun()
        session.connection_ended()
        session.welcome(hello(last_request=2, last_sequence=8, known=True, resumes_after=8))
        self.assertIsInstance(futures[0].error, OutcomesLost)
        self.assertIsInstance(futures[1].error, OutcomesLost)
        self.assertFalse(futures[2].done())

    def test_an_outcome_that_comes_again_counts_once(self):
        session, futures = self.begun()
        session.receive(outcomes(5))
        session.connection_ended()
        session.welcome(hello(last_request=1, last_sequence=6, known=True, resumes_after=4))
        session.receive(origin(5, 1, 2))
        session.receive(outcomes(5, 6))
        self.assertEqual([a.outcome.sequence for a in futures[0].result], [5, 6])

    def test_answers_for_an_earlier_life_are_passed_on(self):
        replayed = []
        session = Session("s", last_sequence=4, last_number=1, on_replayed=replayed.append)
        session.welcome(hello(last_request=2, last_sequence=6, known=True, resumes_after=4))
        session.receive(origin(5, 2, 2))
        session.receive(outcomes(5, 6))
        self.assertEqual([(r.number, len(r.answers)) for r in replayed], [(2, 2)])
        future = Future()
        session.push([Account(1)], future)
        session.receive(outcomes(7))
        self.assertEqual(session.last_number, 3)
        self.assertTrue(future.done())


if __name__ == "__main__":
    unittest.main()
