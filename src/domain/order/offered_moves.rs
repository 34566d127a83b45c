//! The moves that a person is offered for a conversation: which tags, of which order, and what their forms begin with.

use crate::domain::conversation::aggregate::{ConversationAggregate, lacks_value};
use crate::domain::inbox::proposal::WrittenAmount;
use crate::domain::order::fold::State;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::legality::legal_moves;
use crate::domain::order::outcome::OutcomeKind;

/// A tag that a person can put on the conversation, as its form begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedMove {
    /// What it says happened.
    pub kind: OutcomeKind,
    /// The number of the order that it is about; none for a fact about the chat, and for a new sale.
    pub order_number: Option<String>,
    /// The version of that order as the person sees it; none for a fact about the chat.
    pub if_version: Option<i64>,
    /// It begins another sale, although one is open.
    pub new_order: bool,
    /// Of a new sale: the numbers of the orders that it may be instead, the newest first.
    pub perhaps_same: Vec<String>,
    /// The order that is on again with it: its number, where it was called off.
    pub same_as: Option<String>,
    /// It begins a sale of its own, which may be given a number.
    pub is_new_sale: bool,
    /// The amount that its form is filled with.
    pub value: Option<ProposedValue>,
}

/// An amount that is proposed for a tag, in minor units of the Page's currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProposedValue {
    /// It follows from the order: what it is worth, or what is left to pay.
    OfOrder(i64),
    /// An operator wrote it to the customer.
    Written(WrittenAmount),
}

impl ProposedValue {
    /// The amount in minor units, wherever it came from.
    pub const fn minor(&self) -> i64 {
        match self {
            Self::OfOrder(minor) => *minor,
            Self::Written(amount) => amount.minor,
        }
    }
}

/// The order that tags are about: of the id that the person `chose`, else the last open one, else the last one that was
/// confirmed in the current chat. Another id than an order's (the console sends `new`) is none.
pub fn focused_order<'a>(
    aggregate: &'a ConversationAggregate,
    chosen: Option<&str>,
) -> Option<&'a OrderLedger> {
    if let Some(id) = chosen {
        return aggregate.orders.iter().find(|ledger| ledger.id.as_str() == id);
    }
    let open = aggregate.orders.iter().rev().find(|ledger| ledger.order.state.is_open());
    let is_of_this_chat = |ledger: &&OrderLedger| {
        let confirmed = ledger.order.confirmed.map(|moment| moment.occurred_at);
        confirmed.zip(aggregate.chats.last()).is_some_and(|(at, chat)| at >= chat.began_at)
    };
    open.or_else(|| aggregate.orders.iter().rev().find(is_of_this_chat))
}

/// The orders of a conversation that a person can choose from: those of which something stands.
pub fn choosable_orders(aggregate: &ConversationAggregate) -> impl Iterator<Item = &OrderLedger> {
    aggregate.orders.iter().filter(|ledger| ledger.order.state != State::None)
}

/// What is offered for a conversation while one of its orders, or a new sale, is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The loaded conversation, with its chats, orders and conversions.
    pub aggregate: &'a ConversationAggregate,
    /// The order that is looked at ([`focused_order`]).
    pub focus: Option<&'a OrderLedger>,
    /// The last amount that an operator wrote in the current chat.
    pub written: Option<&'a WrittenAmount>,
}

impl Offer<'_> {
    /// The moves, in the order in which they are shown: the legal ones of the order, and what can be said of a chat that
    /// waits. Where the order lacks its value, that comes first.
    pub fn moves(&self) -> Vec<OfferedMove> {
        let mut kinds = legal_moves(self.focus.map(|ledger| &ledger.order));
        if self.lacks_value() {
            kinds.sort_by_key(|kind| *kind != OutcomeKind::Amended);
        }
        let is_sold = self.aggregate.waiting_since().is_none() && self.focus.is_some();
        if self.focus.is_none_or(|ledger| ledger.order.state == State::None) && !is_sold {
            kinds.extend([OutcomeKind::Qualified, OutcomeKind::Lost]);
        }
        kinds.into_iter().map(|kind| self.offered(kind)).collect()
    }

    /// Whether the first form stands open. What comes first of an order is seldom what is said of it next, and what
    /// waits for a decision (`has_pending`) comes before all else.
    pub fn opens_first(&self, has_pending: bool) -> bool {
        !has_pending && (self.focus.is_none() || self.lacks_value())
    }

    fn lacks_value(&self) -> bool {
        self.focus.is_some_and(lacks_value)
    }

    fn offered(&self, kind: OutcomeKind) -> OfferedMove {
        let of_order = !kind.is_of_conversation();
        let is_new_sale = kind == OutcomeKind::Confirmed && self.focus.is_none();
        OfferedMove {
            kind,
            order_number: self.focus.filter(|_| of_order).and_then(|ledger| ledger.numbers.first().cloned()),
            if_version: self.focus.filter(|_| of_order).map(|ledger| ledger.version),
            new_order: is_new_sale && self.has_open_order(),
            perhaps_same: if is_new_sale { self.numbers() } else { Vec::new() },
            same_as: self.reopened(kind),
            is_new_sale,
            value: self.proposed_value(kind),
        }
    }

    fn has_open_order(&self) -> bool {
        self.aggregate.orders.iter().any(|ledger| ledger.order.state.is_open())
    }

    fn numbers(&self) -> Vec<String> {
        let orders = choosable_orders(self.aggregate).filter(|ledger| !ledger.doubt.is_parked);
        let mut numbers: Vec<String> = orders.filter_map(|ledger| ledger.numbers.first().cloned()).collect();
        numbers.reverse();
        numbers
    }

    /// The number of the order that `kind` puts on again.
    fn reopened(&self, kind: OutcomeKind) -> Option<String> {
        let is_off = |ledger: &&OrderLedger| ledger.order.state == State::Cancelled;
        let focus = self.focus.filter(|_| kind == OutcomeKind::Confirmed).filter(is_off);
        focus.and_then(|ledger| ledger.numbers.first().cloned())
    }

    fn proposed_value(&self, kind: OutcomeKind) -> Option<ProposedValue> {
        let order = self.focus.map(|ledger| &ledger.order);
        let of_order = order.and_then(|order| match kind {
            OutcomeKind::Amended => order.value,
            OutcomeKind::Paid => order.value.map(|value| value - order.paid).filter(|due| *due > 0),
            _ => None,
        });
        let takes_written = match kind {
            OutcomeKind::Confirmed | OutcomeKind::CrossSold => true,
            OutcomeKind::Amended => self.lacks_value(),
            _ => false,
        };
        let written = || self.written.filter(|_| takes_written).cloned().map(ProposedValue::Written);
        of_order.map(ProposedValue::OfOrder).or_else(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::domain::basic::identity::{ConversationId, OrderId, OutcomeId, PageId};
    use crate::domain::basic::money::Currency;
    use crate::domain::conversation::aggregate::Thread;
    use crate::domain::conversation::chat::Chat;
    use crate::domain::order::fold;
    use crate::domain::order::outcome::{Fact, FollowUps, Source};
    use crate::domain::order::tag::Tag;
    use crate::domain::order::tag_decision::{self, Decision, OrderOfEntry};
    use crate::domain::order::terms::{Details, Terms};

    fn gel() -> Currency {
        Currency::parse("GEL").unwrap()
    }

    fn fact(second: i64, kind: OutcomeKind, value: Option<i64>) -> Fact {
        let at = Timestamp::from_seconds(second);
        Fact {
            id: OutcomeId(format!("fact-{second}")),
            kind,
            occurred_at: at,
            recorded_at: at,
            actor: "nino".to_owned(),
            source: Source::Console,
            reference: None,
            terms: Terms { value, ..Terms::unstated(gel()) },
            details: Details::default(),
            reason: None,
            undone: false,
            accepted: false,
            time_stated: false,
            names_same_sale: false,
            follow_ups: FollowUps::default(),
        }
    }

    fn ledger(facts: Vec<Fact>) -> OrderLedger {
        let mut ledger = OrderLedger::new(OrderId("order-1".to_owned()), false, 1, gel());
        ledger.numbers = vec!["A-1001".to_owned()];
        ledger.version = i64::try_from(facts.len()).unwrap();
        ledger.order = fold::fold(&facts, gel());
        ledger.facts = facts;
        ledger
    }

    fn conversation(orders: Vec<OrderLedger>) -> ConversationAggregate {
        let at = Timestamp::from_seconds(1);
        ConversationAggregate {
            thread: Thread {
                id: ConversationId("conversation-1".to_owned()),
                page_id: PageId("1".to_owned()),
                recipient: None,
                version: 1,
                entries: 0,
            },
            chats: vec![Chat {
                number: 0,
                began_at: at,
                last_at: at,
                first_word_at: Some(at),
                last_word_at: Some(at),
                contact_at: None,
                ad_id: None,
            }],
            stages: Vec::new(),
            chat_facts: Vec::new(),
            orders,
            joins: Vec::new(),
            decisions: Vec::new(),
            conversions: Vec::new(),
            has_pending_tag: false,
        }
    }

    fn kinds(offer: Offer<'_>) -> Vec<OutcomeKind> {
        offer.moves().iter().map(|offered| offered.kind).collect()
    }

    /// The tag that the form of an offered move sends.
    fn tag(offered: &OfferedMove, value: i64) -> Tag {
        let mut tag = Tag::bare(offered.kind, Source::Console, gel());
        // No more can be paid than the order is worth.
        let value = if offered.kind == OutcomeKind::Paid { 100 } else { value };
        tag.terms.value = offered.kind.needs_value().then_some(value);
        tag.order_number.clone_from(&offered.order_number);
        tag.if_version = offered.if_version;
        tag.new_order = offered.new_order;
        tag.same_as.clone_from(&offered.same_as);
        tag
    }

    #[test]
    fn what_is_offered_is_taken_and_nothing_else_is() {
        use OutcomeKind::{Amended, Cancelled, Confirmed, Delivered, Returned, Shipped};
        let now = Timestamp::from_seconds(1000);
        let confirmed = || fact(10, Confirmed, Some(5000));
        let ledgers = [
            vec![confirmed()],
            vec![fact(10, Confirmed, None)],
            vec![confirmed(), fact(20, Amended, Some(7000))],
            vec![confirmed(), fact(20, Shipped, None)],
            vec![confirmed(), fact(20, Delivered, None)],
            vec![confirmed(), fact(20, Delivered, None), fact(30, Returned, Some(100))],
            vec![confirmed(), fact(20, Delivered, None), fact(30, Returned, None)],
            vec![confirmed(), fact(20, Cancelled, None)],
            vec![Fact { undone: true, ..confirmed() }],
        ];
        for facts in ledgers {
            let aggregate = conversation(vec![ledger(facts)]);
            let focus = aggregate.orders.first();
            let offer = Offer { aggregate: &aggregate, focus, written: None };
            let state = aggregate.orders[0].order.state;
            let offered: Vec<OfferedMove> =
                offer.moves().into_iter().filter(|offered| !offered.kind.is_of_conversation()).collect();
            for one in &offered {
                let decided = tag_decision::decide(&tag(one, 9900), &aggregate.orders, &[], now);
                assert!(
                    matches!(
                        decided,
                        Ok(Decision::Append { order: OrderOfEntry::Existing { index: 0, .. }, .. })
                    ),
                    "{:?} of an order that is {state:?}: {decided:?}",
                    one.kind
                );
            }
            for kind in OutcomeKind::ALL {
                let is_offered = offered.iter().any(|one| one.kind == kind);
                let mut other = tag(&offer.offered(kind), 9900);
                other.reference = Some("another".to_owned());
                let is_refusal =
                    |code| ["illegal_move", "sale_open_with_other_value", "contradiction"].contains(&code);
                let refused = tag_decision::decide(&other, &aggregate.orders, &[], now)
                    .is_err_and(|refusal| is_refusal(refusal.code));
                let is_known = matches!(
                    tag_decision::decide(&other, &aggregate.orders, &[], now),
                    Ok(Decision::Known { .. })
                );
                assert!(
                    is_offered || refused || is_known || kind.is_of_conversation(),
                    "{kind:?} is taken of an order that is {state:?} and not offered"
                );
            }
        }
    }

    #[test]
    fn a_chat_without_an_order_is_offered_a_sale_and_what_is_said_of_chats() {
        let aggregate = conversation(Vec::new());
        let offer = Offer { aggregate: &aggregate, focus: None, written: None };
        assert_eq!(kinds(offer), [OutcomeKind::Confirmed, OutcomeKind::Qualified, OutcomeKind::Lost]);
        assert!(offer.opens_first(false) && !offer.opens_first(true));
        let first = &offer.moves()[0];
        assert_eq!((first.if_version, first.is_new_sale, first.new_order), (None, true, false));
    }

    #[test]
    fn an_order_that_lacks_its_value_is_offered_that_first_with_what_an_operator_wrote() {
        let aggregate = conversation(vec![ledger(vec![fact(10, OutcomeKind::Confirmed, None)])]);
        let written = WrittenAmount { minor: 12_050, text: "120.50 ₾".to_owned() };
        let offer = Offer { aggregate: &aggregate, focus: aggregate.orders.first(), written: Some(&written) };
        let first = &offer.moves()[0];
        assert_eq!(first.kind, OutcomeKind::Amended);
        assert_eq!(first.value, Some(ProposedValue::Written(written.clone())));
        assert!(offer.opens_first(false));
    }

    #[test]
    fn a_payment_begins_with_what_is_left_to_pay() {
        let facts =
            vec![fact(10, OutcomeKind::Confirmed, Some(5000)), fact(20, OutcomeKind::Paid, Some(2000))];
        let aggregate = conversation(vec![ledger(facts)]);
        let offer = Offer { aggregate: &aggregate, focus: aggregate.orders.first(), written: None };
        let paid = offer.moves().into_iter().find(|offered| offered.kind == OutcomeKind::Paid).unwrap();
        assert_eq!(paid.value, Some(ProposedValue::OfOrder(3000)));
        assert_eq!((paid.order_number.as_deref(), paid.if_version), (Some("A-1001"), Some(2)));
    }

    #[test]
    fn the_open_order_is_looked_at_unless_another_is_chosen() {
        let mut ended = ledger(vec![
            fact(10, OutcomeKind::Confirmed, Some(5000)),
            fact(20, OutcomeKind::Delivered, None),
        ]);
        ended.id = OrderId("order-0".to_owned());
        let aggregate = conversation(vec![ended, ledger(vec![fact(30, OutcomeKind::Confirmed, Some(100))])]);
        let id = |chosen| focused_order(&aggregate, chosen).map(|ledger| ledger.id.as_str());
        assert_eq!(id(None), Some("order-1"));
        assert_eq!(id(Some("order-0")), Some("order-0"));
        assert_eq!(id(Some("new")), None);
    }
}
