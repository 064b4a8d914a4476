//! Exhaustive models of the ring's protocols, in `tests/`.
