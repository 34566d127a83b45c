//! Request bodies with a deadline, within one budget of memory for all bodies that are being received.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

/// The most bytes that large bodies may take while they are received, all together: their senders are not known yet.
const ROOM: usize = 64 * 1024 * 1024;

/// The bytes of each body that do not count: nearly every webhook is smaller, and those are never turned away.
const SMALL: usize = 64 * 1024;

/// Pieces below this size are copied. A piece is a slice of the buffer that it was read into (8 KiB of hyper), which
/// would stay in memory as long as the piece does: a body that arrives byte by byte would take some thousand times its
/// length.
const COPIED: usize = 4096;

/// The bytes that large bodies take while they are received; clones share the count.
#[derive(Clone, Debug, Default)]
pub struct BodyBudget(Arc<AtomicUsize>);

/// The error that the budget has no room for a large body now.
#[derive(Debug)]
pub struct Crowded;

impl fmt::Display for Crowded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many large bodies are on their way")
    }
}

impl std::error::Error for Crowded {}

/// A body that fails if it is not whole `within` the time since it was first waited for, or if there is no
/// room for it.
pub struct TimedBody {
    body: Incoming,
    within: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    room: BodyBudget,
    length: usize,
}

impl TimedBody {
    /// `body`, which must be whole `within` this time.
    pub fn new(body: Incoming, within: Duration, room: BodyBudget) -> Self {
        Self { body, within, deadline: None, room, length: 0 }
    }

    /// Takes room in the budget for a further piece.
    fn hold(&mut self, piece: usize) -> Result<(), Crowded> {
        let before = self.held();
        self.length += piece;
        let more = self.held() - before;
        let taken = self.room.0.fetch_add(more, Ordering::Relaxed) + more;
        if more > 0 && taken > ROOM { Err(Crowded) } else { Ok(()) }
    }

    fn held(&self) -> usize {
        self.length.saturating_sub(SMALL)
    }
}

impl Drop for TimedBody {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.held(), Ordering::Relaxed);
    }
}

/// A piece that does not keep a larger buffer in memory.
fn apart(piece: Bytes) -> Bytes {
    if piece.len() < COPIED { Bytes::copy_from_slice(&piece) } else { piece }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            let frame = frame.map(|frame| frame.map(|frame| frame.map_data(apart)).map_err(BoxError::from));
            let piece = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref().map(Bytes::len));
            return match piece.map_or(Ok(()), |length| this.hold(length)) {
                Ok(()) => Poll::Ready(frame),
                Err(crowded) => Poll::Ready(Some(Err(crowded.into()))),
            };
        }
        let within = this.within;
        let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(within)));
        deadline.as_mut().poll(context).map(|()| Some(Err("the body did not come in time".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
