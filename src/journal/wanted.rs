//! What a start asks for, and the rules that hold then.

use super::error::JournalError;
use super::files::Files;
use ringfence_types::{Capacities, ID_TIME_RETENTION_NS_ABOVE, IdTime, Rules};

/// What a start asks for of all that decides outcomes. `None`: as in the journal, and for a new
/// journal the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Most accounts.
    pub accounts: Option<u64>,
    /// Most transfers and spent ids.
    pub transfers: Option<u64>,
    /// Most policies.
    pub policies: Option<u64>,
    /// Most markets.
    pub markets: Option<u64>,
    /// Most orders.
    pub orders: Option<u64>,
    /// How long ids are remembered, in nanoseconds; 0: for ever.
    pub retention_ns: Option<u64>,
    /// Whether the ids of transfers and orders carry their time.
    pub id_time: Option<IdTime>,
    /// Most sessions with a name.
    pub sessions: Option<u64>,
    /// How long a session may be silent before it gives its place to a new one, in nanoseconds.
    pub session_retention_ns: Option<u64>,
    /// Capacities for which no command was taken in yet are taken back: what is left open is as at
    /// the last command.
    pub withdraws_capacities: bool,
    /// `retention_ns` may be shorter than the journal's: what is forgotten sooner no longer
    /// protects from executing a repeated command again.
    pub shortens_retention: bool,
}

/// The rules of a journal that begins now, or of an engine that keeps none: the defaults, with what
/// the start asks for, and a key drawn by chance.
///
/// # Errors
///
/// [`JournalError::RetentionTooShort`].
///
/// # Panics
///
/// If the system has no random numbers.
pub fn rules_of_a_new_journal(wanted: &Wanted) -> Result<Rules, JournalError> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).expect("the system has random numbers");
    new_rules(wanted, &key)
}

fn new_rules(wanted: &Wanted, key: &[u8; 16]) -> Result<Rules, JournalError> {
    let (low, high) = key.split_at(8);
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let mut rules = Rules::new(Capacities::default(), [word(low), word(high)]);
    for (_, capacity, wanted) in tables(&mut rules, wanted) {
        *capacity = wanted.unwrap_or(*capacity);
    }
    rules.retention_ns = wanted.retention_ns.unwrap_or(0);
    rules.session_retention_ns = wanted.session_retention_ns.unwrap_or(rules.session_retention_ns);
    with_id_time(rules, wanted)
}

/// The rules with ids that carry their time or not, as the start asks for.
fn with_id_time(rules: Rules, wanted: &Wanted) -> Result<Rules, JournalError> {
    let before = IdTime::from_number(rules.id_time).unwrap_or_default();
    let rules = rules.with_id_time(wanted.id_time.unwrap_or(before));
    let is_short = (1..=ID_TIME_RETENTION_NS_ABOVE).contains(&rules.retention_ns);
    if rules.id_time != IdTime::None as u32 && is_short {
        return Err(JournalError::RetentionTooShort { wanted: rules.retention_ns });
    }
    Ok(rules)
}

/// Each table's option, its capacity, and what the start asks for.
fn tables<'a>(
    rules: &'a mut Rules,
    wanted: &Wanted,
) -> [(&'static str, &'a mut u64, Option<u64>); 6] {
    let capacities = &mut rules.capacities;
    [
        ("--accounts", &mut capacities.accounts, wanted.accounts),
        ("--transfers", &mut capacities.transfers, wanted.transfers),
        ("--policies", &mut capacities.policies, wanted.policies),
        ("--markets", &mut capacities.markets, wanted.markets),
        ("--orders", &mut capacities.orders, wanted.orders),
        ("--sessions", &mut rules.sessions, wanted.sessions),
    ]
}

/// The journal's rules with what the start asks for: `journaled` is the last record, `used` the one
/// under which the last command was taken in, if one was.
pub(super) fn wanted_rules<F: Files>(
    files: &F,
    wanted: &Wanted,
    journaled: Option<&Rules>,
    used: Option<&Rules>,
) -> Result<Rules, JournalError> {
    let path = files.path("");
    let mut rules = match journaled {
        // Commands under other rules were refused: there are none, or a snapshot covers them.
        Some(rules) => *rules,
        None => return new_rules(wanted, &files.draw_id()),
    };
    if wanted.withdraws_capacities {
        let mut open = used.copied().unwrap_or(Rules::new(Capacities::default(), rules.hash_key));
        for ((_, capacity, asked), (_, open, _)) in
            tables(&mut rules, wanted).into_iter().zip(tables(&mut open, wanted))
        {
            // What is asked for is compared with the least below.
            *capacity = match (asked, used) {
                (Some(_), None) => 1,
                _ => *open,
            };
        }
    }
    for (name, capacity, wanted) in tables(&mut rules, wanted) {
        let wanted = wanted.unwrap_or(*capacity);
        if wanted < *capacity {
            let journaled = *capacity;
            return Err(JournalError::SmallerCapacity { path, name, wanted, journaled });
        }
        *capacity = wanted;
    }
    let retention_ns = wanted.retention_ns.unwrap_or(rules.retention_ns);
    let journaled = rules.retention_ns;
    if is_shorter(retention_ns, journaled) && !wanted.shortens_retention {
        return Err(JournalError::ShorterRetention { path, wanted: retention_ns, journaled });
    }
    rules.retention_ns = retention_ns;
    // May be shorter without being asked twice: a client whose session was given up is told so when
    // it resumes, where a repeated id that was forgotten would be executed again in silence.
    rules.session_retention_ns = wanted.session_retention_ns.unwrap_or(rules.session_retention_ns);
    with_id_time(rules, wanted)
}

/// Whether ids are forgotten sooner under the retention `new` than under `old`, in nanoseconds; 0
/// is for ever.
fn is_shorter(new: u64, old: u64) -> bool {
    new != 0 && (old == 0 || new < old)
}

/// Refuses commands that were taken in under other rules than this program has.
pub(super) fn check_rules_version<F: Files>(files: &F, rules: &Rules) -> Result<(), JournalError> {
    if rules.is_known() {
        return Ok(());
    }
    let (path, journaled, program) = (files.path(""), rules.version, rules.known_version());
    Err(JournalError::RulesVersion { path, journaled, program })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_ever_is_the_longest_retention() {
        //  new old is shorter
        let cases = [
            (0, 0, false),
            (0, 5, false),
            (5, 0, true),
            (5, 5, false),
            (4, 5, true),
            (6, 5, false),
        ];
        for (new, old, expected) in cases {
            assert_eq!(is_shorter(new, old), expected, "{new} after {old}");
        }
    }
}
