//! Models of the ring's protocols and of one of the journal's, in `tests/models`, and which of them
//! needs which ordering.

/// An ordering of `src/ring/order.rs` or `src/journal/nap.rs`, and a model that fails once it is
/// weakened.
#[derive(Debug, Clone, Copy)]
pub struct Weakening {
    /// The ordering's name.
    pub ordering: &'static str,
    /// The model's name, as the test binary lists it.
    pub model: &'static str,
}

/// Every ordering that the ring and the witness's thread rely on. Others may fail too; these are the
/// plainest ones.
pub const WEAKENINGS: &[Weakening] = &[
    Weakening { ordering: "publish", model: "visibility::a_published_slot_is_seen_whole" },
    Weakening { ordering: "barrier", model: "visibility::a_published_slot_is_seen_whole" },
    Weakening { ordering: "gate", model: "gating::a_slot_is_written_again_only_after_its_release" },
    Weakening { ordering: "mark", model: "shared::a_slot_of_any_producer_is_seen_whole" },
    Weakening { ordering: "marked", model: "shared::a_slot_of_any_producer_is_seen_whole" },
    Weakening { ordering: "once_set", model: "shutdown::the_reason_for_a_halt_is_seen_whole" },
    Weakening { ordering: "once_get", model: "shutdown::the_reason_for_a_halt_is_seen_whole" },
    Weakening { ordering: "ring_fence", model: "sleep::a_published_value_wakes_the_stage" },
    Weakening { ordering: "sleep_fence", model: "sleep::a_published_value_wakes_the_stage" },
    Weakening { ordering: "note_fence", model: "witness::a_note_wakes_the_thread" },
    Weakening { ordering: "nap_fence", model: "witness::a_note_wakes_the_thread" },
    Weakening {
        ordering: "nap_stop",
        model: "witness::what_was_noted_before_the_stop_is_seen_with_it",
    },
    Weakening {
        ordering: "nap_stops",
        model: "witness::what_was_noted_before_the_stop_is_seen_with_it",
    },
];
