//! Which stage runs on which thread, and which thread on which core.

use std::fmt;
use std::str::FromStr;
use std::thread;

/// A stage of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Takes commands in: decodes, orders, stamps.
    Gateway,
    /// Makes commands durable.
    Journal,
    /// Finds out who may pay.
    Risk,
    /// Moves money.
    Settle,
    /// Sends outcomes out.
    Publish,
}

impl Role {
    /// Every stage, in the order in which a command meets them.
    pub const ALL: [Role; 5] =
        [Role::Gateway, Role::Journal, Role::Risk, Role::Settle, Role::Publish];

    /// The name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::Gateway => "gateway",
            Role::Journal => "journal",
            Role::Risk => "risk",
            Role::Settle => "settle",
            Role::Publish => "publish",
        }
    }
}

/// One thread: the stages that share it, in the order in which they are stepped, and its core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadPlan {
    /// The stages.
    pub roles: Vec<Role>,
    /// The core that the thread is pinned to; `None` where the system decides.
    pub core: Option<usize>,
}

/// A map of all stages to threads, and of threads to cores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The threads; together they run each stage once.
    pub threads: Vec<ThreadPlan>,
}

/// What `--cores` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cores {
    /// As many of the cores that this process may use as there is use for.
    Auto,
    /// One thread on each of these, in this order; a core that stands twice runs two threads.
    List(Vec<usize>),
}

/// Why a list of cores is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither `auto` nor a list of cores such as `0,1` or `0-3`")]
pub struct CoresError(String);

impl FromStr for Cores {
    type Err = CoresError;

    fn from_str(text: &str) -> Result<Cores, CoresError> {
        if text == "auto" {
            return Ok(Cores::Auto);
        }
        let error = || CoresError(text.to_owned());
        let mut list = Vec::new();
        for part in text.split(',') {
            match part.split_once('-') {
                None => list.push(part.trim().parse().map_err(|_| error())?),
                Some((first, last)) => {
                    let first: usize = first.trim().parse().map_err(|_| error())?;
                    let last: usize = last.trim().parse().map_err(|_| error())?;
                    if first > last || last - first >= 1024 {
                        return Err(error());
                    }
                    list.extend(first..=last);
                }
            }
        }
        Ok(Cores::List(list))
    }
}

impl Placement {
    /// The stages spread over `cores`, one thread for each of them, as far as there are stages.
    ///
    /// Neighbours share a thread where there are fewer cores than stages. On two, the gateway's
    /// copying and the look-ups of accounts stand against the balances and the ids of transfers:
    /// of the ways to cut the pipeline in two that is the most even one. The gateway is the
    /// first to get a core of its own, because decoding is what grows with the input's format.
    ///
    /// # Panics
    ///
    /// If `cores` is empty.
    #[must_use]
    pub fn on(cores: &[usize]) -> Placement {
        use Role::{Gateway, Journal, Publish, Risk, Settle};
        let groups: &[&[Role]] = match cores.len() {
            0 => panic!("a placement needs at least one core"),
            1 => &[&[Gateway, Journal, Risk, Settle, Publish]],
            2 => &[&[Gateway, Journal, Risk], &[Settle, Publish]],
            3 => &[&[Gateway], &[Journal, Risk], &[Settle, Publish]],
            4 => &[&[Gateway], &[Journal, Risk], &[Settle], &[Publish]],
            _ => &[&[Gateway], &[Journal], &[Risk], &[Settle], &[Publish]],
        };
        let threads = groups
            .iter()
            .zip(cores)
            .map(|(roles, &core)| ThreadPlan { roles: roles.to_vec(), core: Some(core) })
            .collect();
        Placement { threads }
    }

    /// What `wanted` means on this machine.
    ///
    /// # Errors
    ///
    /// A sentence that names the first core in the list that this process may not use.
    pub fn resolve(wanted: &Cores) -> Result<Placement, String> {
        let usable: Vec<usize> =
            core_affinity::get_core_ids().unwrap_or_default().iter().map(|core| core.id).collect();
        match wanted {
            Cores::Auto if usable.is_empty() => {
                // The system does not tell: one thread for each half, wherever it puts them.
                let mut placement = Placement::on(&[0, 1]);
                placement.threads.iter_mut().for_each(|thread| thread.core = None);
                Ok(placement)
            }
            Cores::Auto => Ok(Placement::on(&usable)),
            Cores::List(list) => {
                match list.iter().find(|core| !usable.is_empty() && !usable.contains(core)) {
                    Some(core) => Err(format!(
                        "core {core} is not among those that this process may use: {usable:?}"
                    )),
                    None => Ok(Placement::on(list)),
                }
            }
        }
    }

    /// Lets the journal's thread change places with the one on whose core `durable_write_ns` says the
    /// least, called on a thread that is pinned there.
    ///
    /// A disk tells one core that a write is done. A thread that sleeps on another has to be woken
    /// from there, which takes 20 µs where cores are virtual and idle: a fifth of the write itself.
    pub fn bring_journal_near(&mut self, durable_write_ns: impl Fn() -> Option<u64> + Sync) {
        let measure = |core: usize| {
            thread::scope(|scope| {
                let pinned = thread::Builder::new().spawn_scoped(scope, || {
                    core_affinity::set_for_current(core_affinity::CoreId { id: core })
                        .then(&durable_write_ns)
                        .flatten()
                });
                pinned.ok()?.join().ok().flatten()
            })
        };
        let has_journal = |thread: &ThreadPlan| thread.roles.contains(&Role::Journal);
        let Some(own) = self.threads.iter().position(has_journal) else { return };
        if self.distinct_cores() < 2 {
            return;
        }
        let taken_ns: Vec<Option<u64>> =
            self.threads.iter().map(|thread| thread.core.and_then(measure)).collect();
        let quickest = (0..taken_ns.len()).min_by_key(|&index| taken_ns[index].unwrap_or(u64::MAX));
        if let Some((quickest, own_ns)) = quickest.zip(taken_ns[own])
            && let Some(quickest_ns) = taken_ns[quickest]
            // Less proves nothing.
            && quickest_ns < own_ns - own_ns / 10
        {
            let core = self.threads[own].core;
            self.threads[own].core = self.threads[quickest].core;
            self.threads[quickest].core = core;
        }
    }

    /// How many different cores the threads are pinned to.
    #[must_use]
    pub fn distinct_cores(&self) -> usize {
        let mut cores: Vec<usize> = self.threads.iter().filter_map(|thread| thread.core).collect();
        cores.sort_unstable();
        cores.dedup();
        cores.len()
    }

    /// Whether each stage has a core of its own.
    #[must_use]
    pub fn is_one_stage_a_core(&self) -> bool {
        self.threads.len() == Role::ALL.len() && self.distinct_cores() == self.threads.len()
    }
}

impl fmt::Display for Placement {
    /// `gateway+journal+risk@0 settle+publish@1`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, thread) in self.threads.iter().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            let names: Vec<&str> = thread.roles.iter().map(|role| role.name()).collect();
            write!(f, "{separator}{}", names.join("+"))?;
            if let Some(core) = thread.core {
                write!(f, "@{core}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placement_runs_each_stage_once_in_order() {
        for count in 1..=9 {
            let cores: Vec<usize> = (0..count).collect();
            let placement = Placement::on(&cores);
            let roles: Vec<Role> =
                placement.threads.iter().flat_map(|thread| thread.roles.clone()).collect();
            assert_eq!(roles, Role::ALL, "{placement}");
            assert!(placement.threads.len() <= count);
        }
    }

    #[test]
    fn lists_of_cores_are_read_as_people_write_them() {
        let cases = [
            ("auto", Some(Cores::Auto)),
            ("0", Some(Cores::List(vec![0]))),
            ("1,0", Some(Cores::List(vec![1, 0]))),
            ("0-2,5", Some(Cores::List(vec![0, 1, 2, 5]))),
            ("0,0", Some(Cores::List(vec![0, 0]))),
            ("", None),
            ("2-1", None),
            ("a", None),
            ("0,", None),
            ("0-99999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }

    #[test]
    fn the_journal_goes_to_the_core_that_the_disk_tells() {
        let usable = core_affinity::get_core_ids().unwrap_or_default();
        let [first, second, ..] = usable[..] else {
            eprintln!("there are no two cores here: nothing to place");
            return;
        };
        //  first      second     the journal's core
        let cases = [
            (Some(90), Some(70), second.id),
            (Some(70), Some(90), first.id),
            (Some(90), Some(85), first.id),
            (None, Some(70), first.id),
            (Some(70), None, first.id),
            (None, None, first.id),
        ];
        for (on_first, on_second, expected) in cases {
            let mut placement = Placement::on(&[first.id, second.id]);
            placement.bring_journal_near(|| {
                let here = core_affinity::get_core_ids().unwrap();
                assert_eq!(here.len(), 1, "the thread is pinned");
                if here[0].id == first.id { on_first } else { on_second }
            });
            let name = format!("{on_first:?} {on_second:?}: {placement}");
            assert_eq!(placement.threads[0].core, Some(expected), "{name}");
            assert_eq!(placement.distinct_cores(), 2, "{name}");
        }
    }

    #[test]
    fn a_placement_shows_stages_and_cores() {
        assert_eq!(Placement::on(&[0, 1]).to_string(), "gateway+journal+risk@0 settle+publish@1");
    }
}
