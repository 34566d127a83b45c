//! The queue as the console shows it: conversations, the longest wait first, each with what its row shows, and a stamp
//! that tells whether anything has changed.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId};
use crate::domain::conversation::inbound::Channel;
use crate::domain::inbox::pending::PendingReason;
use crate::domain::order::number::number_key;
use crate::domain::order::outcome::OutcomeKind;
use crate::error::Result;
use crate::store::cursor::ListCursor;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Row, Value, values};

/// Which conversations are shown; `None` sets no condition.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only conversations with this Page.
    pub page: Option<PageId>,
    /// Only conversations on this channel.
    pub channel: Option<Channel>,
    /// Only conversations that this ad has led to, at any time.
    pub ad_id: Option<String>,
}

impl Filter {
    fn values(&self) -> Vec<Value> {
        values![
            self.page.as_ref().map(|page| page.0.clone()),
            self.channel.map(|channel| channel.as_str().to_owned()),
            self.ad_id.clone(),
        ]
    }

    /// The values of a list behind a cursor: those of the filter as `$1` to `$3`, then the cursor and the limit.
    fn values_behind(&self, cursor: &ListCursor, limit: i64) -> Vec<Value> {
        let mut values = self.values();
        values.extend(values![cursor.at, cursor.id.as_str(), limit]);
        values
    }
}

/// A conversation as a row of the queue shows it.
#[derive(Clone, Debug)]
pub struct ConversationSummary {
    /// Our id of the conversation.
    pub id: ConversationId,
    /// The Page that the person wrote to.
    pub page_id: PageId,
    /// The channel on which they wrote.
    pub channel: Channel,
    /// `waiting`, `snoozed` or `done`.
    pub state: String,
    /// The person's name, once it is known.
    pub name: Option<String>,
    /// Whether there is a picture of them.
    pub has_picture: bool,
    /// The person's id, for the link into Meta's inbox.
    pub person_id: Option<String>,
    /// Since when it waits for a tag.
    pub waiting_since: Option<Timestamp>,
    /// The time of the latest message.
    pub last_at: Timestamp,
    /// Until when it is snoozed.
    pub snoozed_until: Option<Timestamp>,
    /// The operator who continues with it after the snooze.
    pub owner: Option<String>,
    /// When it came back from a snooze.
    pub back_at: Option<Timestamp>,
    /// The title of the last ad that led here; its id without one.
    pub ad: Option<String>,
    /// The last text, as far as it is kept.
    pub words: Option<String>,
    /// The author of that text: `customer`, `operator` or `app`.
    pub words_by: Option<String>,
    /// The oldest pending tag: its kind, and why it waits.
    pub waits: Option<(OutcomeKind, PendingReason)>,
    /// Whether a person is asked about one of its orders.
    pub is_flagged: bool,
    /// Whether an order of it has no value yet, so that its conversion is held.
    pub lacks_value: bool,
}

/// An ad that led people into conversations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ad {
    /// Its id at Meta.
    pub id: String,
    /// Its title, once a referral gave it.
    pub title: Option<String>,
}

/// The clauses of a [`Filter`], whose values are `$1` to `$3`.
macro_rules! filtered {
    () => {
        "(cast($1 as text) is null or conversation.page_id = $1)
          and (cast($2 as text) is null or conversation.channel = $2)
          and (cast($3 as text) is null
               or exists (select 1 from referral
                           where referral.conversation_id = conversation.id and ad_id = $3))"
    };
}

/// Selects conversations with their last ad and their last text; `$which` are the clauses from `where` on. `state ||
/// ''` keeps the planner on the conversation's own few conversions, however many are held.
macro_rules! summary {
    ($($which:expr),+ $(,)?) => {
        concat!(
            "select conversation.id, conversation.page_id, conversation.channel, state, name, person_id,
                    waiting_since, last_at, snoozed_until, owner, back_at,
                    (select coalesce(ad_title, ad_id) from referral
                      where referral.conversation_id = conversation.id and ad_id is not null
                      order by referred_at desc, referral.id desc limit 1) as ad,
                    (select author || ' ' || text from message
                      where message.conversation_id = conversation.id and text is not null
                      order by sent_at desc, message.id desc limit 1) as last_text,
                    (select kind || ' ' || reason from pending_tag
                      where pending_tag.conversation_id = conversation.id and settled_at is null
                      order by occurred_at, pending_tag.id limit 1) as pending,
                    (select count(*) from customer_picture
                      where customer_picture.conversation_id = conversation.id) as pictures,
                    (select count(*) from sale_order
                      where sale_order.conversation_id = conversation.id and flagged = 1 and joined_into is null)
                      as flagged,
                    (select count(*) from conversion
                      where conversion.conversation_id = conversation.id and conversion.state || '' = 'held'
                        and reason = 'value_missing') as lacks_value
               from conversation left join recipient on recipient.conversation_id = conversation.id
                                 left join customer on customer.conversation_id = conversation.id
              ",
            $($which),+
        )
    };
}

/// What a search looks for; a conversation that matches one of them is found.
#[derive(Clone, Copy, Debug)]
pub struct SearchTerms<'a> {
    /// An order number.
    pub number: &'a str,
    /// The hash of a phone number.
    pub phone_hash: Option<&'a str>,
    /// A part of the person's name, for `like`, with `!` before its own `%` and `_`.
    pub name_like: &'a str,
}

impl Unit {
    /// Conversations that came back from a snooze and wait again.
    pub async fn came_back(&mut self, filter: &Filter, limit: i64) -> Result<Vec<ConversationSummary>> {
        let mut values = filter.values();
        values.extend(values![limit]);
        let text = summary!(
            "where state = 'waiting' and back_at is not null and back_at >= waiting_since and ",
            filtered!(),
            " order by back_at, conversation.id limit $4"
        );
        self.rows(text, values).await?.iter().map(read_summary).collect()
    }

    /// Conversations that wait for a tag, the longest wait first.
    pub async fn in_line(
        &mut self,
        filter: &Filter,
        after: &ListCursor,
        limit: i64,
    ) -> Result<Vec<ConversationSummary>> {
        let text = summary!(
            "where state = 'waiting' and (back_at is null or back_at < waiting_since) and ",
            filtered!(),
            " and (waiting_since, conversation.id) > ($4, $5)
             order by waiting_since, conversation.id limit $6"
        );
        self.rows(text, filter.values_behind(after, limit)).await?.iter().map(read_summary).collect()
    }

    /// Conversations that are snoozed, the one that comes back first at the head.
    pub async fn snoozed(
        &mut self,
        filter: &Filter,
        after: &ListCursor,
        limit: i64,
    ) -> Result<Vec<ConversationSummary>> {
        let text = summary!(
            "where state = 'snoozed' and ",
            filtered!(),
            " and (snoozed_until, conversation.id) > ($4, $5)
             order by snoozed_until, conversation.id limit $6"
        );
        self.rows(text, filter.values_behind(after, limit)).await?.iter().map(read_summary).collect()
    }

    /// Conversations of a Page that are done, the one with the last word first.
    pub async fn done(
        &mut self,
        page: &PageId,
        filter: &Filter,
        before: &ListCursor,
        limit: i64,
    ) -> Result<Vec<ConversationSummary>> {
        let filter = Filter { page: Some(page.clone()), ..filter.clone() };
        let text = summary!(
            "where conversation.page_id = $1 and state = 'done' and ",
            filtered!(),
            " and (last_at, conversation.id) < ($4, $5)
             order by last_at desc, conversation.id desc limit $6"
        );
        self.rows(text, filter.values_behind(before, limit)).await?.iter().map(read_summary).collect()
    }

    /// The conversations of a Page that match a search.
    pub async fn looked_for(
        &mut self,
        page: &PageId,
        sought: SearchTerms<'_>,
        limit: i64,
    ) -> Result<Vec<ConversationSummary>> {
        let text = summary!(
            "where conversation.page_id = $1 and conversation.id in
                   (select sale_order.conversation_id
                      from order_number join sale_order on sale_order.id = order_number.order_id
                     where order_number.page_id = $1 and order_number.number_key = $2
                    union select conversation_id from phone_mention
                           where page_id = $1 and hash = cast($3 as text)
                             and mentioned_by in ('customer', 'tag')
                    union select conversation_id from customer
                           where page_id = $1 and name is not null and lower(name) like lower($4) escape '!')
             order by last_at desc, conversation.id desc limit $5"
        );
        let hash = sought.phone_hash.map(str::to_owned);
        let values = values![page.as_str(), number_key(sought.number), hash, sought.name_like, limit];
        self.rows(text, values).await?.iter().map(read_summary).collect()
    }

    /// One conversation, as a row of the queue shows it.
    pub async fn summary(&mut self, id: &ConversationId) -> Result<Option<ConversationSummary>> {
        let row = self.row(summary!("where conversation.id = $1"), values![id.as_str()]).await?;
        row.as_ref().map(read_summary).transpose()
    }

    /// How many conversations wait for a tag, counted up to `most`.
    pub async fn count_waiting(&mut self, filter: &Filter, most: i64) -> Result<i64> {
        let mut values = filter.values();
        values.extend(values![most]);
        let row = self
            .row(
                concat!(
                    "select count(*) as number
                       from (select id from conversation where state = 'waiting' and ",
                    filtered!(),
                    " limit $4) as some_of_them"
                ),
                values,
            )
            .await?;
        row.map_or(Ok(0), |row| row.get("number"))
    }

    /// The ads that led to the conversations that wait for a tag, the longest wait first.
    pub async fn ads_waiting(&mut self, page: Option<&PageId>, limit: i64) -> Result<Vec<Ad>> {
        let rows = self
            .rows(
                "select referral.ad_id as ad, max(ad_title) as ad_title
                   from (select id from conversation
                          where state = 'waiting' and (cast($1 as text) is null or page_id = $1)
                          order by waiting_since limit 200) as waits
                        join referral on referral.conversation_id = waits.id
                  where referral.ad_id is not null
                  group by referral.ad_id order by referral.ad_id limit $2",
                values![page.map(|page| page.0.clone()), limit],
            )
            .await?;
        rows.iter().map(|row| Ok(Ad { id: row.get("ad")?, title: row.get("ad_title")? })).collect()
    }

    /// A text that changes as soon as anything changes that a page of the console shows.
    pub async fn stamp(&mut self) -> Result<String> {
        let row = self
            .row(
                "select coalesce((select max(id) from change), '') as change,
                        coalesce((select max(id) from attempt), '') as attempt,
                        (select count(*) from attempt where verdict is null) as out_now,
                        (select count(*) from conversation where state = 'snoozed') as snoozed,
                        (select count(*) from pending_tag where settled_at is null) as waits,
                        cast(coalesce((select max(newest)
                                         from (select (select max(last_at) from conversation
                                                        where conversation.page_id = page.id) as newest
                                                 from page) as newest_of_pages), 0) as bigint) as last_at",
                values![],
            )
            .await?;
        let Some(row) = row else { return Ok(String::new()) };
        let (change, attempt): (String, String) = (row.get("change")?, row.get("attempt")?);
        let numbers: [i64; 4] =
            [row.get("out_now")?, row.get("snoozed")?, row.get("waits")?, row.get("last_at")?];
        Ok(format!("{change}/{attempt}/{numbers:?}"))
    }
}

fn read_summary(row: &Row) -> Result<ConversationSummary> {
    let last_text: Option<String> = row.get("last_text")?;
    let last_text = last_text.as_deref().and_then(|text| text.split_once(' '));
    let last_text = last_text.map(|(author, text)| (author.to_owned(), text.to_owned()));
    Ok(ConversationSummary {
        id: ConversationId(row.get("id")?),
        page_id: PageId(row.get("page_id")?),
        channel: row.word("channel", Channel::parse)?,
        state: row.get("state")?,
        name: row.get("name")?,
        has_picture: row.get::<i64>("pictures")? > 0,
        person_id: row.get("person_id")?,
        waiting_since: row.time_if_any("waiting_since")?,
        last_at: row.time("last_at")?,
        snoozed_until: row.time_if_any("snoozed_until")?,
        owner: row.get("owner")?,
        back_at: row.time_if_any("back_at")?,
        ad: row.get("ad")?,
        words: last_text.as_ref().map(|(_, text)| text.clone()),
        words_by: last_text.map(|(author, _)| author),
        waits: row.get::<Option<String>>("pending")?.as_deref().and_then(|text| {
            let (kind, reason) = text.split_once(' ')?;
            Some((OutcomeKind::parse(kind)?, PendingReason::parse(reason)?))
        }),
        is_flagged: row.get::<i64>("flagged")? > 0,
        lacks_value: row.get::<i64>("lacks_value")? > 0,
    })
}
