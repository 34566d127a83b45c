//! Ids as a parameter: the service's own ids of rows are made here and nowhere else, so that tests and the demo can
//! have the same ones in every run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;
use uuid::timestamp::context::ContextV7;

use crate::clock::Timestamp;

/// Makes UUIDs of version 7 (36 characters), which sort by the time of their making. Clones never make the same id.
#[derive(Clone, Debug)]
pub struct Ids {
    /// The next number to count with; `None` for random ids.
    counter: Option<Arc<AtomicU64>>,
    /// Lets random ids of one millisecond sort in the order of their making.
    sequence: Arc<Mutex<ContextV7>>,
}

impl Ids {
    /// Ids that nobody can guess.
    pub fn random() -> Self {
        Self { counter: None, sequence: Arc::new(Mutex::new(ContextV7::new())) }
    }

    /// Ids that count up from zero, the same in every run: for tests and the demo.
    pub fn counted() -> Self {
        Self { counter: Some(Arc::default()), ..Self::random() }
    }

    /// A new id, made at the moment `now`.
    pub fn next(&self, now: Timestamp) -> String {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        if let Some(counter) = &self.counter {
            let count = counter.fetch_add(1, Ordering::Relaxed);
            let mut random = [0; 10];
            random[2..].copy_from_slice(&count.to_be_bytes());
            return uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string();
        }
        let sub_second = u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000;
        let sequence = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
        Uuid::new_v7(uuid::Timestamp::from_unix(&*sequence, millis / 1000, sub_second)).to_string()
    }
}
