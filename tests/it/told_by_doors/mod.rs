//! Sales that are told through several doors, late, twice or wrongly: the sequences that once went wrong, each with what
//! Meta must hear of it.

mod leaves;
mod sums;
mod which_sale;

use std::time::Duration;

use salesbridge::clock::Timestamp;
use salesbridge::domain::basic::identity::ConversationId;
use salesbridge::domain::order::ledger::OrderLedger;
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::domain::order::terms::Item;
use salesbridge::sandbox::webhook::{Chat, messaging};

use crate::harness::{HOLD, PAGE, Shop, numbered};
use crate::inbound_events::told;

const CONFIRMED: OutcomeKind = OutcomeKind::Confirmed;
const CANCELLED: OutcomeKind = OutcomeKind::Cancelled;
const DELIVERED: OutcomeKind = OutcomeKind::Delivered;
const SHIPPED: OutcomeKind = OutcomeKind::Shipped;
const RETURNED: OutcomeKind = OutcomeKind::Returned;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

fn crm(kind: OutcomeKind, value: impl Into<Option<i64>>, number: &str, at: Timestamp) -> Tag {
    numbered(told(Source::Crm, kind, value, at), number)
}

fn courier(kind: OutcomeKind, value: impl Into<Option<i64>>, number: &str, at: Timestamp) -> Tag {
    numbered(told(Source::Courier, kind, value, at), number)
}

fn untimed(tag: Tag) -> Tag {
    Tag { occurred_at: None, ..tag }
}

fn item(sku: &str, quantity: i64, unit_price: i64) -> Item {
    Item { sku: Some(sku.to_owned()), name: None, quantity, unit_price, unit_cost: None }
}

impl Shop {
    async fn orders(&self, chat: &ConversationId) -> Vec<OrderLedger> {
        self.aggregate(chat).await.orders
    }

    /// Everything that is due leaves.
    async fn all_leaves(&self) -> Vec<String> {
        self.later(HOLD + Duration::from_mins(10));
        while self.delivers().await > 0 {}
        self.told()
    }

    /// Somebody of the shop wrote in Meta's inbox, some time ago.
    async fn operator_writes_at(&self, mid: &str, text: &str, at: Timestamp) {
        let echo = Chat { page: PAGE, psid: "2", at }.echo(mid, text);
        self.receives(messaging(PAGE, self.now(), &[echo]).to_string()).await;
    }
}
