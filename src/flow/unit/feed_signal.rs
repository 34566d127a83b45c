//! The signal that the change feed has grown.

use tokio::sync::watch;

/// The signal, within this process, that the change feed has grown or is closed, so that a reader's long poll need not
/// query the database again and again. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct FeedSignal(watch::Sender<FeedProgress>);

/// How far the feed has grown by the last signal.
#[derive(Clone, Copy, Debug, Default)]
pub struct FeedProgress {
    /// The number of its last change.
    last: i64,
    is_closed: bool,
}

impl FeedSignal {
    /// Wakes every receiver, if the feed has grown.
    pub(in crate::flow) fn tell(&self, last: i64) {
        self.0.send_if_modified(|heard| {
            let has_grown = last > heard.last;
            heard.last = heard.last.max(last);
            has_grown
        });
    }

    /// Ends every wait for the feed, because the process ends.
    pub fn close(&self) {
        self.0.send_modify(|heard| heard.is_closed = true);
    }

    /// Whether the process ends, so that waiting is of no use.
    pub fn is_closed(&self) -> bool {
        self.0.borrow().is_closed
    }

    /// A receiver that is woken by growth of the feed from now on.
    pub fn listen(&self) -> watch::Receiver<FeedProgress> {
        self.0.subscribe()
    }
}
