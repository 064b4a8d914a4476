package io.github.ringfence.client;

import java.util.Arrays;

/** The values of an enum by their number in the protocol. */
final class Numbers<E extends Enum<E> & Numbered> {
    private final String name;
    private final E[] byNumber;

    Numbers(String name, E[] values) {
        this.name = name;
        int largest = Arrays.stream(values).mapToInt(Numbered::number).max().orElseThrow();
        byNumber = Arrays.copyOf(values, largest + 1);
        Arrays.fill(byNumber, null);
        for (E value : values) {
            byNumber[value.number()] = value;
        }
    }

    /** The value with this number, or null. */
    E find(int number) {
        return number >= 0 && number < byNumber.length ? byNumber[number] : null;
    }

    E of(int number) {
        E value = find(number);
        if (value == null) {
            throw new ProtocolException("there is no " + name + " " + number);
        }
        return value;
    }
}
