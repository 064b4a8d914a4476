//! A connection is not polled again for what its own request does while it is being polled.
//!
//! hyper's connection wakes its task whenever a piece of a body is taken, so that it reads on; also
//! where the body has ended, and nothing is left to read. Then the task would be polled once more
//! for nothing, perhaps by another thread.
//!
//! # Invariants
//!
//! * What is not done [`quietly`], and what other threads do, wakes the task as ever.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

thread_local! {
    /// Whether this thread wakes no connection just now.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Does something that wakes no [`Connection`].
pub fn quietly<R>(work: impl FnOnce() -> R) -> R {
    /// Ends it also where the work panics.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            IS_QUIET.set(false);
        }
    }
    IS_QUIET.set(true);
    let _end = End;
    work()
}

/// Wakes a task, except from within [`quietly`].
struct Unless(Waker);

impl Wake for Unless {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !IS_QUIET.get() {
            self.0.wake_by_ref();
        }
    }
}

/// A connection whose task is not woken by what is done [`quietly`].
pub struct Connection<F> {
    inner: Pin<Box<F>>,
    /// The waker of the task, and the one that the connection gets instead.
    wakers: Option<(Waker, Waker)>,
}

impl<F> Connection<F> {
    /// Of a future that serves one.
    pub fn new(inner: F) -> Connection<F> {
        Connection { inner: Box::pin(inner), wakers: None }
    }
}

impl<F: Future> Future for Connection<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Connection { inner, wakers } = &mut *self;
        let task = context.waker();
        if wakers.as_ref().is_none_or(|(known, _)| !known.will_wake(task)) {
            *wakers = Some((task.clone(), Arc::new(Unless(task.clone())).into()));
        }
        let (_, waker) = wakers.as_ref().expect("they were just made");
        inner.as_mut().poll(&mut Context::from_waker(waker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_connection_is_woken_except_quietly() {
        let count = Arc::new(Count::default());
        let task = Waker::from(Arc::clone(&count));
        let kept = RefCell::new(None);
        let mut connection = Connection::new(poll_fn(|context| {
            *kept.borrow_mut() = Some(context.waker().clone());
            quietly(|| context.waker().wake_by_ref());
            Poll::<()>::Pending
        }));
        let polled = Pin::new(&mut connection).poll(&mut Context::from_waker(&task));
        assert!(polled.is_pending());
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        let waker = kept.take().expect("it was polled");
        waker.wake_by_ref();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        quietly(|| {
            let other = std::thread::spawn(move || waker.wake());
            other.join().unwrap();
        });
        assert_eq!(count.0.load(Ordering::Relaxed), 2, "another thread's wake is passed on");
    }
}
