//! Webhooks and outside facts, in any order and any number of times, lead to one state; also where a sender takes
//! some of its facts back, and where a person decides something in between.

mod case;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use salesbridge::clock::Timestamp;
use salesbridge::domain::basic::identity::{ConversationId, OutcomeId, PageId, PersonId};
use salesbridge::domain::conversation::aggregate::ConversationAggregate;
use salesbridge::domain::conversation::inbound::Channel;
use salesbridge::domain::order::ledger::OrderLedger;
use salesbridge::domain::order::outcome::{Fact, Flag, OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::domain::signal::policy::Policy;
use salesbridge::flow::{self, IdempotentRequest, ImportLine, Sender};

use self::case::{Case, Decided, PHONES, Sent, case};
use crate::harness::{Shop, numbered, referred, say};
use crate::inbound_events::{
    Tables, body, dossiers_among, imports, imports_all, line, picture, shown, told, word,
};

/// How many cases a database tries; `PROPTEST_CASES` asks for another number.
const CASES: u32 = 40;

/// Pages are numbered over all cases, so that one database serves them all.
static PAGES: AtomicU32 = AtomicU32::new(0);

/// The shop on a Page of its own, with what people did there before anything else arrives.
async fn begins(shop: &Shop, case: &Case, now: Timestamp) -> String {
    let page = format!("9{:08}", PAGES.fetch_add(1, Ordering::Relaxed));
    let (purchase_on, lead_on, lifecycle) = case.policy;
    shop.set_page(|new| {
        new.id = PageId::from(page.as_str());
        new.policy = Policy { purchase_on, lead_on, lifecycle, ..Policy::default() };
    })
    .await;
    let at = |hour: i64| case.at(now, hour);
    let events = [
        word("71", "first_71", at(50), "Is it there?"),
        word("72", "first_72", at(50), &format!("call {}", PHONES[0].0)),
        word("73", "first_73", at(51), "hello"),
        word("74", "first_74", at(51), PHONES[1].0),
    ];
    shop.receives(body(&page, &events)).await;
    let said = |kind, value, hour| Tag { occurred_at: Some(at(hour)), ..say(kind, value) };
    let one = thread(shop, &page, "71").await;
    let two = thread(shop, &page, "72").await;
    says(shop, &one, said(OutcomeKind::Confirmed, Some(5000), 42)).await;
    says(shop, &two, numbered(said(OutcomeKind::Confirmed, Some(7000), 42), "A-20")).await;
    match case.before {
        1 => says(shop, &one, referred(said(OutcomeKind::CrossSold, Some(1000), 41), "p-1")).await,
        2 => says(shop, &one, said(OutcomeKind::Cancelled, None, 38)).await,
        3 => says(shop, &one, said(OutcomeKind::Shipped, None, 37)).await,
        4 => {
            says(shop, &one, said(OutcomeKind::Cancelled, None, 40)).await;
            says(shop, &one, said(OutcomeKind::Confirmed, Some(6000), 39)).await;
        }
        5 => {
            // An order that nobody is known of waits.
            let tag = numbered(told(Source::Crm, OutcomeKind::Confirmed, 5000, at(43)), "A-1");
            imports_all(shop, vec![ImportLine { page: PageId::from(page.as_str()), ..line(tag) }]).await;
        }
        _ => {}
    }
    page
}

async fn thread(shop: &Shop, page: &str, psid: &str) -> ConversationId {
    let mut unit = shop.services.store.read().await.unwrap();
    let psid = PersonId(psid.to_owned());
    unit.conversation_of(&PageId::from(page), Channel::Messenger, &psid).await.unwrap().unwrap()
}

async fn says(shop: &Shop, thread: &ConversationId, tag: Tag) {
    let reason = tag.kind.wants_reason().then(|| "changed her mind".to_owned());
    flow::tag(&shop.services, thread, &Tag { reason, ..tag }, "nino", &IdempotentRequest::unkeyed())
        .await
        .unwrap();
}

/// The picture after everything arrived in this order.
async fn arrives(
    (shop, tables): (&Shop, &Tables),
    case: &Case,
    now: Timestamp,
    order: &[Vec<usize>; 2],
) -> Vec<String> {
    let page = begins(shop, case, now).await;
    let phones = PHONES.map(|(_, number)| shop.services.phone_key.hash(number).unwrap());
    let sent = case.sent(&page, now, &phones);
    let mut arrived = Arrived { shop, entries: vec![None; sent.len()], early: Vec::new() };
    for (place, part) in order.iter().enumerate() {
        for index in part {
            arrived.takes(*index, &sent[*index]).await;
            shop.later(Duration::from_millis(7));
        }
        if let Some((decided, _)) = case.decided.filter(|_| place == 0) {
            decides((shop, tables), decided, &page).await;
            shop.later(Duration::from_millis(7));
        }
    }
    let mut rounds = 0;
    while flow::fall_silent(&shop.services).await.unwrap() > 0 {
        rounds += 1;
        assert!(rounds < 20, "silence never comes to rest");
    }
    let mut lines = picture(shop, tables, &page).await;
    // Of a conversion that all who said its cause took back, a trace is left: how far it had come by then.
    let is_trace = |line: &String| case.takes_back() && line.contains(" suppressed undone ");
    lines.retain(|line| !is_trace(line));
    lines
}

/// What is there by now.
struct Arrived<'a> {
    shop: &'a Shop,
    /// The entries that were made of facts.
    entries: Vec<Option<OutcomeId>>,
    /// Facts that are to be taken back and are not there yet.
    early: Vec<usize>,
}

impl Arrived<'_> {
    async fn takes(&mut self, index: usize, sent: &Sent) {
        match sent {
            Sent::Body(body) => self.shop.receives(body.clone()).await,
            Sent::Line(line) => {
                let told = imports(self.shop, vec![(**line).clone()]).await.remove(0);
                assert_eq!(told.0, 200, "{}", told.1);
                self.entries[index] = Some(OutcomeId(told.1));
                if self.early.contains(&index) {
                    self.takes_back(index).await;
                }
            }
            Sent::TakenBack(fact) => self.takes_back(*fact).await,
        }
    }

    async fn takes_back(&mut self, fact: usize) {
        match &self.entries[fact] {
            Some(entry) => {
                let undone = flow::undo(
                    &self.shop.services,
                    entry,
                    Sender::outside("crm"),
                    &IdempotentRequest::unkeyed(),
                )
                .await;
                undone.unwrap();
            }
            None => self.early.push(fact),
        }
    }
}

/// A person looks at what is there, and decides.
async fn decides((shop, tables): (&Shop, &Tables), decided: Decided, page: &str) {
    let threads = dossiers_among(shop, page, &tables.rows("conversation").await).await;
    let (services, asked) = (&shop.services, IdempotentRequest::unkeyed());
    match decided {
        Decided::Accept => {
            let flagged = |aggregate: &ConversationAggregate| {
                let orders = aggregate.orders.iter();
                let facts = orders.flat_map(|one| one.facts.iter().map(|fact| (one.clone(), fact.clone())));
                let flagged = facts
                    .filter(|(one, fact)| one.order.flag_of(&fact.id).is_some_and(Flag::can_be_accepted));
                flagged.map(|(one, fact)| (one.numbers.iter().min().cloned(), fact)).collect::<Vec<_>>()
            };
            let all = threads.iter().flat_map(flagged);
            let first = all.min_by_key(|(number, fact)| (number.clone(), shown(fact)));
            if let Some((_, fact)) = first {
                flow::accept(services, &fact.id, Sender::person("nino", Source::Api), &asked).await.unwrap();
            }
        }
        Decided::Join | Decided::Part => {
            let in_doubt = |aggregate: &ConversationAggregate| {
                let orders = aggregate.orders.iter().filter(|one| !one.doubt.with.is_empty());
                let with = |one: &OrderLedger| {
                    let others = aggregate.orders.iter().filter(|other| one.doubt.with.contains(&other.id));
                    others.min_by_key(|other| other.numbers.iter().min().cloned()).cloned()
                };
                orders.filter_map(|one| Some((one.clone(), with(one)?))).collect::<Vec<_>>()
            };
            let number = |ledger: &OrderLedger| ledger.numbers.iter().min().cloned();
            let pairs = threads.iter().flat_map(in_doubt);
            let first = pairs.min_by_key(|(one, other)| (number(one), number(other)));
            let nino = Sender::person("nino", Source::Api);
            let asked = IdempotentRequest::unkeyed();
            match (decided, first) {
                (_, None) => {}
                (Decided::Join, Some((one, other))) => {
                    flow::join_orders(services, &one.id, &other.id, nino, &asked).await.unwrap();
                }
                (_, Some((one, _))) => {
                    flow::part_order(services, &one.id, nino, &asked).await.unwrap();
                }
            }
        }
        Decided::Undo => {
            let thread = threads.iter().find(|aggregate| {
                aggregate.thread.recipient.as_ref().is_some_and(|known| known.person_id().as_str() == "71")
            });
            let facts = thread.unwrap().orders.iter().flat_map(|ledger| &ledger.facts);
            let said = facts.filter(|fact| fact.source.is_person() && !fact.undone);
            let last: Option<&Fact> = said.max_by_key(|fact| (fact.recorded_at, fact.id.clone()));
            if let Some(fact) = last {
                flow::undo(services, &fact.id, Sender::person("nino", Source::Api), &asked).await.unwrap();
            }
        }
    }
}

async fn check((shop, tables): (&Shop, &Tables), case: &Case) -> Result<(), TestCaseError> {
    let now = shop.services.clock.now();
    let many = case.news.len() + case.taken_back().count();
    let as_written: Vec<usize> = (0..many).collect();
    let expected = arrives((shop, tables), case, now, &case.in_order(&as_written)).await;
    let backwards: Vec<usize> = as_written.iter().rev().copied().collect();
    let mut shuffled: Vec<usize> = case.order.iter().map(|index| index.index(many)).collect();
    shuffled.extend(as_written.iter().filter(|index| !case.order.iter().any(|at| at.index(many) == **index)));
    for order in [backwards, shuffled] {
        let order = case.in_order(&order);
        let found = arrives((shop, tables), case, now, &order).await;
        let only = |one: &[String], other: &[String]| {
            one.iter().filter(|line| !other.contains(line)).cloned().collect::<Vec<_>>().join("\n  ")
        };
        prop_assert!(
            found == expected,
            "in the order {order:?}:\n  {}\nas written:\n  {}",
            only(&found, &expected),
            only(&expected, &found)
        );
    }
    Ok(())
}

async fn any_order(shop: Shop) {
    let tables = Tables::of(&shop).await;
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 400,
        ..ProptestConfig::default()
    };
    let seed: u8 =
        std::env::var("SALESBRIDGE_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let handle = tokio::runtime::Handle::current();
    let done = tokio::task::block_in_place(|| {
        runner.run(&case(), |case| handle.block_on(check((&shop, &tables), &case)))
    });
    if let Err(error) = done {
        panic!("{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lead_to_one_state_on_sqlite() {
    any_order(Shop::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lead_to_one_state_on_postgres() {
    any_order(Shop::on_postgres().await).await;
}
