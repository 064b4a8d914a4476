//! The topology on one screen: which stage reads and writes which lane.

use super::bells::Bells;
use super::{Role, Settings};
use ringfence_ring::{Graph, Monitor, Producer, Stage, StageCursor};
use ringfence_types::{Command, Event, Origin, Outcome, Verdict};

/// The ends of all lanes, each for the stage that holds it.
pub(super) struct Topology {
    pub(super) commands: Producer<Command>,
    pub(super) origins: Producer<Origin>,
    pub(super) journal: Option<Stage<(Command,), ()>>,
    pub(super) journal_origins: Option<Stage<(Origin,), ()>>,
    pub(super) risk: Stage<(Command,), Verdict>,
    pub(super) settle: Stage<(Command, Verdict), Outcome>,
    pub(super) events: Producer<Event>,
    pub(super) publish: Stage<(Outcome,), ()>,
    pub(super) publish_events: Stage<(Event,), ()>,
    pub(super) publish_origins: Stage<(Origin,), ()>,
    /// How far the journal is.
    pub(super) durable: Option<StageCursor>,
    /// How far publish is.
    pub(super) published: StageCursor,
    /// They halt the three rings.
    pub(super) monitors: [Monitor; 3],
}

impl Topology {
    /// Lanes whose first command has the sequence `first_sequence`.
    pub(super) fn new(
        settings: &Settings,
        first_sequence: u64,
        is_journaled: bool,
        bells: &Bells<'_>,
    ) -> Topology {
        // Three rings: what a command brings about, and what a batch says of itself, have
        // sequences of their own.
        let power = "the number of slots is a power of two";
        let mut ring = Graph::<Command>::new(settings.ring_slots, first_sequence).expect(power);
        let mut event_ring = Graph::<Event>::new(settings.event_slots, 1).expect(power);

        let mut origin_ring = Graph::<Origin>::new(settings.ring_slots, 1).expect(power);

        // 1. The gateway writes commands, and before them what their batch says of itself.
        let commands = ring.input();
        let origins = origin_ring.input();
        // 2. The journal reads both, and releases the commands once they are durable.
        let journal = is_journaled
            .then(|| ring.stage("journal").on(bells.of(Role::Journal)).reads((&commands,)).sink());
        let mut origins_to =
            |name: &str, role| origin_ring.stage(name).on(bells.of(role)).reads((&origins,)).sink();
        let journal_origins = is_journaled.then(|| origins_to("journal origins", Role::Journal));
        // 3. Risk, beside it, reads commands and writes verdicts.
        let (risk, verdicts) =
            ring.stage("risk").on(bells.of(Role::Risk)).reads((&commands,)).writes::<Verdict>();
        // 4. Settle reads both, and writes outcomes and events.
        let (settle, outcomes) = ring
            .stage("settle")
            .on(bells.of(Role::Settle))
            .reads((&commands, &verdicts))
            .writes::<Outcome>();
        let events = event_ring.input();
        // 5. Publish reads outcomes, once settle has written them and the journal has released
        //    their commands, the events that come before them, and the origins of batches.
        let publish = ring.stage("publish").on(bells.of(Role::Publish)).reads((&outcomes,));
        let publish = match &journal {
            Some(journal) => publish.after(journal).sink(),
            None => publish.sink(),
        };
        let publish_events =
            event_ring.stage("publish events").on(bells.of(Role::Publish)).reads((&events,)).sink();

        let publish_origins = origins_to("publish origins", Role::Publish);

        let (commands, monitor) =
            ring.build(bells.of(Role::Gateway)).expect("the graph has stages for every lane");
        let (events, event_monitor) =
            event_ring.build(bells.of(Role::Settle)).expect("the graph has a stage");
        let (origins, origin_monitor) =
            origin_ring.build(bells.of(Role::Gateway)).expect("the graph has a stage");
        let durable = monitor.cursor("journal");
        let published = monitor.cursor("publish").expect("the graph has that stage");
        let monitors = [monitor, event_monitor, origin_monitor];
        Topology {
            commands,
            origins,
            journal,
            journal_origins,
            risk,
            settle,
            events,
            publish,
            publish_events,
            publish_origins,
            durable,
            published,
            monitors,
        }
    }
}
