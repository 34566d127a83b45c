//! Pages with their policies, and the pauses of datasets.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::domain::basic::hours::WorkingHours;
use crate::domain::basic::identity::{DatasetId, PageId};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::inbound::Channel;
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::order::reason::Reasons;
use crate::domain::signal::policy::{LeadOn, Mode, OnUnknown, Policy, PurchaseOn};
use crate::error::{Error, Result};
use crate::store::db::sql::{Row, Unit, values};
use crate::store::db::write_buffer::Numbered;

/// The first byte of a stored token says how it is written: 0 is in clear, so that encryption can follow.
const TOKEN_IN_CLEAR: u8 = 0;

/// A connected Page.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its id at Meta.
    pub id: PageId,
    /// What people call it.
    pub name: String,
    /// Where its conversions go.
    pub dataset_id: DatasetId,
    /// With which right.
    pub token: SecretString,
    /// The currency of its sales.
    pub currency: Currency,
    /// ISO 3166 country of its customers' phones.
    pub country: String,
    /// IANA time zone.
    pub timezone: String,
    /// Whether anything leaves.
    pub mode: Mode,
    /// A fault of its token or link, with what to do; mending clears it.
    pub fault: Option<String>,
    /// Meta's test event code.
    pub test_event_code: Option<String>,
    /// The Page's Instagram account, where several Pages are connected.
    pub instagram_id: Option<String>,
    /// The shop's WhatsApp business account, where several Pages are connected.
    pub whatsapp_id: Option<String>,
    /// After so long without a word from the customer, a chat without an order is lost.
    pub silent_after: Duration,
    /// When somebody answers.
    pub working_hours: Option<WorkingHours>,
    /// What a label in Meta's inbox says.
    pub labels: BTreeMap<String, OutcomeKind>,
    /// Whether the service takes such a label off once it was heard, so that the next order can carry it.
    pub take_off_labels: bool,
    /// What operators write anyway, as patterns, and what it says.
    pub sentences: BTreeMap<OutcomeKind, Vec<String>>,
    /// The reasons to choose from.
    pub reasons: Reasons,
    /// The signal policy in force.
    pub policy: Policy,
}

/// A Page with its policy in force, by its id.
macro_rules! page_rows {
    ($id:literal) => {
        concat!(
            "select page.id, name, dataset_id, token, currency, country, timezone, mode, fault, test_event_code,
                    instagram_id, whatsapp_id, take_off_labels,
                    silent_after, working_hours, labels, sentences, reasons, version, purchase_on, hold,
                    lead_on, lifecycle,
                    on_unknown, policy.made_at
               from page join policy on policy.page_id = page.id and policy.version = page.policy_version
              where page.id = ",
            $id
        )
    };
}

impl Unit {
    /// Adds a Page or sets an existing one to what is given; its numbering and a fault stay. A policy other
    /// than the one in force becomes its next version.
    pub async fn put_page(&mut self, page: &Page, now: Timestamp) -> Result<()> {
        let mut token = vec![TOKEN_IN_CLEAR];
        token.extend_from_slice(page.token.expose_secret().as_bytes());
        self.execute(
            "insert into page (id, name, dataset_id, token, currency, country, timezone, mode, test_event_code,
                               silent_after, working_hours, labels, sentences, reasons, instagram_id, whatsapp_id,
                               take_off_labels, policy_version, next_number)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 1, 1001)
             on conflict (id) do update
                set name = excluded.name, dataset_id = excluded.dataset_id, token = excluded.token,
                    currency = excluded.currency, country = excluded.country, timezone = excluded.timezone,
                    mode = excluded.mode, test_event_code = excluded.test_event_code,
                    silent_after = excluded.silent_after, working_hours = excluded.working_hours,
                    labels = excluded.labels, sentences = excluded.sentences, reasons = excluded.reasons,
                    instagram_id = excluded.instagram_id, whatsapp_id = excluded.whatsapp_id,
                    take_off_labels = excluded.take_off_labels",
            values![
                page.id.as_str(),
                page.name.as_str(),
                page.dataset_id.as_str(),
                token,
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
        let in_force = self.page(&page.id).await?.map(|ledger| ledger.policy);
        match in_force {
            None => self.add_policy(&page.id, Policy { version: 1, ..page.policy }, now).await,
            Some(policy)
                if (Policy { version: policy.version, since: policy.since, ..page.policy }) == policy =>
            {
                Ok(())
            }
            Some(policy) => {
                let version = policy.version + 1;
                self.add_policy(&page.id, Policy { version, ..page.policy }, now).await?;
                let text = "update page set policy_version = $2 where id = $1";
                self.execute(text, values![page.id.as_str(), version]).await.map(drop)
            }
        }
    }

    async fn add_policy(&mut self, page: &PageId, policy: Policy, now: Timestamp) -> Result<()> {
        self.execute(
            "insert into policy (page_id, version, purchase_on, hold, lead_on, lifecycle, value, on_unknown, made_at)
             values ($1, $2, $3, $4, $5, $6, 'revenue', $7, $8)",
            values![
                page.as_str(),
                policy.version,
                policy.purchase_on.as_str(),
                millis(policy.hold),
                policy.lead_on.as_str(),
                policy.lifecycle,
                policy.on_unknown.as_str(),
                now,
            ],
        )
        .await?;
        Ok(())
    }

    /// Keeps a Page as it is until the unit ends: nobody else changes it meanwhile.
    pub async fn hold_page(&mut self, id: &PageId) -> Result<()> {
        self.execute("update page set next_number = next_number where id = $1", values![id.as_str()]).await?;
        Ok(())
    }

    /// What the configuration file said of a Page when it was last applied: a digest for each key.
    pub async fn file_values(&mut self, page: &PageId) -> Result<BTreeMap<String, String>> {
        let rows = self
            .rows("select key, digest from file_value where page_id = $1", values![page.as_str()])
            .await?;
        rows.iter().map(|row| Ok((row.get("key")?, row.get("digest")?))).collect()
    }

    /// Remembers what the configuration file says of a key; `None` when it says nothing any more.
    pub async fn set_file_value(
        &mut self,
        page: &PageId,
        key: &str,
        digest: Option<&str>,
        now: Timestamp,
    ) -> Result<()> {
        let Some(digest) = digest else {
            let text = "delete from file_value where page_id = $1 and key = $2";
            return self.execute(text, values![page.as_str(), key]).await.map(drop);
        };
        self.execute(
            "insert into file_value (page_id, key, digest, applied_at) values ($1, $2, $3, $4)
             on conflict (page_id, key) do update set digest = excluded.digest, applied_at = excluded.applied_at",
            values![page.as_str(), key, digest, now],
        )
        .await?;
        Ok(())
    }

    /// A Page with its policy in force.
    pub async fn page(&mut self, id: &PageId) -> Result<Option<Page>> {
        let text = page_rows!("$1");
        let found = self.row(text, values![id.as_str()]).await?;
        found.as_ref().map(read_page).transpose()
    }

    /// The connected Page that an account of a channel belongs to: the Page itself, the one that names the
    /// account, or the only one there is.
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

    /// The Pages from which conversions may leave at `now`.
    pub async fn sending_pages(&mut self, now: Timestamp) -> Result<Vec<PageId>> {
        let rows = self
            .rows(
                "select page.id from page left join dataset on dataset.id = page.dataset_id
                  where mode = 'live' and fault is null and coalesce(throttled_until, 0) <= $1
                  order by page.id",
                values![now],
            )
            .await?;
        rows.iter().map(|row| row.get::<String>("id").map(PageId)).collect()
    }

    /// Gives the next of the service's own order numbers: `S-1001`, `S-1002`, … Of several that one unit gives, a
    /// later one may be a name that somebody else gave before: then the unit is contended when it is written out.
    pub async fn next_order_number(&mut self, page: &PageId) -> Result<String> {
        let given = self.write_buffer.numbers.iter_mut().find(|numbered| numbered.page == *page);
        let number = if let Some(numbered) = given {
            numbered.next += 1;
            numbered.next - 1
        } else {
            let number = self.take_order_number(page).await?;
            if self.is_alone() {
                let next = number + 1;
                self.write_buffer.numbers.push(Numbered { page: page.clone(), written: next, next });
            }
            number
        };
        Ok(format!("S-{number}"))
    }

    async fn take_order_number(&mut self, page: &PageId) -> Result<i64> {
        loop {
            let rows = self
                .rows_beside(
                    "update page set next_number = next_number + 1 where id = $1
                     returning next_number - 1 as number,
                               (select 1 from order_name
                                 where page_id = $1 and name = 'S-' || (next_number - 1)) as taken",
                    values![page.as_str()],
                )
                .await?;
            let row = rows.first().ok_or_else(|| Error::not_found("Page"))?;
            if row.get::<Option<i32>>("taken")?.is_none() {
                return row.get("number");
            }
        }
    }

    /// Stops a Page for a fault of its token or link (`Some`), or lets it go on (`None`).
    pub async fn set_fault(&mut self, page: &PageId, fault: Option<&str>, now: Timestamp) -> Result<()> {
        self.execute(
            "update page set fault = $2, fault_at = $3 where id = $1",
            values![page.as_str(), fault.map(str::to_owned), now],
        )
        .await?;
        Ok(())
    }

    /// Lets a dataset rest: for `told`, or for `first` doubling up to `longest` while Meta does not tell. A
    /// pause is never shortened; another answer of before it began does not double it.
    pub async fn throttle(
        &mut self,
        dataset: &DatasetId,
        told: Option<Duration>,
        (first, longest): (Duration, Duration),
        now: Timestamp,
    ) -> Result<()> {
        let [told, first, longest] = [told.unwrap_or_default(), first, longest]
            .map(|span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX));
        self.execute(
            "insert into dataset (id, throttled_until, throttle_step)
             values ($1, $2 + case when $3 > 0 then $3 else $4 end, case when $3 > 0 then 0 else $4 end)
             on conflict (id) do update
                set throttle_step = case when $3 > 0 or dataset.throttled_until > $2 then dataset.throttle_step
                                         when dataset.throttle_step * 2 > $5 then $5
                                         when dataset.throttle_step = 0 then $4
                                         else dataset.throttle_step * 2 end,
                    throttled_until = case when $3 > 0 and dataset.throttled_until < $2 + $3 then $2 + $3
                                           when $3 > 0 or dataset.throttled_until > $2
                                           then dataset.throttled_until
                                           when dataset.throttle_step * 2 > $5 then $2 + $5
                                           when dataset.throttle_step = 0 then $2 + $4
                                           else $2 + dataset.throttle_step * 2 end",
            values![dataset.as_str(), now, told, first, longest],
        )
        .await?;
        Ok(())
    }

    /// Meta took a request: the next pause that it does not time begins short again.
    pub async fn unthrottle(&mut self, dataset: &DatasetId) -> Result<()> {
        self.execute("update dataset set throttle_step = 0 where id = $1", values![dataset.as_str()]).await?;
        Ok(())
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

fn span(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// `{"Order":"confirmed"}`
fn labels_text(labels: &BTreeMap<String, OutcomeKind>) -> String {
    let labels: Map<String, Value> =
        labels.iter().map(|(label, kind)| (label.clone(), kind.as_str().into())).collect();
    Value::from(labels).to_string()
}

fn read_labels(text: &str) -> Option<BTreeMap<String, OutcomeKind>> {
    let labels: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    labels.into_iter().map(|(label, kind)| Some((label, OutcomeKind::parse(&kind)?))).collect()
}

/// `{"confirmed":["…"]}`
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
    let token: Vec<u8> = row.get("token")?;
    let token = match token.split_first() {
        Some((&TOKEN_IN_CLEAR, text)) => String::from_utf8_lossy(text).into_owned(),
        _ => return Err(Error::internal("a token is stored in a way that this version can't read")),
    };
    Ok(Page {
        id: PageId(row.get("id")?),
        name: row.get("name")?,
        dataset_id: DatasetId(row.get("dataset_id")?),
        token: token.into(),
        currency: row.word("currency", Currency::parse)?,
        country: row.get("country")?,
        timezone: row.get("timezone")?,
        mode: row.word("mode", Mode::parse)?,
        fault: row.get("fault")?,
        test_event_code: row.get("test_event_code")?,
        instagram_id: row.get("instagram_id")?,
        whatsapp_id: row.get("whatsapp_id")?,
        silent_after: span(row.get("silent_after")?),
        working_hours: row
            .get::<Option<String>>("working_hours")?
            .map(|text| WorkingHours::parse(&text).map_err(Error::internal))
            .transpose()?,
        labels: row.word("labels", read_labels)?,
        take_off_labels: row.get::<i64>("take_off_labels")? != 0,
        sentences: row.word("sentences", read_sentences)?,
        reasons: row.word("reasons", read_reasons)?,
        policy: read_policy(row)?,
    })
}

pub(in crate::store) fn read_policy(row: &Row) -> Result<Policy> {
    let version = row.get("version")?;
    Ok(Policy {
        version,
        since: if version > 1 { row.time("made_at")? } else { Timestamp::from_millis(0) },
        purchase_on: row.word("purchase_on", PurchaseOn::parse)?,
        hold: span(row.get("hold")?),
        lead_on: row.word("lead_on", LeadOn::parse)?,
        lifecycle: row.get::<i64>("lifecycle")? != 0,
        on_unknown: row.word("on_unknown", OnUnknown::parse)?,
    })
}
