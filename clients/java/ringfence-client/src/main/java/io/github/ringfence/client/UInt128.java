package io.github.ringfence.client;

import java.math.BigInteger;
import java.security.SecureRandom;
import java.util.UUID;

/**
 * An unsigned integer of 128 bits: an id or an amount.
 *
 * @param high the upper 64 bits
 * @param low the lower 64 bits
 */
public record UInt128(long high, long low) implements Comparable<UInt128> {
    /** 0. */
    public static final UInt128 ZERO = new UInt128(0, 0);
    /** 2<sup>128</sup> − 1: as the amount of a post it means the whole amount. */
    public static final UInt128 MAX = new UInt128(-1, -1);

    private static final BigInteger MASK_64 = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);

    /** Made when it is first used: not every program draws ids. */
    private static final class Random {
        private static final SecureRandom RANDOM = new SecureRandom();
    }

    /**
     * A number that is not negative.
     *
     * @param value the number
     * @return the same number
     * @throws IllegalArgumentException if it is negative
     */
    public static UInt128 of(long value) {
        if (value < 0) {
            throw new IllegalArgumentException(value + " is negative");
        }
        return value == 0 ? ZERO : new UInt128(0, value);
    }

    /**
     * A number of any size.
     *
     * @param value the number
     * @return the same number
     * @throws IllegalArgumentException if it is not 0 to 2<sup>128</sup> − 1
     */
    public static UInt128 of(BigInteger value) {
        if (value.signum() < 0 || value.bitLength() > 128) {
            throw new IllegalArgumentException(value + " is not 0 to 2^128 - 1");
        }
        return new UInt128(value.shiftRight(64).longValue(), value.and(MASK_64).longValue());
    }

    /**
     * The bits of a UUID.
     *
     * @param uuid the UUID
     * @return its 128 bits as a number
     */
    public static UInt128 of(UUID uuid) {
        return new UInt128(uuid.getMostSignificantBits(), uuid.getLeastSignificantBits());
    }

    /**
     * Reads digits, as {@link #toString} writes them.
     *
     * @param decimal the digits
     * @return the number
     * @throws NumberFormatException if these are no digits
     * @throws IllegalArgumentException if the number is not 0 to 2<sup>128</sup> − 1
     */
    public static UInt128 parse(String decimal) {
        return of(new BigInteger(decimal));
    }

    /**
     * A new id: 48 bits of milliseconds since 1970, then 80 random bits. Later ids are larger.
     *
     * @return an id that nobody else has drawn
     */
    public static UInt128 newId() {
        long random = Random.RANDOM.nextInt() & 0xFFFF;
        return new UInt128(System.currentTimeMillis() << 16 | random, Random.RANDOM.nextLong());
    }

    /**
     * The same number.
     *
     * @return as a big integer
     */
    public BigInteger toBigInteger() {
        BigInteger upper = new BigInteger(Long.toUnsignedString(high));
        return upper.shiftLeft(64).or(new BigInteger(Long.toUnsignedString(low)));
    }

    /**
     * The same number as a {@code long}.
     *
     * @return the number
     * @throws ArithmeticException if it is above 2<sup>63</sup> − 1
     */
    public long toLongExact() {
        if (high != 0 || low < 0) {
            throw new ArithmeticException(this + " does not fit into a long");
        }
        return low;
    }

    /**
     * True for 0.
     *
     * @return whether this is 0
     */
    public boolean isZero() {
        return high == 0 && low == 0;
    }

    @Override
    public int compareTo(UInt128 other) {
        int upper = Long.compareUnsigned(high, other.high);
        return upper != 0 ? upper : Long.compareUnsigned(low, other.low);
    }

    /** The number in decimal. */
    @Override
    public String toString() {
        return high == 0 ? Long.toUnsignedString(low) : toBigInteger().toString();
    }
}
