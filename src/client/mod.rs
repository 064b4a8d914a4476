//! What talks to a running engine.
