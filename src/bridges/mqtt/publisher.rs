//! Messages that are sent and confirmed by a task of its own.

use std::collections::{HashMap, VecDeque};

use ringfence_bridge_core::Failure;
use tokio::sync::{mpsc, oneshot, watch};

use crate::link::{Link, Received};
use crate::packet::{Publication, WriteError};

/// Tells how it ended: everything is confirmed, or why not.
type Ended = oneshot::Sender<Result<(), Failure>>;

/// Sends messages over a connection. Dropping it ends the connection.
#[derive(Debug)]
pub(crate) struct Publisher {
    batches: mpsc::UnboundedSender<(Vec<Publication>, Ended)>,
    /// Why the connection has ended, once it has.
    lost: watch::Receiver<Option<Failure>>,
}

impl Publisher {
    pub fn start(link: Link) -> Publisher {
        let (batches, received) = mpsc::unbounded_channel();
        let (lose, lost) = watch::channel(None);
        let task = Task {
            link,
            batches: received,
            queue: VecDeque::new(),
            on_their_way: HashMap::new(),
            unconfirmed: HashMap::new(),
            next_batch: 0,
        };
        tokio::spawn(task.run(lose));
        Publisher { batches, lost }
    }

    /// Waits until the connection ends, and says why.
    pub async fn lost(&mut self) -> Failure {
        let lost = self.lost.wait_for(Option::is_some).await;
        let failure = lost.ok().and_then(|lost| lost.clone());
        failure.unwrap_or_else(|| Failure::retry("the connection to the broker is lost"))
    }

    /// Sends messages in their order. What it returns ends when all are confirmed.
    pub fn publish(
        &self,
        publications: Vec<Publication>,
    ) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        let (ended, end) = oneshot::channel();
        // It fails where the task has ended, and drops `ended`.
        let _ = self.batches.send((publications, ended));
        async move {
            end.await
                .unwrap_or_else(|_| Err(Failure::retry("the connection to the broker is lost")))
        }
    }
}

struct Task {
    link: Link,
    batches: mpsc::UnboundedReceiver<(Vec<Publication>, Ended)>,
    /// What waits for room, with the number of its batch.
    queue: VecDeque<(Publication, u64)>,
    /// The batch of each message that is sent and not confirmed.
    on_their_way: HashMap<u16, u64>,
    /// How many of each batch are not confirmed.
    unconfirmed: HashMap<u64, (usize, Ended)>,
    next_batch: u64,
}

impl Task {
    async fn run(mut self, lose: watch::Sender<Option<Failure>>) {
        match self.serve().await {
            Ok(()) => self.link.end().await,
            Err(failure) => {
                for (_, (_, ended)) in self.unconfirmed.drain() {
                    // It fails where nobody waits any more.
                    let _ = ended.send(Err(failure.clone()));
                }
                lose.send_replace(Some(failure));
            }
        }
    }

    async fn serve(&mut self) -> Result<(), Failure> {
        loop {
            self.send()?;
            tokio::select! {
                batch = self.batches.recv() => match batch {
                    Some((publications, ended)) => self.take_in(publications, ended),
                    None => return Ok(()),
                },
                received = self.link.next() => {
                    if let Received::Confirmed { packet, refused } = received? {
                        self.confirm(packet, refused)?;
                    }
                }
            }
        }
    }

    fn take_in(&mut self, publications: Vec<Publication>, ended: Ended) {
        if publications.is_empty() {
            // It fails where nobody waits any more.
            let _ = ended.send(Ok(()));
            return;
        }
        let batch = self.next_batch;
        self.next_batch += 1;
        self.unconfirmed.insert(batch, (publications.len(), ended));
        self.queue.extend(publications.into_iter().map(|publication| (publication, batch)));
    }

    fn send(&mut self) -> Result<(), Failure> {
        while self.link.has_room()
            && let Some((publication, batch)) = self.queue.pop_front()
        {
            let topic = &publication.topic;
            let packet = self.link.publish(&publication).map_err(|error| match error {
                WriteError::TooLarge => {
                    let bytes = publication.body.len();
                    Failure::last(format!("{bytes} bytes to {topic}: more than the broker takes"))
                }
                WriteError::Other(why) => Failure::last(format!("sending to {topic}: {why}")),
            })?;
            self.on_their_way.insert(packet, batch);
        }
        Ok(())
    }

    fn confirm(&mut self, packet: u16, refused: Option<String>) -> Result<(), Failure> {
        let Some(batch) = self.on_their_way.remove(&packet) else { return Ok(()) };
        if let Some(reason) = refused {
            return Err(Failure::retry(format!("the broker refuses a message: {reason}")));
        }
        let Some((left, _)) = self.unconfirmed.get_mut(&batch) else { return Ok(()) };
        *left -= 1;
        if *left == 0
            && let Some((_, ended)) = self.unconfirmed.remove(&batch)
        {
            // It fails where nobody waits any more.
            let _ = ended.send(Ok(()));
        }
        Ok(())
    }
}
