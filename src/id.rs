//! Ids as a parameter: our own names for rows, made here and nowhere else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;
use uuid::timestamp::context::ContextV7;

use crate::clock::Timestamp;

/// Makes ids that sort by the time of their making (UUID version 7, 36 characters).
#[derive(Clone, Debug)]
pub struct Ids {
    counted: Option<Arc<AtomicU64>>,
    /// Keeps ids of one millisecond in the order of their making.
    sequence: Arc<Mutex<ContextV7>>,
}

impl Ids {
    /// Ids that nobody can guess.
    pub fn random() -> Self {
        Self { counted: None, sequence: Arc::new(Mutex::new(ContextV7::new())) }
    }

    /// Ids that count up from zero, the same in every run: for tests and the demo.
    pub fn counted() -> Self {
        Self { counted: Some(Arc::default()), ..Self::random() }
    }

    /// A new id, made at `now`.
    pub fn next(&self, now: Timestamp) -> String {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        if let Some(counter) = &self.counted {
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
