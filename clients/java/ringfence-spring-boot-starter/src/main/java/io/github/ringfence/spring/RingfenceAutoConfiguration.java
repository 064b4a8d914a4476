package io.github.ringfence.spring;

import io.github.ringfence.client.Client;
import io.github.ringfence.client.Endpoint;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.actuate.autoconfigure.health.ConditionalOnEnabledHealthIndicator;
import org.springframework.boot.actuate.health.HealthIndicator;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.ssl.SslBundles;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.util.StringUtils;

/**
 * The client, the template and the events of an application that names its engine with {@code
 * ringfence.address}. Each bean gives way to one of the application's own.
 */
@AutoConfiguration(afterName = {
    "org.springframework.boot.actuate.autoconfigure.metrics.CompositeMeterRegistryAutoConfiguration",
    "org.springframework.boot.autoconfigure.ssl.SslAutoConfiguration",
})
@ConditionalOnProperty("ringfence.address")
@EnableConfigurationProperties(RingfenceProperties.class)
public class RingfenceAutoConfiguration {
    /** Made by Spring. */
    public RingfenceAutoConfiguration() {
    }

    @Bean
    @ConditionalOnMissingBean
    Endpoint ringfenceEndpoint(RingfenceProperties properties, ObjectProvider<SslBundles> bundles) {
        Endpoint endpoint = Endpoint.of(properties.address()).withRetryFor(
                properties.retryFor() == null ? Endpoint.FOREVER : properties.retryFor());
        if (StringUtils.hasText(properties.token())) {
            endpoint = endpoint.withToken(properties.token());
        }
        RingfenceProperties.Tls tls = properties.tls();
        if (StringUtils.hasText(tls.bundle())) {
            endpoint = endpoint.withTls(
                    bundles.getObject().getBundle(tls.bundle()).createSslContext());
        }
        return StringUtils.hasText(tls.serverName())
                ? endpoint.withServerName(tls.serverName())
                : endpoint;
    }

    @Bean
    @ConditionalOnMissingBean
    Client ringfenceClient(Endpoint endpoint, RingfenceProperties properties) {
        Client.Builder builder =
                Client.builder(endpoint).inFlightMax(properties.inFlightMax());
        if (StringUtils.hasText(properties.session())) {
            builder.session(properties.session());
        }
        return builder.start();
    }

    @Bean
    @ConditionalOnMissingBean
    RingfenceTemplate ringfenceTemplate(
            Client client, RingfenceProperties properties,
            ObjectProvider<CommandObserver> observers) {
        CommandObserver all = (op, result, nanos) ->
                observers.forEach(observer -> observer.done(op, result, nanos));
        return new RingfenceTemplate(client, properties.timeout(), all);
    }

    /** Typed application events. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnProperty(
            prefix = "ringfence.events", name = "enabled", matchIfMissing = true)
    static class EventsConfiguration {
        @Bean
        @ConditionalOnMissingBean
        PositionStore ringfencePositionStore(RingfenceProperties properties) {
            String file = properties.events().positionFile();
            return StringUtils.hasText(file)
                    ? new FilePositionStore(Path.of(file))
                    : new MemoryPositionStore();
        }

        @Bean
        @ConditionalOnMissingBean
        RingfenceEvents ringfenceEvents(
                Endpoint endpoint, RingfenceProperties properties, PositionStore positions,
                ApplicationEventPublisher publisher, ObjectProvider<EventObserver> observers) {
            Consumer<RingfenceEvent> all = event ->
                    observers.forEach(observer -> observer.published(event));
            return new RingfenceEvents(
                    endpoint, properties.events(), positions, publisher, all);
        }
    }

    /** Is told of each event once all listeners have taken it. */
    @FunctionalInterface
    interface EventObserver {
        void published(RingfenceEvent event);
    }

    /** Health, where the application has Spring Boot's actuator. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass({HealthIndicator.class, ConditionalOnEnabledHealthIndicator.class})
    static class HealthConfiguration {
        @Bean
        @ConditionalOnMissingBean(name = "ringfenceHealthIndicator")
        @ConditionalOnEnabledHealthIndicator("ringfence")
        HealthIndicator ringfenceHealthIndicator(
                Endpoint endpoint, Client client, ObjectProvider<RingfenceEvents> events) {
            return new RingfenceHealthIndicator(endpoint, client, events.getIfAvailable());
        }
    }

    /** Metrics, where the application has Micrometer. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(MeterRegistry.class)
    @ConditionalOnBean(MeterRegistry.class)
    static class MetricsConfiguration {
        @Bean
        CommandObserver ringfenceCommandMetrics(MeterRegistry registry) {
            return (op, result, nanos) -> registry
                    .timer("ringfence.commands", "op", op.name(), "result", result)
                    .record(nanos, TimeUnit.NANOSECONDS);
        }

        @Bean
        EventObserver ringfenceEventMetrics(MeterRegistry registry) {
            return event -> registry
                    .counter("ringfence.events", "type", event.getClass().getSimpleName())
                    .increment();
        }

        @Bean
        MeterBinder ringfenceGauges(Client client) {
            return registry -> {
                Gauge.builder("ringfence.connected", client, it -> it.isConnected() ? 1 : 0)
                        .description("1 while the engine is there").register(registry);
                Gauge.builder("ringfence.in.flight", client, Client::inFlight)
                        .description("Commands that are not answered").register(registry);
            };
        }
    }
}
