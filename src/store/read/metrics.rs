//! Counts for `/metrics`, read by those who run the service.

use crate::clock::Timestamp;
use crate::domain::signal::attempt::AttemptState;
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

    /// The verdicts of the attempts since a moment.
    pub async fn attempts_since(&mut self, since: Timestamp) -> Result<Vec<AttemptCount>> {
        let rows = self
            .rows(
                "select case when resolved_as is not null then 'resolved' else coalesce(verdict, 'open') end
                            as state,
                        count(*) as attempts, cast(coalesce(sum(events), 0) as bigint) as events
                   from attempt where opened_at > $1
                  group by 1 order by 1",
                values![since],
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
