//! The queue as the console shows it: conversations with what a glance needs, oldest wait first, and what has
//! changed since a glance.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, OutcomeId, PageId};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::inbound::Channel;
use crate::domain::inbox::pending::PendingReason;
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::signal::policy::Mode;
use crate::error::Result;
use crate::store::db::sql::{Row, Unit, Value, values};

/// Which conversations; what is not named does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this Page alone.
    pub page: Option<PageId>,
    /// Of this channel alone.
    pub channel: Option<Channel>,
    /// Led to by this ad at some time.
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
}

/// Where a list goes on: after the row of this moment and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// When the last row was.
    pub at: Timestamp,
    /// Its id.
    pub id: String,
}

/// A conversation at a glance.
#[derive(Clone, Debug)]
pub struct ConversationSummary {
    /// Which.
    pub id: ConversationId,
    /// Its Page.
    pub page_id: PageId,
    /// Where.
    pub channel: Channel,
    /// `waiting`, `snoozed` or `done`.
    pub state: String,
    /// The person's name, once it is known.
    pub name: Option<String>,
    /// Whether there is a picture of them.
    pub has_face: bool,
    /// Who, for the link into Meta's inbox.
    pub psid: Option<String>,
    /// Since when somebody waits for a tag.
    pub waiting_since: Option<Timestamp>,
    /// The last word.
    pub last_at: Timestamp,
    /// Until when it is snoozed.
    pub snoozed_until: Option<Timestamp>,
    /// Who goes on with it.
    pub owner: Option<String>,
    /// When it came back from a snooze.
    pub back_at: Option<Timestamp>,
    /// The title of the last ad that led here; its id without one.
    pub ad: Option<String>,
    /// The last text, as far as it is kept.
    pub words: Option<String>,
    /// Who wrote it: `customer`, `operator` or `app`.
    pub words_by: Option<String>,
    /// What was said in Meta's inbox and waits for a person, and why.
    pub waits: Option<(OutcomeKind, PendingReason)>,
    /// An order of it waits for its value before Meta can be told.
    pub lacks_value: bool,
}

/// A Page as every page of the console needs it.
#[derive(Clone, Debug)]
pub struct PageHead {
    /// Its id at Meta.
    pub id: PageId,
    /// What people call it.
    pub name: String,
    /// IANA time zone.
    pub timezone: String,
    /// The currency of its sales.
    pub currency: Currency,
    /// ISO 3166 country of its customers' phones.
    pub country: String,
    /// Whether anything leaves.
    pub mode: Mode,
    /// A fault of its token or link.
    pub fault: Option<String>,
    /// Meta's test event code.
    pub test_event_code: Option<String>,
    /// When the test event code ends.
    pub test_until: Option<Timestamp>,
}

/// An ad by which people came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ad {
    /// Its id at Meta.
    pub id: String,
    /// Its title, once it was told.
    pub title: Option<String>,
}

/// Conversations at a glance, with their last ad and their last words; `$which` are the clauses from `where` on.
/// `state || ''` keeps the plan on the conversation's own few conversions, however many are held.
macro_rules! summary {
    ($which:literal) => {
        concat!(
            "select conversation.id, conversation.page_id, conversation.channel, state, name, psid,
                    waiting_since, last_at, snoozed_until, owner, back_at,
                    (select coalesce(ad_title, ad_id) from referral
                      where referral.conversation_id = conversation.id and ad_id is not null
                      order by led_at desc, referral.id desc limit 1) as ad,
                    (select author || ' ' || text from message
                      where message.conversation_id = conversation.id and text is not null
                      order by sent_at desc, message.id desc limit 1) as words,
                    (select kind || ' ' || why from waiting_tag
                      where waiting_tag.conversation_id = conversation.id and settled_at is null
                      order by occurred_at, waiting_tag.id limit 1) as waits,
                    (select count(*) from face where face.conversation_id = conversation.id) as faces,
                    (select count(*) from conversion
                      where conversion.conversation_id = conversation.id and conversion.state || '' = 'held'
                        and reason = 'value_missing') as lacks_value
               from conversation left join person on person.conversation_id = conversation.id
              ",
            $which
        )
    };
}

impl Unit {
    /// Conversations that came back from a snooze and wait again.
    pub async fn came_back(&mut self, filter: &Filter, limit: i64) -> Result<Vec<ConversationSummary>> {
        let mut values = filter.values();
        values.extend(values![limit]);
        let rows = self
            .rows(
                summary!(
                    "where state = 'waiting' and back_at is not null and back_at >= waiting_since
                        and (cast($1 as text) is null or conversation.page_id = $1)
                        and (cast($2 as text) is null or conversation.channel = $2)
                        and (cast($3 as text) is null
                             or exists (select 1 from referral
                                         where referral.conversation_id = conversation.id and ad_id = $3))
                      order by back_at, conversation.id limit $4"
                ),
                values,
            )
            .await?;
        rows.iter().map(read_summary).collect()
    }

    /// Conversations that wait for a tag, the longest wait first.
    pub async fn in_line(
        &mut self,
        filter: &Filter,
        after: &After,
        limit: i64,
    ) -> Result<Vec<ConversationSummary>> {
        let mut values = filter.values();
        values.extend(values![after.at, after.id.as_str(), limit]);
        let rows = self
            .rows(
                summary!(
                    "where state = 'waiting' and (back_at is null or back_at < waiting_since)
                        and (cast($1 as text) is null or conversation.page_id = $1)
                        and (cast($2 as text) is null or conversation.channel = $2)
                        and (cast($3 as text) is null
                             or exists (select 1 from referral
                                         where referral.conversation_id = conversation.id and ad_id = $3))
                        and (waiting_since, conversation.id) > ($4, $5)
                      order by waiting_since, conversation.id limit $6"
                ),
                values,
            )
            .await?;
        rows.iter().map(read_summary).collect()
    }

    /// Conversations that are snoozed, the one that comes back first at the head.
    pub async fn snoozed(
        &mut self,
        filter: &Filter,
        after: &After,
        limit: i64,
    ) -> Result<Vec<ConversationSummary>> {
        let mut values = filter.values();
        values.extend(values![after.at, after.id.as_str(), limit]);
        let rows = self
            .rows(
                summary!(
                    "where state = 'snoozed'
                        and (cast($1 as text) is null or conversation.page_id = $1)
                        and (cast($2 as text) is null or conversation.channel = $2)
                        and (cast($3 as text) is null
                             or exists (select 1 from referral
                                         where referral.conversation_id = conversation.id and ad_id = $3))
                        and (snoozed_until, conversation.id) > ($4, $5)
                      order by snoozed_until, conversation.id limit $6"
                ),
                values,
            )
            .await?;
        rows.iter().map(read_summary).collect()
    }

    /// Conversations of a Page that are done, the one with the last word first.
    pub async fn done(
        &mut self,
        page: &PageId,
        filter: &Filter,
        before: &After,
        limit: i64,
    ) -> Result<Vec<ConversationSummary>> {
        let filter = Filter { page: Some(page.clone()), ..filter.clone() };
        let mut values = filter.values();
        values.extend(values![before.at, before.id.as_str(), limit]);
        let rows = self
            .rows(
                summary!(
                    "where conversation.page_id = $1 and state = 'done'
                        and (cast($2 as text) is null or conversation.channel = $2)
                        and (cast($3 as text) is null
                             or exists (select 1 from referral
                                         where referral.conversation_id = conversation.id and ad_id = $3))
                        and (last_at, conversation.id) < ($4, $5)
                      order by last_at desc, conversation.id desc limit $6"
                ),
                values,
            )
            .await?;
        rows.iter().map(read_summary).collect()
    }

    /// Conversations of a Page that are looked for by an order number, the hash of a phone number, or a part of
    /// the person's name (`like`, with `!` before its own `%` and `_`).
    pub async fn looked_for(
        &mut self,
        page: &PageId,
        (number, phone_hash, like): (&str, Option<String>, &str),
        limit: i64,
    ) -> Result<Vec<ConversationSummary>> {
        let rows = self
            .rows(
                summary!(
                    "where conversation.page_id = $1 and conversation.id in
                            (select sale_order.conversation_id
                               from order_name join sale_order on sale_order.id = order_name.order_id
                              where order_name.page_id = $1 and order_name.name = $2
                             union select conversation_id from phone_word
                                    where page_id = $1 and hash = cast($3 as text) and said_by in ('customer', 'tag')
                             union select conversation_id from person
                                    where page_id = $1 and name is not null and lower(name) like lower($4) escape '!')
                      order by last_at desc, conversation.id desc limit $5"
                ),
                values![page.as_str(), number, phone_hash, like, limit],
            )
            .await?;
        rows.iter().map(read_summary).collect()
    }

    /// One conversation at a glance.
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
                "select count(*) as number
                   from (select id from conversation
                          where state = 'waiting'
                            and (cast($1 as text) is null or page_id = $1)
                            and (cast($2 as text) is null or channel = $2)
                            and (cast($3 as text) is null
                                 or exists (select 1 from referral
                                             where referral.conversation_id = conversation.id and ad_id = $3))
                          limit $4) as some_of_them",
                values,
            )
            .await?;
        row.map_or(Ok(0), |row| row.get("number"))
    }

    /// The ads by which the conversations came that wait the longest for a tag.
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

    /// Takes a conversation out of the queue until a time; false if it does not wait.
    pub async fn snooze(&mut self, id: &ConversationId, until: Timestamp, owner: &str) -> Result<bool> {
        let snoozed = self
            .execute(
                "update conversation set state = 'snoozed', snoozed_until = $2, owner = $3, back_at = null
                  where id = $1 and waiting_since is not null and state in ('waiting', 'snoozed')",
                values![id.as_str(), until, owner],
            )
            .await?;
        Ok(snoozed == 1)
    }

    /// The connected Pages that a person sees, by name.
    pub async fn page_heads(&mut self, only: Option<&PageId>) -> Result<Vec<PageHead>> {
        let rows = self
            .rows(
                "select id, name, timezone, currency, country, mode, fault, test_event_code, test_until
                   from page where cast($1 as text) is null or id = $1 order by name, id",
                values![only.map(|page| page.0.clone())],
            )
            .await?;
        let head = |row: &Row| {
            Ok(PageHead {
                id: PageId(row.get("id")?),
                name: row.get("name")?,
                timezone: row.get("timezone")?,
                currency: row.word("currency", Currency::parse)?,
                country: row.get("country")?,
                mode: row.word("mode", Mode::parse)?,
                fault: row.get("fault")?,
                test_event_code: row.get("test_event_code")?,
                test_until: row.get::<Option<i64>>("test_until")?.map(Timestamp::from_millis),
            })
        };
        rows.iter().map(head).collect()
    }

    /// Brings conversations back whose snooze is over by `now`. One that was tagged meanwhile stays out.
    pub async fn call_back(&mut self, now: Timestamp) -> Result<u64> {
        self.execute(
            "update conversation
                set state = case when waiting_since is null then 'done' else 'waiting' end,
                    back_at = snoozed_until, snoozed_until = null
              where state = 'snoozed' and snoozed_until <= $1",
            values![now],
        )
        .await
    }

    /// Sets or ends the test event code of a Page.
    pub async fn set_test_code(&mut self, page: &PageId, test: Option<(&str, Timestamp)>) -> Result<()> {
        let (code, until) = test.unzip();
        self.execute(
            "update page set test_event_code = $2, test_until = $3 where id = $1",
            values![page.as_str(), code.map(str::to_owned), until],
        )
        .await
        .map(drop)
    }

    /// Ends the test event codes whose time is over by `now`.
    pub async fn end_test_codes(&mut self, now: Timestamp) -> Result<u64> {
        let text = "update page set test_event_code = null, test_until = null where test_until <= $1";
        self.execute(text, values![now]).await
    }

    /// A text that is another one as soon as anything changed that a page of the console shows.
    pub async fn stamp(&mut self) -> Result<String> {
        let row = self
            .row(
                "select coalesce((select max(id) from change), '') as change,
                        coalesce((select max(id) from attempt), '') as attempt,
                        (select count(*) from attempt where verdict is null) as out_now,
                        (select count(*) from conversation where state = 'snoozed') as snoozed,
                        (select count(*) from waiting_tag where settled_at is null) as waits,
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

    /// The text of a message, as far as it is kept.
    pub async fn text_of(
        &mut self,
        conversation: &ConversationId,
        at: Timestamp,
        id: &str,
    ) -> Result<Option<String>> {
        let row = self
            .row(
                "select text from message where conversation_id = $1 and sent_at = $2 and id = $3",
                values![conversation.as_str(), at, id],
            )
            .await?;
        row.map_or(Ok(None), |row| row.get("text"))
    }

    /// Who said an entry, and when, with the conversation that it stands in.
    pub async fn entry_said(
        &mut self,
        id: &OutcomeId,
    ) -> Result<Option<(ConversationId, String, Option<OutcomeId>)>> {
        let row = self
            .row("select conversation_id, actor, about from outcome where id = $1", values![id.as_str()])
            .await?;
        row.map(|row| {
            let about: Option<String> = row.get("about")?;
            Ok((ConversationId(row.get("conversation_id")?), row.get("actor")?, about.map(OutcomeId)))
        })
        .transpose()
    }
}

fn read_summary(row: &Row) -> Result<ConversationSummary> {
    let time = |column: &str| {
        Ok::<_, crate::error::Error>(row.get::<Option<i64>>(column)?.map(Timestamp::from_millis))
    };
    let words: Option<String> = row.get("words")?;
    let words = words.as_deref().and_then(|words| words.split_once(' '));
    let words = words.map(|(author, text)| (author.to_owned(), text.to_owned()));
    Ok(ConversationSummary {
        id: ConversationId(row.get("id")?),
        page_id: PageId(row.get("page_id")?),
        channel: row.word("channel", Channel::parse)?,
        state: row.get("state")?,
        name: row.get("name")?,
        has_face: row.get::<i64>("faces")? > 0,
        psid: row.get("psid")?,
        waiting_since: time("waiting_since")?,
        last_at: row.time("last_at")?,
        snoozed_until: time("snoozed_until")?,
        owner: row.get("owner")?,
        back_at: time("back_at")?,
        ad: row.get("ad")?,
        words: words.as_ref().map(|(_, text)| text.clone()),
        words_by: words.map(|(author, _)| author),
        waits: row.get::<Option<String>>("waits")?.as_deref().and_then(|text| {
            let (kind, why) = text.split_once(' ')?;
            Some((OutcomeKind::parse(kind)?, PendingReason::parse(why)?))
        }),
        lacks_value: row.get::<i64>("lacks_value")? > 0,
    })
}
