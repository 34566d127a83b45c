//! Time as a parameter: [`Timestamp`], a moment, and [`Clock`], which gives the present one. Nothing else in the crate
//! asks the machine for the time, so that tests and the demo can set it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// A moment, as Unix milliseconds (UTC).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment of these Unix milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The moment of these Unix seconds, the unit of Meta's `event_time`.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The moment in Unix milliseconds.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The moment in Unix seconds, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time from `earlier` until this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Parses RFC 3339 with an offset, such as `2026-11-22T14:05:00+04:00`; what is finer than a millisecond is cut off.
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

/// Writes RFC 3339 in UTC, such as `2026-11-22T10:05:00Z`; years beyond 9999, which it has no form for, as milliseconds.
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

/// Gives the present moment, and waits for later ones. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    /// The machine's clock.
    System,
    /// A clock that only its owner moves; `moved` wakes those who wait for a moment.
    Steered { hands: Mutex<Hands>, moved: watch::Sender<()> },
}

/// What a steered clock shows.
#[derive(Debug, Clone, Copy)]
struct Hands {
    /// The moment to which the clock was last set.
    at: Timestamp,
    /// Since when it runs on from there at the machine's pace; `None` while it stands still.
    running_since: Option<Instant>,
}

impl Hands {
    fn now(self) -> Timestamp {
        self.at + self.running_since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Arc::new(Source::System))
    }

    /// A clock that stands still at `at` until it is moved: for tests and the demo.
    pub fn steered(at: Timestamp) -> Self {
        let hands = Mutex::new(Hands { at, running_since: None });
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

    /// Moves a steered clock forward; does nothing to the machine's clock.
    pub fn advance(&self, by: Duration) {
        self.steer(|hands| hands.at = hands.at + by);
    }

    /// Lets a steered clock run on at the machine's pace; does nothing to the machine's clock.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    pub fn release(&self) {
        self.steer(|hands| hands.running_since = Some(Instant::now()));
    }

    /// Changes what a steered clock shows, and wakes those who wait; the machine's clock stays.
    fn steer(&self, change: impl FnOnce(&mut Hands)) {
        if let Source::Steered { hands, moved } = &*self.0 {
            change(&mut hands.lock().unwrap_or_else(PoisonError::into_inner));
            moved.send_replace(());
        }
    }

    /// Returns once this clock shows `at` or a later moment.
    pub async fn reaches(&self, at: Timestamp) {
        match &*self.0 {
            Source::System => tokio::time::sleep(at.since(self.now())).await,
            Source::Steered { hands, moved } => {
                let mut moves = moved.subscribe();
                loop {
                    let shown = *hands.lock().unwrap_or_else(PoisonError::into_inner);
                    let left = at.since(shown.now());
                    if left.is_zero() {
                        return;
                    }
                    let arrives_by_itself = async {
                        match shown.running_since {
                            Some(_) => tokio::time::sleep(left).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        _ = moves.changed() => {}
                        () = arrives_by_itself => {}
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
