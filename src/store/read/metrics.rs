//! Counts for `/metrics`, read by those who run the service.

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::domain::signal::attempt::{AttemptState, Verdict};
use crate::domain::signal::conversion::State;
use crate::error::Result;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Row, values};

/// The attempts of a span of time that are in the same state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptCount {
    /// The state that they are in now.
    pub state: AttemptState,
    /// How many attempts.
    pub attempts: i64,
    /// How many events they carried.
    pub events: i64,
}

/// The share of `unknown` among the events that were perhaps taken; 0 without any. What a person resolved is unknown no
/// longer.
pub fn unknown_share(attempts: &[AttemptCount]) -> f64 {
    let events = |states: &[AttemptState]| -> i64 {
        let counted = attempts.iter().filter(|found| states.contains(&found.state));
        counted.map(|found| found.events).sum()
    };
    let [sent, unknown] = [Verdict::Sent, Verdict::Unknown].map(AttemptState::Closed);
    match events(&[sent, unknown, AttemptState::Resolved]) {
        0 => 0.0,
        left => number(events(&[unknown])) / number(left),
    }
}

/// A count as a floating-point number; counts are far below 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "counts are far below the 53 bits of a float")]
const fn number(count: i64) -> f64 {
    count as f64
}

impl Unit {
    /// How many conversions are in each state.
    pub async fn conversions_by_state(&mut self) -> Result<Vec<(State, i64)>> {
        let rows =
            self.rows("select state, count(*) as number from conversion group by state", values![]).await?;
        rows.iter().map(|row| Ok((row.word("state", State::parse)?, row.get("number")?))).collect()
    }

    /// The due time of the oldest conversion that may be sent at `now`.
    pub async fn oldest_due(&mut self, now: Timestamp) -> Result<Option<Timestamp>> {
        let row = self
            .row(
                "select min(leaves_at) as oldest from conversion where state = 'ready' and leaves_at <= $1",
                values![now],
            )
            .await?;
        Ok(row.map(|row| row.get::<Option<i64>>("oldest")).transpose()?.flatten().map(Timestamp::from_millis))
    }

    /// The verdicts of the attempts since a moment, of one Page or of all.
    pub async fn attempts_since(
        &mut self,
        since: Timestamp,
        page: Option<&PageId>,
    ) -> Result<Vec<AttemptCount>> {
        let rows = self
            .rows(
                "select case when resolved_as is not null then 'resolved' else coalesce(verdict, 'open') end
                            as state,
                        count(*) as attempts, cast(coalesce(sum(events), 0) as bigint) as events
                   from attempt where opened_at > $1 and ($2 is null or page_id = $2)
                  group by 1 order by 1",
                values![since, page.map(|page| page.as_str().to_owned())],
            )
            .await?;
        let read = |row: &Row| {
            Ok(AttemptCount {
                state: row.word("state", AttemptState::parse)?,
                attempts: row.get("attempts")?,
                events: row.get("events")?,
            })
        };
        rows.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_resolved_is_unknown_no_longer() {
        let found = |state, events| AttemptCount { state, attempts: 1, events };
        assert!(unknown_share(&[]).abs() < f64::EPSILON);
        let share = unknown_share(&[
            found(AttemptState::Closed(Verdict::Sent), 98),
            found(AttemptState::Closed(Verdict::Unknown), 1),
            found(AttemptState::Resolved, 1),
            found(AttemptState::Closed(Verdict::Refused), 5),
        ]);
        assert!((share - 0.01).abs() < f64::EPSILON);
    }
}
