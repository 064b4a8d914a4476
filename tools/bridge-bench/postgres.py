#!/usr/bin/env python3
"""What a bridge is compared with: RabbitMQ, a consumer, PostgreSQL, and a reply to each payment.

    apt-get install rabbitmq-server postgresql python3-pika python3-psycopg2
    cargo run -p brokers -- rabbitmq                   # in another terminal; prints the URL
    python3 tools/bridge-bench/postgres.py --url amqp://guest:guest@127.0.0.1:PORT/%2f --batch 100

The queue is filled first. Then the consumer takes the payments, makes up to --batch of them in one
transaction of PostgreSQL (both balances, and the transfer with its id as primary key), replies to
each, and acknowledges them when the replies are confirmed. PostgreSQL is started in a temporary
folder with its defaults: commits are on stable storage. The figure is payments a second from the
first delivery to the last confirm.
"""

import argparse
import glob
import json
import os
import random
import shutil
import subprocess
import tempfile
import time

import pika
import psycopg2

ACCOUNTS = 10_000
SCHEMA = """
create table accounts (id bigint primary key, debits bigint not null, credits bigint not null);
create table transfers (id bigint primary key, debit bigint not null, credit bigint not null,
                        amount bigint not null);
insert into accounts select id, 0, 0 from generate_series(1, {accounts}) id;
create function pay(ids bigint[], debits bigint[], credits bigint[], amounts bigint[])
returns void language sql as $$
    with paid as (
        insert into transfers select * from unnest(ids, debits, credits, amounts)
        on conflict do nothing returning debit, credit, amount
    ), moved as (
        select id, sum(debit) as debit, sum(credit) as credit from (
            select debit as id, amount as debit, 0 as credit from paid
            union all select credit, 0, amount from paid
        ) each group by id
    )
    update accounts set debits = accounts.debits + moved.debit,
                        credits = accounts.credits + moved.credit
    from moved where accounts.id = moved.id
$$;
"""


class Postgres:
    """A PostgreSQL of its own, on a Unix socket in a temporary folder."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="ringfence-postgres-")
        self.programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
        self.run("initdb", "-D", f"{self.folder}/data", "-U", "bench", "-A", "trust")
        options = f"-c listen_addresses='' -k {self.folder}"
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-t", "300", "-l",
                 f"{self.folder}/log", "-o", options, "start")
        self.connection = psycopg2.connect(host=self.folder, user="bench", dbname="postgres")
        self.connection.autocommit = True
        self.connection.cursor().execute(SCHEMA.format(accounts=ACCOUNTS))
        return self

    def __exit__(self, *_):
        self.connection.close()
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    def run(self, program, *arguments):
        command = [f"{self.programs}/{program}", *arguments]
        if os.getuid() == 0:
            # It does not run as root.
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def pay(self, payments):
        fields = ("id", "debit_account_id", "credit_account_id", "amount")
        columns = [[int(payment[field]) for payment in payments] for field in fields]
        self.connection.cursor().execute(
            "select pay(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])", columns)


def fill(url, queue, replies, payments):
    """Declares the queues, and puts the payments into the first."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    for name in (queue, replies):
        channel.queue_declare(name, durable=True)
        channel.queue_purge(name)
    for number in range(1, payments + 1):
        debit, credit = random.sample(range(1, ACCOUNTS + 1), 2)
        body = {"op": "create_transfer", "id": str(number), "debit_account_id": str(debit),
                "credit_account_id": str(credit), "amount": "5", "ledger": 978, "code": 1}
        properties = pika.BasicProperties(
            message_id=str(number), reply_to=replies, delivery_mode=2)
        channel.basic_publish("", queue, json.dumps(body), properties)
    connection.close()


class Consumer:
    """Takes payments, pays, replies with confirms, acknowledges."""

    def __init__(self, url, queue, postgres, batch, payments):
        self.queue, self.postgres, self.batch, self.unpaid = queue, postgres, batch, payments
        self.waiting, self.unconfirmed, self.start, self.end = [], [], None, None
        self.confirmed_up_to = self.published = 0
        self.loop = pika.SelectConnection(pika.URLParameters(url), on_open_callback=self.opened)

    def run(self):
        self.loop.ioloop.start()
        return self.end - self.start

    def opened(self, connection):
        connection.channel(on_open_callback=self.ready)

    def ready(self, channel):
        self.channel = channel
        channel.confirm_delivery(self.confirmed)
        channel.basic_qos(prefetch_count=2 * self.batch)
        channel.basic_consume(self.queue, self.delivered)

    def delivered(self, _, method, properties, body):
        self.start = self.start or time.monotonic()
        self.waiting.append((method.delivery_tag, properties, json.loads(body)))
        if len(self.waiting) >= min(self.batch, self.unpaid):
            self.pay()

    def pay(self):
        self.postgres.pay([payment for _, _, payment in self.waiting])
        self.unpaid -= len(self.waiting)
        for _, properties, payment in self.waiting:
            reply = json.dumps({"id": payment["id"], "status": "created"})
            asked = pika.BasicProperties(correlation_id=properties.message_id, delivery_mode=2)
            self.channel.basic_publish("", properties.reply_to, reply, asked)
            self.published += 1
        self.unconfirmed.append((self.published, self.waiting[-1][0]))
        self.waiting = []

    def confirmed(self, frame):
        assert isinstance(frame.method, pika.spec.Basic.Ack), frame
        # Of one queue they come in order.
        self.confirmed_up_to = max(self.confirmed_up_to, frame.method.delivery_tag)
        while self.unconfirmed and self.unconfirmed[0][0] <= self.confirmed_up_to:
            self.channel.basic_ack(self.unconfirmed.pop(0)[1], multiple=True)
        if self.unpaid == 0 and not self.unconfirmed:
            self.end = time.monotonic()
            self.loop.ioloop.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--batch", type=int, default=1, help="most payments in a transaction")
    parser.add_argument("--payments", type=int, default=20_000)
    arguments = parser.parse_args()
    queue, replies = "postgres-payments", "postgres-replies"
    with Postgres() as postgres:
        fill(arguments.url, queue, replies, arguments.payments)
        consumer = Consumer(arguments.url, queue, postgres, arguments.batch, arguments.payments)
        seconds = consumer.run()
        cursor = postgres.connection.cursor()
        cursor.execute("select count(*) from transfers")
        assert cursor.fetchone() == (arguments.payments,)
    print(f"{arguments.payments / seconds:.0f} payments a second, up to {arguments.batch} in a "
          f"transaction")


if __name__ == "__main__":
    main()
