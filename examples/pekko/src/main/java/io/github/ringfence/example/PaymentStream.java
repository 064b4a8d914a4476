package io.github.ringfence.example;

import io.github.ringfence.client.Account;
import io.github.ringfence.client.Client;
import io.github.ringfence.client.Command;
import io.github.ringfence.client.Endpoint;
import io.github.ringfence.client.Outcome;
import io.github.ringfence.client.Subscription;
import io.github.ringfence.client.Transfer;
import io.github.ringfence.client.UInt128;
import io.github.ringfence.client.Wish;
import io.github.ringfence.pekko.javadsl.Ringfence;
import java.util.List;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.Done;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.stream.javadsl.Sink;
import org.apache.pekko.stream.javadsl.Source;

/** Pays a thousand times through a stream, and counts in another stream what has settled. */
public final class PaymentStream {
    private static final int EUR = 978;
    private static final int PAYMENTS = 1_000;

    private PaymentStream() {
    }

    /**
     * Runs the example.
     *
     * @param arguments the address of the engine; without it that of {@code --data-dir demo}
     */
    public static void main(String[] arguments) {
        String address = arguments.length > 0 ? arguments[0] : "unix:demo/ringfence.sock";
        Endpoint endpoint = Endpoint.of(address);
        ActorSystem system = ActorSystem.create("payments");
        try (Client client = Client.builder(endpoint).session("pekko-example").open()) {
            client.blocking().execute(List.of(Account.of(1, EUR, 1), Account.of(2, EUR, 1)));

            long before = client.lastSequence();
            Wish settled = Wish.builder().events(false).onlySuccesses(true).ledger(EUR).build();
            CompletionStage<Integer> heard = Ringfence
                    .messages(Subscription.builder(endpoint).wish(settled).afterSequence(before))
                    .take(PAYMENTS)
                    .runWith(Sink.fold(0, (count, message) -> count + 1), system);

            CompletionStage<Done> paid = Source.range(1, PAYMENTS)
                    .<Command>map(n -> Transfer.of(UInt128.newId(), UInt128.of(1), UInt128.of(2),
                            UInt128.of(n), EUR, 1))
                    .via(Ringfence.outcomes(client, 256))
                    .filter(outcome -> outcome.status().isRefusal())
                    .runForeach(PaymentStream::report, system);

            paid.toCompletableFuture().join();
            System.out.println(heard.toCompletableFuture().join() + " payments have settled");
        } finally {
            system.terminate();
        }
    }

    private static void report(Outcome refused) {
        System.out.println("payment " + refused.id() + " was refused: " + refused.status());
    }
}
