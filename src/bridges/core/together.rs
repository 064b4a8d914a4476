//! A channel that carries as many things at once as there are: its cost is per hand-over.

use tokio::sync::mpsc;

/// Where things go, at least one at a time.
pub(crate) type Giving<T> = mpsc::UnboundedSender<Vec<T>>;

/// Takes what comes together one by one.
#[derive(Debug)]
pub(crate) struct Together<T> {
    receiver: mpsc::UnboundedReceiver<Vec<T>>,
    here: std::vec::IntoIter<T>,
}

impl<T> Together<T> {
    /// A channel.
    pub fn channel() -> (Giving<T>, Together<T>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Together { receiver, here: Vec::new().into_iter() })
    }

    /// What comes next; `None` where nothing more will. May be dropped while it waits.
    pub async fn recv(&mut self) -> Option<T> {
        loop {
            if let Some(next) = self.here.next() {
                return Some(next);
            }
            self.here = self.receiver.recv().await?.into_iter();
        }
    }

    /// What comes next, if it is there already.
    pub fn try_recv(&mut self) -> Option<T> {
        loop {
            if let Some(next) = self.here.next() {
                return Some(next);
            }
            self.here = self.receiver.try_recv().ok()?.into_iter();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_came_together_is_taken_one_by_one() {
        let (giving, mut taking) = Together::channel();
        for all in [vec![1, 2], Vec::new(), vec![3]] {
            giving.send(all).unwrap();
        }
        assert_eq!(taking.recv().await, Some(1));
        assert_eq!(taking.try_recv(), Some(2));
        assert_eq!(taking.try_recv(), Some(3));
        assert_eq!(taking.try_recv(), None);
        drop(giving);
        assert_eq!(taking.recv().await, None);
    }
}
