"""Writes the cases of this folder anew: python3 make.py

The layouts are written down here once more, from docs/protocol.md and from no client's code, so
that a mistake in one of the two is found by the other. README.md explains the files.
"""

import json
import struct
from pathlib import Path

SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "u128": 16}


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def layout(text):
    """Fields of a record: "u64 sequence, 4 zero, hex16 journal, …"."""
    return [tuple(part.split()) for part in text.split(",")]


def pack(fields, values):
    """The bytes of a record, and its fields as JSON has them."""
    data, shown, left = b"", {}, dict(values)
    for form, name in fields:
        if name == "zero":
            data += bytes(int(form))
            continue
        value = left.pop(name, "" if form == "hex16" else 0)
        if form == "hex16":
            value = value or "00" * 16
            data += bytes.fromhex(value)
            shown[name] = value
        else:
            data += value.to_bytes(SIZES[form], "little")
            shown[name] = str(value) if SIZES[form] > 4 else value
    assert not left, left
    return data, shown


ACCOUNT = layout(
    "u128 id, u128 debits_pending, u128 debits_posted, u128 credits_pending, u128 credits_posted,"
    "u128 user_data_128, u64 user_data_64, u32 user_data_32, 4 zero, u32 ledger, u16 code,"
    "u16 flags, u64 timestamp"
)
TRANSFER = layout(
    "u128 id, u128 debit_account_id, u128 credit_account_id, u128 amount, u128 pending_id,"
    "u128 user_data_128, u64 user_data_64, u32 user_data_32, u32 timeout, u32 ledger, u16 code,"
    "u16 flags, u64 timestamp"
)
LOOKUP = layout("u128 id, 112 zero")
ACCOUNT_POLICY = layout(
    "u128 account_id, u128 debit_amount_max, u128 credit_amount_max, u128 debit_spend_amount,"
    "u64 debit_spend_count, u64 debit_rate_count, u32 debit_spend_window_seconds,"
    "u32 debit_rate_window_seconds, u8 frozen, u8 limits, 38 zero"
)
LEDGER_POLICY = layout(
    "u128 amount_max, u32 ledger, u32 open_second, u32 close_second, u8 halted, u8 limits, 98 zero"
)
PAIR_POLICY = layout("u128 debit_account_id, u128 credit_account_id, u8 blocked, 95 zero")
MARKET = layout(
    "u128 base_account_id, u128 quote_account_id, u128 fee_account_id, u64 lot, u64 tick,"
    "u64 maker_fee, u64 taker_fee, u32 id, u32 base_ledger, u32 quote_ledger, 36 zero"
)
ORDER = layout(
    "u128 id, u128 base_account_id, u128 quote_account_id, u128 budget, u128 user_data_128,"
    "u64 price, u64 quantity, u32 market, u32 timeout, u8 side, u8 time_in_force, u8 post_only,"
    "21 zero"
)
AMENDMENT = layout("u128 id, u64 price, u64 quantity, 96 zero")
RESOLUTION = layout("u32 ledger, 124 zero")
REQUEUE = layout("u128 id, u8 urgent, 111 zero")
OUTCOME = layout(
    "u128 id, u64 timestamp, u16 status, 2 zero, u8 operation, 3 zero,"
    "u64 detail_0, u64 detail_1, u64 detail_2, u64 detail_3"
)
TRANSFER_EVENT = layout("u128 id, u16 status, u8 by, 141 zero")
LEVELS = layout(",".join(f"u128 quantity_{n}, u64 price_{n}, u64 orders_{n}" for n in range(5)))

BODIES = {
    1: ACCOUNT, 2: TRANSFER, 3: LOOKUP, 4: LOOKUP, 5: ACCOUNT_POLICY, 6: LEDGER_POLICY,
    7: PAIR_POLICY, 8: MARKET, 9: ORDER, 10: AMENDMENT, 11: LOOKUP, 12: LOOKUP, 13: LOOKUP,
    14: RESOLUTION, 15: LOOKUP, 16: REQUEUE, 17: LOOKUP,
}  # fmt: skip
EVENTS = {
    1: ACCOUNT + layout("32 zero"),
    2: TRANSFER + layout("u8 pending_status, u8 queue_status, 30 zero"),
    3: ORDER + layout("u64 timestamp, u64 filled, u64 remaining, u8 order_status, 7 zero"),
    4: MARKET + layout("u64 timestamp, 24 zero"),
    5: LEVELS,
    6: LEVELS,
    7: layout("u128 amount, u128 head_id, u64 count, 120 zero"),
    16: TRANSFER_EVENT,
    17: TRANSFER_EVENT,
    18: TRANSFER_EVENT,
    19: layout(
        "u128 taker_order_id, u128 maker_order_id, u128 taker_fee, u128 maker_fee, u64 price,"
        "u64 quantity, u32 market, 76 zero"
    ),
    20: layout("u128 id, u64 remaining, u8 reason, 135 zero"),
}
HEADS = {
    "client_hello": layout(
        "u32 version, u32 in_flight_commands_max, u128 session, hex16 journal, u64 last_sequence,"
        "u32 epoch, u8 mode, u8 resume, u8 events, 17 zero"
    ),
    "engine_hello": layout(
        "u32 version, u32 batch_commands_max, u32 in_flight_commands_max, u32 idle_timeout_ms,"
        "u64 last_sequence, hex16 journal, u64 last_request, u32 epoch, u8 mode, u8 known,"
        "u8 events, 1 zero, u64 resumes_after, 8 zero"
    ),
    "batch": layout("u64 number, 8 zero, u128 tag"),
    "outcomes": layout("u64 first_sequence, 8 zero"),
    "event": layout("u64 sequence, u64 timestamp, u64 number, 2 zero, u8 event, 5 zero"),
    "error": layout("u16 code, 6 zero, u64 value"),
    "subscribe": layout(
        "u64 after_sequence, 8 zero, u128 name, u8 wants, u8 only_successes, u8 start, 1 zero,"
        "u16 ledgers, u16 accounts, u64 operations"
    ),
    "subscribed": layout("u64 after_sequence, u64 oldest_sequence, u64 last_sequence, 8 zero"),
    "acknowledge": layout("u64 sequence, 8 zero"),
    "heartbeat": [],
    "origin": layout(
        "u64 first_sequence, u64 first_timestamp, u128 session, u128 tag, u64 number, u32 commands,"
        "u8 operation, 3 zero"
    ),
    "progress": layout("u64 sequence, u64 last_sequence"),
    "commands": layout("u64 first_sequence, u64 first_timestamp"),
}
KINDS = {
    "client_hello": 1, "engine_hello": 1, "batch": 2, "outcomes": 3, "event": 4, "error": 5,
    "subscribe": 6, "subscribed": 6, "acknowledge": 7, "heartbeat": 8, "origin": 9, "progress": 10,
    "commands": 11,
}  # fmt: skip


def seal(kind, operation, count, body):
    body += bytes(-len(body) % 16)
    checked = struct.pack("<BBHI", kind, operation, count, 0) + body
    return struct.pack("<II", len(checked) + 8, crc32c(checked)) + checked


def message(kind, operation=0, of_operation=None, token="", text="", ledgers=(), accounts=(), records=(), **head):
    """The bytes of a message, and it as JSON has it."""
    if kind.endswith("_hello"):
        head.setdefault("version", 3)
    if of_operation is not None:
        head["operation"] = of_operation
    if kind == "subscribe":
        head |= {"ledgers": len(ledgers), "accounts": len(accounts)}
    body, shown = pack(HEADS[kind], head)
    shown = {"kind": kind.split("_")[-1]} | shown
    count = 0
    if kind.endswith("_hello"):
        body = b"RINGFNCE" + body
    if kind == "client_hello":
        count, body = len(token) // 2, body + bytes.fromhex(token)
        shown["token"] = token
    if kind == "error":
        count, body = len(text.encode()), body + text.encode()
        shown["text"] = text
    if kind == "subscribe":
        count = len(ledgers) + len(accounts)
        body += b"".join(entry.to_bytes(16, "little") for entry in (*ledgers, *accounts))
        shown |= {"ledgers": list(ledgers), "accounts": [str(account) for account in accounts]}
    if kind in ("batch", "commands", "outcomes"):
        count = len(records)
        fields = OUTCOME if kind == "outcomes" else BODIES[operation]
        packed = [pack(fields, record) for record in records]
        body += b"".join(data for data, _ in packed)
        shown["outcomes" if kind == "outcomes" else "bodies"] = [record for _, record in packed]
    if kind in ("batch", "commands"):
        shown["operation"] = operation
    if kind == "event":
        (record,) = records
        data, shown["body"] = pack(EVENTS[head["event"]], record)
        count, body = 1, body + data
    return seal(KINDS[kind], operation, count, body), shown


MAX = 2**128 - 2
ACCOUNT_9 = dict(id=9, user_data_128=MAX, user_data_64=2**64 - 1, user_data_32=2**32 - 1,
                 ledger=978, code=7, flags=0x3F, timestamp=5)  # fmt: skip
TRANSFER_10 = dict(id=10, debit_account_id=2**64, credit_account_id=MAX, amount=2**127 + 1,
                   pending_id=3, user_data_128=4, user_data_64=5, user_data_32=6, timeout=60,
                   ledger=978, code=8, flags=0x7FF, timestamp=7)  # fmt: skip
ORDER_1 = dict(id=1, base_account_id=2, quote_account_id=3, budget=4, user_data_128=5, price=6,
               quantity=7, market=8, timeout=9, side=2, time_in_force=3, post_only=1)  # fmt: skip
MARKET_1 = dict(base_account_id=1, quote_account_id=2, fee_account_id=3, lot=4, tick=5,
                maker_fee=6, taker_fee=7, id=8, base_ledger=9, quote_ledger=10)  # fmt: skip
POLICY_1 = dict(account_id=1, debit_amount_max=2, credit_amount_max=3, debit_spend_amount=4,
                debit_spend_count=5, debit_rate_count=6, debit_spend_window_seconds=7,
                debit_rate_window_seconds=8, frozen=3, limits=31)  # fmt: skip
RECORDS = {
    1: [ACCOUNT_9, dict(id=1, ledger=1, code=1)],
    2: [TRANSFER_10, dict(id=11, debit_account_id=1, credit_account_id=2, amount=1)],
    3: [dict(id=258)],
    4: [dict(id=MAX)],
    5: [POLICY_1, dict(account_id=2)],
    6: [dict(amount_max=1, ledger=2, open_second=3, close_second=4, halted=1, limits=1)],
    7: [dict(debit_account_id=1, credit_account_id=2, blocked=1)],
    8: [MARKET_1],
    9: [ORDER_1, dict(id=2, side=1)],
    10: [dict(id=1, price=2, quantity=3)],
    11: [dict(id=1)],
    12: [dict(id=2)],
    13: [dict(id=2**32 - 1)],
    14: [dict(ledger=978)],
    15: [dict(id=3)],
    16: [dict(id=4, urgent=1)],
    17: [dict(id=5)],
}
LEVELS_2 = dict(quantity_0=2**64, price_0=1, orders_0=2, quantity_1=3, price_1=4, orders_1=5)
EVENT_BODIES = {
    1: ACCOUNT_9,
    2: TRANSFER_10 | dict(pending_status=4, queue_status=5),
    3: ORDER_1 | dict(timestamp=10, filled=11, remaining=12, order_status=3),
    4: MARKET_1 | dict(timestamp=11),
    5: LEVELS_2,
    6: LEVELS_2,
    7: dict(amount=2**128 - 1, head_id=2, count=3),
    16: dict(id=1),
    17: dict(id=2, by=3),
    18: dict(id=3, status=133),
    19: dict(taker_order_id=1, maker_order_id=2, taker_fee=3, maker_fee=4, price=5, quantity=6,
             market=7),
    20: dict(id=4, remaining=5, reason=4),
}  # fmt: skip


def client_cases():
    token = b"rf_secret".hex()
    yield "hello", [], message("client_hello", in_flight_commands_max=1000)
    yield "hello of a named session", [], message(
        "client_hello", session=0x5E55, journal="07" * 16, last_sequence=6, epoch=1, resume=1,
        events=1, token=token)  # fmt: skip
    yield "hello of a subscription", [], message("client_hello", mode=1, token="00" * 512)
    for operation, records in RECORDS.items():
        case = message("batch", operation, records=records)
        yield f"batch of operation {operation}", ["hello"], case
    yield "batch with a number and a tag", ["hello of a named session"], message(
        "batch", 3, number=2**64 - 1, tag=2**128 - 1, records=[dict(id=258)])  # fmt: skip
    yield "batch with a tag, without a name", ["hello"], message(
        "batch", 3, tag=7, records=[dict(id=258)])  # fmt: skip
    opened = ["hello of a subscription"]
    yield "subscribe", opened, message(
        "subscribe", after_sequence=41, name=5, wants=7, only_successes=1, operations=1 << 2,
        ledgers=[978, 840], accounts=[MAX, 2, 3])  # fmt: skip
    yield "subscribe from now on", opened, message("subscribe", wants=1, start=1)
    yield "subscribe after what was acknowledged", opened, message(
        "subscribe", wants=3, start=2, name=2**127)  # fmt: skip
    yield "acknowledge", [*opened, "subscribe"], message("acknowledge", sequence=77)
    yield "heartbeat", ["hello"], message("heartbeat")
    yield "heartbeat in a subscription", opened, message("heartbeat")


def engine_cases():
    hello = dict(batch_commands_max=8192, in_flight_commands_max=1000, idle_timeout_ms=30000)
    yield "hello", [], message("engine_hello", **hello)
    yield "hello of a known session", [], message(
        "engine_hello", **hello, last_sequence=12, journal="000102030405060708090a0b0c0d0e0f",
        last_request=5, epoch=1, known=1, events=1, resumes_after=6)  # fmt: skip
    yield "hello of a subscription", [], message("engine_hello", **hello, mode=1, last_sequence=9)
    yield "outcomes", ["hello"], message(
        "outcomes", first_sequence=7, records=[dict(id=258, timestamp=9, status=194, operation=3)])
    yield "outcomes with details", ["hello"], message(
        "outcomes", first_sequence=2**63, records=[
            dict(id=1, timestamp=2, status=1, operation=9, detail_0=1, detail_1=2, detail_2=3),
            dict(timestamp=3, status=192, operation=14, detail_0=4, detail_2=2**64 - 1, detail_3=1),
        ])  # fmt: skip
    for event, body in EVENT_BODIES.items():
        number = 0 if event < 16 else 2**64 - 1
        yield f"event of kind {event}", ["hello"], message(
            "event", sequence=12, timestamp=13, number=number, event=event, records=[body])
    yield "error before the hello", [], message("error", code=2, value=3, text="version 3 only")
    yield "error", ["hello"], message("error", code=17, value=5, text="request 5 after 5 – ä")
    yield "error without a text, of a later version", ["hello"], message("error", code=999)
    yield "heartbeat", ["hello"], message("heartbeat")
    yield "origin", ["hello of a known session"], message(
        "origin", first_sequence=7, first_timestamp=8, session=0x5E55, tag=2**128 - 1, number=5,
        commands=6, of_operation=2)  # fmt: skip
    opened = ["hello of a subscription"]
    yield "subscribed", opened, message(
        "subscribed", after_sequence=41, oldest_sequence=12, last_sequence=99)  # fmt: skip
    yield "progress", opened, message("progress", sequence=60, last_sequence=99)
    yield "commands", opened, message(
        "commands", 2, first_sequence=42, first_timestamp=43, records=RECORDS[2])  # fmt: skip


def sealed(data):
    return data[:4] + struct.pack("<I", crc32c(data[8:])) + data[8:]


def changed(data, *changes):
    """The bytes with others in these places, and a checksum that is right again."""
    data = bytearray(data)
    for at, new in changes:
        data[at : at + len(new)] = new
    return sealed(bytes(data))


def bad_client_cases(good):
    """Name, what goes before, the bytes, the code, and whether the header alone is refused."""
    hello, named = good["hello"], good["hello of a named session"]
    batch, numbered = good["batch of operation 3"], good["batch with a number and a tag"]
    policy, subscribe = good["batch of operation 5"], good["subscribe"]
    acknowledge = good["acknowledge"]
    begun, opened = ["hello"], ["hello of a subscription"]
    yield "text instead of a hello", [], b'{"op":"create_account"}  ', 1, True
    yield "a batch before the hello", [], batch, 1, True
    yield "a hello without the magic", [], changed(hello, (16, b"r")), 1, False
    yield "a hello of version 2", [], seal(1, 0, 0, b"RINGFNCE\2" + bytes(23)), 2, False
    yield "a hello of version 4, longer", [], seal(
        1, 0, 0, b"RINGFNCE\4" + bytes(119)), 2, False  # fmt: skip
    yield "a hello with an unknown mode", [], changed(hello, (76, b"\2")), 9, False
    yield "a hello with resume 2", [], changed(hello, (77, b"\2")), 9, False
    yield "a hello with events 2", [], changed(hello, (78, b"\2")), 9, False
    yield "a hello with reserved bytes", [], changed(hello, (95, b"\1")), 8, False
    yield "a hello with bytes behind the token", [], changed(named, (111, b"\1")), 8, False
    yield "a hello whose token has 513 bytes", [], seal(
        1, 0, 513, hello[16:] + bytes(513)), 7, False  # fmt: skip
    yield "a hello longer than its count", [], seal(1, 0, 0, hello[16:] + bytes(16)), 4, False
    yield "a second hello", begun, hello, 3, True
    yield "outcomes from a client", begun, changed(batch, (8, b"\3")), 3, True
    yield "subscribe where commands are sent", begun, subscribe, 3, True
    yield "a batch in a subscription", opened, batch, 3, True
    yield "a second subscribe", [*opened, "subscribe"], subscribe, 3, True
    yield "acknowledge before subscribe", opened, acknowledge, 3, True
    yield "a length of 0", begun, changed(batch, (0, bytes(4))), 4, True
    yield "a length of 4 GiB", begun, changed(batch, (0, b"\xf0\xff\xff\xff")), 4, True
    yield "a count above the length", begun, changed(batch, (10, b"\2")), 4, True
    yield "a heartbeat that is too long", begun, seal(8, 0, 0, bytes(16)), 4, True
    yield "a wrong checksum", begun, batch[:4] + bytes(4) + batch[8:], 5, False
    yield "operation 0", begun, changed(batch, (9, b"\0")), 6, True
    yield "the engine's own operation", begun, changed(batch, (9, b"\x12")), 6, True
    yield "an unknown operation", begun, changed(batch, (9, b"\xff")), 6, True
    yield "an empty batch", begun, seal(2, 3, 0, bytes(32)), 7, True
    yield "a batch of 8,193", begun, changed(batch, (10, b"\x01\x20")), 7, True
    yield "a filter of 1,025 entries", opened, changed(subscribe, (10, b"\x01\x04")), 7, True
    yield "a filter with fewer entries than its count", opened, changed(
        subscribe, (52, b"\1")), 7, False  # fmt: skip
    yield "reserved bytes in the header", begun, changed(batch, (15, b"\1")), 8, True
    yield "a heartbeat with a count", begun, seal(8, 0, 1, b""), 8, True
    yield "reserved bytes in a batch", begun, changed(batch, (24, b"\1")), 8, False
    yield "reserved bytes in a body", begun, changed(batch, (64, b"\1")), 8, False
    yield "reserved bytes in subscribe", opened, changed(subscribe, (51, b"\1")), 8, False
    yield "reserved bytes in acknowledge", [*opened, "subscribe"], changed(
        acknowledge, (24, b"\1")), 8, False  # fmt: skip
    yield "a number without a session", begun, numbered, 9, False
    yield "no number in a session", ["hello of a named session"], batch, 9, False
    yield "frozen 4", begun, changed(policy, (48 + 88, b"\4")), 9, False
    yield "an unknown limit", begun, changed(policy, (48 + 89, b"\x3f")), 9, False
    yield "a limit without its bit", begun, changed(policy, (48 + 89, b"\x1e")), 9, False
    yield "side 0", begun, changed(good["batch of operation 9"], (48 + 104, b"\0")), 9, False
    yield "urgent 2", begun, changed(good["batch of operation 16"], (48 + 16, b"\2")), 9, False
    yield "the id of a market with 33 bits", begun, changed(
        good["batch of operation 13"], (52, b"\1")), 9, False  # fmt: skip
    yield "wants with an unknown bit", opened, changed(subscribe, (48, b"\x08")), 9, False
    yield "start 3", opened, changed(
        good["subscribe from now on"], (50, b"\3")), 9, False  # fmt: skip
    yield "after what was acknowledged, without a name", opened, changed(
        good["subscribe from now on"], (50, b"\2")), 9, False  # fmt: skip
    yield "from now on, after a sequence", opened, changed(subscribe, (50, b"\1")), 9, False
    yield "a ledger with 33 bits", opened, changed(subscribe, (68, b"\1")), 9, False


def bad_engine_cases(good):
    hello, outcomes = good["hello"], good["outcomes"]
    account, settled = good["event of kind 1"], good["event of kind 17"]
    error, origin = good["error"], good["origin"]
    begun = ["hello"]
    yield "text instead of a hello", [], b"HTTP/1.1 400 Bad Request\r\n", 1, True
    yield "outcomes before the hello", [], outcomes, 1, True
    yield "a hello of version 2", [], seal(1, 0, 0, b"RINGFNCE\2" + bytes(23)), 2, False
    yield "a hello with a count", [], seal(1, 0, 9, hello[16:] + bytes(16)), 7, False
    yield "known 2", [], changed(hello, (77, b"\2")), 9, False
    yield "reserved bytes in the hello", [], changed(hello, (95, b"\1")), 8, False
    yield "a second hello", begun, hello, 3, True
    yield "a batch from an engine", begun, changed(outcomes, (8, b"\2")), 3, True
    yield "an unknown kind", begun, changed(outcomes, (8, b"\x0c")), 3, True
    yield "a length of 4 GiB", begun, changed(outcomes, (0, b"\xf0\xff\xff\xff")), 4, True
    yield "a wrong checksum", begun, outcomes[:4] + bytes(4) + outcomes[8:], 5, False
    yield "no outcomes", begun, seal(3, 0, 0, bytes(16)), 7, True
    yield "two events in a message", begun, changed(account, (10, b"\2")), 7, True
    yield "an outcome of operation 0", begun, changed(outcomes, (32 + 28, b"\0")), 6, False
    yield "an outcome with an unknown status", begun, changed(
        outcomes, (32 + 24, b"\xff\xff")), 9, False  # fmt: skip
    yield "reserved bytes in an outcome", begun, changed(outcomes, (32 + 29, b"\1")), 8, False
    yield "an unknown kind of event", begun, changed(account, (42, b"\x15")), 9, False
    yield "a look-up's body with a number", begun, changed(account, (32, b"\1")), 9, False
    yield "a numbered event without one", begun, changed(settled, (32, bytes(8))), 9, False
    yield "an event that does not say what it is", begun, changed(settled, (66, b"\0")), 9, False
    yield "reserved bytes in an event", begun, changed(account, (207, b"\1")), 8, False
    yield "bytes behind an error's text", begun, changed(error, (len(error) - 1, b"\1")), 8, False
    yield "reserved bytes in an origin", begun, changed(origin, (79, b"\1")), 8, False
    yield "an origin of no commands", begun, changed(origin, (72, bytes(4))), 9, False
    yield "an origin of operation 0", begun, changed(origin, (76, b"\0")), 6, False


def write(name, cases):
    lines = ",\n".join("  " + json.dumps(case, ensure_ascii=False) for case in cases)
    path = Path(__file__).parent / name
    path.write_text(f"[\n{lines}\n]\n")


def main():
    for side, cases, bad in [
        ("client", list(client_cases()), bad_client_cases),
        ("engine", list(engine_cases()), bad_engine_cases),
    ]:
        write(f"{side}.json", [
            {"name": name, "after": after, "hex": data.hex(), "message": shown}
            for name, after, (data, shown) in cases
        ])  # fmt: skip
        good = {name: data for name, _, (data, _) in cases}
        assert len(good) == len(cases)
        write(f"{side}-bad.json", [
            {"name": name, "after": after, "hex": data.hex(), "error": error, "from_header": early}
            for name, after, data, error, early in bad(good)
        ])  # fmt: skip


main()
