package io.github.ringfence.example;

import io.github.ringfence.spring.TransferRefused;
import io.github.ringfence.spring.TransferSettled;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.event.EventListener;
import org.springframework.stereotype.Component;

/** Hears of every payment, whoever sent it. */
@Component
class SettledPayments {
    private static final Logger LOG = LoggerFactory.getLogger(SettledPayments.class);

    @EventListener
    void on(TransferSettled settled) {
        LOG.info("settled: {} pays {} to {}", settled.transfer().debitAccountId(),
                settled.transfer().amount(), settled.transfer().creditAccountId());
    }

    @EventListener
    void on(TransferRefused refused) {
        LOG.info("refused: payment {} with {}", refused.transfer().id(),
                refused.outcome().status());
    }
}
