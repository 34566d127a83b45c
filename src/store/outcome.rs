//! The ledger: its entries, which are added and never changed, and the notes beside them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, OrderId, OutcomeId, PageId};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::aggregate::Thread;
use crate::domain::order::matching::SaleDecision;
use crate::domain::order::outcome::{Fact, FollowUp, FollowUpEntry, FollowUps, OutcomeKind, Source};
use crate::domain::order::terms::{Details, Item, Terms};
use crate::error::{Error, Result};
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Pair, Row, read_word, rows, values};
use crate::store::db::write_buffer::{Buffered, Table, Taken};

/// Where an entry belongs: its Page and conversation, its order, and its place in the conversation's ledger.
#[derive(Clone, Copy, Debug)]
pub struct EntryPosition<'a> {
    /// The conversation with its Page and recipient.
    pub thread: &'a Thread,
    /// The order; `None` for an entry about a chat.
    pub order: Option<&'a OrderId>,
    /// Its place in the ledger of the conversation, counted from 1.
    pub position: i64,
}

/// Who made an entry, and to which conversation it belongs.
#[derive(Clone, Debug)]
pub struct EntryOrigin {
    /// The conversation in whose ledger it is.
    pub conversation: ConversationId,
    /// When it was written.
    pub recorded_at: Timestamp,
    /// The source by which it came.
    pub source: Source,
    /// The actor: the name of a person or an API key.
    pub actor: String,
    /// Its kind, in the words of the rows.
    pub kind: String,
    /// The entry that it undoes or accepts; `None` for a fact.
    pub about: Option<OutcomeId>,
}

/// The fact that bears a `ref`.
#[derive(Clone, Debug)]
pub struct ReferredFact {
    /// Our id of the fact.
    pub id: OutcomeId,
    /// The conversation in whose ledger it is.
    pub conversation: ConversationId,
    /// The sender itself gave it the `ref`, and not another one that is gone.
    pub is_own: bool,
}

/// A row of the table `outcome`: a fact or a follow-up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::store) struct OutcomeRow {
    pub(in crate::store) id: String,
    #[serde(default)]
    page_id: String,
    pub(in crate::store) conversation_id: String,
    /// The order that it was recorded for.
    pub(in crate::store) order_id: Option<String>,
    /// The entry that it undoes or accepts.
    pub(in crate::store) about: Option<String>,
    kind: Cow<'static, str>,
    occurred_at: i64,
    clamped: i64,
    time_stated: i64,
    recorded_at: i64,
    source: Cow<'static, str>,
    actor: String,
    reference: Option<String>,
    currency: Cow<'static, str>,
    /// Where no currency was stated, the Page's in which the amounts were written.
    written_in: Option<Cow<'static, str>>,
    value: Option<i64>,
    total: Option<i64>,
    delivery_fee: Option<i64>,
    discount: Option<i64>,
    fee: Option<i64>,
    items: Option<String>,
    reason: Option<String>,
    payment: Option<String>,
    courier: Option<String>,
    waybill: Option<String>,
    pub(in crate::store) position: i64,
    /// Of a join or a part: the fact of the other sale.
    pub(in crate::store) other: Option<String>,
}

impl Buffered for OutcomeRow {
    const TABLE: Table = Table::Outcome;
    const TEXT: Pair = rows!(insert into outcome (
        id text, page_id text, conversation_id text, order_id text, about text, kind text, occurred_at bigint,
        clamped bigint, time_stated bigint, recorded_at bigint, source text, actor text, reference text, currency text, written_in text, value bigint,
        total bigint, delivery_fee bigint, discount bigint, fee bigint, items text, reason text, payment text,
        courier text, waybill text, position bigint, other text
    ));
}

/// A row of the table `fact_reference`.
#[derive(Debug, Serialize)]
struct FactReferenceRow {
    page_id: String,
    sender: String,
    reference: String,
    outcome_id: String,
}

impl Buffered for FactReferenceRow {
    const TABLE: Table = Table::FactReference;
    const TEXT: Pair = rows!(insert into fact_reference (
        page_id text, sender text, reference text, outcome_id text
    ) "on conflict (page_id, sender, reference) do nothing");
    const TAKEN: Option<Taken> =
        Some(Taken { code: "ref_taken", message: "The same ref was told elsewhere at this moment" });
}

/// The columns that [`OutcomeRow::read`] wants.
macro_rules! outcome_columns {
    () => {
        "id, conversation_id, order_id, about, kind, occurred_at, clamped, time_stated, recorded_at, source, actor, reference,
         currency, written_in, value, total, delivery_fee, discount, fee, items, reason, payment, courier, waybill,
         position, other"
    };
}
pub(in crate::store) use outcome_columns;

impl OutcomeRow {
    /// Reads a row with [`outcome_columns!`].
    pub(in crate::store) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            page_id: String::new(),
            conversation_id: row.get("conversation_id")?,
            order_id: row.get("order_id")?,
            about: row.get("about")?,
            kind: row.get::<String>("kind")?.into(),
            occurred_at: row.get("occurred_at")?,
            clamped: row.get("clamped")?,
            time_stated: row.get("time_stated")?,
            recorded_at: row.get("recorded_at")?,
            source: row.get::<String>("source")?.into(),
            actor: row.get("actor")?,
            reference: row.get("reference")?,
            currency: row.get::<String>("currency")?.into(),
            written_in: row.get::<Option<String>>("written_in")?.map(Cow::Owned),
            value: row.get("value")?,
            total: row.get("total")?,
            delivery_fee: row.get("delivery_fee")?,
            discount: row.get("discount")?,
            fee: row.get("fee")?,
            items: row.get("items")?,
            reason: row.get("reason")?,
            payment: row.get("payment")?,
            courier: row.get("courier")?,
            waybill: row.get("waybill")?,
            position: row.get("position")?,
            other: row.get("other")?,
        })
    }

    /// The sort key in the ledger.
    pub(in crate::store) fn place(&self) -> (i64, &str) {
        (self.recorded_at, &self.id)
    }

    /// The undo or acceptance that it is.
    pub(in crate::store) fn follow_up_entry(&self) -> Result<Option<FollowUpEntry>> {
        let Some((about, kind @ (FollowUp::Undo | FollowUp::Accept))) = self.follow_up() else {
            return Ok(None);
        };
        Ok(Some(FollowUpEntry {
            id: OutcomeId(self.id.clone()),
            about: OutcomeId(about.clone()),
            kind,
            recorded_at: Timestamp::from_millis(self.recorded_at),
            source: read_word("source", Source::parse, &self.source)?,
            actor: self.actor.clone(),
        }))
    }

    /// The id of the entry that it is about, and what it does with it.
    pub(in crate::store) fn follow_up(&self) -> Option<(&String, FollowUp)> {
        Some((self.about.as_ref()?, FollowUp::parse(&self.kind)?))
    }

    /// The decision of a person about two sales that this entry is.
    pub(in crate::store) fn decision(&self) -> Option<SaleDecision> {
        let (about, kind) = self.follow_up()?;
        let is_same = match kind {
            FollowUp::Join => true,
            FollowUp::Part => false,
            FollowUp::Undo | FollowUp::Accept => return None,
        };
        let other = OutcomeId(self.other.clone()?);
        Some(SaleDecision { is_same, fact: OutcomeId(about.clone()), other })
    }

    /// The fact by itself, without its follow-ups.
    pub(in crate::store) fn fact(self) -> Result<Fact> {
        let items: Vec<Item> = self
            .items
            .map_or(Ok(Vec::new()), |text| serde_json::from_str(&text))
            .map_err(|error| Error::internal("the items of an outcome can't be read").caused_by(error))?;
        Ok(Fact {
            id: OutcomeId(self.id),
            kind: read_word("kind", OutcomeKind::parse, &self.kind)?,
            occurred_at: Timestamp::from_millis(self.occurred_at),
            recorded_at: Timestamp::from_millis(self.recorded_at),
            actor: self.actor,
            source: read_word("source", Source::parse, &self.source)?,
            reference: self.reference,
            terms: Terms {
                currency: read_word("currency", Currency::parse, &self.currency)?,
                written_in: self
                    .written_in
                    .map(|code| read_word("written_in", Currency::parse, &code))
                    .transpose()?,
                value: self.value,
                total: self.total,
                delivery_fee: self.delivery_fee,
                discount: self.discount,
                fee: self.fee,
                items,
            },
            details: Details {
                payment: self.payment,
                courier: self.courier,
                waybill: self.waybill,
                clamped: self.clamped != 0,
            },
            reason: self.reason,
            undone: false,
            accepted: false,
            time_stated: self.time_stated != 0,
            names_same_sale: false,
            follow_ups: FollowUps::default(),
        })
    }

    /// A row at this position, without content.
    fn at(position: EntryPosition<'_>) -> Self {
        Self {
            page_id: position.thread.page_id.0.clone(),
            conversation_id: position.thread.id.0.clone(),
            order_id: position.order.map(|id| id.0.clone()),
            position: position.position,
            ..Self::default()
        }
    }
}

impl Unit {
    /// Adds a fact to the ledger.
    pub fn append_outcome(&mut self, position: EntryPosition<'_>, fact: &Fact) -> Result<()> {
        let items = (!fact.terms.items.is_empty())
            .then(|| serde_json::to_string(&fact.terms.items))
            .transpose()
            .map_err(|error| Error::internal("items can't be written").caused_by(error))?;
        self.write_buffer.of().push(OutcomeRow {
            id: fact.id.0.clone(),
            kind: fact.kind.as_str().into(),
            occurred_at: fact.occurred_at.millis(),
            clamped: i64::from(fact.details.clamped),
            time_stated: i64::from(fact.time_stated),
            recorded_at: fact.recorded_at.millis(),
            source: fact.source.as_str().into(),
            actor: fact.actor.clone(),
            reference: fact.reference.clone(),
            currency: fact.terms.currency.code().into(),
            written_in: fact.terms.written_in.map(|currency| currency.code().into()),
            value: fact.terms.value,
            total: fact.terms.total,
            delivery_fee: fact.terms.delivery_fee,
            discount: fact.terms.discount,
            fee: fact.terms.fee,
            items,
            reason: fact.reason.clone(),
            payment: fact.details.payment.clone(),
            courier: fact.details.courier.clone(),
            waybill: fact.details.waybill.clone(),
            ..OutcomeRow::at(position)
        });
        Ok(())
    }

    /// Adds a follow-up to the ledger; `other` is of a join or a part the fact that gave the other sale its value.
    pub fn append_follow_up(
        &mut self,
        position: EntryPosition<'_>,
        entry: &FollowUpEntry,
        other: Option<&OutcomeId>,
        currency: Currency,
    ) {
        self.write_buffer.of().push(OutcomeRow {
            id: entry.id.0.clone(),
            about: Some(entry.about.0.clone()),
            other: other.map(|other| other.0.clone()),
            kind: entry.kind.as_str().into(),
            occurred_at: entry.recorded_at.millis(),
            recorded_at: entry.recorded_at.millis(),
            source: entry.source.as_str().into(),
            actor: entry.actor.clone(),
            currency: currency.code().into(),
            ..OutcomeRow::at(position)
        });
    }

    /// Stores an operator's note beside an entry.
    pub async fn add_note(
        &mut self,
        id: &OutcomeId,
        page: &PageId,
        text: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into outcome_note (outcome_id, page_id, written_at, text) values ($1, $2, $3, $4)",
            values![id.as_str(), page.as_str(), now, text],
        )
        .await?;
        Ok(())
    }

    /// The notes beside the entries of a conversation, as far as they are kept.
    pub async fn notes(&mut self, id: &ConversationId) -> Result<Vec<(OutcomeId, String)>> {
        let rows = self
            .rows(
                "select outcome_id, text from outcome_note join outcome on outcome.id = outcome_note.outcome_id
                  where conversation_id = $1",
                values![id.as_str()],
            )
            .await?;
        rows.iter().map(|row| Ok((OutcomeId(row.get("outcome_id")?), row.get("text")?))).collect()
    }

    /// The conversation that an entry belongs to.
    pub async fn conversation_of_outcome(&mut self, id: &OutcomeId) -> Result<Option<ConversationId>> {
        let row = self.row("select conversation_id from outcome where id = $1", values![id.as_str()]).await?;
        row.map(|row| row.get("conversation_id").map(ConversationId)).transpose()
    }

    /// The order that an entry belongs to.
    pub async fn order_of_outcome(&mut self, id: &OutcomeId) -> Result<Option<OrderId>> {
        let row = self
            .row(
                "select coalesce(joined_into, order_id) as order_id
                   from outcome left join sale_order on sale_order.id = outcome.order_id where outcome.id = $1",
                values![id.as_str()],
            )
            .await?;
        Ok(row.map(|row| row.get::<Option<String>>("order_id")).transpose()?.flatten().map(OrderId))
    }

    /// The origin of an entry.
    pub async fn entry_origin(&mut self, id: &OutcomeId) -> Result<Option<EntryOrigin>> {
        let row = self
            .row(
                "select conversation_id, recorded_at, source, actor, kind, about from outcome where id = $1",
                values![id.as_str()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(EntryOrigin {
            conversation: ConversationId(row.get("conversation_id")?),
            recorded_at: row.time("recorded_at")?,
            source: row.word("source", Source::parse)?,
            actor: row.get("actor")?,
            kind: row.get("kind")?,
            about: row.get::<Option<String>>("about")?.map(OutcomeId),
        }))
    }

    /// The effective fact to which this sender gave this `ref`, on a Page; else one to which a sender gave it whose last key
    /// was revoked, so that this may be that sender under another name.
    pub async fn fact_referred(
        &mut self,
        page: &PageId,
        sender: &str,
        reference: &str,
    ) -> Result<Option<ReferredFact>> {
        let row = self
            .row(
                "select outcome_id, conversation_id,
                        cast(case when sender = $2 then 1 else 0 end as bigint) as is_own
                   from fact_reference join outcome on outcome.id = outcome_id
                  where fact_reference.page_id = $1 and fact_reference.reference = $3
                    and (sender = $2
                         or (source in ('crm', 'courier', 'bank', 'site')
                             and (select max(case when revoked_at is null then 1 else 0 end)
                                    from api_key where name = sender) = 0))
                  order by is_own desc, outcome_id desc limit 1",
                values![page.as_str(), sender, reference],
            )
            .await?;
        let read = |row: Row| {
            Ok(ReferredFact {
                id: OutcomeId(row.get("outcome_id")?),
                conversation: ConversationId(row.get("conversation_id")?),
                is_own: row.truth("is_own")?,
            })
        };
        row.map(read).transpose()
    }

    /// Whether all keys of this name were revoked, so that the sender goes by another name now, or is gone.
    pub async fn is_sender_gone(&mut self, name: &str) -> Result<bool> {
        let text = "select max(case when revoked_at is null then 1 else 0 end) as in_force
                      from api_key where name = $1";
        let in_force = self.row(text, values![name]).await?.map(|row| row.get::<Option<i32>>("in_force"));
        Ok(in_force.transpose()?.flatten() == Some(0))
    }

    /// Gives a fact its sender's `ref`. If another unit gives it meanwhile, this unit is contended.
    pub fn refer_to_fact(&mut self, page: &PageId, sender: &str, fact: &Fact) {
        let Some(reference) = &fact.reference else { return };
        self.write_buffer.of().push(FactReferenceRow {
            page_id: page.0.clone(),
            sender: sender.to_owned(),
            reference: reference.clone(),
            outcome_id: fact.id.0.clone(),
        });
    }

    /// Frees the `ref` of a fact that was undone: another fact may bear it.
    pub async fn free_reference(&mut self, fact: &OutcomeId) -> Result<()> {
        let text = "delete from fact_reference where outcome_id = $1";
        self.execute(text, values![fact.as_str()]).await.map(drop)
    }

    /// The facts that this outside sender (`None`: any) told under a `ref`, or one whose last key was revoked, on all Pages
    /// or on one: the effective ones, else the last one that was taken back.
    pub async fn facts_of_reference(
        &mut self,
        reference: &str,
        sender: Option<&str>,
        page: Option<&PageId>,
    ) -> Result<Vec<OutcomeId>> {
        let rows = self
            .rows(
                "select outcome.id,
                        cast(case when (select 1 from fact_reference where outcome_id = outcome.id) = 1
                                  then 1 else 0 end as bigint) as is_effective,
                        cast(case when cast($3 as text) is null or actor = $3 then 1 else 0 end as bigint) as is_own
                   from page join outcome on outcome.page_id = page.id
                  where source in ('crm', 'courier', 'bank', 'site') and reference = $1
                    and (cast($2 as text) is null or page.id = $2)
                    and (cast($3 as text) is null or actor = $3
                         or (select max(case when revoked_at is null then 1 else 0 end)
                               from api_key where name = actor) = 0)
                  order by outcome.id",
                values![reference, page.map(|page| page.0.clone()), sender.map(str::to_owned)],
            )
            .await?;
        let read =
            |row: &Row| Ok((OutcomeId(row.get("id")?), row.truth("is_effective")?, row.truth("is_own")?));
        let facts: Vec<(OutcomeId, bool, bool)> = rows.iter().map(read).collect::<Result<_>>()?;
        // What the sender told itself goes first, also where that was taken back.
        let has_own = facts.iter().any(|(.., is_own)| *is_own);
        let facts = facts.into_iter().filter(|(.., is_own)| *is_own == has_own);
        let mut facts: Vec<(OutcomeId, bool)> = facts.map(|(id, effective, _)| (id, effective)).collect();
        if facts.iter().any(|(_, is_effective)| *is_effective) {
            facts.retain(|(_, is_effective)| *is_effective);
        } else if let Some(last) = facts.pop() {
            facts = vec![last];
        }
        Ok(facts.into_iter().map(|(id, _)| id).collect())
    }

    /// The follow-up of this kind to the entry `about` that counts: none once it was undone in its turn.
    pub async fn entry_about(&mut self, kind: FollowUp, about: &OutcomeId) -> Result<Option<OutcomeId>> {
        let row = self
            .row(
                "select id from outcome
                  where about = $1 and kind = $2
                    and not exists (select 1 from outcome as undo
                                     where undo.about = outcome.id and undo.kind = 'undo')",
                values![about.as_str(), kind.as_str()],
            )
            .await?;
        row.map(|row| row.get("id").map(OutcomeId)).transpose()
    }
}
