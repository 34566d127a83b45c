//! The day that is replayed: who writes what when, and what the operators make of it. The same every time.

use serde_json::{Value, json};

use crate::command::demo::shop::{ADS, PAGES};

/// A chat begins every so many minutes, from 09:05 on.
const CHATS: usize = 84;
const BEGINS: u64 = 9 * 60 + 5;
const EVERY_TENTHS: u64 = 84;

/// When the second shop's token dies, and when it is mended.
pub const TOKEN_DIES: u64 = 11 * 60 + 20;
pub const TOKEN_MENDED: u64 = 12 * 60;

/// After this, one answer of Meta's is lost on its way.
pub const ANSWER_LOST: u64 = 15 * 60;

/// The day's end.
pub const ENDS: u64 = 21 * 60;

/// An event at a minute of the day.
pub struct Step {
    /// Minutes of the day.
    pub minute: u64,
    /// The number of the chat in which it happens; none for an event of the shop.
    pub chat: Option<usize>,
    pub act: Act,
}

/// An event of the day.
pub enum Act {
    /// The customer's first message, after a click on an ad.
    Opens { ad: usize, text: &'static str },
    /// The customer writes.
    Writes { text: String },
    /// An operator answers in Meta's inbox.
    Answers { text: String },
    /// An operator tags.
    Tags { body: Value },
    /// An operator takes the last tag back.
    Undoes,
    /// A token stops working.
    TokenDies,
    /// Somebody gives the Page a new one.
    TokenMended,
    /// The next answer of Meta's gets lost.
    AnswerLost,
}

/// The Page of a chat.
pub fn page_of(chat: usize) -> usize {
    ADS[ad_of(chat)].page
}

fn ad_of(chat: usize) -> usize {
    (chat * 3 + chat / 7) % ADS.len()
}

const OPENINGS: [&str; 6] = [
    "გამარჯობა, არის ადგილზე?",
    "რა ღირს?",
    "Hello, is it available?",
    "გამარჯობა, ზომა M გაქვთ?",
    "მიტანა რეგიონში გაქვთ?",
    "Zdravstvuyte, skolko stoit?",
];

/// The whole day, in order.
pub fn script() -> Vec<Step> {
    let mut steps: Vec<Step> = (0..CHATS).flat_map(chat).collect();
    let alone = |minute, act| Step { minute, chat: None, act };
    steps.push(alone(TOKEN_DIES, Act::TokenDies));
    steps.push(alone(TOKEN_MENDED, Act::TokenMended));
    steps.push(alone(ANSWER_LOST, Act::AnswerLost));
    steps.sort_by_key(|step| step.minute);
    steps
}

/// One chat: an opening, a few words, and one of ten endings.
fn chat(number: usize) -> Vec<Step> {
    let begins = BEGINS + u64::try_from(number).unwrap_or(0) * EVERY_TENTHS / 10;
    let at = |later: u64, act| Step { minute: begins + later, chat: Some(number), act };
    let tag = |later: u64, body: Value| at(later, Act::Tags { body });
    let ad = ad_of(number);
    let price = 3_500 + (number * 1_270) % 14_000 / 50 * 50;
    let money = |tetri: usize| format!("{}.{:02}", tetri / 100, tetri % 100);
    let sku = ADS[ad].sku;
    let confirmed = json!({
        "outcome": "confirmed", "value": money(price + 500), "delivery_fee": "5.00", "payment": "cod",
        "items": [{"sku": sku, "name": ADS[ad].title, "quantity": 1, "unit_price": money(price)}],
    });
    let more = json!({
        "outcome": "cross_sold", "value": "25.00",
        "items": [{"sku": "CARE-1", "name": "Care kit", "quantity": 1, "unit_price": "25.00"}],
    });
    let opening = OPENINGS[number % OPENINGS.len()];
    let mut steps = vec![
        at(0, Act::Opens { ad, text: opening }),
        at(2, Act::Answers { text: format!("{} — {} ₾", ADS[ad].title, money(price)) }),
    ];
    let phone = at(
        4,
        Act::Writes {
            text: format!("კარგი, ვიღებ. 5{:02} {:02} 12 34", 50 + number % 49, number)
        },
    );
    match number % 10 {
        0..=2 => steps.extend([phone, tag(6, confirmed)]),
        3 => steps.extend([phone, tag(6, confirmed), tag(14, more)]),
        4 => steps.extend([phone, tag(6, confirmed), tag(52, more)]),
        5 => steps.extend([
            phone,
            tag(6, confirmed),
            tag(17, json!({"outcome": "cancelled", "reason": "გადაიფიქრა"})),
        ]),
        6 => steps.extend([phone, tag(6, confirmed.clone()), at(9, Act::Undoes), tag(12, confirmed)]),
        7 => steps.push(tag(8, json!({"outcome": "lost", "reason": "ფასი"}))),
        8 => steps.push(tag(9, json!({"outcome": "qualified"}))),
        _ => {}
    }
    if number % 7 == 1 {
        steps.push(at(11, Act::Writes { text: "მადლობა!".to_owned() }));
    }
    steps.retain(|step| step.minute < ENDS);
    steps
}

/// The second shop's Page.
pub const SECOND: usize = 1;

const _: () = assert!(PAGES.len() == 2);
