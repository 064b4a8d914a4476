package io.github.ringfence.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.ringfence.client.Account;
import io.github.ringfence.client.AccountFlags;
import io.github.ringfence.client.Client;
import io.github.ringfence.client.Status;
import io.github.ringfence.client.TestEngine;
import io.github.ringfence.client.Transfer;
import io.github.ringfence.client.TransferFlags;
import io.github.ringfence.client.UInt128;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.actuate.health.Health;
import org.springframework.boot.actuate.health.HealthIndicator;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.event.EventListener;

/** A context with the starter, against a real engine. */
@Timeout(300)
class RingfenceAutoConfigurationTest {
    private TestEngine engine;
    private ApplicationContextRunner runner;

    @TempDir
    private Path folder;

    /** Hears two kinds of events, and refuses the first settled one once. */
    @Configuration(proxyBeanMethods = false)
    static class Listeners {
        final BlockingQueue<RingfenceEvent> heard = new LinkedBlockingQueue<>();
        private boolean failed;

        @Bean
        MeterRegistry registry() {
            return new SimpleMeterRegistry();
        }

        @EventListener
        void on(TransferSettled settled) {
            if (!failed) {
                failed = true;
                throw new IllegalStateException("the database is down");
            }
            heard.add(settled);
        }

        @EventListener
        void on(TransferRefused refused) {
            heard.add(refused);
        }

        @EventListener
        void on(PendingExpired expired) {
            heard.add(expired);
        }

        @EventListener
        void on(PaymentReleased released) {
            heard.add(released);
        }

        RingfenceEvent next() throws InterruptedException {
            RingfenceEvent event = heard.poll(90, TimeUnit.SECONDS);
            assertThat(event).as("an event in time").isNotNull();
            return event;
        }
    }

    @BeforeEach
    void start() {
        engine = TestEngine.start();
        runner = new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(RingfenceAutoConfiguration.class))
                .withUserConfiguration(Listeners.class)
                .withPropertyValues(
                        "ringfence.address=" + engine.address(), "ringfence.session=shop",
                        "ringfence.timeout=90s",
                        "ringfence.events.from=beginning",
                        "ringfence.events.position-file=" + folder.resolve("position"));
    }

    @AfterEach
    void stop() {
        engine.close();
    }

    private static void open(RingfenceTemplate template) {
        template.execute(List.of(Account.of(1, 978, 1), Account.of(2, 978, 1)));
    }

    private static Transfer pay(long id, long to) {
        return Transfer.of(id, 1, to, 5, 978, 1);
    }

    @Test
    void payments_become_typed_events_and_a_restarted_application_goes_on_behind_them() {
        runner.run(context -> {
            RingfenceTemplate template = context.getBean(RingfenceTemplate.class);
            Listeners listeners = context.getBean(Listeners.class);
            open(template);
            assertThat(template.transfer(pay(10, 2)).status()).isEqualTo(Status.CREATED);
            assertThat(template.transfer(pay(11, 3)).status().isRefusal()).isTrue();
            assertThat(template.account(UInt128.of(2)).orElseThrow().creditsPosted())
                    .isEqualTo(UInt128.of(5));
            TransferSettled settled = (TransferSettled) listeners.next();
            assertThat(settled.transfer()).isEqualTo(pay(10, 2));
            TransferRefused refused = (TransferRefused) listeners.next();
            assertThat(refused.outcome().status()).isEqualTo(Status.CREDIT_ACCOUNT_NOT_FOUND);
            MeterRegistry registry = context.getBean(MeterRegistry.class);
            assertThat(registry.timer("ringfence.commands", "op", "CREATE_TRANSFER", "result",
                    "CREATED").count()).isEqualTo(1);
        });
        engine.kill();
        engine.restart();
        runner.run(context -> {
            Listeners listeners = context.getBean(Listeners.class);
            context.getBean(RingfenceTemplate.class).transfer(pay(12, 2));
            TransferSettled settled = null;
            // Those whose position was not stored when the application ended come again.
            while (settled == null || settled.transfer().id().compareTo(UInt128.of(12)) < 0) {
                RingfenceEvent event = listeners.next();
                assertThat(event.sequence()).isGreaterThanOrEqualTo(4);
                settled = event instanceof TransferSettled it ? it : settled;
            }
        });
    }

    @Test
    void expired_and_released_payments_are_told() {
        runner.withPropertyValues("ringfence.events.ledgers=978").run(context -> {
            RingfenceTemplate template = context.getBean(RingfenceTemplate.class);
            Listeners listeners = context.getBean(Listeners.class);
            template.execute(List.of(
                    Account.builder(1).ledger(978).code(1)
                            .flags(AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS).build(),
                    Account.of(2, 978, 1)));
            Transfer.Builder back = Transfer.builder(20).debitAccountId(2).creditAccountId(1)
                    .amount(9).ledger(978).code(1).timeout(1).flags(TransferFlags.PENDING);
            template.transfer(back.build());
            Transfer queued = Transfer.builder(21).debitAccountId(1).creditAccountId(2)
                    .amount(5).ledger(978).code(1).flags(TransferFlags.QUEUE).build();
            assertThat(template.transfer(queued).status()).isEqualTo(Status.QUEUED);
            template.transfer(Transfer.of(22, 2, 1, 5, 978, 1));
            PaymentReleased released = null;
            PendingExpired expired = null;
            while (released == null || expired == null) {
                RingfenceEvent event = listeners.next();
                released = event instanceof PaymentReleased it ? it : released;
                expired = event instanceof PendingExpired it ? it : expired;
            }
            assertThat(released.id()).isEqualTo(UInt128.of(21));
            assertThat(expired.id()).isEqualTo(UInt128.of(20));
        });
    }

    @Test
    void health_follows_the_engine() {
        runner.run(context -> {
            HealthIndicator indicator = context.getBean(HealthIndicator.class);
            open(context.getBean(RingfenceTemplate.class));
            awaitStatus(indicator, "UP");
            engine.kill();
            awaitStatus(indicator, "DOWN");
            engine.restart();
            awaitStatus(indicator, "UP");
        });
    }

    private static void awaitStatus(HealthIndicator indicator, String status)
            throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        Health health = indicator.health();
        while (!health.getStatus().getCode().equals(status) && System.nanoTime() < deadline) {
            Thread.sleep(50);
            health = indicator.health();
        }
        assertThat(health.getStatus().getCode()).as(health.toString()).isEqualTo(status);
    }

    @Test
    void beans_of_the_application_come_first() {
        MemoryPositionStore own = new MemoryPositionStore();
        runner.withBean("own", PositionStore.class, () -> own).run(context -> {
            open(context.getBean(RingfenceTemplate.class));
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
            while (own.load().isEmpty() && System.nanoTime() < deadline) {
                Thread.sleep(20);
            }
            assertThat(own.load()).isPresent();
            assertThat(context).hasSingleBean(PositionStore.class);
        });
    }

    @Test
    void without_an_address_nothing_is_configured_and_events_can_be_left_out() {
        new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(RingfenceAutoConfiguration.class))
                .run(context -> assertThat(context).doesNotHaveBean(Client.class));
        runner.withPropertyValues("ringfence.events.enabled=false").run(context ->
                assertThat(context).doesNotHaveBean(RingfenceEvents.class)
                        .hasSingleBean(RingfenceTemplate.class));
    }

    @Test
    void it_works_without_actuator_and_micrometer() {
        new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(RingfenceAutoConfiguration.class))
                .withClassLoader(new FilteredClassLoader(
                        "org.springframework.boot.actuate", "io.micrometer"))
                .withPropertyValues("ringfence.address=" + engine.address())
                .run(context -> {
                    assertThat(context).hasNotFailed().hasSingleBean(RingfenceTemplate.class);
                    open(context.getBean(RingfenceTemplate.class));
                });
    }
}
