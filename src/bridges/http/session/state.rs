//! What is under way in a session, and what is known of its keys. Pure: it does no I/O.

use std::collections::VecDeque;

use ringfence_client::{Answer, AsyncSessionSender};
use ringfence_types::Command;
use tokio::sync::oneshot;

use super::keys::{KeyHash, Keys, Known, Tag};
use super::{Asked, Done, Pending, Trouble};

/// Tells one who waits.
type Waiter = oneshot::Sender<Result<Done, Trouble>>;

/// A batch that waits for its answers.
#[derive(Debug)]
pub struct Request {
    number: u64,
    tag: Option<Tag>,
    /// Kept until it is answered, to be sent again.
    batch: Vec<Command>,
    answers: Vec<Answer>,
    waiter: Waiter,
    /// Those who asked for the same later.
    more_waiters: Vec<Waiter>,
}

/// What is under way, and what is known of keys.
#[derive(Debug)]
pub struct State {
    /// Where batches go; `None` while there is no session.
    pub sender: Option<AsyncSessionSender>,
    /// What requests are recognised by.
    pub keys: Keys,
    /// Sequence of the last answer to a request that is answered whole.
    pub last_sequence: u64,
    under_way: VecDeque<Request>,
}

impl State {
    pub fn new(remember: usize) -> State {
        State {
            sender: None,
            keys: Keys::new(remember),
            last_sequence: 0,
            under_way: VecDeque::new(),
        }
    }

    pub fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Sends a batch, or finds out what became of it; gives it back where there is no session.
    pub fn ask(
        &mut self,
        batch: Vec<Command>,
        key: Option<KeyHash>,
        is_up: bool,
    ) -> Result<Result<Asked, Vec<Command>>, Trouble> {
        let tag = key.map(|key| Tag::of(key, &batch));
        if let Some((known_tag, known)) = key.and_then(|key| self.keys.get(key)) {
            if Some(*known_tag) != tag {
                return Err(Trouble::Conflict);
            }
            let outcome = match known {
                Known::Answered(done) => Pending::Here(done.clone()),
                Known::UnderWay(number) => {
                    let found = self.under_way.binary_search_by_key(number, |it| it.number);
                    let at = found.expect("what is under way waits for its answers");
                    Pending::Comes(self.under_way[at].wait())
                }
            };
            return Ok(Ok(Asked { is_repeat: true, outcome }));
        }
        if !is_up {
            return Err(Trouble::Away);
        }
        let Some(sender) = &self.sender else { return Ok(Err(batch)) };
        let number = match sender.try_send(&batch, tag.map_or(0, |tag| tag.0)) {
            Ok(Some(number)) => number,
            Ok(None) => return Err(Trouble::Busy),
            Err(_) => {
                self.sender = None;
                return Ok(Err(batch));
            }
        };
        if let Some(tag) = tag {
            self.keys.begin(tag, number);
        }
        let answers = Vec::with_capacity(batch.len());
        let (waiter, waits) = oneshot::channel();
        let more_waiters = Vec::new();
        self.under_way.push_back(Request { number, tag, batch, answers, waiter, more_waiters });
        Ok(Ok(Asked { is_repeat: false, outcome: Pending::Comes(waits) }))
    }

    /// The answer to a command of the oldest request.
    pub fn answer(&mut self, number: u64, answer: Answer, is_last: bool) {
        let Some(request) = self.under_way.front_mut().filter(|first| first.number == number)
        else {
            return;
        };
        let sequence = answer.sequence;
        request.answers.push(answer);
        if is_last {
            self.last_sequence = sequence;
            let answers = std::mem::take(&mut request.answers);
            self.finish(Done::Answers(answers.into()));
        }
    }

    /// The outcomes of the oldest request can no longer be had.
    pub fn lose(&mut self, number: u64) {
        if self.under_way.front().is_some_and(|first| first.number == number) {
            self.finish(Done::Lost);
        }
    }

    /// The oldest request is done.
    fn finish(&mut self, done: Done) {
        let Some(request) = self.under_way.pop_front() else { return };
        if let Some(tag) = request.tag {
            self.keys.answer(tag, done.clone());
        }
        request.tell(Ok(done));
    }

    /// A batch that an earlier connection had sent is answered.
    pub fn replayed(&mut self, number: u64, tag: u128, answers: Vec<Answer>, is_whole: bool) {
        let last_sequence = answers.last().map_or(0, |answer| answer.sequence);
        let done = if is_whole { Done::Answers(answers.into()) } else { Done::Lost };
        self.last_sequence = self.last_sequence.max(last_sequence);
        while self.under_way.front().is_some_and(|first| first.number < number) {
            self.finish(Done::Lost);
        }
        if self.under_way.front().is_some_and(|first| first.number == number) {
            self.finish(done);
        } else if tag != 0 {
            self.keys.answer(Tag(tag), done);
        }
    }

    /// Goes on with a new connection; `taken` is the last request that the engine has taken in. If
    /// it has `refused` one, it is the next. The others are sent again.
    pub fn go_on(&mut self, sender: AsyncSessionSender, taken: u64, refused: Option<&Trouble>) {
        while self.under_way.front().is_some_and(|first| first.number <= taken) {
            self.finish(Done::Lost);
        }
        if let Some(why) = refused
            && let Some(request) = self.under_way.pop_front()
        {
            self.refuse(request, why);
        }
        for mut request in std::mem::take(&mut self.under_way) {
            request.answers.clear();
            match sender.try_send(&request.batch, request.tag.map_or(0, |tag| tag.0)) {
                Ok(Some(number)) => {
                    request.number = number;
                    if let Some(tag) = request.tag {
                        self.keys.begin(tag, number);
                    }
                    self.under_way.push_back(request);
                }
                Ok(None) => self.refuse(request, &Trouble::Busy),
                Err(_) => self.refuse(request, &Trouble::Away),
            }
        }
        self.sender = Some(sender);
    }

    /// A request was not executed, and will not be.
    fn refuse(&mut self, request: Request, why: &Trouble) {
        if let Some(tag) = request.tag {
            self.keys.forget(tag);
        }
        request.tell(Err(why.clone()));
    }

    /// The session has ended for good.
    pub fn give_up(&mut self, why: &Trouble) {
        self.sender = None;
        self.keys.clear();
        for request in self.under_way.drain(..) {
            request.tell(Err(why.clone()));
        }
    }
}

impl Request {
    fn wait(&mut self) -> oneshot::Receiver<Result<Done, Trouble>> {
        let (waiter, waits) = oneshot::channel();
        self.more_waiters.push(waiter);
        waits
    }

    fn tell(self, done: Result<Done, Trouble>) {
        for waiter in self.more_waiters {
            // It fails where nobody waits any more.
            let _ = waiter.send(done.clone());
        }
        let _ = self.waiter.send(done);
    }
}
