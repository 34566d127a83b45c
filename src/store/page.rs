//! Pages, each with its lane and its policy in force.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::domain::basic::hours::WorkingHours;
use crate::domain::basic::identity::{LaneId, PageId};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::inbound::Channel;
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::order::reason::Reasons;
use crate::domain::signal::SignalRules;
use crate::domain::signal::conversion::EventName;
use crate::domain::signal::lane::Lane;
use crate::domain::signal::policy::{Mode, Policy};
use crate::error::{Error, Result};
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Row, values};
use crate::store::lane::{lane_columns, read_lane};
use crate::store::policy::{millis, policy_columns, read_policy, span};

/// A connected Page.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its id at Meta.
    pub id: PageId,
    /// What people call it.
    pub name: String,
    /// The lane by which its events are sent; other Pages may share it.
    pub lane: Lane,
    /// The currency of its sales.
    pub currency: Currency,
    /// ISO 3166 country of its customers' phones.
    pub country: String,
    /// IANA time zone.
    pub timezone: String,
    /// Whether events are sent: live, shadow or paused.
    pub mode: Mode,
    /// Meta's test event code; while it is set, Meta takes the events as tests.
    pub test_event_code: Option<String>,
    /// The Page's Instagram account, where several Pages are connected.
    pub instagram_id: Option<String>,
    /// The shop's WhatsApp business account, where several Pages are connected.
    pub whatsapp_id: Option<String>,
    /// How long a customer may not write until a chat without an order is lost.
    pub silent_after: Duration,
    /// The hours in which operators answer.
    pub working_hours: Option<WorkingHours>,
    /// The outcome that each label in Meta's inbox means, by the label's name.
    pub labels: BTreeMap<String, OutcomeKind>,
    /// Whether the service takes such a label off once its tag is recorded, so that the next order can carry it.
    pub take_off_labels: bool,
    /// The patterns of what operators write anyway, by the outcome that each means.
    pub sentences: BTreeMap<OutcomeKind, Vec<String>>,
    /// The reasons that people choose from.
    pub reasons: Reasons,
    /// The signal policy in force.
    pub policy: Policy,
}

/// The settings of a Page that every page of the console shows.
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
    /// Whether events are sent: live, shadow or paused.
    pub mode: Mode,
    /// The fault of its lane; `None` while there is none.
    pub fault: Option<String>,
    /// The time of the oldest event that waits for the fault to be mended; `None` while there is no fault or no event.
    pub oldest_waiting: Option<Timestamp>,
    /// Meta's test event code.
    pub test_event_code: Option<String>,
    /// When the test event code ends.
    pub test_until: Option<Timestamp>,
}

/// A test event code, and until when it is sent.
#[derive(Clone, Copy, Debug)]
pub struct TestCode<'a> {
    /// The code as Meta's Events Manager shows it, sent as `test_event_code`.
    pub code: &'a str,
    /// The moment after which events are sent without it.
    pub until: Timestamp,
}

impl Unit {
    /// Adds a Page or replaces the settings of an existing one; its order numbers continue. It gets the lane of its
    /// dataset and token, made with the id `new_lane` if there is none; another token for the same dataset replaces
    /// that of the lane, for all its Pages. A policy other than the one in force becomes its next version.
    pub async fn put_page(&mut self, page: &Page, new_lane: &LaneId, now: Timestamp) -> Result<()> {
        let before = self.page(&page.id).await?;
        let lane = match &before {
            Some(before) if before.lane.dataset_id == page.lane.dataset_id => {
                if before.lane.token.expose_secret() == page.lane.token.expose_secret() {
                    before.lane.id.clone()
                } else {
                    self.replace_token(&before.lane, &page.lane.token).await?
                }
            }
            _ => self.find_or_make_lane(&page.lane, new_lane, now).await?,
        };
        self.execute(
            "insert into page (id, name, lane_id, currency, country, timezone, mode, test_event_code, silent_after,
                               working_hours, labels, sentences, reasons, instagram_id, whatsapp_id,
                               take_off_labels, policy_version, next_order_number)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1, 1001)
             on conflict (id) do update
                set name = excluded.name, lane_id = excluded.lane_id, currency = excluded.currency,
                    country = excluded.country, timezone = excluded.timezone, mode = excluded.mode,
                    test_event_code = excluded.test_event_code, silent_after = excluded.silent_after,
                    working_hours = excluded.working_hours, labels = excluded.labels,
                    sentences = excluded.sentences, reasons = excluded.reasons,
                    instagram_id = excluded.instagram_id, whatsapp_id = excluded.whatsapp_id,
                    take_off_labels = excluded.take_off_labels",
            values![
                page.id.as_str(),
                page.name.as_str(),
                lane.as_str(),
                page.currency.code(),
                page.country.as_str(),
                page.timezone.as_str(),
                page.mode.as_str(),
                page.test_event_code.clone(),
                millis(page.silent_after),
                page.working_hours.as_ref().map(ToString::to_string),
                labels_text(&page.labels),
                sentences_text(&page.sentences),
                reasons_text(&page.reasons),
                page.instagram_id.clone(),
                page.whatsapp_id.clone(),
                page.take_off_labels,
            ],
        )
        .await?;
        let Some(before) = before else {
            return self.add_policy(&page.id, Policy { version: 1, ..page.policy }, now).await;
        };
        if before.lane.id != lane {
            self.drop_unused_lane(&before.lane.id).await?;
        }
        let in_force = before.policy;
        if (Policy { version: in_force.version, since: in_force.since, ..page.policy }) == in_force {
            return Ok(());
        }
        let version = in_force.version + 1;
        self.add_policy(&page.id, Policy { version, ..page.policy }, now).await?;
        let text = "update page set policy_version = $2 where id = $1";
        self.execute(text, values![page.id.as_str(), version]).await.map(drop)
    }

    /// Locks a Page until the unit ends.
    pub async fn hold_page(&mut self, id: &PageId) -> Result<()> {
        self.execute(
            "update page set next_order_number = next_order_number where id = $1",
            values![id.as_str()],
        )
        .await?;
        Ok(())
    }

    /// The settings that the configuration file had for a Page when it was last applied: a digest for each key.
    pub async fn configured_values(&mut self, page: &PageId) -> Result<BTreeMap<String, String>> {
        let rows = self
            .rows("select key, digest from configured_value where page_id = $1", values![page.as_str()])
            .await?;
        rows.iter().map(|row| Ok((row.get("key")?, row.get("digest")?))).collect()
    }

    /// Stores the digest of a key's text in the configuration file; `None` when the file no longer has the key.
    pub async fn set_configured_value(
        &mut self,
        page: &PageId,
        key: &str,
        digest: Option<&str>,
        now: Timestamp,
    ) -> Result<()> {
        let Some(digest) = digest else {
            let text = "delete from configured_value where page_id = $1 and key = $2";
            return self.execute(text, values![page.as_str(), key]).await.map(drop);
        };
        self.execute(
            "insert into configured_value (page_id, key, digest, applied_at) values ($1, $2, $3, $4)
             on conflict (page_id, key) do update set digest = excluded.digest, applied_at = excluded.applied_at",
            values![page.as_str(), key, digest, now],
        )
        .await?;
        Ok(())
    }

    /// A Page with its lane and its policy in force.
    pub async fn page(&mut self, id: &PageId) -> Result<Option<Page>> {
        let text = concat!(
            "select page.id, name, currency, country, timezone, mode, test_event_code, instagram_id, whatsapp_id,
                    silent_after, working_hours, labels, take_off_labels, sentences, reasons, ",
            lane_columns!(),
            ", ",
            policy_columns!(),
            " from page join policy on policy.page_id = page.id and policy.version = page.policy_version
                        join lane on lane.id = page.lane_id
                        left join dataset on dataset.id = lane.dataset_id
              where page.id = $1"
        );
        let found = self.row(text, values![id.as_str()]).await?;
        found.as_ref().map(read_page).transpose()
    }

    /// The rules for the conversions of a Page: its policies, and the event names that the dataset of its lane refuses.
    pub async fn rules(&mut self, page: &Page) -> Result<SignalRules> {
        let rows = self
            .rows(
                concat!(
                    "select ",
                    policy_columns!(),
                    ", event_name from policy left join refused_name on dataset_id = $3
                      where page_id = $1 and version <= $2 order by version"
                ),
                values![page.id.as_str(), page.policy.version, page.lane.dataset_id.as_str()],
            )
            .await?;
        let mut rules = SignalRules {
            mode: page.mode,
            policies: Vec::new(),
            refused: HashSet::new(),
            not_a_sale: page.reasons.not_a_sale.clone(),
        };
        for row in &rows {
            let policy = read_policy(row)?;
            if rules.policies.last().is_none_or(|last| last.version != policy.version) {
                rules.policies.push(policy);
            }
            if row.get::<Option<String>>("event_name")?.is_some() {
                rules.refused.insert(row.word("event_name", EventName::parse)?);
            }
        }
        Ok(rules)
    }

    /// The ids of all Pages.
    pub async fn page_ids(&mut self) -> Result<Vec<PageId>> {
        let rows = self.rows("select id from page order by id", values![]).await?;
        rows.iter().map(|row| row.get("id").map(PageId)).collect()
    }

    /// The connected Pages that a person sees, by name; `only` limits them to one.
    pub async fn page_heads(&mut self, only: Option<&PageId>) -> Result<Vec<PageHead>> {
        let rows = self
            .rows(
                "select page.id, name, timezone, currency, country, mode, fault, test_event_code,
                        test_event_code_until,
                        case when fault is not null
                             then (select min(event_time) from conversion
                                    where conversion.page_id = page.id and state = 'ready') end as oldest_waiting
                   from page join lane on lane.id = page.lane_id
                  where cast($1 as text) is null or page.id = $1 order by name, page.id",
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
                oldest_waiting: row.time_if_any("oldest_waiting")?,
                test_event_code: row.get("test_event_code")?,
                test_until: row.time_if_any("test_event_code_until")?,
            })
        };
        rows.iter().map(head).collect()
    }

    /// The currency that a Page sells in.
    pub async fn currency_of(&mut self, page: &PageId) -> Result<Currency> {
        let row = self.row("select currency from page where id = $1", values![page.as_str()]).await?;
        row.ok_or_else(|| Error::not_found("Page"))?.word("currency", Currency::parse)
    }

    /// Sets or ends the test event code of a Page.
    pub async fn set_test_code(&mut self, page: &PageId, test: Option<TestCode<'_>>) -> Result<()> {
        self.execute(
            "update page set test_event_code = $2, test_event_code_until = $3 where id = $1",
            values![page.as_str(), test.map(|test| test.code.to_owned()), test.map(|test| test.until)],
        )
        .await
        .map(drop)
    }

    /// Ends the test event codes whose time is over by `now`.
    pub async fn end_test_codes(&mut self, now: Timestamp) -> Result<u64> {
        let text = "update page set test_event_code = null, test_event_code_until = null
                     where test_event_code_until <= $1";
        self.execute(text, values![now]).await
    }

    /// The connected Page that an account of a channel belongs to: the Page itself, the one whose settings name the
    /// account, or else the only Page there is.
    pub async fn page_of_account(&mut self, channel: Channel, account: &PageId) -> Result<Option<PageId>> {
        let rows = self
            .rows(
                "select id, cast(case when id = $1 then 0
                                      when $2 = 'instagram' and instagram_id = $1 then 1
                                      when $2 = 'whatsapp' and whatsapp_id = $1 then 1
                                      when $2 <> 'messenger' then 2 end as bigint) as nearness
                   from page order by nearness nulls last, id limit 2",
                values![account.as_str(), channel.as_str()],
            )
            .await?;
        let nearness = |row: &Row| row.get::<Option<i64>>("nearness");
        let found = match rows.as_slice() {
            [only] if nearness(only)?.is_some() => Some(only),
            [first, ..] if matches!(nearness(first)?, Some(0 | 1)) => Some(first),
            _ => None,
        };
        found.map(|row| row.get("id").map(PageId)).transpose()
    }
}

/// The map of labels as its column holds it: `{"Order":"confirmed"}`.
fn labels_text(labels: &BTreeMap<String, OutcomeKind>) -> String {
    let labels: Map<String, Value> =
        labels.iter().map(|(label, kind)| (label.clone(), kind.as_str().into())).collect();
    Value::from(labels).to_string()
}

fn read_labels(text: &str) -> Option<BTreeMap<String, OutcomeKind>> {
    let labels: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    labels.into_iter().map(|(label, kind)| Some((label, OutcomeKind::parse(&kind)?))).collect()
}

/// The sentences as their column holds them: `{"confirmed":["…"]}`.
fn sentences_text(sentences: &BTreeMap<OutcomeKind, Vec<String>>) -> String {
    let sentences: Map<String, Value> =
        sentences.iter().map(|(kind, list)| (kind.as_str().to_owned(), list.clone().into())).collect();
    Value::from(sentences).to_string()
}

fn read_sentences(text: &str) -> Option<BTreeMap<OutcomeKind, Vec<String>>> {
    let sentences: BTreeMap<String, Vec<String>> = serde_json::from_str(text).ok()?;
    sentences.into_iter().map(|(kind, list)| Some((OutcomeKind::parse(&kind)?, list))).collect()
}

/// `{"lost":["…"]}`: only the lists that are the Page's own, so that a better list that is built in reaches it.
fn reasons_text(reasons: &Reasons) -> String {
    let built_in = Reasons::default();
    let lists: Map<String, Value> = [
        ("lost", &reasons.lost, &built_in.lost),
        ("cancelled", &reasons.cancelled, &built_in.cancelled),
        ("returned", &reasons.returned, &built_in.returned),
        ("not_a_sale", &reasons.not_a_sale, &built_in.not_a_sale),
    ]
    .into_iter()
    .filter(|(_, list, built_in)| list != built_in)
    .map(|(key, list, _)| (key.to_owned(), list.clone().into()))
    .collect();
    Value::from(lists).to_string()
}

fn read_reasons(text: &str) -> Option<Reasons> {
    let mut lists: BTreeMap<String, Vec<String>> = serde_json::from_str(text).ok()?;
    let built_in = Reasons::default();
    Some(Reasons {
        lost: lists.remove("lost").unwrap_or(built_in.lost),
        cancelled: lists.remove("cancelled").unwrap_or(built_in.cancelled),
        returned: lists.remove("returned").unwrap_or(built_in.returned),
        not_a_sale: lists.remove("not_a_sale").unwrap_or(built_in.not_a_sale),
    })
}

fn read_page(row: &Row) -> Result<Page> {
    Ok(Page {
        id: PageId(row.get("id")?),
        name: row.get("name")?,
        lane: read_lane(row)?,
        currency: row.word("currency", Currency::parse)?,
        country: row.get("country")?,
        timezone: row.get("timezone")?,
        mode: row.word("mode", Mode::parse)?,
        test_event_code: row.get("test_event_code")?,
        instagram_id: row.get("instagram_id")?,
        whatsapp_id: row.get("whatsapp_id")?,
        silent_after: span(row.get("silent_after")?),
        working_hours: row
            .get::<Option<String>>("working_hours")?
            .map(|text| WorkingHours::parse(&text).map_err(Error::internal))
            .transpose()?,
        labels: row.word("labels", read_labels)?,
        take_off_labels: row.truth("take_off_labels")?,
        sentences: row.word("sentences", read_sentences)?,
        reasons: row.word("reasons", read_reasons)?,
        policy: read_policy(row)?,
    })
}
