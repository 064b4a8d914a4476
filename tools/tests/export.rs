//! Random commands come back from their export as they were, with the same timestamps.
//!
//! ```text
//!   generator ──▶ batches ──Exporter──▶ lines ──Decoder──▶ a gateway's manual clock ──▶ the same batches
//! ```
//!
//! Outcomes and state follow from commands and timestamps alone, so an engine need not be asked; one
//! is, of each world, all the same.

use ringfence::codec::text::{self, Decoder, Exporter, Input};
use ringfence::engine::Engine;
use ringfence::node::Clock;
use ringfence::node::replay::Discard;
use ringfence::types::{Command, stamp_batch};
use tools::generator::Generator;

/// Stamps what the lines of an export hold, as a gateway with a manual clock does.
struct Gateway {
    decoder: Decoder,
    clock: Clock,
    last_timestamp: u64,
}

impl Gateway {
    /// The batches of `lines`, one after the other.
    fn take_in(&mut self, lines: &str) -> Vec<Command> {
        let mut commands = Vec::new();
        let mut batch = Vec::new();
        for line in lines.lines() {
            match self.decoder.decode(line.as_bytes(), &mut batch) {
                Ok(Input::AdvanceClock { nanoseconds }) => {
                    self.clock.advance(nanoseconds, self.last_timestamp).expect("it is in range");
                }
                Ok(Input::Batch) => {
                    let clock_ns = self.clock.read_ns();
                    self.last_timestamp = stamp_batch(&mut batch, self.last_timestamp, clock_ns);
                    commands.extend_from_slice(&batch);
                }
                other => panic!("{other:?}: {line}"),
            }
        }
        commands
    }
}

#[test]
fn an_export_of_random_commands_is_taken_in_as_the_same_commands() {
    for seed in 1..=200 {
        let mut generator = Generator::new(seed);
        let rules = *generator.rules();
        let [mut before, mut after] = [(); 2].map(|()| Engine::new(&rules).expect("memory"));
        let mut exporter = Exporter::after(0);
        let mut gateway = Gateway {
            decoder: Decoder::new(text::Clock::Manual),
            clock: Clock::Manual(0),
            last_timestamp: 0,
        };
        let mut sequence = 1;
        let mut lines = Vec::new();
        for _ in 0..100 {
            let mut batch = generator.next_batch();
            // Sessions are not journaled.
            batch.iter_mut().for_each(|command| command.header.session = 0);
            lines.clear();
            exporter.batch(&batch, &mut lines);
            let lines = std::str::from_utf8(&lines).expect("lines are text");
            let taken_in = gateway.take_in(lines);
            assert_eq!(taken_in.len(), batch.len(), "seed {seed}: {lines}");
            for (taken_in, command) in taken_in.iter().zip(&batch) {
                assert_eq!(taken_in, command, "seed {seed}: {lines}");
            }
            before.apply(sequence, &batch, &mut Discard);
            after.apply(sequence, &taken_in, &mut Discard);
            sequence += batch.len() as u64;
        }
        assert_eq!(after.digest(), before.digest(), "seed {seed}");
    }
}
