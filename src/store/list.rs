//! Lists, newest first, each part going on where the last one ended. One Page at a time, so that every query
//! runs along an index; lists of several Pages are laid together by who asks.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{AttemptId, ConversationId, ConversionId, OrderId, PageId};
use crate::domain::basic::money::Currency;
use crate::domain::order::fold;
use crate::domain::signal::conversion::{EventName, Reason, State};
use crate::error::Result;
use crate::store::db::sql::{Row, Unit, values};

/// Where a list goes on: after the row of this moment and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListCursor {
    /// When the last row was.
    pub at: Timestamp,
    /// Its id.
    pub id: String,
}

/// A part of a list of one Page.
#[derive(Clone, Copy, Debug)]
pub struct ListRange<'a> {
    /// The Page.
    pub page: &'a PageId,
    /// After which row.
    pub after: &'a ListCursor,
    /// How many rows at most.
    pub limit: i64,
}

/// Which conversations; what is not named does not matter.
#[derive(Clone, Debug, Default)]
pub struct ConversationSearch {
    /// Where the current chat stands in the queue.
    pub state: Option<String>,
    /// The person.
    pub psid: Option<String>,
    /// The hash of a phone number that was given in it.
    pub phone_hash: Option<String>,
    /// An order number, or a part of the person's name.
    pub words: Option<String>,
}

/// A conversation in a list.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the column of that name")]
pub struct ConversationRow {
    pub id: ConversationId,
    pub page_id: PageId,
    pub channel: String,
    pub psid: Option<String>,
    pub name: Option<String>,
    pub state: String,
    pub began_at: Timestamp,
    pub last_at: Timestamp,
    pub waiting_since: Option<Timestamp>,
    pub snoozed_until: Option<Timestamp>,
    pub owner: Option<String>,
    pub version: i64,
}

/// An order in a list.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the column of that name; `number` is the first name")]
pub struct OrderRow {
    pub id: OrderId,
    pub page_id: PageId,
    pub conversation_id: Option<ConversationId>,
    pub number: Option<String>,
    pub state: fold::State,
    pub currency: Currency,
    pub value: Option<i64>,
    pub paid: i64,
    pub refunded: i64,
    pub opened_at: Timestamp,
    pub version: i64,
}

/// A conversion in a list.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the column of that name; `number` is the order's first name")]
pub struct ConversionRow {
    pub id: ConversionId,
    pub page_id: PageId,
    pub conversation_id: Option<ConversationId>,
    pub number: Option<String>,
    pub name: EventName,
    pub event_id: String,
    pub event_time: Timestamp,
    pub state: State,
    pub reason: Reason,
    pub detail: Option<String>,
    pub currency: Currency,
    pub value: Option<i64>,
    pub made_at: Timestamp,
    pub leaves_at: Timestamp,
}

/// An attempt in a list.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the column of that name")]
pub struct AttemptRow {
    pub id: AttemptId,
    pub page_id: PageId,
    pub dataset_id: String,
    pub events: i64,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub verdict: Option<String>,
    pub http_status: Option<i64>,
    pub code: Option<i64>,
    pub subcode: Option<i64>,
    pub words: Option<String>,
    pub fbtrace_id: Option<String>,
    pub resolved_as: Option<String>,
}

impl Unit {
    /// The ids of all Pages.
    pub async fn page_ids(&mut self) -> Result<Vec<PageId>> {
        let rows = self.rows("select id from page order by id", values![]).await?;
        rows.iter().map(|row| row.get("id").map(PageId)).collect()
    }

    /// Conversations, the one with the last word first.
    pub async fn conversations(
        &mut self,
        part: ListRange<'_>,
        state: Option<String>,
    ) -> Result<Vec<ConversationRow>> {
        let rows = self
            .rows(
                "select conversation.id, conversation.page_id, conversation.channel, psid, name, state, began_at,
                        last_at, waiting_since, snoozed_until, owner, version
                   from conversation left join person on person.conversation_id = conversation.id
                  where conversation.page_id = $1 and ($5 is null or state = $5)
                    and (last_at < $2 or (last_at = $2 and conversation.id < $3))
                  order by last_at desc, conversation.id desc limit $4",
                values![part.page.as_str(), part.after.at, part.after.id.as_str(), part.limit, state],
            )
            .await?;
        rows.iter().map(read_conversation).collect()
    }

    /// Conversations that are looked for by something of theirs.
    pub async fn conversations_sought(
        &mut self,
        part: ListRange<'_>,
        sought: &ConversationSearch,
    ) -> Result<Vec<ConversationRow>> {
        let like = sought.words.as_deref().map(like);
        let rows = self
            .rows(
                "select conversation.id, conversation.page_id, conversation.channel, psid, name, state, began_at,
                        last_at, waiting_since, snoozed_until, owner, version
                   from conversation left join person on person.conversation_id = conversation.id
                  where conversation.id in
                        (select conversation_id from person
                          where page_id = $1 and channel in ('messenger', 'instagram', 'whatsapp') and psid = $6
                         union select conversation_id from phone_word where page_id = $1 and hash = $7
                         union select conversation_id
                                 from order_name join sale_order on sale_order.id = order_name.order_id
                                where order_name.page_id = $1 and order_name.name = $8
                         union select conversation_id from person
                                where page_id = $1 and $9 is not null and lower(name) like lower($9) escape '!')
                    and conversation.page_id = $1 and ($5 is null or state = $5)
                    and ($6 is null or psid = $6)
                    and ($7 is null or exists (select 1 from phone_word
                                                where conversation_id = conversation.id and hash = $7
                                                  and said_by in ('customer', 'tag')))
                    and ($8 is null or lower(name) like lower($9) escape '!'
                         or exists (select 1 from order_name join sale_order on sale_order.id = order_name.order_id
                                     where sale_order.conversation_id = conversation.id
                                       and order_name.page_id = $1 and order_name.name = $8))
                    and (last_at < $2 or (last_at = $2 and conversation.id < $3))
                  order by last_at desc, conversation.id desc limit $4",
                values![
                    part.page.as_str(),
                    part.after.at,
                    part.after.id.as_str(),
                    part.limit,
                    sought.state.clone(),
                    sought.psid.clone(),
                    sought.phone_hash.clone(),
                    sought.words.clone(),
                    like,
                ],
            )
            .await?;
        rows.iter().map(read_conversation).collect()
    }

    /// Orders, the one that was opened last first.
    pub async fn orders(&mut self, part: ListRange<'_>, state: Option<String>) -> Result<Vec<OrderRow>> {
        let rows = self
            .rows(
                "select id, page_id, conversation_id, state, currency, value, paid, refunded, opened_at, version,
                        (select name from order_name where order_id = sale_order.id
                          order by position, name limit 1) as number
                   from sale_order
                  where page_id = $1 and same_as is null and ($5 is null or state = $5)
                    and (opened_at < $2 or (opened_at = $2 and id < $3))
                  order by opened_at desc, id desc limit $4",
                values![part.page.as_str(), part.after.at, part.after.id.as_str(), part.limit, state],
            )
            .await?;
        rows.iter().map(read_order).collect()
    }

    /// One order.
    pub async fn order(&mut self, id: &OrderId) -> Result<Option<OrderRow>> {
        let row = self
            .row(
                "select id, page_id, conversation_id, state, currency, value, paid, refunded, opened_at, version,
                        (select name from order_name where order_id = sale_order.id
                          order by position, name limit 1) as number
                   from sale_order
                  where id = (select coalesce(same_as, id) from sale_order where id = $1)",
                values![id.as_str()],
            )
            .await?;
        row.as_ref().map(read_order).transpose()
    }

    /// Conversions, the one that was made last first.
    pub async fn conversions(
        &mut self,
        part: ListRange<'_>,
        state: Option<String>,
    ) -> Result<Vec<ConversionRow>> {
        let rows = self
            .rows(
                "select id, page_id, conversation_id, event_name, event_id, event_time, state, reason, detail,
                        currency, value, made_at, leaves_at,
                        (select name from order_name where order_id = conversion.order_id
                          order by position, name limit 1) as number
                   from conversion
                  where page_id = $1 and ($5 is null or state = $5)
                    and (made_at < $2 or (made_at = $2 and id < $3))
                  order by made_at desc, id desc limit $4",
                values![part.page.as_str(), part.after.at, part.after.id.as_str(), part.limit, state],
            )
            .await?;
        rows.iter().map(read_conversion).collect()
    }

    /// The conversions of one order, the one that was made last first.
    pub async fn conversions_of_order(&mut self, order: &OrderId) -> Result<Vec<ConversionRow>> {
        let rows = self
            .rows(
                "select id, page_id, conversation_id, event_name, event_id, event_time, state, reason, detail,
                        currency, value, made_at, leaves_at,
                        (select name from order_name where order_id = conversion.order_id
                          order by position, name limit 1) as number
                   from conversion where order_id = $1
                  order by made_at desc, id desc",
                values![order.as_str()],
            )
            .await?;
        rows.iter().map(read_conversion).collect()
    }

    /// One conversion.
    pub async fn conversion(&mut self, id: &ConversionId) -> Result<Option<ConversionRow>> {
        let row = self
            .row(
                "select id, page_id, conversation_id, event_name, event_id, event_time, state, reason, detail,
                        currency, value, made_at, leaves_at,
                        (select name from order_name where order_id = conversion.order_id
                          order by position, name limit 1) as number
                   from conversion where id = $1",
                values![id.as_str()],
            )
            .await?;
        row.as_ref().map(read_conversion).transpose()
    }

    /// Attempts, the last one first. One without a verdict is still `open`; one that a person resolved is no
    /// longer `unknown`, but `resolved`.
    pub async fn attempts(
        &mut self,
        part: ListRange<'_>,
        verdict: Option<String>,
    ) -> Result<Vec<AttemptRow>> {
        let rows = self
            .rows(
                "select id, page_id, dataset_id, events, opened_at, closed_at, verdict, http_status, code, subcode,
                        words, fbtrace_id, resolved_as
                   from attempt
                  where page_id = $1
                    and ($5 is null
                         or case when resolved_as is not null then 'resolved'
                                 else coalesce(verdict, 'open') end = $5)
                    and (opened_at < $2 or (opened_at = $2 and id < $3))
                  order by opened_at desc, id desc limit $4",
                values![part.page.as_str(), part.after.at, part.after.id.as_str(), part.limit, verdict],
            )
            .await?;
        rows.iter().map(read_attempt).collect()
    }

    /// The attempts that carried a conversion, the first one first.
    pub async fn attempts_of(&mut self, conversion: &ConversionId) -> Result<Vec<AttemptRow>> {
        let rows = self
            .rows(
                "select id, page_id, dataset_id, events, opened_at, closed_at, verdict, http_status, code, subcode,
                        words, fbtrace_id, resolved_as
                   from attempt join attempt_conversion on attempt_conversion.attempt_id = attempt.id
                  where conversion_id = $1 order by opened_at, id",
                values![conversion.as_str()],
            )
            .await?;
        rows.iter().map(read_attempt).collect()
    }
}

/// A pattern for `like … escape '!'` that finds the words anywhere.
fn like(words: &str) -> String {
    let mut pattern = String::from("%");
    for letter in words.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

fn time(row: &Row, column: &str) -> Result<Option<Timestamp>> {
    Ok(row.get::<Option<i64>>(column)?.map(Timestamp::from_millis))
}

pub(in crate::store) fn read_conversation(row: &Row) -> Result<ConversationRow> {
    Ok(ConversationRow {
        id: ConversationId(row.get("id")?),
        page_id: PageId(row.get("page_id")?),
        channel: row.get("channel")?,
        psid: row.get("psid")?,
        name: row.get("name")?,
        state: row.get("state")?,
        began_at: row.time("began_at")?,
        last_at: row.time("last_at")?,
        waiting_since: time(row, "waiting_since")?,
        snoozed_until: time(row, "snoozed_until")?,
        owner: row.get("owner")?,
        version: row.get("version")?,
    })
}

fn read_order(row: &Row) -> Result<OrderRow> {
    Ok(OrderRow {
        id: OrderId(row.get("id")?),
        page_id: PageId(row.get("page_id")?),
        conversation_id: row.get::<Option<String>>("conversation_id")?.map(ConversationId),
        number: row.get("number")?,
        state: row.word("state", fold::State::parse)?,
        currency: row.word("currency", Currency::parse)?,
        value: row.get("value")?,
        paid: row.get("paid")?,
        refunded: row.get("refunded")?,
        opened_at: row.time("opened_at")?,
        version: row.get("version")?,
    })
}

fn read_conversion(row: &Row) -> Result<ConversionRow> {
    Ok(ConversionRow {
        id: ConversionId(row.get("id")?),
        page_id: PageId(row.get("page_id")?),
        conversation_id: row.get::<Option<String>>("conversation_id")?.map(ConversationId),
        number: row.get("number")?,
        name: row.word("event_name", EventName::parse)?,
        event_id: row.get("event_id")?,
        event_time: row.time("event_time")?,
        state: row.word("state", State::parse)?,
        reason: row.word("reason", Reason::parse)?,
        detail: row.get("detail")?,
        currency: row.word("currency", Currency::parse)?,
        value: row.get("value")?,
        made_at: row.time("made_at")?,
        leaves_at: row.time("leaves_at")?,
    })
}

fn read_attempt(row: &Row) -> Result<AttemptRow> {
    Ok(AttemptRow {
        id: AttemptId(row.get("id")?),
        page_id: PageId(row.get("page_id")?),
        dataset_id: row.get("dataset_id")?,
        events: row.get("events")?,
        opened_at: row.time("opened_at")?,
        closed_at: time(row, "closed_at")?,
        verdict: row.get("verdict")?,
        http_status: row.get("http_status")?,
        code: row.get("code")?,
        subcode: row.get("subcode")?,
        words: row.get("words")?,
        fbtrace_id: row.get("fbtrace_id")?,
        resolved_as: row.get("resolved_as")?,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_pattern_takes_words_as_they_are() {
        assert_eq!(super::like("50% o_f!"), "%50!% o!_f!!%");
    }
}
