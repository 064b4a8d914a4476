package io.github.ringfence.client;

import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.OptionalLong;

/** Commands to the 128 bytes of their bodies and back. Buffers are little-endian. */
final class CommandCodec {
    static final int BODY_BYTES = 128;

    private CommandCodec() {
    }

    static void put128(ByteBuffer to, UInt128 value) {
        to.putLong(value.low()).putLong(value.high());
    }

    static UInt128 get128(ByteBuffer from) {
        long low = from.getLong();
        long high = from.getLong();
        return high == 0 && low == 0 ? UInt128.ZERO : new UInt128(high, low);
    }

    /** Appends the body of {@code command}; the buffer is all zeros behind its position. */
    static void write(Command command, ByteBuffer to) {
        int end = to.position() + BODY_BYTES;
        switch (command.op()) {
            case CREATE_ACCOUNT -> writeAccount((Account) command, to);
            case CREATE_TRANSFER -> writeTransfer((Transfer) command, to);
            case LOOKUP_ACCOUNT -> put128(to, ((LookupAccount) command).id());
            case LOOKUP_TRANSFER -> put128(to, ((LookupTransfer) command).id());
            case LOOKUP_ORDER -> put128(to, ((LookupOrder) command).id());
            case LOOKUP_MARKET -> put128(to, ((LookupMarket) command).id());
            case LOOKUP_QUEUE -> put128(to, ((LookupQueue) command).id());
            case CANCEL_ORDER -> put128(to, ((CancelOrder) command).id());
            case CANCEL_QUEUED_TRANSFER -> put128(to, ((CancelQueuedTransfer) command).id());
            case REQUEUE_TRANSFER -> {
                RequeueTransfer requeue = (RequeueTransfer) command;
                put128(to, requeue.id());
                to.put(bit(requeue.urgent()));
            }
            case RESOLVE_QUEUES -> to.putInt(((ResolveQueues) command).ledger());
            case SET_ACCOUNT_POLICY -> writeAccountPolicy((AccountPolicy) command, to);
            case SET_LEDGER_POLICY -> writeLedgerPolicy((LedgerPolicy) command, to);
            case SET_PAIR_POLICY -> {
                PairPolicy pair = (PairPolicy) command;
                put128(to, pair.debitAccountId());
                put128(to, pair.creditAccountId());
                to.put(bit(pair.blocked()));
            }
            case CREATE_MARKET -> writeMarket((Market) command, to);
            case PLACE_ORDER -> writeOrder((Order) command, to);
            case AMEND_ORDER -> {
                AmendOrder amend = (AmendOrder) command;
                put128(to, amend.id());
                to.putLong(amend.price()).putLong(amend.quantity());
            }
            case PULSE -> throw new IllegalArgumentException("only the engine sends pulses");
        }
        to.position(end);
    }

    private static byte bit(boolean value) {
        return (byte) (value ? 1 : 0);
    }

    private static void writeAccount(Account account, ByteBuffer to) {
        put128(to, account.id());
        put128(to, account.debitsPending());
        put128(to, account.debitsPosted());
        put128(to, account.creditsPending());
        put128(to, account.creditsPosted());
        put128(to, account.userData128());
        to.putLong(account.userData64()).putInt(account.userData32()).putInt(0);
        to.putInt(account.ledger()).putShort((short) account.code());
        to.putShort((short) account.flags()).putLong(account.timestamp());
    }

    private static void writeTransfer(Transfer transfer, ByteBuffer to) {
        put128(to, transfer.id());
        put128(to, transfer.debitAccountId());
        put128(to, transfer.creditAccountId());
        put128(to, transfer.amount());
        put128(to, transfer.pendingId());
        put128(to, transfer.userData128());
        to.putLong(transfer.userData64()).putInt(transfer.userData32());
        to.putInt(transfer.timeout()).putInt(transfer.ledger());
        to.putShort((short) transfer.code()).putShort((short) transfer.flags());
        to.putLong(transfer.timestamp());
    }

    private static void writeAccountPolicy(AccountPolicy policy, ByteBuffer to) {
        boolean[] has = {
            policy.debitAmountMax().isPresent(), policy.creditAmountMax().isPresent(),
            policy.debitRateCount().isPresent(), policy.debitSpendAmount().isPresent(),
            policy.debitSpendCount().isPresent(),
        };
        int limits = 0;
        for (int at = 0; at < has.length; at++) {
            limits |= has[at] ? 1 << at : 0;
        }
        put128(to, policy.accountId());
        put128(to, policy.debitAmountMax().orElse(UInt128.ZERO));
        put128(to, policy.creditAmountMax().orElse(UInt128.ZERO));
        put128(to, policy.debitSpendAmount().orElse(UInt128.ZERO));
        to.putLong(policy.debitSpendCount().orElse(0)).putLong(policy.debitRateCount().orElse(0));
        to.putInt(policy.debitSpendWindowSeconds()).putInt(policy.debitRateWindowSeconds());
        to.put((byte) policy.frozen().number()).put((byte) limits);
    }

    private static void writeLedgerPolicy(LedgerPolicy policy, ByteBuffer to) {
        put128(to, policy.amountMax().orElse(UInt128.ZERO));
        to.putInt(policy.ledger()).putInt(policy.openSecond()).putInt(policy.closeSecond());
        to.put(bit(policy.halted())).put(bit(policy.amountMax().isPresent()));
    }

    private static void writeMarket(Market market, ByteBuffer to) {
        put128(to, market.baseAccountId());
        put128(to, market.quoteAccountId());
        put128(to, market.feeAccountId());
        to.putLong(market.lot()).putLong(market.tick());
        to.putLong(market.makerFee()).putLong(market.takerFee());
        to.putInt(market.id()).putInt(market.baseLedger()).putInt(market.quoteLedger());
    }

    private static void writeOrder(Order order, ByteBuffer to) {
        put128(to, order.id());
        put128(to, order.baseAccountId());
        put128(to, order.quoteAccountId());
        put128(to, order.budget());
        put128(to, order.userData128());
        to.putLong(order.price()).putLong(order.quantity());
        to.putInt(order.market()).putInt(order.timeout());
        to.put((byte) order.side().number()).put((byte) order.timeInForce().number());
        to.put(bit(order.postOnly()));
    }

    /** Reads a body of operation {@code op}; empty for a pulse, which says nothing. */
    static Optional<Command> read(Op op, ByteBuffer from) {
        return Optional.ofNullable(switch (op) {
            case CREATE_ACCOUNT -> readAccount(from);
            case CREATE_TRANSFER -> readTransfer(from);
            case LOOKUP_ACCOUNT -> new LookupAccount(get128(from));
            case LOOKUP_TRANSFER -> new LookupTransfer(get128(from));
            case LOOKUP_ORDER -> new LookupOrder(get128(from));
            case LOOKUP_MARKET -> new LookupMarket(get128(from));
            case LOOKUP_QUEUE -> new LookupQueue(get128(from));
            case CANCEL_ORDER -> new CancelOrder(get128(from));
            case CANCEL_QUEUED_TRANSFER -> new CancelQueuedTransfer(get128(from));
            case REQUEUE_TRANSFER -> new RequeueTransfer(get128(from), from.get() != 0);
            case RESOLVE_QUEUES -> new ResolveQueues(from.getInt());
            case SET_ACCOUNT_POLICY -> readAccountPolicy(from);
            case SET_LEDGER_POLICY -> readLedgerPolicy(from);
            case SET_PAIR_POLICY ->
                    new PairPolicy(get128(from), get128(from), from.get() != 0);
            case CREATE_MARKET -> readMarket(from);
            case PLACE_ORDER -> readOrder(from);
            case AMEND_ORDER -> new AmendOrder(get128(from), from.getLong(), from.getLong());
            case PULSE -> null;
        });
    }

    static Account readAccount(ByteBuffer from) {
        UInt128 id = get128(from);
        UInt128 debitsPending = get128(from);
        UInt128 debitsPosted = get128(from);
        UInt128 creditsPending = get128(from);
        UInt128 creditsPosted = get128(from);
        UInt128 userData128 = get128(from);
        long userData64 = from.getLong();
        int userData32 = from.getInt();
        from.getInt();
        return new Account(
                id, debitsPending, debitsPosted, creditsPending, creditsPosted, userData128,
                userData64, userData32, from.getInt(), get16(from), get16(from), from.getLong());
    }

    static Transfer readTransfer(ByteBuffer from) {
        return new Transfer(
                get128(from), get128(from), get128(from), get128(from), get128(from), get128(from),
                from.getLong(), from.getInt(), from.getInt(), from.getInt(), get16(from),
                get16(from), from.getLong());
    }

    private static int get16(ByteBuffer from) {
        return Short.toUnsignedInt(from.getShort());
    }

    private static AccountPolicy readAccountPolicy(ByteBuffer from) {
        UInt128 accountId = get128(from);
        UInt128 debitMax = get128(from);
        UInt128 creditMax = get128(from);
        UInt128 spendAmount = get128(from);
        long spendCount = from.getLong();
        long rateCount = from.getLong();
        int spendWindow = from.getInt();
        int rateWindow = from.getInt();
        Frozen frozen = Frozen.of(from.get());
        int limits = from.get();
        return new AccountPolicy(
                accountId,
                (limits & 1) != 0 ? Optional.of(debitMax) : Optional.empty(),
                (limits & 2) != 0 ? Optional.of(creditMax) : Optional.empty(),
                (limits & 8) != 0 ? Optional.of(spendAmount) : Optional.empty(),
                (limits & 16) != 0 ? OptionalLong.of(spendCount) : OptionalLong.empty(),
                (limits & 4) != 0 ? OptionalLong.of(rateCount) : OptionalLong.empty(),
                spendWindow, rateWindow, frozen);
    }

    private static LedgerPolicy readLedgerPolicy(ByteBuffer from) {
        UInt128 amountMax = get128(from);
        int ledger = from.getInt();
        int openSecond = from.getInt();
        int closeSecond = from.getInt();
        boolean halted = from.get() != 0;
        Optional<UInt128> limit = from.get() != 0 ? Optional.of(amountMax) : Optional.empty();
        return new LedgerPolicy(ledger, limit, openSecond, closeSecond, halted);
    }

    static Market readMarket(ByteBuffer from) {
        UInt128 base = get128(from);
        UInt128 quote = get128(from);
        UInt128 fee = get128(from);
        long lot = from.getLong();
        long tick = from.getLong();
        long makerFee = from.getLong();
        long takerFee = from.getLong();
        return new Market(
                from.getInt(), from.getInt(), from.getInt(), base, quote, fee, lot, tick, makerFee,
                takerFee);
    }

    static Order readOrder(ByteBuffer from) {
        UInt128 id = get128(from);
        UInt128 base = get128(from);
        UInt128 quote = get128(from);
        UInt128 budget = get128(from);
        UInt128 userData = get128(from);
        long price = from.getLong();
        long quantity = from.getLong();
        int market = from.getInt();
        int timeout = from.getInt();
        Side side = Side.of(from.get());
        TimeInForce timeInForce = TimeInForce.of(from.get());
        return new Order(
                id, market, side, base, quote, quantity, price, budget, timeInForce,
                from.get() != 0, timeout, userData);
    }
}
