//! Threads that step stages until all have ended or one has failed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use super::{PipelineError, Role, Settings, ThreadPlan};
use crate::gateway::Progress;
use ringfence_ring::{Bell, Monitor, WaitStrategy, Waiter};

/// How often the thread that started the pipeline looks after it.
const TICK: Duration = Duration::from_millis(100);

/// Yields before the thread of the journal sleeps: some 70 µs. What completes a durable write may
/// have to run on its core, and not every kernel prefers it to a thread that only yields.
const JOURNAL_YIELDS: u16 = 100;

/// A stage that can be stepped.
pub(super) trait Run: Send {
    fn role(&self) -> Role;

    /// Does a bounded amount of work and does not wait.
    fn step(&mut self) -> Result<Progress, PipelineError>;
}

/// Steps `stages`, each thread of the placement its own, until all have ended. `bells` wake the
/// threads, in their order; `monitors` halt the rings when a stage fails.
///
/// # Errors
///
/// The first failure of a stage that was not itself told to stop. All threads have ended then.
pub(super) fn drive(
    stages: Vec<&mut dyn Run>,
    settings: &Settings,
    bells: &[Bell],
    monitors: &[Monitor],
    mut tick: impl FnMut(),
) -> Result<(), PipelineError> {
    // The kernel's workers that complete a write need a core, and may need this one: they get it
    // when a thread yields, or else only when it has used its time up, some 4 ms later. A hundred
    // spins before the first yield, each a look at all stages, took 40 µs of each write.
    let is_journaled = stages.iter().any(|stage| stage.role() == Role::Journal);
    let mut stages: Vec<Option<&mut dyn Run>> = stages.into_iter().map(Some).collect();
    let starter = thread::current();
    thread::scope(|scope| {
        let mut handles = Vec::new();
        let mut failure = None;
        for (plan, bell) in settings.placement.threads.iter().zip(bells) {
            let own = take_stages(&mut stages, plan);
            let strategy = match settings.wait {
                WaitStrategy::BusySpin if is_journaled => WaitStrategy::Yield,
                other => other,
            };
            let waiter = Waiter::new(strategy, bell.clone());
            let waiter = match (is_journaled, plan.roles.contains(&Role::Journal)) {
                (true, true) => waiter.without_spinning().with_yields(JOURNAL_YIELDS),
                (true, false) => waiter.without_spinning(),
                (false, _) => waiter,
            };
            let starter = starter.clone();
            let spawned =
                thread::Builder::new().name(thread_name(plan)).spawn_scoped(scope, move || {
                    let result = run_thread(own, plan, waiter, monitors, is_journaled);
                    starter.unpark();
                    result
                });
            match spawned {
                Ok(handle) => handles.push(handle),
                Err(error) => {
                    monitors.iter().for_each(|monitor| monitor.halt("a thread did not start"));
                    failure = Some(PipelineError::Thread(error));
                    break;
                }
            }
        }
        while handles.iter().any(|handle| !handle.is_finished()) {
            thread::park_timeout(TICK);
            tick();
        }
        for handle in handles {
            let result = handle.join().expect("a stage's panic is caught in its thread");
            match (&failure, result) {
                (_, Ok(())) => {}
                // What stopped the others says more than that they were stopped.
                (None | Some(PipelineError::Halted(_)), Err(error)) => failure = Some(error),
                (Some(_), Err(_)) => {}
            }
        }
        failure.map_or(Ok(()), Err)
    })
}

/// Takes out the stages of one thread, in their order.
fn take_stages<'a>(
    stages: &mut [Option<&'a mut dyn Run>],
    plan: &ThreadPlan,
) -> Vec<&'a mut dyn Run> {
    let take = |role| {
        let of_role = |stage: &&mut Option<&mut dyn Run>| {
            stage.as_ref().is_some_and(|stage| stage.role() == role)
        };
        // The journal is the one stage that may be missing.
        stages.iter_mut().find(of_role).and_then(Option::take)
    };
    plan.roles.iter().copied().filter_map(take).collect()
}

fn thread_name(plan: &ThreadPlan) -> String {
    // Linux shows 15 bytes of it.
    let letters: String = plan.roles.iter().map(|role| &role.name()[..1]).collect();
    format!("ringfence-{letters}")
}

fn run_thread(
    mut stages: Vec<&mut dyn Run>,
    plan: &ThreadPlan,
    mut waiter: Waiter,
    monitors: &[Monitor],
    yields: bool,
) -> Result<(), PipelineError> {
    if let Some(id) = plan.core {
        // A core that may not be used was refused earlier; a failure here costs speed alone.
        core_affinity::set_for_current(core_affinity::CoreId { id });
    }
    let mut running = None;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        loop {
            let mut worked = false;
            let mut ended = 0;
            for stage in &mut stages {
                running = Some(stage.role());
                match stage.step()? {
                    Progress::Worked => worked = true,
                    Progress::Idle => {}
                    Progress::Ended => ended += 1,
                }
            }
            if ended == stages.len() {
                return Ok(());
            }
            if !worked {
                waiter.wait();
                continue;
            }
            waiter.reset();
            if yields {
                thread::yield_now();
            }
        }
    }));
    let result = outcome.unwrap_or_else(|panic| {
        Err(PipelineError::Panicked {
            stage: running.map_or("", Role::name).to_owned(),
            message: panic_message(&*panic),
        })
    });
    if let Err(error) = &result {
        let message = error.to_string();
        monitors.iter().for_each(|monitor| monitor.halt(&message));
    }
    result
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
