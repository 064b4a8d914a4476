package io.github.ringfence.example;

import io.github.ringfence.client.Account;
import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Transfer;
import io.github.ringfence.client.UInt128;
import io.github.ringfence.spring.RingfenceTemplate;
import java.math.BigInteger;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

/** Opens accounts, pays and shows balances. */
@RestController
class PaymentController {
    private static final int EUR = 978;

    private final RingfenceTemplate ringfence;

    PaymentController(RingfenceTemplate ringfence) {
        this.ringfence = ringfence;
    }

    /** A payment: {@code id} is the key that makes a repeat harmless; the amount is in cents. */
    record Payment(BigInteger id, BigInteger from, BigInteger to, BigInteger amount) {
    }

    /** What became of it. */
    record Result(String id, String status, long sequence) {
        static Result of(Outcome outcome) {
            return new Result(
                    outcome.id().toString(), outcome.status().name(), outcome.sequence());
        }
    }

    /** An account's payments that have settled, in cents. */
    record Balance(String account, BigInteger paid, BigInteger received) {
    }

    @PostMapping("/accounts/{id}")
    Result open(@PathVariable BigInteger id) {
        return Result.of(ringfence.createAccount(
                Account.builder(UInt128.of(id)).ledger(EUR).code(1).build()));
    }

    @PostMapping("/payments")
    ResponseEntity<Result> pay(@RequestBody Payment payment) {
        Outcome outcome = ringfence.transfer(Transfer.of(
                UInt128.of(payment.id()), UInt128.of(payment.from()), UInt128.of(payment.to()),
                UInt128.of(payment.amount()), EUR, 1));
        HttpStatus status = outcome.status().isSuccess()
                ? HttpStatus.OK
                : HttpStatus.UNPROCESSABLE_ENTITY;
        return ResponseEntity.status(status).body(Result.of(outcome));
    }

    @GetMapping("/accounts/{id}")
    Balance balance(@PathVariable BigInteger id) {
        return ringfence.account(UInt128.of(id))
                .map(account -> new Balance(
                        account.id().toString(), account.debitsPosted().toBigInteger(),
                        account.creditsPosted().toBigInteger()))
                .orElseThrow(NoSuchAccount::new);
    }

    @ResponseStatus(HttpStatus.NOT_FOUND)
    static class NoSuchAccount extends RuntimeException {
        private static final long serialVersionUID = 1;
    }
}
