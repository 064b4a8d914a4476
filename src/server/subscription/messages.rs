//! What a follower gives, as messages.

use ringfence_codec::wire::{ReplyEncoder, encode_commands, encode_origin};
use ringfence_node::follow::Taker;
use ringfence_types::{Command, Event, Origin, Outcome};

/// Appends messages.
pub(super) struct Messages<'a> {
    pub encoder: ReplyEncoder,
    pub out: &'a mut Vec<u8>,
}

impl Taker for Messages<'_> {
    fn origin(&mut self, origin: &Origin) {
        self.encoder.finish(self.out);
        encode_origin(origin, self.out);
    }

    fn commands(&mut self, first_sequence: u64, commands: &[Command]) {
        self.encoder.finish(self.out);
        let first_timestamp = commands[0].header.timestamp;
        let bodies = commands.iter().map(|command| &command.body);
        encode_commands(commands[0].op(), first_sequence, first_timestamp, bodies, self.out);
    }

    fn event(&mut self, event: &Event) {
        self.encoder.event(event, self.out);
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        self.encoder.outcome(sequence, outcome, self.out);
    }
}
