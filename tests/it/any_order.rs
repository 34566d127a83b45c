//! Webhooks and outside facts, in any order and any number of times, lead to one state; also where a sender takes
//! some of its facts back, and where a person decides something in between.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use salesbridge::clock::Timestamp;
use salesbridge::domain::basic::identity::{ConversationId, OutcomeId, PageId, PersonId};
use salesbridge::domain::basic::money::Currency;
use salesbridge::domain::conversation::aggregate::ConversationAggregate;
use salesbridge::domain::conversation::inbound::Channel;
use salesbridge::domain::order::ledger::OrderLedger;
use salesbridge::domain::order::outcome::{Fact, Flag, OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::domain::order::terms::Item;
use salesbridge::domain::signal::policy::{LeadOn, Policy, PurchaseOn};
use salesbridge::flow::{self, IdempotentRequest, ImportLine, Sender};

use crate::harness::{Shop, numbered, referred, say};
use crate::inbound_events::{
    Tables, ad, body, dossiers_among, echo, edit, imports, imports_all, line, line_of, picture, shown, tap,
    told, unsent, word,
};

/// How many cases a database tries; `PROPTEST_CASES` asks for another number.
const CASES: u32 = 40;

/// Phone numbers that nobody says but the person who has them: as they write them, and in full.
const PHONES: [(&str, &str); 2] = [("577 11 22 33", "+995577112233"), ("577 44 55 66", "+995577445566")];

/// The people: one with a sale of the service's number, one with a shop's number, two without a sale.
const PEOPLE: [&str; 4] = ["71", "72", "73", "74"];

/// A case: how the shop is set up, what arrives, and in which order besides the one that it stands in. Where a person
/// decides something in between, what arrives before that and what comes after are shuffled apart.
#[derive(Clone, Debug)]
struct Case {
    policy: (PurchaseOn, LeadOn, bool),
    before: u8,
    news: Vec<News>,
    order: Vec<Index>,
    decided: Option<(Decided, Index)>,
}

/// What a person decides.
#[derive(Clone, Copy, Debug)]
enum Decided {
    /// To accept a fact that is flagged by then, if there is one.
    Accept,
    /// To take back what a person said last of the first sale.
    Undo,
    /// That two orders in doubt are one sale, if there are such orders.
    Join,
    /// That they are two.
    Part,
}

#[derive(Clone, Debug)]
enum News {
    Word {
        who: usize,
        hour: i64,
        text: usize,
    },
    Echo {
        who: usize,
        hour: i64,
        text: usize,
    },
    Tap {
        who: usize,
        hour: i64,
    },
    Ad {
        who: usize,
        hour: i64,
        ad: usize,
        place: u8,
    },
    /// A word that was said, or will be, reads otherwise now.
    Edit {
        who: usize,
        hour: i64,
        text: usize,
        number: usize,
    },
    /// A word is taken back.
    Unsent {
        who: usize,
        hour: i64,
        text: usize,
    },
    Fact(FactNews),
}

#[derive(Clone, Debug)]
struct FactNews {
    whose: usize,
    kind: OutcomeKind,
    hour: i64,
    value: Option<i64>,
    with_items: bool,
    name: Option<u8>,
    reason: bool,
    source: usize,
    told: Told,
}

/// How a fact is told besides.
#[derive(Clone, Copy, Debug)]
struct Told {
    /// `cross_sold`: it names the new whole.
    as_total: bool,
    /// It is told in another currency than the Page's.
    in_dollars: bool,
    /// Its sender takes it back later.
    taken_back: bool,
}

/// Whose fact it is: the order number, the person, and the phone.
const WHOSE: [(Option<&str>, Option<&str>, Option<usize>); 11] = [
    (Some("S-1001"), None, None),
    (Some("A-1"), Some("71"), None),
    (Some("A-2"), Some("71"), None),
    (Some("A-1"), None, None),
    (Some("A-20"), None, None),
    (None, Some("72"), None),
    (None, None, Some(0)),
    (Some("C-30"), Some("73"), None),
    (Some("C-30"), None, None),
    (Some("C-31"), None, None),
    (Some("C-31"), None, Some(1)),
];

fn hours() -> impl Strategy<Value = i64> {
    // Few enough that facts often share a moment, some of them before the sale and some before 7 quiet days.
    prop_oneof![6 => 30_i64..44, 1 => Just(60_i64), 1 => Just(70_i64)]
}

fn quiet_hours() -> impl Strategy<Value = i64> {
    prop_oneof![5 => 20_i64..60, 1 => Just(90_i64), 1 => Just(250_i64), 1 => Just(252_i64)]
}

fn news() -> impl Strategy<Value = News> {
    let who = || 0..PEOPLE.len();
    let kinds = proptest::sample::select(OutcomeKind::ALL.to_vec());
    let value = prop_oneof![
        1 => Just(None), 4 => Just(Some(5000)), 2 => Just(Some(6000)), 1 => Just(Some(2000)), 1 => Just(Some(7000))
    ];
    let fact = (
        0..WHOSE.len(),
        kinds,
        hours(),
        value,
        any::<bool>(),
        proptest::option::of(0_u8..3),
        any::<bool>(),
        0_usize..3,
        (any::<bool>(), proptest::bool::weighted(0.1), proptest::bool::weighted(0.15)),
    )
        .prop_map(|(whose, kind, hour, value, with_items, name, reason, source, told)| {
            let (as_total, in_dollars, taken_back) = told;
            let told = Told { as_total, in_dollars, taken_back };
            News::Fact(FactNews { whose, kind, hour, value, with_items, name, reason, source, told })
        });
    prop_oneof![
        2 => (who(), quiet_hours(), 0_usize..3).prop_map(|(who, hour, text)| News::Word { who, hour, text }),
        1 => (who(), quiet_hours(), 0_usize..3).prop_map(|(who, hour, text)| News::Echo { who, hour, text }),
        1 => (who(), quiet_hours()).prop_map(|(who, hour)| News::Tap { who, hour }),
        2 => (who(), quiet_hours(), 0_usize..2, 0_u8..3)
            .prop_map(|(who, hour, ad, place)| News::Ad { who, hour, ad, place }),
        1 => (who(), quiet_hours(), 0_usize..3, 1_usize..4)
            .prop_map(|(who, hour, text, number)| News::Edit { who, hour, text, number }),
        1 => (who(), quiet_hours(), 0_usize..3).prop_map(|(who, hour, text)| News::Unsent { who, hour, text }),
        8 => fact,
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let on = proptest::sample::select(vec![
        PurchaseOn::Confirmed,
        PurchaseOn::Confirmed,
        PurchaseOn::Shipped,
        PurchaseOn::Delivered,
        PurchaseOn::Paid,
    ]);
    let lead = proptest::sample::select(vec![LeadOn::Contact, LeadOn::FirstMessage, LeadOn::Qualified]);
    let order = proptest::collection::vec(any::<Index>(), 0..16);
    let decided =
        proptest::sample::select(vec![Decided::Accept, Decided::Undo, Decided::Join, Decided::Part]);
    let decided = proptest::option::weighted(0.4, (decided, any::<Index>()));
    (on, lead, any::<bool>(), 0_u8..6, proptest::collection::vec(news(), 1..12), order, decided).prop_map(
        |(on, lead, lifecycle, before, news, order, decided)| Case {
            policy: (on, lead, lifecycle),
            before,
            news,
            order,
            decided,
        },
    )
}

/// What arrives, as it is sent.
enum Sent {
    Body(String),
    Line(Box<ImportLine>),
    /// The sender of the fact at this place takes it back; never before it is there.
    TakenBack(usize),
}

impl Case {
    fn at(&self, now: Timestamp, hour: i64) -> Timestamp {
        // A lead of long ago is none, so that where the first word makes it nothing is so long ago.
        let hour = if self.policy.1 == LeadOn::FirstMessage { hour.min(95) } else { hour };
        Timestamp::from_millis(now.millis() - hour * 3_600_000)
    }

    /// How much of what arrives comes before a person decides.
    fn first(&self) -> usize {
        self.decided.map_or(self.news.len(), |(_, at)| at.index(self.news.len()) + 1)
    }

    /// An order in which everything arrives: what comes first, and what comes after a person decided.
    fn in_order(&self, order: &[usize]) -> [Vec<usize>; 2] {
        let (first, then) = order.iter().partition(|index| **index < self.first());
        [first, then]
    }

    fn takes_back(&self) -> bool {
        matches!(self.decided, Some((Decided::Undo, _))) || self.taken_back().next().is_some()
    }

    /// What arrives besides: facts that are taken back by who sent them.
    fn taken_back(&self) -> impl Iterator<Item = usize> {
        let is_taken_back = |news: &News| matches!(news, News::Fact(fact) if fact.told.taken_back);
        self.news.iter().enumerate().filter(move |(_, news)| is_taken_back(news)).map(|(index, _)| index)
    }

    fn sent(&self, page: &str, now: Timestamp, phones: &[String]) -> Vec<Sent> {
        let texts = ["How much?", "My number is 599 12 34 56", "or 577 65 43 21"];
        let each = |(index, news): (usize, &News)| {
            let event = match news {
                News::Word { who, hour, text } => {
                    let mid = format!("m_{who}_{hour}_{text}");
                    // A phone of long ago makes no lead any more.
                    let text = if *hour > 95 { 0 } else { *text };
                    word(PEOPLE[*who], &mid, self.at(now, *hour), texts[text])
                }
                News::Echo { who, hour, text } => {
                    echo(PEOPLE[*who], &format!("e_{who}_{hour}_{text}"), self.at(now, *hour), texts[*text])
                }
                News::Tap { who, hour } => {
                    tap(PEOPLE[*who], &format!("t_{who}_{hour}"), self.at(now, *hour), "Order")
                }
                News::Ad { who, hour, ad: which, place } => {
                    let mid = format!("a_{who}_{hour}_{which}_{place}");
                    ad(PEOPLE[*who], &mid, self.at(now, *hour), ["880001", "880002"][*which], *place)
                }
                News::Edit { who, hour, text, number } => {
                    let said = if *hour > 95 { 0 } else { (text + number) % 3 };
                    let at = self.at(now, *hour) + Duration::from_secs(*number as u64);
                    edit(PEOPLE[*who], &format!("m_{who}_{hour}_{text}"), at, (texts[said], *number))
                }
                News::Unsent { who, hour, text } => {
                    unsent(PEOPLE[*who], &format!("m_{who}_{hour}_{text}"), self.at(now, *hour))
                }
                News::Fact(fact) => {
                    let mut line = fact.line(page, self.at(now, fact.hour), phones);
                    if fact.told.taken_back {
                        // A fact of its own, whatever else is told.
                        line.tag = referred(line.tag, &format!("taken back {index}"));
                    }
                    return Sent::Line(Box::new(line));
                }
            };
            Sent::Body(body(page, &[event]))
        };
        self.news.iter().enumerate().map(each).chain(self.taken_back().map(Sent::TakenBack)).collect()
    }
}

impl FactNews {
    fn line(&self, page: &str, at: Timestamp, phones: &[String]) -> ImportLine {
        let (mut number, mut person, phone) = WHOSE[self.whose];
        let kind = match (self.kind, number) {
            // Without a number a sale can't be agreed by an outside source in any order.
            (OutcomeKind::Confirmed, None) => OutcomeKind::Delivered,
            (kind, _) => kind,
        };
        if kind.is_of_conversation() {
            (number, person) = (None, person.or(Some("73")));
        }
        let value = match kind {
            OutcomeKind::CrossSold | OutcomeKind::Paid | OutcomeKind::Refunded => {
                Some(self.value.unwrap_or(1500))
            }
            OutcomeKind::Returned => self.value.filter(|_| self.name.is_some()),
            OutcomeKind::Confirmed | OutcomeKind::Amended => self.value,
            _ => None,
        };
        let source = [Source::Crm, Source::Courier, Source::Bank][self.source];
        let mut tag = told(source, kind, value, at);
        if kind == OutcomeKind::CrossSold && self.told.as_total {
            tag.terms.total = tag.terms.value.take();
        }
        if self.told.in_dollars && tag.terms.states_anything() {
            tag.terms.currency = Currency::parse("USD").unwrap();
        }
        if self.with_items && matches!(kind, OutcomeKind::Confirmed | OutcomeKind::Amended) {
            let unit_price = value.unwrap_or(6000) - 500;
            let item =
                Item { sku: Some("K-1".to_owned()), name: None, quantity: 1, unit_price, unit_cost: None };
            tag.terms.items.push(item);
            tag.terms.delivery_fee = Some(500);
        }
        if self.reason && kind.wants_reason() {
            tag.reason = Some("too late".to_owned());
        }
        let adds_up = matches!(kind, OutcomeKind::CrossSold | OutcomeKind::Paid | OutcomeKind::Refunded);
        if let Some(name) = self.name.or(adds_up.then_some(9)) {
            // A sender's name of a fact is of one fact, whatever it says.
            let all = format!(
                "{name} {number:?} {person:?} {phone:?} {kind:?} {at:?} {value:?} {} {:?} {} {}",
                self.with_items, tag.reason, self.told.as_total, self.told.in_dollars
            );
            tag = referred(tag, &all);
        }
        if let Some(number) = number {
            tag = numbered(tag, number);
        }
        let mut line = match person {
            Some(psid) => line_of(psid, tag),
            None => line(tag),
        };
        line.page = PageId::from(page);
        line.phone_hash = phone.filter(|_| person.is_none()).map(|index| phones[index].clone());
        line
    }
}

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
