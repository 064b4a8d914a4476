//! Opening a session, and reading back what it has handed over before.

use ringfence_bridge_core::{LookBack, Replayed, Resumed, resume};
use ringfence_client::{AsyncSessionReceiver, ClientError, SessionOptions};

use super::{Session, Trouble};

impl Session {
    /// Opens the session for the first time: begins further back in the log until enough keys are
    /// known.
    pub(super) async fn open(&self) -> Result<AsyncSessionReceiver, ClientError> {
        let last = self.setting.monitor.last_sequence().await;
        let mut look_back = LookBack::new(last, 4 * self.setting.remember as u64);
        loop {
            self.lock().keys.clear();
            let Resumed { session, hello, begins_after, is_all } =
                match self.resume(look_back.after()).await {
                    Err(error) if look_back.is_corrected_by(&error) => continue,
                    resumed => resumed?,
                };
            let wanted = hello.last_request.min(self.setting.remember as u64);
            let is_enough = self.lock().keys.answered() as u64 >= wanted;
            if is_all || is_enough || look_back.is_far() {
                if !is_enough {
                    self.warn_of_few(begins_after);
                }
                let (sender, receiver) = session.split();
                let mut state = self.lock();
                state.sender = Some(sender);
                state.last_sequence = hello.last_sequence;
                return Ok(receiver);
            }
            look_back.go_further(hello.last_sequence);
        }
    }

    /// Says that keys are not known which `remember` promises: the log begins `after` a sequence.
    fn warn_of_few(&self, after: u64) {
        let known = self.lock().keys.answered();
        let remember = self.setting.remember;
        if after > 0 && known < remember {
            tracing::warn!(
                known,
                remember,
                "fewer keys are known than `remember` says, of one principal: the outcome log was \
                 read back to sequence {}; a request whose key is older is executed again \
                 (--outcome-log-keep)",
                after + 1
            );
        }
    }

    /// Opens the session again: the engine was away, or has `refused` a request and ended it.
    pub(super) async fn open_again(
        &self,
        refused: Option<&Trouble>,
    ) -> Result<AsyncSessionReceiver, ClientError> {
        let after = self.lock().last_sequence;
        let Resumed { session, hello, .. } = self.resume(after).await?;
        let (sender, receiver) = session.split();
        self.lock().go_on(sender, hello.last_request, refused);
        Ok(receiver)
    }

    /// Opens the session, and takes in what was handed over after the sequence `after`.
    async fn resume(&self, after: u64) -> Result<Resumed, ClientError> {
        let session = self.setting.session;
        let options =
            SessionOptions { session, last_sequence: after, gathers: true, ..Default::default() };
        let take = |batch: Replayed| {
            let request = batch.origin.request;
            self.lock().replayed(request.number, request.tag, batch.answers, batch.is_whole);
        };
        resume(&self.setting.engine, options, take).await
    }
}
