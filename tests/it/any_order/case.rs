//! A case: how the shop is set up, what arrives, and in which order.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use salesbridge::clock::Timestamp;
use salesbridge::domain::basic::identity::PageId;
use salesbridge::domain::basic::money::Currency;
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::domain::order::terms::Item;
use salesbridge::domain::signal::policy::{LeadOn, PurchaseOn};
use salesbridge::flow::ImportLine;

use crate::harness::{gel, numbered, referred};
use crate::inbound_events::{ad, body, echo, edit, line, line_of, tap, told, unsent, word};

/// Phone numbers that nobody says but the person who has them: as they write them, and in full.
pub const PHONES: [(&str, &str); 2] = [("577 11 22 33", "+995577112233"), ("577 44 55 66", "+995577445566")];

/// The people: one with a sale of the service's number, one with a shop's number, two without a sale.
pub const PEOPLE: [&str; 4] = ["71", "72", "73", "74"];

/// A case: how the shop is set up, what arrives, and in which order besides the one that it stands in. Where a person
/// decides something in between, what arrives before that and what comes after are shuffled apart.
#[derive(Clone, Debug)]
pub struct Case {
    pub policy: (PurchaseOn, LeadOn, bool),
    pub before: u8,
    pub news: Vec<News>,
    pub order: Vec<Index>,
    pub decided: Option<(Decided, Index)>,
}

/// What a person decides.
#[derive(Clone, Copy, Debug)]
pub enum Decided {
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
pub enum News {
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
pub struct FactNews {
    pub whose: usize,
    pub kind: OutcomeKind,
    pub hour: i64,
    pub value: Option<i64>,
    pub with_items: bool,
    pub name: Option<u8>,
    pub reason: bool,
    pub source: usize,
    pub told: Told,
}

/// How a fact is told besides.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// `cross_sold`: it names the new whole.
    pub as_total: bool,
    /// It is told in another currency than the Page's.
    pub in_dollars: bool,
    /// Its sender takes it back later.
    pub taken_back: bool,
}

/// Whose fact it is: the order number, the person, and the phone.
pub const WHOSE: [(Option<&str>, Option<&str>, Option<usize>); 11] = [
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

pub fn hours() -> impl Strategy<Value = i64> {
    // Few enough that facts often share a moment, some of them before the sale and some before 7 quiet days.
    prop_oneof![6 => 30_i64..44, 1 => Just(60_i64), 1 => Just(70_i64)]
}

pub fn quiet_hours() -> impl Strategy<Value = i64> {
    prop_oneof![5 => 20_i64..60, 1 => Just(90_i64), 1 => Just(250_i64), 1 => Just(252_i64)]
}

pub fn news() -> impl Strategy<Value = News> {
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

pub fn case() -> impl Strategy<Value = Case> {
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
pub enum Sent {
    Body(String),
    Line(Box<ImportLine>),
    /// The sender of the fact at this place takes it back; never before it is there.
    TakenBack(usize),
}

impl Case {
    pub fn at(&self, now: Timestamp, hour: i64) -> Timestamp {
        // A lead of long ago is none, so that where the first word makes it nothing is so long ago.
        let hour = if self.policy.1 == LeadOn::FirstMessage { hour.min(95) } else { hour };
        Timestamp::from_millis(now.millis() - hour * 3_600_000)
    }

    /// How much of what arrives comes before a person decides.
    pub fn first(&self) -> usize {
        self.decided.map_or(self.news.len(), |(_, at)| at.index(self.news.len()) + 1)
    }

    /// An order in which everything arrives: what comes first, and what comes after a person decided.
    pub fn in_order(&self, order: &[usize]) -> [Vec<usize>; 2] {
        let (first, then) = order.iter().partition(|index| **index < self.first());
        [first, then]
    }

    pub fn takes_back(&self) -> bool {
        matches!(self.decided, Some((Decided::Undo, _))) || self.taken_back().next().is_some()
    }

    /// What arrives besides: facts that are taken back by who sent them.
    pub fn taken_back(&self) -> impl Iterator<Item = usize> {
        let is_taken_back = |news: &News| matches!(news, News::Fact(fact) if fact.told.taken_back);
        self.news.iter().enumerate().filter(move |(_, news)| is_taken_back(news)).map(|(index, _)| index)
    }

    pub fn sent(&self, page: &str, now: Timestamp, phones: &[String]) -> Vec<Sent> {
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
    pub fn line(&self, page: &str, at: Timestamp, phones: &[String]) -> ImportLine {
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
        } else {
            tag.terms.written_in = Some(gel());
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
