//! What goes back over the line, whole or broken on purpose.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::Response;
use serde_json::Value;

/// An answer, before it is written.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) content: Content,
    /// It waits until it is let go.
    pub(super) is_held: bool,
}

/// How the bytes of an answer come.
#[derive(Debug)]
pub(super) enum Content {
    /// All of them.
    Whole(Bytes),
    /// These, and then the connection breaks.
    Broken(Bytes),
    /// Spaces without an end.
    Endless,
    /// No answer at all: the connection is closed.
    Closed,
}

impl Reply {
    /// An answer in JSON.
    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self::text(status, "application/json", value.to_string())
    }

    /// An answer of another kind.
    pub(super) fn text(status: u16, kind: &str, text: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type", kind.to_owned())],
            content: Content::Whole(text.into()),
            is_held: false,
        }
    }

    /// The connection is closed without an answer.
    pub(super) fn closed() -> Self {
        Self { status: 0, headers: Vec::new(), content: Content::Closed, is_held: false }
    }

    /// Changes how the bytes come.
    pub(super) fn cut(mut self, change: impl FnOnce(Bytes) -> Content) -> Self {
        if let Content::Whole(bytes) = self.content {
            self.content = change(bytes);
        }
        self
    }

    /// For the line; an `Err` closes the connection.
    pub(super) fn into_response(self) -> Result<Response<Wire>, io::Error> {
        let wire = match self.content {
            Content::Whole(bytes) => Wire::Whole(Some(bytes)),
            Content::Broken(bytes) => Wire::Broken { piece: Some(bytes), was_flushed: false },
            Content::Endless => Wire::Endless(Bytes::from_static(&[b' '; 16 * 1024])),
            Content::Closed => return Err(io::Error::other("the connection is closed on purpose")),
        };
        let mut answer = Response::builder().status(self.status);
        for (name, value) in self.headers {
            answer = answer.header(name, value);
        }
        answer.body(wire).map_err(io::Error::other)
    }
}

/// The bytes of an answer on their way.
#[derive(Debug)]
pub(super) enum Wire {
    Whole(Option<Bytes>),
    Broken { piece: Option<Bytes>, was_flushed: bool },
    Endless(Bytes),
}

impl Body for Wire {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Broken { piece, was_flushed } => match piece.take() {
                Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                // Waiting once makes the connection write what it has before it breaks.
                None if !*was_flushed => {
                    *was_flushed = true;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                None => Poll::Ready(Some(Err(io::Error::other("broken on purpose")))),
            },
            Self::Endless(spaces) => Poll::Ready(Some(Ok(Frame::data(spaces.clone())))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Broken { .. } | Self::Endless(_) => SizeHint::default(),
        }
    }
}
