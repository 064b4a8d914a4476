//! Everything that has to answer as the semantics say, each behind the same interface.

use ringfence::types::Rules;

use crate::scenario::Subject;
use crate::twin::Twin;

/// Every subject by name, new and following `rules`.
#[must_use]
pub fn all(rules: &Rules) -> Vec<(&'static str, Box<dyn Subject>)> {
    vec![("twin", Box::new(Twin::new(rules)))]
}
