//! Damage made from outside.
