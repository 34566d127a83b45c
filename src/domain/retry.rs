//! Exponential back-off: when a request that failed is tried again. Every sender uses it, with bounds of its own; how
//! often something is tried at all is the sender's to decide.

use std::time::Duration;

use crate::clock::Timestamp;

/// The bounds of a wait that doubles with each failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// The doubling stops here.
    pub longest: Duration,
}

impl Backoff {
    /// When to try again after `tries` failures, the last of them at `now`. Fewer than one count as one.
    pub fn next(self, now: Timestamp, tries: i64) -> Timestamp {
        let doublings = u32::try_from(tries.saturating_sub(1).clamp(0, 16)).unwrap_or(0);
        now + self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let backoff = Backoff { first: Duration::from_secs(5), longest: Duration::from_mins(15) };
        let now = Timestamp::from_seconds(1_000);
        for (tries, seconds) in
            [(0, 5), (1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (100, 900), (i64::MAX, 900)]
        {
            assert_eq!(backoff.next(now, tries).since(now).as_secs(), seconds, "after {tries} tries");
        }
    }
}
