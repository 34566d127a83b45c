//! Answers that wait until somebody lets them go.

use std::sync::Arc;

use tokio::sync::watch;

/// The gate before held answers; clones are the same gate.
#[derive(Clone, Debug, Default)]
pub(super) struct Hold(Arc<watch::Sender<Stand>>);

#[derive(Debug, Default)]
struct Stand {
    waiting: usize,
    /// Counts the releases; an answer waits for the next one.
    round: u64,
}

/// One answer at the gate, also when its client hangs up.
struct PendingAnswer<'a> {
    hold: &'a Hold,
    round: u64,
}

impl Hold {
    /// Waits for the next release.
    pub(super) async fn wait(&self) {
        let mut stand = self.0.subscribe();
        let mut round = 0;
        self.0.send_modify(|stand| {
            stand.waiting += 1;
            round = stand.round;
        });
        let _waiting = PendingAnswer { hold: self, round };
        drop(stand.wait_for(|stand| stand.round != round).await);
    }

    /// Returns once an answer waits.
    pub(super) async fn held(&self) {
        drop(self.0.subscribe().wait_for(|stand| stand.waiting > 0).await);
    }

    /// Lets every answer go that waits now.
    pub(super) fn release(&self) {
        self.0.send_modify(|stand| {
            stand.waiting = 0;
            stand.round += 1;
        });
    }

    /// How many answers wait.
    pub(super) fn waiting(&self) -> usize {
        self.0.borrow().waiting
    }
}

impl Drop for PendingAnswer<'_> {
    fn drop(&mut self) {
        self.hold.0.send_modify(|stand| {
            if stand.round == self.round {
                stand.waiting = stand.waiting.saturating_sub(1);
            }
        });
    }
}
