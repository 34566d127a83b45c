//! A gate for answers: they wait at it until somebody opens it, so that a test can look at the time between a
//! request that Meta has taken and its answer.

use std::sync::Arc;

use tokio::sync::watch;

/// The gate; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<watch::Sender<GateState>>);

#[derive(Debug, Default)]
struct GateState {
    /// Answers that wait now.
    waiting: usize,
    /// Counts how often the gate was opened; an answer waits for the next time.
    round: u64,
}

/// Counts one answer as waiting until it is dropped, which happens too when its client hangs up.
struct WaitingAnswer<'a> {
    gate: &'a Gate,
    round: u64,
}

impl Gate {
    /// Waits until the gate is opened once more.
    pub(super) async fn wait(&self) {
        let mut state = self.0.subscribe();
        let mut round = 0;
        self.0.send_modify(|state| {
            state.waiting += 1;
            round = state.round;
        });
        let _waiting = WaitingAnswer { gate: self, round };
        drop(state.wait_for(|state| state.round != round).await);
    }

    /// Returns once an answer waits.
    pub(super) async fn is_reached(&self) {
        drop(self.0.subscribe().wait_for(|state| state.waiting > 0).await);
    }

    /// Lets every answer go that waits now.
    pub(super) fn open(&self) {
        self.0.send_modify(|state| {
            state.waiting = 0;
            state.round += 1;
        });
    }

    /// How many answers wait.
    pub(super) fn waiting(&self) -> usize {
        self.0.borrow().waiting
    }
}

impl Drop for WaitingAnswer<'_> {
    fn drop(&mut self) {
        self.gate.0.send_modify(|state| {
            // Once the gate was opened, this answer is no longer counted.
            if state.round == self.round {
                state.waiting = state.waiting.saturating_sub(1);
            }
        });
    }
}
