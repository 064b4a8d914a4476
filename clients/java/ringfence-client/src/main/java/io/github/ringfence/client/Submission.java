package io.github.ringfence.client;

import java.util.List;
import java.util.concurrent.CompletableFuture;

/** What a caller has handed over: one command, or a batch that stays one. */
sealed interface Submission extends Session.Receiver {
    List<? extends Command> commands();

    UInt128 tag();

    /** A batch of the caller's. */
    record Batch(
            List<? extends Command> commands, UInt128 tag, CompletableFuture<List<Answer>> future)
            implements Submission {
        @Override
        public void answered(List<Answer> answers) {
            future.complete(List.copyOf(answers));
        }

        @Override
        public void failed(RingfenceException error) {
            future.completeExceptionally(error);
        }
    }

    /** One command, which shares a batch with others that are handed over at the same time. */
    record Single(Command command, CompletableFuture<Answer> future) implements Submission {
        @Override
        public List<Command> commands() {
            return List.of(command);
        }

        @Override
        public UInt128 tag() {
            return UInt128.ZERO;
        }

        @Override
        public void answered(List<Answer> answers) {
            future.complete(answers.get(0));
        }

        @Override
        public void failed(RingfenceException error) {
            future.completeExceptionally(error);
        }

        /** A linked command belongs to the next one of its batch, and so must not be alone. */
        static boolean isLinked(Command command) {
            return command instanceof Transfer transfer
                    ? (transfer.flags() & TransferFlags.LINKED) != 0
                    : command instanceof Account account
                            && (account.flags() & AccountFlags.LINKED) != 0;
        }

        /** The commands of a batch are imported all, or none. */
        private static boolean isImported(Command command) {
            return command instanceof Transfer transfer
                    ? (transfer.flags() & TransferFlags.IMPORTED) != 0
                    : command instanceof Account account
                            && (account.flags() & AccountFlags.IMPORTED) != 0;
        }

        /** True if the two may be in one batch. */
        boolean goesWith(Single other) {
            return command.op() == other.command.op()
                    && isImported(command) == isImported(other.command);
        }
    }

    /** Gives the answers to a shared batch to those who sent its commands. */
    record Shared(List<Single> singles) implements Session.Receiver {
        @Override
        public void answered(List<Answer> answers) {
            for (int at = 0; at < answers.size(); at++) {
                singles.get(at).answered(List.of(answers.get(at)));
            }
        }

        @Override
        public void failed(RingfenceException error) {
            singles.forEach(single -> single.failed(error));
        }
    }
}
