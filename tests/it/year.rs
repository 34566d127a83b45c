//! A year of one shop, replayed: the ledger, the states and what Meta was told are those of a small fold that is
//! written here a second time. `SALESBRIDGE_TEST_YEAR=full` replays 40,000 chats with 12,000 orders.

use std::collections::BTreeMap;
use std::time::Duration;

use salesbridge::clock::Timestamp;
use salesbridge::domain::conversation::chat::Stage;
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::flow;
use serde_json::Value;

use crate::harness::{PAGE, Shop, numbered, referred, say};
use crate::inbound_events::{ad, aggregates, body, imports_all, line, line_of, told, word};

const DAY: i64 = 24 * 3_600_000;
const TICK: i64 = DAY;
const YEAR: i64 = 364 * DAY;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % u64::try_from(sides).unwrap()).unwrap()
    }
}

/// What happens in the shop, when it is heard of.
enum Act {
    Event(Value),
    /// A person's tag on the order of this story.
    Says(usize, Tag),
    /// A line from outside; about the order of this story, or as it stands.
    Tells(Option<usize>, Option<String>, Tag),
}

/// An order as it ought to end.
#[derive(Default)]
struct Story {
    psid: String,
    number: Option<String>,
    /// Moment, kind, and sum.
    facts: Vec<(i64, OutcomeKind, Option<i64>)>,
    /// What Meta hears of it.
    heard: Vec<i64>,
}

/// The state, worth, money and flags of an order: the table of the design once more.
fn ends(facts: &[(i64, OutcomeKind, Option<i64>)]) -> (&'static str, Option<i64>, i64, usize) {
    let mut facts = facts.to_vec();
    facts.sort_by_key(|(at, kind, _)| (*at, *kind));
    let (mut state, mut value, mut paid, mut back, mut flags) = ("none", None::<i64>, 0, 0, 0);
    for (_, kind, sum) in facts {
        let contradicts = match state {
            "cancelled" => {
                !matches!(kind, OutcomeKind::Paid | OutcomeKind::Refunded | OutcomeKind::Cancelled)
            }
            "returned" => {
                matches!(kind, OutcomeKind::Cancelled | OutcomeKind::Confirmed | OutcomeKind::Shipped)
            }
            _ => false,
        };
        if contradicts {
            flags += 1;
            continue;
        }
        match kind {
            OutcomeKind::Confirmed if state == "none" => (state, value) = ("confirmed", sum),
            OutcomeKind::Confirmed => assert!(value.is_none() || value == sum || sum.is_none()),
            OutcomeKind::CrossSold => value = value.map(|value| value + sum.unwrap()),
            OutcomeKind::Amended => value = sum,
            OutcomeKind::Cancelled => state = "cancelled",
            OutcomeKind::Shipped if matches!(state, "none" | "confirmed") => state = "shipped",
            OutcomeKind::Delivered if matches!(state, "none" | "confirmed" | "shipped") => {
                state = "delivered";
            }
            OutcomeKind::Returned => {
                back += sum.unwrap_or(i64::MAX / 2);
                state = if back >= value.unwrap_or(i64::MAX) { "returned" } else { "part_returned" };
            }
            OutcomeKind::Paid => paid += sum.unwrap(),
            _ => {}
        }
    }
    (state, value, paid, flags)
}

struct Year {
    acts: BTreeMap<i64, Vec<Act>>,
    stories: Vec<Story>,
    /// Chats by person.
    chats: BTreeMap<String, usize>,
    leads: usize,
    start: i64,
}

impl Year {
    /// `at` is when it is heard of, in milliseconds since the start.
    fn act(&mut self, at: i64, act: Act) {
        self.acts.entry(at / TICK).or_default().push(act);
    }

    fn moment(&self, at: i64) -> Timestamp {
        Timestamp::from_millis(self.start + at)
    }

    fn plan(chats: i64, orders: i64, start: Timestamp) -> Self {
        let mut year = Self {
            acts: BTreeMap::new(),
            stories: Vec::new(),
            chats: BTreeMap::new(),
            leads: 0,
            start: start.millis(),
        };
        let mut dice = Dice(42);
        let every = chats / orders;
        for index in 0..chats {
            let at = index * (YEAR / chats) + dice.roll(3_000_000);
            let with_order = index % every == 0 && index / every < orders;
            // Some come back after half a year.
            let earlier = index - chats / 2;
            let comes_back = !with_order && index % 7 == 6 && earlier > 0 && earlier % every != 0;
            let person = if comes_back { earlier } else { index };
            let psid = format!("{}", 7_000_000 + person);
            *year.chats.entry(psid.clone()).or_default() += 1;
            let moment = year.moment(at);
            let gives_phone = dice.roll(10) < 3;
            let text = if gives_phone {
                format!("599 {:06}, call me", 100_000 + index)
            } else {
                "How much?".to_owned()
            };
            year.leads += usize::from(gives_phone);
            if dice.roll(10) < 4 {
                year.act(at, Act::Event(ad(&psid, &format!("a_{index}"), moment, "880001", 1)));
            }
            year.act(
                at,
                Act::Event(word(&psid, &format!("m_{index}"), moment + Duration::from_secs(1), &text)),
            );
            if with_order {
                year.order(&psid, at + 60_000, &mut dice);
            }
        }
        year
    }

    fn order(&mut self, psid: &str, at: i64, dice: &mut Dice) {
        let which = self.stories.len();
        // All within the tick in which the chat begins, or clearly in a later one.
        let at = at.min(at / TICK * TICK + TICK - 600_000);
        let soon = at + 60_000;
        let later = at + TICK;
        let value = 3000 + dice.roll(200) * 50;
        let mut story = Story { psid: psid.to_owned(), ..Story::default() };
        story.facts.push((at, OutcomeKind::Confirmed, Some(value)));
        let mut tag = Tag { occurred_at: Some(self.moment(at)), ..say(OutcomeKind::Confirmed, value) };
        let fee = if dice.roll(3) == 0 { 500 } else { 0 };
        tag.terms.delivery_fee = (fee > 0).then_some(fee);
        match dice.roll(10) {
            0..5 => {
                self.act(at, Act::Says(which, tag.clone()));
                if dice.roll(3) == 0 {
                    // The CRM has a number of its own for the sale.
                    let mut named = told(Source::Crm, OutcomeKind::Confirmed, value, self.moment(at));
                    named.terms.delivery_fee = tag.terms.delivery_fee;
                    self.act(
                        at,
                        Act::Tells(None, Some(psid.to_owned()), numbered(named, &format!("C-{which}"))),
                    );
                }
            }
            5..8 => {
                story.number = Some(format!("N-{which}"));
                self.act(at, Act::Says(which, numbered(tag, &format!("N-{which}"))));
            }
            _ => {
                story.number = Some(format!("N-{which}"));
                let mut confirmed = told(Source::Crm, OutcomeKind::Confirmed, value, self.moment(at));
                confirmed.terms.delivery_fee = tag.terms.delivery_fee;
                self.act(
                    at,
                    Act::Tells(None, Some(psid.to_owned()), numbered(confirmed, &format!("N-{which}"))),
                );
            }
        }
        let by_person =
            |kind, value: Option<i64>, moment| Tag { occurred_at: Some(moment), ..say(kind, value) };
        let fate = dice.roll(20);
        let cancelled = match fate {
            0 | 1 => Some(soon),
            2 | 3 => Some(later),
            _ => None,
        };
        let net = value - fee;
        story.heard = match fate {
            0 | 1 => Vec::new(),
            4 | 5 => vec![net + 1000],
            6 | 7 => vec![net, 1000],
            8 => vec![net - 200],
            _ => vec![net],
        };
        let (kind, sum, moment) = match fate {
            0..=3 => (OutcomeKind::Cancelled, None, cancelled.unwrap()),
            4 | 5 => (OutcomeKind::CrossSold, Some(1000), soon),
            6 | 7 => (OutcomeKind::CrossSold, Some(1000), later),
            8 => (OutcomeKind::Amended, Some(value - 200), soon),
            _ => (OutcomeKind::Qualified, None, soon),
        };
        if kind != OutcomeKind::Qualified {
            story.facts.push((moment, kind, sum));
            let tag = referred(by_person(kind, sum, self.moment(moment)), &format!("p-{which}"));
            self.act(moment, Act::Says(which, tag));
        }
        let (_, worth, ..) = ends(&story.facts);
        let mut facts = Vec::new();
        if cancelled.is_some() {
            // The parcel was on its way all the same, before or after.
            match dice.roll(5) {
                0 => facts.push((soon - 30_000, OutcomeKind::Shipped, None)),
                1 => facts.push((later + DAY, OutcomeKind::Shipped, None)),
                _ => {}
            }
        } else {
            facts.push((at + DAY, OutcomeKind::Shipped, None));
            match dice.roll(20) {
                0 | 1 => facts.push((at + 4 * DAY, OutcomeKind::Returned, None)),
                2 => {
                    facts.push((at + 3 * DAY, OutcomeKind::Delivered, None));
                    facts.push((at + 5 * DAY, OutcomeKind::Returned, Some(1000)));
                    facts.push((at + 6 * DAY, OutcomeKind::Shipped, None));
                }
                3 => {
                    facts.push((at + 4 * DAY, OutcomeKind::Returned, None));
                    facts.push((at + 5 * DAY, OutcomeKind::Shipped, None));
                }
                _ => {
                    facts.push((at + 3 * DAY, OutcomeKind::Delivered, None));
                    facts.push((at + 3 * DAY, OutcomeKind::Paid, worth));
                }
            }
        }
        for (moment, kind, sum) in facts {
            story.facts.push((moment, kind, sum));
            let mut tag = told(Source::Courier, kind, sum, self.moment(moment));
            tag.reference = (dice.roll(2) == 0 || kind == OutcomeKind::Paid || sum.is_some())
                .then(|| format!("{which}-{}-{moment}", kind.as_str()));
            // Heard of days or weeks later, and every third time twice.
            let heard = moment + 8 * DAY + dice.roll(20 * DAY);
            self.act(heard, Act::Tells(Some(which), None, tag.clone()));
            if dice.roll(3) == 0 {
                self.act(heard + dice.roll(5 * DAY), Act::Tells(Some(which), None, tag));
            }
        }
        self.stories.push(story);
    }
}

/// Everything of one tick, first what is written, then what people say, then the files.
async fn lives_through(shop: &Shop, year: &mut Year, acts: Vec<Act>) {
    let (mut events, mut lines) = (Vec::new(), Vec::new());
    let mut said = Vec::new();
    for act in acts {
        match act {
            Act::Event(event) => events.push(event),
            Act::Says(which, tag) => said.push((which, tag)),
            Act::Tells(which, psid, tag) => lines.push((which, psid, tag)),
        }
    }
    for events in events.chunks(50) {
        shop.receives(body(PAGE, events)).await;
    }
    // An order that only the CRM told of is there before a person speaks of it.
    let (first, rest): (Vec<_>, Vec<_>) = lines.into_iter().partition(|(which, _, tag)| {
        which.is_none() && tag.order_number.as_ref().is_some_and(|number| number.starts_with('N'))
    });
    tells(shop, year, first).await;
    for (which, tag) in said {
        let story = &year.stories[which];
        let chat = shop.conversation(&story.psid).await.unwrap();
        let tag = match (&story.number, tag.kind) {
            (Some(number), kind) if kind != OutcomeKind::Confirmed => numbered(tag, number),
            _ => tag,
        };
        let tagged = shop.tags(&chat, &tag).await.unwrap();
        year.stories[which].number = Some(tagged.order.unwrap().numbers[0].clone());
    }
    tells(shop, year, rest).await;
}

async fn tells(shop: &Shop, year: &Year, lines: Vec<(Option<usize>, Option<String>, Tag)>) {
    let lines = lines.into_iter().map(|(which, psid, tag)| {
        let tag = match which {
            Some(which) => numbered(tag, year.stories[which].number.as_ref().unwrap()),
            None => tag,
        };
        match psid {
            Some(psid) => line_of(&psid, tag),
            None => line(tag),
        }
    });
    imports_all(shop, lines.collect()).await;
}

async fn a_year(shop: Shop) {
    let is_full = std::env::var("SALESBRIDGE_TEST_YEAR").is_ok_and(|size| size == "full");
    let (chats, orders) = if is_full { (40_000, 12_000) } else { (500, 150) };
    let mut year = Year::plan(chats, orders, shop.services.clock.now());
    let mut tick = 0;
    while let Some((next, acts)) = year.acts.pop_first() {
        // Whatever is due leaves between the ticks; a long pause has one that lets a tick's holds end.
        while tick <= next {
            let step = if next - tick > 3 && tick % 2 == 0 { next - tick - 1 } else { 1 };
            shop.later(Duration::from_millis(u64::try_from(TICK * step).unwrap()));
            tick += step;
            shop.delivers().await;
            while flow::fall_silent(&shop.services).await.unwrap() > 0 {}
        }
        lives_through(&shop, &mut year, acts).await;
    }
    for _ in 0..3 {
        shop.later(Duration::from_hours(80));
        shop.delivers().await;
        while flow::fall_silent(&shop.services).await.unwrap() > 0 {}
    }

    let mut found = BTreeMap::new();
    let mut chats_found = BTreeMap::new();
    for aggregate in aggregates(&shop, PAGE).await {
        let psid =
            aggregate.thread.recipient.as_ref().expect("everybody is known").person_id().as_str().to_owned();
        chats_found.insert(psid, aggregate.chats.len());
        for chat in &aggregate.chats {
            let stage = if aggregate.orders.is_empty() { Stage::Lost } else { Stage::Sold };
            assert_eq!(aggregate.stage(chat), stage, "{:?}", aggregate.chat_facts);
        }
        for ledger in &aggregate.orders {
            assert!(!ledger.doubt.is_parked, "{:?}", ledger.numbers);
            let order = &ledger.order;
            let ends = (order.state.as_str(), order.value, order.paid, order.flags.len());
            assert_eq!(found.insert(ledger.numbers[0].clone(), ends), None);
        }
    }
    assert_eq!(chats_found, year.chats);
    let mut heard: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut leads = 0;
    shop.meta.accepted().iter().for_each(|event| match event["event_name"].as_str().unwrap() {
        "LeadSubmitted" => leads += 1,
        "Purchase" => {
            // Meta is told the shop's own number where it is known.
            let order = event["custom_data"]["order_id"].as_str().unwrap();
            let story = order.strip_prefix("C-").map(|which| &year.stories[which.parse::<usize>().unwrap()]);
            let order = story.map_or_else(|| order.to_owned(), |story| story.number.clone().unwrap());
            let value = event["custom_data"]["value"].as_f64().unwrap() * 100.0;
            #[allow(clippy::cast_possible_truncation, reason = "a few thousand")]
            heard.entry(order).or_default().push(value.round() as i64);
        }
        other => panic!("{other} was never asked for"),
    });
    assert_eq!(
        shop.meta.accepted_count(),
        u64::try_from(heard.values().map(Vec::len).sum::<usize>() + leads).unwrap()
    );
    let mut expected_heard = BTreeMap::new();
    assert_eq!(found.len(), year.stories.len());
    for story in &year.stories {
        let number = story.number.clone().unwrap();
        assert_eq!(found[&number], ends(&story.facts), "{number} of {:?}", story.facts);
        if !story.heard.is_empty() {
            expected_heard.insert(number, story.heard.clone());
        }
    }
    assert_eq!(heard, expected_heard);
    assert_eq!(leads, year.leads);
}

mod is_as_it_was_told {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn on_sqlite() {
        Box::pin(a_year(Shop::on_sqlite().await)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn on_postgres() {
        Box::pin(a_year(Shop::on_postgres().await)).await;
    }
}
