/**
 * A client of a running Ringfence engine: batches that take effect exactly once, look-ups, and
 * subscriptions to what happens. No dependencies.
 *
 * <p>{@link io.github.ringfence.client.Client} sends, {@link
 * io.github.ringfence.client.Subscription} listens; both begin with an {@link
 * io.github.ringfence.client.Endpoint}. Amounts are in minor units, times are nanoseconds since
 * 1970-01-01 in UTC. Numbers that are called unsigned use all bits of their type: compare them with
 * {@link java.lang.Long#compareUnsigned}.
 */
package io.github.ringfence.client;
