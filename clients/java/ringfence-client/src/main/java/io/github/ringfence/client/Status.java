package io.github.ringfence.client;

/**
 * What became of a command.
 *
 * <p>{@link #CREATED}, {@link #EXISTS}, {@link #QUEUED}, {@link #OK} and {@link #FOUND} are
 * successes, {@link #NOT_FOUND} is neither success nor refusal, and all others are refusals.
 */
public enum Status implements Numbered {
    /** Created, or executed. */
    CREATED(1),
    /** Another event of the same linked chain failed; that event has the reason. */
    LINKED_EVENT_FAILED(2),
    /** The last event of a batch has the flag linked, so its chain has no end. */
    LINKED_EVENT_CHAIN_OPEN(3),
    /** The first event of the batch is imported, this one is not. */
    IMPORTED_EVENT_EXPECTED(4),
    /** This event is imported, the first event of the batch is not. */
    IMPORTED_EVENT_NOT_EXPECTED(5),
    /** A timestamp was sent without the flag imported. */
    TIMESTAMP_MUST_BE_ZERO(6),
    /** The imported timestamp is 0 or above 2^63 − 1. */
    IMPORTED_EVENT_TIMESTAMP_OUT_OF_RANGE(7),
    /** The imported timestamp is not in the past. */
    IMPORTED_EVENT_TIMESTAMP_MUST_NOT_ADVANCE(8),
    /** A flag bit without a meaning is set. */
    RESERVED_FLAG(9),
    /** The id is 0. */
    ID_MUST_NOT_BE_ZERO(10),
    /** The id is 2^128 − 1. */
    ID_MUST_NOT_BE_INT_MAX(11),
    /** The id is in use and flags differ. */
    EXISTS_WITH_DIFFERENT_FLAGS(12),
    /** The id is in use and user_data_128 differs. */
    EXISTS_WITH_DIFFERENT_USER_DATA_128(13),
    /** The id is in use and user_data_64 differs. */
    EXISTS_WITH_DIFFERENT_USER_DATA_64(14),
    /** The id is in use and user_data_32 differs. */
    EXISTS_WITH_DIFFERENT_USER_DATA_32(15),
    /** The id is in use and ledger differs. */
    EXISTS_WITH_DIFFERENT_LEDGER(16),
    /** The id is in use and code differs. */
    EXISTS_WITH_DIFFERENT_CODE(17),
    /** The same was created before; nothing changed. */
    EXISTS(18),
    /** These flags cannot be combined; also post_only on an order that is not gtc. */
    FLAGS_ARE_MUTUALLY_EXCLUSIVE(19),
    /** The ledger is 0. */
    LEDGER_MUST_NOT_BE_ZERO(20),
    /** The code is 0. */
    CODE_MUST_NOT_BE_ZERO(21),
    /**
     * The imported timestamp is not later than that of the previous account (for an account) or
     * transfer (for a transfer), or an account has the same one.
     */
    IMPORTED_EVENT_TIMESTAMP_MUST_NOT_REGRESS(22),
    /** A client sent debits_pending. */
    DEBITS_PENDING_MUST_BE_ZERO(32),
    /** A client sent debits_posted. */
    DEBITS_POSTED_MUST_BE_ZERO(33),
    /** A client sent credits_pending. */
    CREDITS_PENDING_MUST_BE_ZERO(34),
    /** A client sent credits_posted. */
    CREDITS_POSTED_MUST_BE_ZERO(35),
    /** The table of accounts is full. */
    ACCOUNTS_FULL(36),
    /** The id is in use and pending_id differs. */
    EXISTS_WITH_DIFFERENT_PENDING_ID(64),
    /** The id is in use and timeout differs. */
    EXISTS_WITH_DIFFERENT_TIMEOUT(65),
    /** The id is in use and debit_account_id differs. */
    EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID(66),
    /** The id is in use and credit_account_id differs. */
    EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID(67),
    /** The id is in use and amount differs. */
    EXISTS_WITH_DIFFERENT_AMOUNT(68),
    /** An earlier command with this id was refused with a status that spends the id. */
    ID_ALREADY_FAILED(69),
    /** A post or void without pending_id. */
    PENDING_ID_MUST_NOT_BE_ZERO(80),
    /** Pending_id is 2^128 − 1. */
    PENDING_ID_MUST_NOT_BE_INT_MAX(81),
    /** Pending_id is the id of the post or void itself. */
    PENDING_ID_MUST_BE_DIFFERENT(82),
    /** Only a pending or queued transfer may have a timeout. */
    TIMEOUT_RESERVED_FOR_PENDING_TRANSFER(83),
    /** There is no transfer pending_id. It spends the id. */
    PENDING_TRANSFER_NOT_FOUND(84, true),
    /** The transfer pending_id was never pending. */
    PENDING_TRANSFER_NOT_PENDING(85),
    /** The post or void gives another debit account. */
    PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID(86),
    /** The post or void gives another credit account. */
    PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID(87),
    /** The post or void gives another ledger. */
    PENDING_TRANSFER_HAS_DIFFERENT_LEDGER(88),
    /** The post or void gives another code. */
    PENDING_TRANSFER_HAS_DIFFERENT_CODE(89),
    /** The amount is larger than the pending one. */
    EXCEEDS_PENDING_TRANSFER_AMOUNT(90),
    /** A void gives another amount than the pending one. */
    PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT(91),
    /** The pending transfer was posted before. */
    PENDING_TRANSFER_ALREADY_POSTED(92),
    /** The pending transfer was voided before. */
    PENDING_TRANSFER_ALREADY_VOIDED(93),
    /** The pending transfer has expired. */
    PENDING_TRANSFER_EXPIRED(94),
    /** The debit account is closed. It spends the id. */
    DEBIT_ACCOUNT_ALREADY_CLOSED(95, true),
    /** The credit account is closed. It spends the id. */
    CREDIT_ACCOUNT_ALREADY_CLOSED(96, true),
    /** The table of transfers is full. */
    TRANSFERS_FULL(97),
    /** Debit_account_id is 0. */
    DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO(112),
    /** Debit_account_id is 2^128 − 1. */
    DEBIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX(113),
    /** Credit_account_id is 0. */
    CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO(114),
    /** Credit_account_id is 2^128 − 1. */
    CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX(115),
    /** Debit and credit account are the same. */
    ACCOUNTS_MUST_BE_DIFFERENT(116),
    /** Only a post or void may have a pending_id. */
    PENDING_ID_MUST_BE_ZERO(117),
    /** Closing_debit or closing_credit without pending. */
    CLOSING_TRANSFER_MUST_BE_PENDING(118),
    /** There is no such debit account. It spends the id. */
    DEBIT_ACCOUNT_NOT_FOUND(119, true),
    /** There is no such credit account. It spends the id. */
    CREDIT_ACCOUNT_NOT_FOUND(120, true),
    /** The accounts are on different ledgers. */
    ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER(121),
    /** The transfer names another ledger than that of its accounts. */
    TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS(122),
    /** The imported timestamp is not later than that of the debit account. */
    IMPORTED_EVENT_TIMESTAMP_MUST_POSTDATE_DEBIT_ACCOUNT(123),
    /** The imported timestamp is not later than that of the credit account. */
    IMPORTED_EVENT_TIMESTAMP_MUST_POSTDATE_CREDIT_ACCOUNT(124),
    /** An imported transfer has a timeout. */
    IMPORTED_EVENT_TIMEOUT_MUST_BE_ZERO(125),
    /** Debits_pending would exceed 2^128 − 1. */
    OVERFLOWS_DEBITS_PENDING(126),
    /** Credits_pending would exceed 2^128 − 1. */
    OVERFLOWS_CREDITS_PENDING(127),
    /** Debits_posted would exceed 2^128 − 1. */
    OVERFLOWS_DEBITS_POSTED(128),
    /** Credits_posted would exceed 2^128 − 1. */
    OVERFLOWS_CREDITS_POSTED(129),
    /** Pending and posted debits together would exceed 2^128 − 1. */
    OVERFLOWS_DEBITS(130),
    /** Pending and posted credits together would exceed 2^128 − 1. */
    OVERFLOWS_CREDITS(131),
    /** The expiry would be later than 2^63 − 1 nanoseconds. */
    OVERFLOWS_TIMEOUT(132),
    /**
     * The debits would exceed the posted credits of an account that forbids it. It spends the
     * id.
     */
    EXCEEDS_CREDITS(133, true),
    /**
     * The credits would exceed the posted debits of an account that forbids it. It spends the
     * id.
     */
    EXCEEDS_DEBITS(134, true),
    /** The ledger is halted. It spends the id. */
    RISK_LEDGER_HALTED(160, true),
    /** The time is outside the open hours of the ledger. It spends the id. */
    RISK_LEDGER_CLOSED(161, true),
    /** The amount is above the amount_max of the ledger. It spends the id. */
    RISK_LEDGER_AMOUNT_EXCEEDED(162, true),
    /** The paying account is frozen for debits. It spends the id. */
    RISK_DEBIT_ACCOUNT_FROZEN(163, true),
    /** The receiving account is frozen for credits. It spends the id. */
    RISK_CREDIT_ACCOUNT_FROZEN(164, true),
    /** Payments from this account to that one are blocked. It spends the id. */
    RISK_PAIR_BLOCKED(165, true),
    /** The amount is above the debit_amount_max of the debit account. It spends the id. */
    RISK_DEBIT_AMOUNT_EXCEEDED(166, true),
    /** The amount is above the credit_amount_max of the credit account. It spends the id. */
    RISK_CREDIT_AMOUNT_EXCEEDED(167, true),
    /** Too many attempts in the window of debit_rate. It spends the id. */
    RISK_DEBIT_RATE_EXCEEDED(168, true),
    /** The amount does not fit into the window of debit_spend. It spends the id. */
    RISK_SPEND_AMOUNT_EXCEEDED(169, true),
    /** The count of debit_spend is used up in this window. It spends the id. */
    RISK_SPEND_COUNT_EXCEEDED(170, true),
    /** Done. */
    OK(192),
    /** Found; its body came before this outcome. */
    FOUND(193),
    /** There is no such account or transfer. */
    NOT_FOUND(194),
    /** There is no such account. */
    ACCOUNT_NOT_FOUND(195),
    /** A window of 0 seconds, or a second of the day above 86,399. */
    INVALID_POLICY(196),
    /** The table of policies is full. */
    POLICIES_FULL(197),
    /** The payment waits for funds. */
    QUEUED(208),
    /** There is no such transfer. */
    TRANSFER_NOT_FOUND(209),
    /** The transfer does not wait in a queue. */
    TRANSFER_NOT_QUEUED(210),
    /** A balance would exceed 2^128 − 1, so the resolution changed nothing. */
    OVERFLOWS_BALANCES(211),
    /** The id is in use and some field differs. */
    EXISTS_WITH_DIFFERENT_FIELDS(224),
    /** Base_ledger and quote_ledger are the same. */
    LEDGERS_MUST_BE_DIFFERENT(225),
    /** Lot is 0. */
    LOT_MUST_NOT_BE_ZERO(226),
    /** Tick is 0. */
    TICK_MUST_NOT_BE_ZERO(227),
    /** Maker_fee is above taker_fee. */
    MAKER_FEE_MUST_NOT_EXCEED_TAKER_FEE(228),
    /** An account of the market is on the wrong ledger. */
    ACCOUNT_HAS_DIFFERENT_LEDGER(229),
    /** An account of the market has a limit flag. */
    ACCOUNT_MUST_NOT_HAVE_LIMITS(230),
    /** The table of markets is full. */
    MARKETS_FULL(231),
    /** There is no such market. */
    MARKET_NOT_FOUND(240),
    /** Quantity is 0. */
    QUANTITY_MUST_NOT_BE_ZERO(241),
    /** An order other than fok_budget has no price. */
    PRICE_MUST_NOT_BE_ZERO(242),
    /** A fok_budget order has a price. */
    PRICE_MUST_BE_ZERO(243),
    /** A fok_budget order has no budget. */
    BUDGET_MUST_NOT_BE_ZERO(244),
    /** An order other than fok_budget has a budget. */
    BUDGET_MUST_BE_ZERO(245),
    /** Only a gtc order may have a timeout. */
    TIMEOUT_RESERVED_FOR_GTC(246),
    /** A sell at this price would bring less than the taker fee. */
    PRICE_MUST_COVER_FEE(247),
    /** There is no such base account. It spends the id. */
    BASE_ACCOUNT_NOT_FOUND(248, true),
    /** There is no such quote account. It spends the id. */
    QUOTE_ACCOUNT_NOT_FOUND(249, true),
    /** The base account is not on the base ledger. */
    BASE_ACCOUNT_HAS_DIFFERENT_LEDGER(250),
    /** The quote account is not on the quote ledger. */
    QUOTE_ACCOUNT_HAS_DIFFERENT_LEDGER(251),
    /** The account is one of the market's own accounts. */
    ACCOUNT_BELONGS_TO_MARKET(252),
    /** An account of the order has credits_must_not_exceed_debits. */
    ACCOUNT_MUST_NOT_LIMIT_CREDITS(253),
    /** The base account is closed. It spends the id. */
    BASE_ACCOUNT_ALREADY_CLOSED(254, true),
    /** The quote account is closed. It spends the id. */
    QUOTE_ACCOUNT_ALREADY_CLOSED(255, true),
    /** An account of the market is closed. It spends the id. */
    MARKET_CLOSED(256, true),
    /** The hold would exceed 2^128 − 1. */
    OVERFLOWS_AMOUNT(257),
    /** A post_only order would trade at once. It spends the id. */
    WOULD_TAKE(258, true),
    /** A fok or fok_budget order would not trade in full. It spends the id. */
    WOULD_NOT_FILL(259, true),
    /** The table of orders is full. */
    ORDERS_FULL(260),
    /** There is no such order. */
    ORDER_NOT_FOUND(272),
    /** The order has traded in full. */
    ORDER_ALREADY_FILLED(273),
    /** The order was cancelled or has expired. */
    ORDER_ALREADY_CANCELLED(274),
    /** Neither a new price nor a new quantity. */
    NOTHING_TO_AMEND(275),
    /** The new quantity is not below the remaining one. */
    QUANTITY_MUST_BE_LOWER(276),
    /** The time that the id carries lies so far back that the id may have been forgotten. */
    ID_EXPIRED(288),
    /** The time that the id carries lies more than a minute ahead of the engine's. */
    ID_NOT_YET_VALID(289);

    private static final Numbers<Status> NUMBERS = new Numbers<>("status", values());

    private final int number;
    private final boolean spendsId;

    Status(int number) {
        this(number, false);
    }

    Status(int number, boolean spendsId) {
        this.number = number;
        this.spendsId = spendsId;
    }

    @Override
    public int number() {
        return number;
    }

    /**
     * True if the id of the transfer or order answers {@link #ID_ALREADY_FAILED} from now on.
     *
     * @return whether the id is spent
     */
    public boolean spendsId() {
        return spendsId;
    }

    /**
     * True if the command took effect or had taken effect before, or if a look-up found something.
     *
     * @return whether this is a success
     */
    public boolean isSuccess() {
        return switch (this) {
            case CREATED, EXISTS, QUEUED, OK, FOUND -> true;
            default -> false;
        };
    }

    /**
     * True if the command was refused.
     *
     * @return whether this is a refusal
     */
    public boolean isRefusal() {
        return !isSuccess() && this != NOT_FOUND;
    }

    /**
     * The status with this number.
     *
     * @param number as in the protocol
     * @return the status
     * @throws ProtocolException if there is no such status
     */
    public static Status of(int number) {
        return NUMBERS.of(number);
    }
}
