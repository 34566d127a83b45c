//! Running a unit of work.

pub mod idempotency;

use crate::error::{ErrorKind, Result};

/// How often a unit is begun again when another writer stood in its way.
const CONTENTION_MAX: u32 = 8;

/// After so many of many things others may run.
const WAY_AFTER: usize = 16;

/// Lets others run, requests above all, who would wait for the thread until a unit over many things is through.
pub(in crate::flow) async fn give_way(place: usize) {
    if place % WAY_AFTER == WAY_AFTER - 1 {
        tokio::task::yield_now().await;
    }
}

/// Runs a unit, again while another writer stands in its way.
pub(in crate::flow) async fn retried<T, Unit: Future<Output = Result<T>>>(
    unit: impl Fn() -> Unit,
) -> Result<T> {
    let mut contended = 0;
    loop {
        match unit().await {
            Err(error) if error.kind == ErrorKind::Contended && contended < CONTENTION_MAX => contended += 1,
            done => return done,
        }
    }
}
