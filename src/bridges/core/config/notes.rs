//! What the tables of one configuration note together: mistakes, and what each of them claims.

use std::cell::RefCell;
use std::collections::HashMap;

use super::Mistake;

/// What all tables note.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub mistakes: RefCell<Vec<Mistake>>,
    /// What tables have claimed, and whether each is for one of them alone.
    claims: RefCell<HashMap<String, bool>>,
}

impl Notes {
    /// Claims something, for one table alone or together with others; false if what others have
    /// claimed contradicts that.
    pub fn claim(&self, what: String, is_alone: bool) -> bool {
        let mut claims = self.claims.borrow_mut();
        let others = claims.get(&what).copied();
        claims.insert(what, is_alone || others == Some(true));
        others.is_none_or(|others_alone| !others_alone && !is_alone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_table_claims_alone_no_other_has() {
        let notes = Notes::default();
        let claim = |what: &str, is_alone| notes.claim(what.to_owned(), is_alone);
        assert!(claim("queue", false) && claim("queue", false));
        assert!(!claim("queue", true));
        assert!(!claim("queue", false), "it is somebody's alone by now");
        assert!(claim("position", true));
        assert!(!claim("position", true));
    }
}
