"""The conformance cases of the protocol, which every client is tested with."""

import json
import pathlib
import unittest

from ringfence import Frozen, Op, ProtocolError, Refused, RingfenceError, Wants, Wish
from ringfence import protocol, records
from ringfence.records import read_command

CASES = pathlib.Path(__file__).resolve().parents[2] / "conformance"


def cases(name):
    return json.loads((CASES / f"{name}.json").read_text())


def stream(case, good):
    before = b"".join(bytes.fromhex(good[name]["hex"]) for name in case["after"])
    return before + bytes.fromhex(case["hex"])


def command(op, fields):
    """The command that a case describes; policies have limits that are there or not."""
    values = {name: int(value) for name, value in fields.items()}
    bits = values.pop("limits", 0)
    if op is Op.SET_ACCOUNT_POLICY:
        limits = ("debit_amount_max", "credit_amount_max", "debit_rate_count",
                  "debit_spend_amount", "debit_spend_count")
        values.update({name: None for bit, name in enumerate(limits) if not bits >> bit & 1})
        return records.AccountPolicy(**{**values, "frozen": Frozen(values["frozen"])})
    if op is Op.SET_LEDGER_POLICY:
        return records.LedgerPolicy(**{**values, **({} if bits else {"amount_max": None})})
    return records.BODIES[op](**values)


def encoded(message):
    kind = message["kind"]
    if kind == "hello":
        return protocol.hello(
            session=int(message["session"]), journal=bytes.fromhex(message["journal"]),
            epoch=message["epoch"], last_sequence=int(message["last_sequence"]),
            in_flight_commands_max=message["in_flight_commands_max"], mode=message["mode"],
            resume=bool(message["resume"]), events=bool(message["events"]),
            token=bytes.fromhex(message["token"]),
        )
    if kind == "batch":
        op = Op(message["operation"])
        batch = [command(op, body) for body in message["bodies"]]
        return protocol.batch(batch, int(message["number"]), int(message["tag"]))
    if kind == "subscribe":
        operations = int(message["operations"])
        wish = Wish(
            Wants(message["wants"]), bool(message["only_successes"]), message["ledgers"],
            [int(account) for account in message["accounts"]],
            [op for op in Op if operations >> op & 1],
        )
        return protocol.subscribe(wish, after_sequence=int(message["after_sequence"]),
                                  start=message["start"], name=int(message["name"]))
    if kind == "acknowledge":
        return protocol.acknowledge(int(message["sequence"]))
    return protocol.heartbeat()


def flat(record):
    """The fields of a record as a case names them, records within it included."""
    if record is None:
        return {}
    fields = {}
    for name, value in vars(record).items():
        if hasattr(value, "__dataclass_fields__"):
            fields.update(flat(value))
        elif name == "levels":
            padded = [*map(vars, value), *[{"quantity": 0, "price": 0, "orders": 0}] * 5][:5]
            fields.update({f"{key}_{at}": level[key] for at, level in enumerate(padded)
                           for key in level})
        else:
            fields[name] = 0 if value is None else int(value)
    return fields


def shown(reply):
    """A message as a case describes it, all numbers as integers."""
    kind = {"RawEvent": "event"}.get(type(reply).__name__, type(reply).__name__.lower())
    if kind == "outcomes":
        outcomes = [
            {"id": each.id, "timestamp": each.timestamp, "status": int(each.status),
             "operation": int(each.op),
             **{f"detail_{at}": detail for at, detail in enumerate(each.details)}}
            for each in reply.outcomes
        ]
        return {"kind": kind, "first_sequence": reply.outcomes[0].sequence, "outcomes": outcomes}
    if kind == "event":
        body = flat(reply.read().body)
        if "filled" in body:
            body["order_status"] = body.pop("status")
        return {"kind": kind, "sequence": reply.sequence, "timestamp": reply.timestamp,
                "number": reply.number, "event": int(reply.kind), "body": body}
    if kind == "commands":
        bodies = [flat(read_command(reply.op, body)) for body in reply.bodies]
        return {"kind": kind, "first_sequence": reply.first_sequence,
                "first_timestamp": reply.first_timestamp, "bodies": bodies,
                "operation": int(reply.op)}
    fields = dict(vars(reply))
    if kind == "hello":
        fields["journal"], fields["version"] = fields["journal"].hex(), protocol.VERSION
    if "op" in fields:
        fields["operation"] = int(fields.pop("op"))
    return {"kind": kind, **{k: v if isinstance(v, str) else int(v) for k, v in fields.items()}}


def numbers(value, key=None):
    """A case with all numbers as integers; statuses that an event does not have are left out."""
    if isinstance(value, dict):
        return {k: numbers(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [numbers(each) for each in value]
    is_text = key in ("kind", "text", "journal", "token") or not isinstance(value, str)
    return value if is_text else int(value)


class Conformance(unittest.TestCase):
    def test_messages_of_a_client(self):
        for case in cases("client"):
            with self.subTest(case["name"]):
                self.assertEqual(encoded(case["message"]).hex(), case["hex"])

    def test_messages_of_an_engine_however_they_are_cut(self):
        good = {case["name"]: case for case in cases("engine")}
        for case in good.values():
            expected = numbers(case["message"])
            data = stream(case, good)
            for length in (len(data), 1, 7):
                with self.subTest(case["name"], length=length):
                    decoder, seen = protocol.Decoder(), []
                    pieces = (data[at : at + length] for at in range(0, len(data), length))
                    if expected["kind"] == "error":
                        with self.assertRaises(Refused) as refused:
                            for piece in pieces:
                                list(decoder.feed(piece))
                        error = refused.exception
                        found = {"code": error.code, "value": error.value, "text": error.text}
                        self.assertEqual({"kind": "error", **found}, expected)
                        continue
                    for piece in pieces:
                        seen += decoder.feed(piece)
                    self.assertEqual(len(seen), len(case["after"]) + 1)
                    found = shown(seen[-1])
                    if expected["kind"] == "event":
                        # Fields that this kind of event does not use are 0.
                        unused = dict.fromkeys(expected["body"], 0)
                        found["body"] = {**unused, **found["body"]}
                    self.assertEqual(found, expected)

    def test_what_a_client_refuses(self):
        good = {case["name"]: case for case in cases("engine")}
        for case in cases("engine-bad"):
            with self.subTest(case["name"]):
                data = stream(case, good)
                if case["from_header"]:
                    data = data[: len(data) - len(case["hex"]) // 2 + 16]
                with self.assertRaises(RingfenceError) as refused:
                    list(protocol.Decoder().feed(data))
                self.assertIsInstance(refused.exception, ProtocolError)


if __name__ == "__main__":
    unittest.main()
