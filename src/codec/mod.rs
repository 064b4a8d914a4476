//! The text and binary forms of commands and outcomes.
