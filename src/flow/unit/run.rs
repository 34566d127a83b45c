//! The runner of units of work: the only place that begins one, tries it again on contention, replays the answer of
//! an idempotent request, and commits.
//!
//! A unit of work is one transaction: all that a verb writes, or nothing. Its name is that of the failpoints around
//! its commit.

use std::marker::PhantomData;
use std::pin::Pin;

use crate::error::{Error, ErrorKind, Result};
use crate::flow::unit::idempotency::{Claim, Idempotent, IdempotentRequest, Reply};
use crate::flow::unit::services::Services;
use crate::store::Unit;

/// How often a contended unit of work is begun again, without a pause: what was in its way has committed, or is waited
/// for.
const CONTENTION_MAX: u32 = 8;

/// After so many things a unit over many of them yields to other tasks.
const YIELD_AFTER: usize = 16;

/// The steps of a unit of work, as a boxed future: the type of a future that borrows its unit has no name.
pub(in crate::flow) type Steps<'unit, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'unit>>;

/// The bound that what the steps borrow (`'env`) outlives their unit of work (`'unit`). It is a parameter because such
/// a bound can't be written in `for<'unit>`; it holds no data.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct Within<'unit, 'env: 'unit>(PhantomData<&'unit &'env ()>);

/// Runs the unit of work `name` and commits it; begins it again when it was contended, so that `work` must change nothing
/// but through its unit.
///
/// # Errors
/// What the `work` fails with: then nothing of it is written.
pub(in crate::flow) async fn run<'env, T>(
    services: &Services,
    name: &'static str,
    work: impl for<'unit> Fn(&'unit mut Unit, Within<'unit, 'env>) -> Steps<'unit, T> + Send + Sync,
) -> Result<T> {
    let mut tries = Tries::default();
    loop {
        match run_once(services, name, &work).await {
            Err(error) if tries.another_after(&error) => {}
            done => return done,
        }
    }
}

/// Runs the unit of work `name` without another try, for the tag batch: when contended, it runs its tags one by one.
pub(in crate::flow) async fn run_once<'env, T>(
    services: &Services,
    name: &'static str,
    work: impl for<'unit> Fn(&'unit mut Unit, Within<'unit, 'env>) -> Steps<'unit, T> + Send + Sync,
) -> Result<T> {
    let mut unit = services.store.begin(name).await?;
    let done = work(&mut unit, Within(PhantomData)).await?;
    unit.commit().await?;
    Ok(done)
}

/// Runs the unit of work `name` for a request that may come again: the same request gets its first answer, which is
/// stored in the same transaction as its effect, and has no second effect.
///
/// # Errors
/// What the `work` fails with: then nothing of it is written. 422 for an Idempotency-Key that came with another body.
pub(in crate::flow) async fn answer<'env, T: Sync>(
    services: &Services,
    name: &'static str,
    request: &IdempotentRequest<T>,
    work: impl for<'unit> Fn(&'unit mut Unit, Within<'unit, 'env>) -> Steps<'unit, T> + Send + Sync,
) -> Result<Idempotent<T>> {
    let mut tries = Tries::default();
    loop {
        match answer_once(services, name, request, &work).await {
            Err(error) if tries.another_after(&error) => {}
            answered => return answered,
        }
    }
}

async fn answer_once<'env, T: Sync>(
    services: &Services,
    name: &'static str,
    request: &IdempotentRequest<T>,
    work: impl for<'unit> Fn(&'unit mut Unit, Within<'unit, 'env>) -> Steps<'unit, T> + Send + Sync,
) -> Result<Idempotent<T>> {
    let now = services.clock.now();
    let mut unit = services.store.begin(name).await?;
    if let Some(reply) = request.replay(&mut unit, now).await? {
        return Ok(Idempotent::Replayed(reply));
    }
    let done = work(&mut unit, Within(PhantomData)).await?;
    request.store(&mut unit, &done, now).await?;
    unit.commit().await?;
    Ok(Idempotent::Done(done))
}

/// The stored answer of the same request, for a request that was refused before its verb ran. If there is none, and a
/// later try would get the same (`is_final`), `reply` is stored as the first answer.
///
/// # Errors
/// 422 when the body was another one.
pub async fn first_answer(
    services: &Services,
    claim: &Claim,
    reply: &Reply,
    is_final: bool,
) -> Result<Option<Reply>> {
    let now = services.clock.now();
    if !is_final {
        return claim.replay(&mut services.store.look().await?, now).await;
    }
    run(services, "first_answer", |unit, _| {
        Box::pin(async move {
            let first = claim.replay(unit, now).await?;
            if first.is_none() {
                claim.store(unit, reply, now).await?;
            }
            Ok(first)
        })
    })
    .await
}

/// Counts the tries of a unit of work.
#[derive(Default)]
struct Tries {
    contended: u32,
}

impl Tries {
    /// Whether the unit of work runs again after this failure: it was contended, and there are tries left.
    fn another_after(&mut self, error: &Error) -> bool {
        self.contended += 1;
        error.kind == ErrorKind::Contended && self.contended <= CONTENTION_MAX
    }
}

/// Yields to other tasks, requests above all, which would else wait until a unit over many things is through; `index`
/// counts these things.
pub(in crate::flow) async fn yield_between(index: usize) {
    if index % YIELD_AFTER == YIELD_AFTER - 1 {
        tokio::task::yield_now().await;
    }
}
