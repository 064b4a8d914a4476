package io.github.ringfence.spring;

import io.github.ringfence.client.Client;
import io.github.ringfence.client.Endpoint;
import org.springframework.boot.actuate.health.AbstractHealthIndicator;
import org.springframework.boot.actuate.health.Health;

/** Up while the engine is there and events go on. */
final class RingfenceHealthIndicator extends AbstractHealthIndicator {
    private final Endpoint endpoint;
    private final Client client;
    private final RingfenceEvents events;

    /** {@code events} is null where the application has none. */
    RingfenceHealthIndicator(Endpoint endpoint, Client client, RingfenceEvents events) {
        super("the state of the Ringfence client could not be read");
        this.endpoint = endpoint;
        this.client = client;
        this.events = events;
    }

    @Override
    protected void doHealthCheck(Health.Builder builder) {
        boolean eventsGoOn =
                events == null || events.isConnected() && events.failure().isEmpty();
        builder.status(client.isConnected() && eventsGoOn ? "UP" : "DOWN")
                .withDetail("address", endpoint.toString())
                .withDetail("connected", client.isConnected())
                .withDetail("inFlight", client.inFlight());
        client.failure().ifPresent(error -> builder.withDetail("error", error.toString()));
        if (events != null) {
            builder.withDetail("eventsConnected", events.isConnected());
            events.position().ifPresent(position ->
                    builder.withDetail("eventsPosition", position.toString()));
            events.failure().ifPresent(error ->
                    builder.withDetail("eventsError", error.toString()));
        }
    }
}
