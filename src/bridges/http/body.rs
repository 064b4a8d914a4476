//! The body of a request, as far as it is read: bounded in length, time, and beside the others.
//! Memory is taken as bytes come: what is only announced holds nothing.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, Incoming};
use hyper::{Request, StatusCode, Version};

use crate::App;
use crate::answer::Problem;
use crate::principals::Principal;
use crate::quiet::quietly;
use crate::room::{FIRST_ROOM, Room};

impl App {
    /// The whole body.
    ///
    /// # Errors
    ///
    /// If it is too long, too slow, ends early, or too many come at the same time.
    pub async fn body(
        &self,
        principal: &Principal,
        request: Request<Incoming>,
    ) -> Result<Bytes, Problem> {
        let bytes_max = self.options.limits.body_bytes;
        // Only there is the connection polled by the same task as what reads the body.
        let is_quiet = request.version() < Version::HTTP_2;
        let mut body = request.into_body();
        let size = body.size_hint();
        if size.lower() > bytes_max as u64 {
            return Err(too_long(bytes_max));
        }
        let first = match first_frame(&mut body, is_quiet).await.transpose().map_err(ends_early)? {
            Some(frame) => frame.into_data().unwrap_or_default(),
            None => Bytes::new(),
        };
        if body.is_end_stream() {
            // Nearly every body comes with its head: it needs no time and no room.
            return if first.len() > bytes_max { Err(too_long(bytes_max)) } else { Ok(first) };
        }
        let bytes_max = size.exact().map_or(bytes_max, |exact| bytes_max.min(exact as usize));
        let reading = gather(body, first, bytes_max, self.rooms.room(&principal.id));
        match tokio::time::timeout(self.options.limits.body_time, reading).await {
            Ok(read) => read,
            Err(_) => {
                let detail = "the body takes too long";
                Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", detail))
            }
        }
    }
}

/// `first` and the rest of the body, which take a room that grows as they come.
async fn gather(
    mut body: Incoming,
    first: Bytes,
    bytes_max: usize,
    mut room: Room<'_>,
) -> Result<Bytes, Problem> {
    let mut all = Vec::new();
    let mut next = Some(first);
    while let Some(piece) = next {
        let length = all.len() + piece.len();
        if length > bytes_max {
            return Err(too_long(bytes_max));
        }
        if length > room.bytes() {
            let wanted = length.max(2 * room.bytes()).max(FIRST_ROOM).min(bytes_max);
            if !room.grow_to(wanted) {
                return Err(Problem::busy("too many long bodies come at the same time"));
            }
            all.reserve_exact(wanted - all.len());
        }
        all.extend_from_slice(&piece);
        let frame = body.frame().await.transpose().map_err(ends_early)?;
        next = frame.map(|frame| frame.into_data().unwrap_or_default());
    }
    Ok(all.into())
}

fn too_long(bytes_max: usize) -> Problem {
    let detail = format!("the body has more than {bytes_max} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_long", detail)
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
