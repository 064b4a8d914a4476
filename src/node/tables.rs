//! The pages of the tables, had before the first command.
//!
//! A new engine takes its memory as the system gives it: addresses first, and a page when one is
//! touched. A command that touched a new page would wait for the system. So several threads have
//! all pages given before the engine runs, after the journal was brought back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::options::{Message, Report};
use ringfence_engine::{Engine, Pieces};

/// More threads than this only wait for the same memory.
const THREADS_MAX: usize = 16;

/// Has pages given to all tables, and reports how far that is.
pub(crate) fn make_ready(engine: &Engine, report: &mut Report) {
    let pieces = engine.growth().pieces();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(THREADS_MAX).min(pieces.count()).max(1);
    let of = pieces.bytes();
    tracing::info!("start: {} MiB of tables get their memory, by {threads} threads", of >> 20);
    let ready = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 1..threads {
            let thread = thread::Builder::new().name("ringfence-tables".to_owned());
            // Without it, the others do its work.
            drop(thread.spawn_scoped(scope, || while back_next(&pieces, &ready).is_some() {}));
        }
        while let Some(bytes) = back_next(&pieces, &ready) {
            report(Message::TablesReady { bytes, of });
        }
    });
    report(Message::TablesReady { bytes: of, of });
}

/// Has the next piece ready, and returns how many bytes are ready with it.
fn back_next(pieces: &Pieces, ready: &AtomicU64) -> Option<u64> {
    let bytes = pieces.back_next()?;
    // Relaxed: it is shown, and orders nothing.
    Some(ready.fetch_add(bytes, Ordering::Relaxed) + bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use ringfence_types::{Capacities, Rules};

    #[test]
    fn it_is_told_how_much_is_ready_up_to_all_of_it() {
        let told: Arc<Mutex<Vec<Message>>> = Arc::default();
        let telling = Arc::clone(&told);
        let mut report: Report = Box::new(move |message| telling.lock().unwrap().push(message));
        let capacities = Capacities { transfers: 1 << 20, ..Capacities::default() };
        let engine = Engine::new(&Rules::new(capacities, [1, 2])).unwrap();
        make_ready(&engine, &mut report);
        let all = engine.growth().pieces().bytes();
        assert!(all > 100 << 20, "{all} bytes");
        let told = told.lock().unwrap();
        assert_eq!(told.last(), Some(&Message::TablesReady { bytes: all, of: all }));
        for message in told.iter() {
            let Message::TablesReady { bytes, of } = *message else { panic!("{message:?}") };
            assert!(0 < bytes && bytes <= of, "{message:?}");
        }
    }
}
