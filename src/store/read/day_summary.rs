//! The figures of a day, and the counts of what needs a person.

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::domain::signal::conversion::{EventName, Reason, State};
use crate::error::Result;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Row, values};

/// The chats of a day.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chats {
    /// How many began in the day.
    pub begun: i64,
    /// How many of those were tagged, so that their stage is no longer `open`.
    pub tagged: i64,
}

/// The number of conversions in one state for one reason.
#[derive(Clone, Copy, Debug)]
pub struct ConversionCount {
    /// The state of the conversions.
    pub state: State,
    /// The reason of that state.
    pub reason: Reason,
    /// How many conversions there are.
    pub number: i64,
}

/// The events of one name that were not sent because their Page is in shadow mode.
#[derive(Clone, Copy, Debug)]
pub struct ShadowedEvents {
    /// The event name that they would have had at Meta.
    pub name: EventName,
    /// How many conversions were suppressed for the shadow mode.
    pub number: i64,
    /// The sum of their values, in minor units.
    pub worth: i64,
}

impl Unit {
    /// The chats of a Page that began since a moment.
    pub async fn chats_since(&mut self, page: &PageId, since: Timestamp) -> Result<Chats> {
        let row = self
            .row(
                "select count(*) as begun,
                        cast(coalesce(sum(case when stage <> 'open' then 1 else 0 end), 0) as bigint) as tagged
                   from conversation join chat on chat.conversation_id = conversation.id
                  where conversation.page_id = $1 and conversation.last_at >= $2 and chat.began_at >= $2",
                values![page.as_str(), since],
            )
            .await?;
        row.map_or(Ok(Chats::default()), |row| {
            Ok(Chats { begun: row.get("begun")?, tagged: row.get("tagged")? })
        })
    }

    /// How many conversions of a Page Meta took since a moment.
    pub async fn sent_since(&mut self, page: &PageId, since: Timestamp) -> Result<i64> {
        let row = self
            .row(
                "select count(*) as number
                   from attempt join conversion on conversion.attempt_id = attempt.id
                  where attempt.page_id = $1 and opened_at >= $2 and state = 'sent'",
                values![page.as_str(), since],
            )
            .await?;
        row.map_or(Ok(0), |row| row.get("number"))
    }

    /// The conversions of a Page that need a person, by state and reason.
    pub async fn needing_a_person(&mut self, page: &PageId) -> Result<Vec<ConversionCount>> {
        let rows = self
            .rows(
                "select state, reason, count(*) as number from conversion
                  where page_id = $1 and (state in ('rejected', 'unknown')
                        or (state = 'held' and reason in ('value_missing', 'person_missing')))
                  group by state, reason order by state, reason",
                values![page.as_str()],
            )
            .await?;
        let ledger = |row: &Row| {
            Ok(ConversionCount {
                state: row.word("state", State::parse)?,
                reason: row.word("reason", Reason::parse)?,
                number: row.get("number")?,
            })
        };
        rows.iter().map(ledger).collect()
    }

    /// How many pending tags of a Page wait for a person.
    pub async fn count_waiting_tags(&mut self, page: &PageId) -> Result<i64> {
        let row = self
            .row(
                "select count(*) as number from pending_tag where page_id = $1 and settled_at is null",
                values![page.as_str()],
            )
            .await?;
        row.map_or(Ok(0), |row| row.get("number"))
    }

    /// How many orders, of one Page or of all, a person is asked about.
    pub async fn count_flagged_orders(&mut self, page: Option<&PageId>) -> Result<i64> {
        let row = self
            .row(
                "select count(*) as number from sale_order
                  where flagged = 1 and joined_into is null and (cast($1 as text) is null or page_id = $1)",
                values![page.map(|page| page.as_str().to_owned())],
            )
            .await?;
        row.map_or(Ok(0), |row| row.get("number"))
    }

    /// How many orders that were opened since a moment Meta was told of twice, on one Page or on all.
    pub async fn count_told_twice(&mut self, page: Option<&PageId>, since: Timestamp) -> Result<i64> {
        let row = self
            .row(
                "select count(*) as number from sale_order
                  where told_twice = 1 and joined_into is null and opened_at >= $2
                    and (cast($1 as text) is null or page_id = $1)",
                values![page.map(|page| page.as_str().to_owned()), since],
            )
            .await?;
        row.map_or(Ok(0), |row| row.get("number"))
    }

    /// The events of a Page since a moment that shadow mode kept from being sent, by event name.
    pub async fn shadowed_since(&mut self, page: &PageId, since: Timestamp) -> Result<Vec<ShadowedEvents>> {
        let rows = self
            .rows(
                "select event_name, count(*) as number, cast(coalesce(sum(value), 0) as bigint) as worth
                   from conversion
                  where page_id = $1 and made_at >= $2 and state = 'suppressed' and reason = 'shadow'
                  group by event_name order by event_name",
                values![page.as_str(), since],
            )
            .await?;
        let shadowed = |row: &Row| {
            Ok(ShadowedEvents {
                name: row.word("event_name", EventName::parse)?,
                number: row.get("number")?,
                worth: row.get("worth")?,
            })
        };
        rows.iter().map(shadowed).collect()
    }
}
