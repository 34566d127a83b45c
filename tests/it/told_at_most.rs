//! What Meta knows of an order never exceeds, by a later event, what the order is worth: whatever people and a CRM say of
//! it, and however attempts end. Once on the pure derivation, once on the whole service with the sandbox in Meta's place.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use salesbridge::clock::Timestamp;
use salesbridge::domain::basic::identity::{
    ConversationId, ConversionId, OrderId, OutcomeId, PageId, PersonId,
};
use salesbridge::domain::conversation::aggregate::{ConversationAggregate, Thread};
use salesbridge::domain::conversation::recipient::Recipient;
use salesbridge::domain::order::fold::Order;
use salesbridge::domain::order::ledger::OrderLedger;
use salesbridge::domain::order::outcome::{Fact, FollowUps, OutcomeKind, Source};
use salesbridge::domain::order::terms::{Details, Terms};
use salesbridge::domain::signal::conversion::{Conversion, EventName, Reason, State};
use salesbridge::domain::signal::policy::{Mode, Policy};
use salesbridge::domain::signal::{self, DerivedConversions, SignalRules};
use salesbridge::flow::Resolution;
use salesbridge::sandbox::Fault;

use crate::harness::{PAGE, Shop, gel, numbered, referred, same_as, say};
use crate::sales::{line, told};

/// How the request of an attempt ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Taken,
    NotTaken,
    Refused,
    TakenAndLost,
    LostBefore,
}

/// What happens next to the one order.
#[derive(Clone, Copy, Debug)]
enum Step {
    Confirmed(i64),
    CrossSold(i64),
    Amended(i64),
    Cancelled,
    Delivered,
    Returned(Option<i64>),
    /// The newest effective entry is taken back.
    Undone,
    Later(u64),
    /// Everything that is due leaves; the first request ends so.
    Leaves(End),
    /// Something is said while a request is out, which ends so.
    WhileOut(Said, End),
    /// A person settles what is unknown.
    Resolved(Resolution),
    /// The answer of an attempt that is unknown arrives after all: it was refused.
    LateRefusal,
}

/// What is said while a request is out.
#[derive(Clone, Copy, Debug)]
enum Said {
    CrossSold(i64),
    Amended(i64),
    Cancelled,
}

impl Said {
    const fn step(self) -> Step {
        match self {
            Self::CrossSold(value) => Step::CrossSold(value),
            Self::Amended(value) => Step::Amended(value),
            Self::Cancelled => Step::Cancelled,
        }
    }
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        4 => Just(End::Taken), 2 => Just(End::NotTaken), 2 => Just(End::Refused),
        2 => Just(End::TakenAndLost), 2 => Just(End::LostBefore),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let value = || (1_i64..40).prop_map(|value| value * 500);
    let said = prop_oneof![
        value().prop_map(Said::CrossSold),
        value().prop_map(Said::Amended),
        Just(Said::Cancelled)
    ];
    prop_oneof![
        5 => value().prop_map(Step::Confirmed),
        6 => value().prop_map(Step::CrossSold),
        4 => value().prop_map(Step::Amended),
        2 => Just(Step::Cancelled),
        1 => Just(Step::Delivered),
        1 => proptest::option::of(value()).prop_map(Step::Returned),
        3 => Just(Step::Undone),
        4 => (1_u64..60).prop_map(Step::Later),
        8 => end().prop_map(Step::Leaves),
        2 => (said, end()).prop_map(|(said, end)| Step::WhileOut(said, end)),
        1 => prop_oneof![Just(Resolution::Sent), Just(Resolution::Resend)].prop_map(Step::Resolved),
        2 => Just(Step::LateRefusal),
    ]
}

/// A hold, and what happens to an order.
fn case() -> impl Strategy<Value = (Duration, Vec<Step>)> {
    let hold = prop_oneof![Just(Duration::ZERO), Just(Duration::from_mins(30))];
    (hold, 1_i64..40, proptest::collection::vec(step(), 4..30)).prop_map(|(hold, value, rest)| {
        (hold, std::iter::once(Step::Confirmed(value * 500)).chain(rest).collect())
    })
}

fn runner(cases: u32) -> TestRunner {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(cases);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    };
    let seed: u8 =
        std::env::var("SALESBRIDGE_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7);
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
}

fn passes<T: std::fmt::Debug>(done: Result<(), TestError<T>>) {
    if let Err(error) = done {
        panic!("{error}");
    }
}

/// What an order is worth now.
fn worth(order: &Order) -> i64 {
    let value = order.value.filter(|_| order.state.is_sale()).unwrap_or(0);
    (value - order.delivery_fee - order.returned).max(0)
}

/// An order with its Purchases, as the store keeps them.
struct Model {
    aggregate: ConversationAggregate,
    rules: SignalRules,
    now: Timestamp,
    made: usize,
}

impl Model {
    fn new(hold: Duration) -> Self {
        let page = PageId::from(PAGE);
        let thread = Thread {
            id: ConversationId("c".to_owned()),
            recipient: Some(Recipient::on_messenger(&page, PersonId("2".to_owned()))),
            page_id: page,
            version: 0,
            entries: 0,
        };
        let mut ledger = OrderLedger::new(OrderId("o".to_owned()), false, 1, gel());
        ledger.numbers.push("A-1".to_owned());
        let aggregate = ConversationAggregate {
            thread,
            chats: Vec::new(),
            stages: Vec::new(),
            chat_facts: Vec::new(),
            orders: vec![ledger],
            joins: Vec::new(),
            decisions: Vec::new(),
            conversions: Vec::new(),
            has_pending_tag: false,
        };
        let (policies, refused) = (vec![Policy { hold, ..Policy::default() }], HashSet::new());
        let rules = SignalRules { mode: Mode::Live, policies, refused, not_a_sale: Vec::new() };
        Self { aggregate, rules, now: Timestamp::parse("2026-11-23T09:00:00Z").unwrap(), made: 0 }
    }

    fn order(&self) -> &Order {
        &self.aggregate.orders[0].order
    }

    fn says(&mut self, kind: OutcomeKind, value: Option<i64>) {
        self.now = self.now + Duration::from_secs(1);
        self.made += 1;
        let is_on_again = kind == OutcomeKind::Confirmed && !self.aggregate.orders[0].facts.is_empty();
        self.aggregate.orders[0].facts.push(Fact {
            id: OutcomeId(format!("f{:04}", self.made)),
            kind,
            occurred_at: self.now,
            time_stated: true,
            recorded_at: self.now,
            actor: "nino".to_owned(),
            source: Source::Api,
            reference: None,
            terms: Terms { value, ..Terms::unstated(gel()) },
            details: Details::default(),
            reason: None,
            undone: false,
            accepted: false,
            names_same_sale: is_on_again,
            follow_ups: FollowUps::default(),
        });
        self.derives();
    }

    fn derives(&mut self) {
        self.aggregate.orders[0].fold(gel());
        let DerivedConversions { changed, drafts } = signal::derive(&self.aggregate, &self.rules, self.now);
        let rows = &mut self.aggregate.conversions;
        for row in changed {
            let index = rows.iter().position(|known| known.id == row.id).unwrap();
            rows[index] = row;
        }
        for draft in drafts {
            rows.push(Conversion {
                id: ConversionId(format!("p{}", draft.number)),
                event_id: format!("e{}", draft.number),
                name: draft.name,
                number: draft.number,
                order_id: draft.order_id,
                policy_version: draft.policy_version,
                event_time: draft.event_time,
                state: draft.state,
                reason: draft.reason,
                value: draft.value,
                leaves_at: draft.leaves_at,
                resent: false,
                frozen: false,
                uplift_ids: draft.uplift_ids,
                beside: Vec::new(),
                contents: draft.contents,
            });
        }
    }

    /// What Meta may know, told by what became of the requests alone.
    fn told(&self) -> i64 {
        let may_know = |row: &&Conversion| {
            matches!(row.state, State::Sending | State::Sent | State::Unknown) || row.resent
        };
        self.aggregate.conversions.iter().filter(may_know).filter_map(|row| row.value).sum()
    }

    /// What is due is out now; gives how many Purchases those are.
    fn opens(&mut self) -> Result<usize, TestCaseError> {
        let now = self.now;
        let is_due =
            |row: &Conversion| (row.state, row.reason) == (State::Held, Reason::Hold) && row.leaves_at <= now;
        for row in self.aggregate.conversions.iter_mut().filter(|row| is_due(row)) {
            (row.state, row.reason) = (State::Ready, Reason::Due);
        }
        self.derives();
        let before = self.told();
        let ready = |row: &&mut Conversion| row.state == State::Ready;
        let mut out = 0;
        for row in self.aggregate.conversions.iter_mut().filter(ready) {
            prop_assert!(row.value.is_some_and(|value| value > 0), "{row:?}");
            (row.state, row.frozen) = (State::Sending, true);
            out += 1;
        }
        let (told, worth) = (self.told(), worth(self.order()));
        prop_assert!(told <= worth.max(before), "told {told}, worth {worth}, before {before}");
        Ok(out)
    }

    fn settles(&mut self, end: End) {
        let sending = |row: &&mut Conversion| row.state == State::Sending;
        for row in self.aggregate.conversions.iter_mut().filter(sending) {
            (row.state, row.reason) = match end {
                End::Taken => (State::Sent, Reason::Taken),
                End::NotTaken => (State::Ready, Reason::TryAgain),
                End::Refused => (State::Rejected, Reason::Refused),
                End::TakenAndLost | End::LostBefore => (State::Unknown, Reason::AnswerLost),
            };
            if matches!(row.state, State::Ready | State::Rejected) {
                row.frozen = row.resent;
            }
        }
        self.derives();
    }

    fn resolves(&mut self, as_what: Resolution) {
        let unknown = |row: &&mut Conversion| row.state == State::Unknown;
        for row in self.aggregate.conversions.iter_mut().filter(unknown) {
            (row.state, row.reason, row.resent) = match as_what {
                Resolution::Sent => (State::Sent, Reason::Taken, row.resent),
                Resolution::Resend => (State::Ready, Reason::TryAgain, true),
            };
        }
        self.derives();
    }

    fn takes(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Confirmed(value) => self.says(OutcomeKind::Confirmed, Some(value)),
            Step::CrossSold(value) => self.says(OutcomeKind::CrossSold, Some(value)),
            Step::Amended(value) => self.says(OutcomeKind::Amended, Some(value)),
            Step::Cancelled => self.says(OutcomeKind::Cancelled, None),
            Step::Delivered => self.says(OutcomeKind::Delivered, None),
            Step::Returned(value) => self.says(OutcomeKind::Returned, value),
            Step::Undone => {
                let facts = &mut self.aggregate.orders[0].facts;
                if let Some(fact) = facts.iter_mut().rev().find(|fact| !fact.undone) {
                    fact.undone = true;
                }
                self.derives();
            }
            Step::Later(minutes) => self.now = self.now + Duration::from_mins(minutes),
            Step::Leaves(end) => {
                self.opens()?;
                self.settles(end);
                if self.opens()? > 0 {
                    self.settles(End::Taken);
                }
            }
            Step::WhileOut(said, end) => {
                self.opens()?;
                self.takes(said.step())?;
                self.settles(end);
            }
            Step::Resolved(as_what) => self.resolves(as_what),
            Step::LateRefusal => {
                let unknown = |row: &&mut Conversion| row.state == State::Unknown;
                for row in self.aggregate.conversions.iter_mut().filter(unknown) {
                    (row.state, row.reason, row.frozen) = (State::Rejected, Reason::Refused, row.resent);
                }
                self.derives();
            }
        }
        Ok(())
    }
}

#[test]
fn what_meta_is_told_never_exceeds_what_the_order_is_worth() {
    let done = runner(4000).run(&case(), |(hold, steps)| {
        let mut model = Model::new(hold);
        for step in steps {
            model.takes(step)?;
        }
        for _ in 0..4 {
            model.now = model.now + Duration::from_hours(2);
            model.takes(Step::Leaves(End::Taken))?;
        }
        let bases = model.aggregate.conversions.iter().filter(|row| row.number == 0).count();
        prop_assert!(bases <= 1);
        prop_assert!(model.aggregate.conversions.iter().all(|row| row.name == EventName::Purchase));
        Ok(())
    });
    passes(done);
}

/// A base that was not lost, and cross-sells: in the end Meta knows exactly what the order is worth.
#[test]
fn what_is_only_added_to_is_told_in_full() {
    let value = || (1_i64..40).prop_map(|value| value * 500);
    let added = prop_oneof![
        3 => value().prop_map(Step::CrossSold),
        2 => prop_oneof![Just(End::Taken), Just(End::NotTaken)].prop_map(Step::Leaves),
        1 => Just(Step::Later(40)),
    ];
    let steps = (value(), proptest::collection::vec(added, 0..12));
    let done = runner(500).run(&steps, |(value, steps)| {
        let mut model = Model::new(Duration::from_mins(30));
        model.takes(Step::Confirmed(value))?;
        for step in steps {
            model.takes(step)?;
        }
        for _ in 0..3 {
            model.now = model.now + Duration::from_hours(1);
            model.takes(Step::Leaves(End::Taken))?;
        }
        prop_assert_eq!(model.told(), worth(model.order()));
        Ok(())
    });
    passes(done);
}

/// The order of one case in a shop, in a chat and under a number of its own.
struct Sale<'a> {
    shop: &'a Shop,
    chat: ConversationId,
    number: String,
    entries: Vec<OutcomeId>,
    references: usize,
}

impl Sale<'_> {
    /// What Meta took of this order, in tetri.
    fn taken(&self) -> i64 {
        let of_order = self.shop.meta.accepted().into_iter().filter(|event| {
            event["event_name"] == "Purchase" && event["custom_data"]["order_id"] == self.number.as_str()
        });
        #[expect(clippy::cast_possible_truncation, reason = "a few thousand")]
        of_order.map(|event| (event["custom_data"]["value"].as_f64().unwrap() * 100.0).round() as i64).sum()
    }

    async fn worth(&self) -> i64 {
        self.shop.aggregate(&self.chat).await.orders.first().map_or(0, |ledger| worth(&ledger.order))
    }

    /// What a person may say, or what is refused: both are right here.
    async fn says(&mut self, kind: OutcomeKind, value: Option<i64>) {
        self.references += 1;
        let tag = referred(say(kind, value), &format!("{}-{}", self.number, self.references));
        let is_there = !self.shop.aggregate(&self.chat).await.orders.is_empty();
        let tag = if is_there && kind == OutcomeKind::Confirmed {
            same_as(tag, &self.number)
        } else {
            numbered(tag, &self.number)
        };
        if let Ok(tagged) = self.shop.tags(&self.chat, &tag).await {
            self.entries.push(tagged.outcome_id);
        }
    }

    /// What is due leaves, and Meta took no more than it may.
    async fn leaves(&self, fault: Option<Fault>) -> Result<(), TestCaseError> {
        let (before, worth) = (self.taken(), self.worth().await);
        if let Some(fault) = fault {
            self.shop.meta.fail_next(fault);
        }
        while self.shop.delivers().await > 0 {}
        self.shop.meta.lift(None);
        let taken = self.taken();
        prop_assert!(taken <= worth.max(before), "taken {taken}, worth {worth}, before {before}");
        Ok(())
    }

    async fn takes(&mut self, step: Step) -> Result<(), TestCaseError> {
        let fault = |end: End| match end {
            End::Taken => None,
            End::NotTaken => Some(Fault::Graph { status: 500, code: 2, subcode: None }),
            End::Refused => Some(Fault::Graph { status: 400, code: 100, subcode: Some(2_804_008) }),
            End::TakenAndLost => Some(Fault::TakeAndLoseAnswer),
            End::LostBefore => Some(Fault::Html503),
        };
        match step {
            Step::Confirmed(value) => self.says(OutcomeKind::Confirmed, Some(value)).await,
            Step::CrossSold(value) => self.says(OutcomeKind::CrossSold, Some(value)).await,
            Step::Amended(value) => self.says(OutcomeKind::Amended, Some(value)).await,
            Step::Cancelled => self.says(OutcomeKind::Cancelled, None).await,
            Step::Delivered => self.says(OutcomeKind::Delivered, None).await,
            Step::Returned(value) => {
                self.references += 1;
                let back = told(OutcomeKind::Returned, value, &self.number);
                let back = referred(back, &format!("{}-{}", self.number, self.references));
                self.shop.imports([line(None, back)]).await;
            }
            Step::Undone => {
                if let Some(id) = self.entries.pop() {
                    drop(self.shop.undoes(&id).await);
                }
            }
            Step::Later(minutes) => self.shop.later(Duration::from_mins(minutes)),
            Step::Leaves(end) => self.leaves(fault(end)).await?,
            Step::WhileOut(said, end) => {
                Box::pin(self.takes(said.step())).await?;
                self.leaves(fault(end)).await?;
            }
            // A person who has it sent again accepts that Meta gets it twice, so here unknown stays unknown.
            Step::Resolved(_) | Step::LateRefusal => {}
        }
        self.shop.later(Duration::from_secs(1));
        Ok(())
    }
}

fn whole_service(shop: &Shop) {
    let handle = tokio::runtime::Handle::current();
    let count = AtomicU32::new(0);
    let done = tokio::task::block_in_place(|| {
        runner(30).run(&case(), |(hold, steps)| {
            handle.block_on(async {
                shop.set_policy(|policy| policy.hold = hold).await;
                let index = count.fetch_add(1, Ordering::Relaxed);
                let number = format!("N-{index}");
                let chat = shop.hears_from(&(20_000 + index).to_string()).await;
                let mut sale = Sale { shop, chat, number, entries: Vec::new(), references: 0 };
                for step in steps {
                    sale.takes(step).await?;
                }
                shop.later(Duration::from_hours(2));
                sale.leaves(None).await?;
                shop.later(Duration::from_hours(2));
                sale.leaves(None).await
            })
        })
    });
    passes(done);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_service_tells_at_most_what_an_order_is_worth_on_sqlite() {
    whole_service(&Shop::on_sqlite().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_service_tells_at_most_what_an_order_is_worth_on_postgres() {
    whole_service(&Shop::on_postgres().await);
}
