//! The body of a request, as far as it is read: bounded in length, time, and beside the others.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::{Request, StatusCode, Version};

use crate::App;
use crate::answer::Problem;
use crate::quiet::quietly;

impl App {
    /// The whole body.
    ///
    /// # Errors
    ///
    /// If it is too long, too slow, ends early, or too many come at the same time.
    pub async fn body(&self, request: Request<Incoming>) -> Result<Bytes, Problem> {
        let bytes_max = self.options.limits.body_bytes;
        let too_long = || {
            let detail = format!("the body has more than {bytes_max} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_long", detail)
        };
        // Only there is the connection polled by the same task as what reads the body.
        let is_quiet = request.version() < Version::HTTP_2;
        let mut body = request.into_body();
        let size = body.size_hint();
        if size.lower() > bytes_max as u64 {
            return Err(too_long());
        }
        let first = match first_frame(&mut body, is_quiet).await.transpose().map_err(ends_early)? {
            Some(frame) => frame.into_data().unwrap_or_default(),
            None => Bytes::new(),
        };
        if body.is_end_stream() {
            // Nearly every body comes with its head: it needs no time and no room.
            return if first.len() > bytes_max { Err(too_long()) } else { Ok(first) };
        }
        let bytes = size.exact().unwrap_or(bytes_max as u64).min(bytes_max as u64);
        let room = self.bodies.try_acquire_many(bytes.div_ceil(1024) as u32);
        let room = room.map_err(|_| Problem::busy("too many long bodies come at the same time"))?;
        let left = bytes_max.checked_sub(first.len()).ok_or_else(too_long)?;
        let collecting = Limited::new(body, left).collect();
        let whole = match tokio::time::timeout(self.options.limits.body_time, collecting).await {
            Ok(Ok(rest)) => {
                let mut all = first.chain(rest.aggregate());
                Ok(all.copy_to_bytes(all.remaining()))
            }
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
            Ok(Err(error)) => Err(ends_early(error)),
            Err(_) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                "the body takes too long",
            )),
        };
        drop(room);
        whole
    }
}

fn ends_early(error: impl std::fmt::Display) -> Problem {
    Problem::bad("bad_body", format!("the body ends early: {error}"))
}

/// What has come of the body.
async fn first_frame(
    body: &mut Incoming,
    is_quiet: bool,
) -> Option<Result<Frame<Bytes>, hyper::Error>> {
    poll_fn(|context| {
        let mut poll = || Pin::new(&mut *body).poll_frame(context);
        let polled = if is_quiet { quietly(poll) } else { poll() };
        if is_quiet && !body.is_end_stream() {
            // The connection was not told to read on.
            context.waker().wake_by_ref();
        }
        match polled {
            Poll::Ready(first) => Poll::Ready(first),
            Poll::Pending => Poll::Ready(None),
        }
    })
    .await
}
