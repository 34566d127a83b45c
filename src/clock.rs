//! Time as a parameter: the moment [`Timestamp`] and the [`Clock`] that gives it. Nothing else in the
//! crate asks the machine for the time, so a test or the demo can hold the hands of the clock.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// A moment, as Unix milliseconds (UTC).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From Unix milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From Unix seconds, as Meta writes `event_time`.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Unix milliseconds.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Unix seconds, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time from `earlier` until this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads RFC 3339 with an offset (`2026-11-22T14:05:00+04:00`).
    ///
    /// # Errors
    /// The text is no such time.
    pub fn parse(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|moment| Self(moment.as_millisecond()))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// RFC 3339 in UTC: `2026-11-22T10:05:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => moment.fmt(f),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Gives the time, and waits for it. Clones share the same hands.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System,
    Steered { hands: Mutex<Hands>, moved: watch::Sender<()> },
}

/// A steered clock stands at `at`, or runs on from there since `running`.
#[derive(Debug, Clone, Copy)]
struct Hands {
    at: Timestamp,
    running: Option<Instant>,
}

impl Hands {
    fn now(self) -> Timestamp {
        self.at + self.running.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Arc::new(Source::System))
    }

    /// A clock that stands still at `at` until it is moved: for tests and the demo.
    pub fn steered(at: Timestamp) -> Self {
        let hands = Mutex::new(Hands { at, running: None });
        Self(Arc::new(Source::Steered { hands, moved: watch::Sender::new(()) }))
    }

    /// The present moment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Source::System => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
            }
            Source::Steered { hands, .. } => hands.lock().unwrap_or_else(PoisonError::into_inner).now(),
        }
    }

    /// Moves a steered clock forward; the machine's clock does not move.
    pub fn advance(&self, by: Duration) {
        self.steer(|hands| hands.at = hands.at + by);
    }

    /// Lets a steered clock run on at the machine's pace.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    pub fn release(&self) {
        self.steer(|hands| hands.running = Some(Instant::now()));
    }

    fn steer(&self, turn: impl FnOnce(&mut Hands)) {
        if let Source::Steered { hands, moved } = &*self.0 {
            turn(&mut hands.lock().unwrap_or_else(PoisonError::into_inner));
            moved.send_replace(());
        }
    }

    /// Returns once the clock shows `at` or later.
    pub async fn reaches(&self, at: Timestamp) {
        match &*self.0 {
            Source::System => tokio::time::sleep(at.since(self.now())).await,
            Source::Steered { hands, moved } => {
                let mut turned = moved.subscribe();
                loop {
                    let stand = *hands.lock().unwrap_or_else(PoisonError::into_inner);
                    let left = at.since(stand.now());
                    if left.is_zero() {
                        return;
                    }
                    let run_out = async {
                        match stand.running {
                            Some(_) => tokio::time::sleep(left).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        _ = turned.changed() => {}
                        () = run_out => {}
                    }
                }
            }
        }
    }

    /// Returns after `span` on this clock.
    pub async fn sleep(&self, span: Duration) {
        self.reaches(self.now() + span).await;
    }
}
