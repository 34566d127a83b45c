//! The link by which events leave.

use secrecy::SecretString;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{DatasetId, LaneId};

/// A dataset with the token that may write to it. Pages may share one: what stops it stops all of them, and mending it
/// once mends all of them.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Its id; empty as long as it is not kept.
    pub id: LaneId,
    /// The dataset to which its events are sent.
    pub dataset_id: DatasetId,
    /// The access token, which may write to the dataset.
    pub token: SecretString,
    /// Why nothing leaves until a person mends the link, with what to do.
    pub fault: Option<String>,
    /// Until when Meta throttles the dataset, on this lane and on every other one.
    pub throttled_until: Option<Timestamp>,
}

impl Lane {
    /// A link as somebody gives it, for which a lane is found or made when its Page is kept.
    pub fn new(dataset_id: DatasetId, token: SecretString) -> Self {
        Self { id: LaneId::from(""), dataset_id, token, fault: None, throttled_until: None }
    }

    /// Whether anything may leave at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.fault.is_none() && self.throttled_until.is_none_or(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_fault_stops_a_lane_until_it_is_mended_and_a_throttle_until_its_time() {
        let now = Timestamp::from_seconds(1_717_171_717);
        let lane = Lane::new(DatasetId::from("1"), "token".to_owned().into());
        assert!(lane.is_open(now));
        let broken = Lane { fault: Some("the token has ended".to_owned()), ..lane.clone() };
        assert!(!broken.is_open(now) && !broken.is_open(now + Duration::from_hours(24)));
        let until = now + Duration::from_secs(90);
        let throttled = Lane { throttled_until: Some(until), ..lane };
        assert!(!throttled.is_open(until - Duration::from_millis(1)));
        assert!(throttled.is_open(until));
        assert!(!format!("{throttled:?}").contains("token\""), "a token shows in no log");
    }
}
