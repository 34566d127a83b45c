//! Writing the ledger, and the orders that it folds into.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, OrderId, OutcomeId, PageId};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::aggregate::Thread;
use crate::domain::feed::change::{CONVERSATION_UPDATED, ORDER_UPDATED};
use crate::domain::order::fold::{Order, State};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Fact, FollowUp, Source};
use crate::error::{Error, Result};
use crate::store::db::sql::{Unit, values};
use crate::store::db::write_buffer::{ChangeRow, NameRow, OpenedRow, OrderRow, OutcomeRow};

/// Where an entry stands: its Page and conversation, its order, and the version of either that it makes.
#[derive(Clone, Copy, Debug)]
pub struct EntryPosition<'a> {
    /// The thread.
    pub thread: &'a Thread,
    /// The order; without one it is about a chat.
    pub order: Option<&'a OrderId>,
    /// The version of the order, or of the conversation, with which it appears.
    pub version: i64,
}

impl EntryPosition<'_> {
    fn order_version(&self) -> Option<i64> {
        self.order.map(|_| self.version)
    }

    fn conversation_version(&self) -> Option<i64> {
        self.order.is_none().then_some(self.version)
    }
}

impl Unit {
    /// The conversation that an order belongs to.
    pub async fn conversation_of_order(&mut self, id: &OrderId) -> Result<Option<ConversationId>> {
        let row =
            self.row("select conversation_id from sale_order where id = $1", values![id.as_str()]).await?;
        Ok(row
            .map(|row| row.get::<Option<String>>("conversation_id"))
            .transpose()?
            .flatten()
            .map(ConversationId))
    }

    /// The order of this number on a Page, and its conversation.
    pub async fn order_named(
        &mut self,
        page: &PageId,
        number: &str,
    ) -> Result<Option<(OrderId, ConversationId)>> {
        let row = self
            .row(
                "select sale_order.id, conversation_id
                   from order_name join sale_order on sale_order.id = order_name.order_id
                  where order_name.page_id = $1 and name = $2",
                values![page.as_str(), number],
            )
            .await?;
        row.map(|row| Ok((OrderId(row.get("id")?), ConversationId(row.get("conversation_id")?)))).transpose()
    }

    /// Opens an order that nothing is known of yet.
    pub fn open_order(&mut self, thread: &Thread, ledger: &OrderLedger, now: Timestamp) {
        self.write_buffer.opened.push(OpenedRow {
            id: ledger.id.0.clone(),
            page_id: thread.page_id.0.clone(),
            conversation_id: thread.id.0.clone(),
            service_numbered: i64::from(ledger.service_numbered),
            policy_version: ledger.policy_version,
            state: State::None.as_str(),
            currency: ledger.order.currency.code(),
            value: None,
            paid: 0,
            refunded: 0,
            opened_at: now.millis(),
            version: 0,
        });
    }

    /// Gives an order a further name, which appears with its `version`. If another unit takes the name
    /// meanwhile, this one is contended.
    pub fn name_order(&mut self, page: &PageId, id: &OrderId, (name, position): (&str, usize), version: i64) {
        self.write_buffer.names.push(NameRow {
            page_id: page.0.clone(),
            name: name.to_owned(),
            order_id: id.0.clone(),
            position: i64::try_from(position).unwrap_or(i64::MAX),
            version,
        });
    }

    /// `told` turned out to be `sale`: its names and facts are those of `sale` from here on.
    pub async fn join_orders(&mut self, told: &OrderId, sale: &OrderId, version: i64) -> Result<()> {
        self.execute(
            "update order_name
                set order_id = $2, version = $3,
                    position = position + (select count(*) from order_name as named where named.order_id = $2),
                    told_of = $1
              where order_id = $1",
            values![told.as_str(), sale.as_str(), version],
        )
        .await?;
        self.execute(
            "update sale_order set same_as = $2 where id = $1 or same_as = $1",
            values![told.as_str(), sale.as_str()],
        )
        .await?;
        Ok(())
    }

    /// A person said that `told` is the order that it joined: no later fact parts them.
    pub async fn join_for_good(&mut self, told: &OrderId) -> Result<()> {
        self.execute("update sale_order set same_said = 1 where id = $1", values![told.as_str()]).await?;
        Ok(())
    }

    /// `told` turned out to be an order of its own after all: its names and facts are its own again.
    pub async fn part_orders(&mut self, told: &OrderId, version: i64) -> Result<()> {
        self.execute(
            "update order_name set order_id = $1, version = $2, told_of = null where told_of = $1",
            values![told.as_str(), version],
        )
        .await?;
        self.execute("update sale_order set same_as = null where id = $1", values![told.as_str()]).await?;
        Ok(())
    }

    /// An order that waited without a person belongs to this conversation, in which it opens `at` a moment.
    pub async fn adopt_order(&mut self, id: &OrderId, thread: &Thread, at: Timestamp) -> Result<()> {
        for text in [
            "update sale_order set conversation_id = $2 where id = $1 or same_as = $1",
            "update outcome set conversation_id = $2
              where order_id = $1 or order_id in (select id from sale_order where same_as = $1)",
            "update conversion set conversation_id = $2 where order_id = $1",
        ] {
            self.execute(text, values![id.as_str(), thread.id.as_str()]).await?;
        }
        self.execute("update sale_order set opened_at = $2 where id = $1", values![id.as_str(), at]).await?;
        Ok(())
    }

    /// Adds a fact to the ledger.
    pub fn append_outcome(&mut self, position: EntryPosition<'_>, fact: &Fact) -> Result<()> {
        let items = (!fact.terms.items.is_empty())
            .then(|| serde_json::to_string(&fact.terms.items))
            .transpose()
            .map_err(|error| Error::internal("items can't be written").caused_by(error))?;
        self.write_buffer.outcomes.push(OutcomeRow {
            id: fact.id.0.clone(),
            page_id: position.thread.page_id.0.clone(),
            conversation_id: position.thread.id.0.clone(),
            order_id: position.order.map(|id| id.0.clone()),
            about: None,
            kind: fact.kind.as_str(),
            occurred_at: fact.occurred_at.millis(),
            clamped: i64::from(fact.details.clamped),
            recorded_at: fact.recorded_at.millis(),
            source: fact.source.as_str(),
            actor: fact.actor.clone(),
            reference: fact.reference.clone(),
            currency: fact.terms.currency.code(),
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
            order_version: position.order_version(),
            conversation_version: position.conversation_version(),
        });
        Ok(())
    }

    /// Adds an entry about another one.
    pub fn append_about(
        &mut self,
        position: EntryPosition<'_>,
        (id, what, about): (&OutcomeId, FollowUp, &Fact),
        (source, actor): (Source, &str),
        now: Timestamp,
    ) {
        self.write_buffer.outcomes.push(OutcomeRow {
            id: id.0.clone(),
            page_id: position.thread.page_id.0.clone(),
            conversation_id: position.thread.id.0.clone(),
            order_id: position.order.map(|order| order.0.clone()),
            about: Some(about.id.0.clone()),
            kind: what.as_str(),
            occurred_at: now.millis(),
            recorded_at: now.millis(),
            source: source.as_str(),
            actor: actor.to_owned(),
            currency: about.terms.currency.code(),
            order_version: position.order_version(),
            conversation_version: position.conversation_version(),
            ..OutcomeRow::default()
        });
    }

    /// Keeps an operator's remark beside an entry.
    pub async fn add_note(
        &mut self,
        id: &OutcomeId,
        page: &PageId,
        text: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into note (outcome_id, page_id, written_at, text) values ($1, $2, $3, $4)",
            values![id.as_str(), page.as_str(), now, text],
        )
        .await?;
        Ok(())
    }

    /// The conversation in which an entry stands.
    pub async fn conversation_of_outcome(&mut self, id: &OutcomeId) -> Result<Option<ConversationId>> {
        let row = self.row("select conversation_id from outcome where id = $1", values![id.as_str()]).await?;
        row.map(|row| row.get("conversation_id").map(ConversationId)).transpose()
    }

    /// The entry of this source and name (`ref`) on a Page.
    pub async fn outcome_referred(
        &mut self,
        page: &PageId,
        source: Source,
        reference: &str,
    ) -> Result<Option<(OutcomeId, ConversationId)>> {
        let row = self
            .row(
                "select id, conversation_id from outcome where page_id = $1 and source = $2 and reference = $3",
                values![page.as_str(), source.as_str(), reference],
            )
            .await?;
        row.map(|row| Ok((OutcomeId(row.get("id")?), ConversationId(row.get("conversation_id")?))))
            .transpose()
    }

    /// The entry that says `what` about `about`.
    pub async fn entry_about(&mut self, what: FollowUp, about: &OutcomeId) -> Result<Option<OutcomeId>> {
        let row = self
            .row(
                "select id from outcome where about = $1 and kind = $2",
                values![about.as_str(), what.as_str()],
            )
            .await?;
        row.map(|row| row.get("id").map(OutcomeId)).transpose()
    }

    /// Writes what the ledger now folds into.
    pub fn put_order(&mut self, id: &OrderId, order: &Order, version: i64) {
        self.write_buffer.put_order(OrderRow {
            id: id.0.clone(),
            state: order.state.as_str(),
            currency: order.currency.code(),
            value: order.value,
            paid: order.paid,
            refunded: order.refunded,
            version,
        });
    }

    /// Notes for the feed that something is now at `version`; the publisher numbers it after the commit.
    fn append_change(
        &mut self,
        id: String,
        thread: &Thread,
        (kind, subject): (&'static str, &str),
        (version, parked): (i64, bool),
        now: Timestamp,
    ) {
        self.write_buffer.changes.push(ChangeRow {
            id,
            page_id: thread.page_id.0.clone(),
            kind,
            subject_id: subject.to_owned(),
            version,
            occurred_at: now.millis(),
            parked: i64::from(parked),
            conversation_version: thread.version,
            sequence: None,
            published_at: None,
        });
    }

    /// The feed will tell that an order of `thread` is now at its version.
    pub fn order_changed(&mut self, id: String, thread: &Thread, order: &OrderLedger, now: Timestamp) {
        let subject = (ORDER_UPDATED, order.id.as_str());
        self.append_change(id, thread, subject, (order.version, order.parked), now);
    }

    /// The feed will tell that a conversation is now at its version.
    pub async fn conversation_changed(&mut self, id: String, thread: &Thread, now: Timestamp) -> Result<()> {
        self.execute(
            "update conversation set version = $2 where id = $1",
            values![thread.id.as_str(), thread.version],
        )
        .await?;
        let subject = (CONVERSATION_UPDATED, thread.id.as_str());
        self.append_change(id, thread, subject, (thread.version, false), now);
        Ok(())
    }

    /// The currency that a Page sells in.
    pub async fn currency_of(&mut self, page: &PageId) -> Result<Currency> {
        let row = self.row("select currency from page where id = $1", values![page.as_str()]).await?;
        row.ok_or_else(|| Error::not_found("Page"))?.word("currency", Currency::parse)
    }
}
