//! An answer as it goes back over the connection, whole or broken on purpose.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::Response;
use serde_json::Value;

/// An answer before it is written; `status` is 0 when there is none.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) content: Content,
    /// It waits at the gate before it is written.
    pub(super) is_held: bool,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Content {
    /// These bytes, and a proper end.
    Whole(Bytes),
    /// These bytes, and then the connection breaks.
    Broken(Bytes),
    /// Spaces that never end.
    Endless,
    /// No answer at all: the connection is closed.
    Closed,
}

impl Reply {
    /// An answer in JSON.
    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self::text(status, "application/json", value.to_string())
    }

    /// An answer of any other content type.
    pub(super) fn text(status: u16, content_type: &str, text: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            content: Content::Whole(text.into()),
            is_held: false,
        }
    }

    /// No answer: the connection is closed.
    pub(super) fn closed() -> Self {
        Self { status: 0, headers: Vec::new(), content: Content::Closed, is_held: false }
    }

    /// Changes the body of an answer that is whole; any other stays as it is.
    pub(super) fn map_content(mut self, change: impl FnOnce(Bytes) -> Content) -> Self {
        if let Content::Whole(bytes) = self.content {
            self.content = change(bytes);
        }
        self
    }

    /// The answer for hyper.
    ///
    /// # Errors
    /// If the connection is to be closed, which hyper does on any error.
    pub(super) fn into_response(self) -> Result<Response<ReplyBody>, io::Error> {
        let body = match self.content {
            Content::Whole(bytes) => ReplyBody::Whole(Some(bytes)),
            Content::Broken(bytes) => ReplyBody::Broken { piece: Some(bytes), was_flushed: false },
            Content::Endless => ReplyBody::Endless(Bytes::from_static(&[b' '; 16 * 1024])),
            Content::Closed => return Err(io::Error::other("the connection is closed on purpose")),
        };
        let mut answer = Response::builder().status(self.status);
        for (name, value) in self.headers {
            answer = answer.header(name, value);
        }
        answer.body(body).map_err(io::Error::other)
    }
}

/// The body of an answer as hyper polls it, piece by piece.
#[derive(Debug)]
pub(super) enum ReplyBody {
    Whole(Option<Bytes>),
    Broken { piece: Option<Bytes>, was_flushed: bool },
    Endless(Bytes),
}

impl Body for ReplyBody {
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
