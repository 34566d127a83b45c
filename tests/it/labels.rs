//! Labels in Meta's inbox as tags: whatever Meta tells, in whatever order and however often, and what the
//! service takes off itself.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use salesbridge::clock::Timestamp;
use salesbridge::domain::basic::identity::ConversationId;
use salesbridge::domain::conversation::aggregate::ConversationAggregate;
use salesbridge::domain::inbox::pending::{PendingReason, PendingTag};
use salesbridge::domain::order::fold::State;
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::domain::signal::conversion::{self, EventName, Reason};
use salesbridge::flow;
use salesbridge::sandbox::webhook::Chat;
use salesbridge::store::aggregate::Scope;
use salesbridge::worker::labels;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::{HOLD, PAGE, Shop, both, say};

const ORDER: &str = "501";
const SHIPPED: &str = "502";
const DELIVERED: &str = "503";
const LEAD: &str = "504";
const CANCELLED: &str = "505";
const MINUTE: Duration = Duration::from_mins(1);

impl Shop {
    pub async fn with_labels(&self, take_off: bool) {
        self.set_page(|page| {
            page.labels = BTreeMap::from([
                ("Order".to_owned(), OutcomeKind::Confirmed),
                ("Shipped".to_owned(), OutcomeKind::Shipped),
                ("Delivered".to_owned(), OutcomeKind::Delivered),
                ("Lead".to_owned(), OutcomeKind::Qualified),
                ("Off".to_owned(), OutcomeKind::Cancelled),
            ]);
            page.take_off_labels = take_off;
        })
        .await;
    }

    pub fn now(&self) -> Timestamp {
        self.services.clock.now()
    }

    pub async fn label(&self, action: &str, id: &str, at: Timestamp) {
        self.receives(change(action, id, at).to_string()).await;
    }

    /// It happens now, and time goes on by a minute.
    pub async fn labels(&self, action: &str, id: &str) {
        self.label(action, id, self.now()).await;
        self.later(MINUTE);
    }

    pub async fn aggregate(&self, chat: &ConversationId) -> ConversationAggregate {
        let mut unit = self.services.store.read().await.unwrap();
        unit.aggregates(Scope::Conversation(chat)).await.unwrap().pop().unwrap()
    }

    pub async fn waits(&self, chat: &ConversationId) -> Vec<PendingTag> {
        self.services.store.read().await.unwrap().pending_tags_of(chat).await.unwrap()
    }

    pub async fn queue(&self, chat: &ConversationId) -> String {
        self.services.store.read().await.unwrap().queue_state(chat).await.unwrap().unwrap()
    }

    async fn asks_about_labels(&self) -> usize {
        labels::drain(&self.services, &self.graph, &CancellationToken::new()).await.unwrap()
    }
}

fn name_of(id: &str) -> &'static str {
    match id {
        ORDER => "Order",
        SHIPPED => "Shipped",
        DELIVERED => "Delivered",
        LEAD => "Lead",
        CANCELLED => "Off",
        _ => "Nothing",
    }
}

fn change(action: &str, id: &str, at: Timestamp) -> Value {
    Chat { page: PAGE, psid: "2", at }.label(action, id, name_of(id))
}

fn states(aggregate: &ConversationAggregate) -> Vec<State> {
    aggregate.orders.iter().map(|ledger| ledger.order.state).collect()
}

fn purchase(aggregate: &ConversationAggregate) -> (conversion::State, Reason) {
    let row = aggregate.conversions.iter().find(|row| row.name == EventName::Purchase).unwrap();
    (row.state, row.reason)
}

both!(
    async fn a_label_is_a_sale_that_waits_for_its_value(shop: Shop) {
        shop.with_labels(false).await;
        let chat = shop.hears_from("2").await;
        shop.labels("add", ORDER).await;
        let aggregate = shop.aggregate(&chat).await;
        assert_eq!((states(&aggregate), aggregate.orders[0].order.value), (vec![State::Confirmed], None));
        assert_eq!(purchase(&aggregate), (conversion::State::Held, Reason::ValueMissing));
        let fact = &aggregate.orders[0].facts[0];
        assert_eq!((fact.source, fact.actor.as_str()), (Source::Label, "the inbox"));
        assert!(!format!("{fact:?}").contains("\"2\""));
        assert_eq!(shop.queue(&chat).await, "waiting");
        shop.tags(&chat, &say(OutcomeKind::Amended, 5000)).await.unwrap();
        assert_eq!(shop.queue(&chat).await, "done");
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0"]);
    }
);

both!(
    async fn told_twice_and_again_it_is_one_fact(shop: Shop) {
        shop.with_labels(false).await;
        let chat = shop.hears_from("2").await;
        let at = shop.now();
        shop.label("add", ORDER, at).await;
        shop.label("add", ORDER, at).await;
        shop.label("add_label", ORDER, at + MINUTE).await;
        shop.tags(&chat, &say(OutcomeKind::Delivered, None)).await.unwrap();
        shop.label("add", ORDER, at).await;
        shop.label("add", ORDER, at + 2 * MINUTE).await;
        let aggregate = shop.aggregate(&chat).await;
        assert_eq!(states(&aggregate), [State::Delivered]);
        assert_eq!(aggregate.orders[0].facts.len(), 2);
    }
);

both!(
    async fn seconds_or_milliseconds_and_both_spellings(shop: Shop) {
        shop.with_labels(false).await;
        let chat = shop.hears_from("2").await;
        let at = shop.now();
        let mut body = change("add_label", ORDER, at);
        body["entry"][0]["time"] = json!(at.millis());
        // The name's key of before v12.
        body["entry"][0]["changes"][0]["value"]["label"] = json!({"id": ORDER, "name": "Order"});
        shop.receives(body.to_string()).await;
        shop.label("add", ORDER, at).await;
        assert_eq!(shop.aggregate(&chat).await.orders[0].facts.len(), 1);
        shop.label("create_label", SHIPPED, at).await;
        shop.label("remove_label", ORDER, at + MINUTE).await;
        assert_eq!(states(&shop.aggregate(&chat).await), [State::None]);
    }
);

both!(
    async fn taken_off_within_the_hold_it_is_undone_and_later_cancelled(shop: Shop) {
        shop.with_labels(false).await;
        let chat = shop.hears_from("2").await;
        shop.labels("add", ORDER).await;
        shop.labels("remove", ORDER).await;
        let aggregate = shop.aggregate(&chat).await;
        assert_eq!(
            (states(&aggregate), purchase(&aggregate).0),
            (vec![State::None], conversion::State::Suppressed)
        );
        assert!(aggregate.orders[0].facts[0].undone);
        shop.labels("add", ORDER).await;
        shop.tags(&chat, &say(OutcomeKind::Amended, 5000)).await.unwrap();
        shop.later(HOLD);
        shop.delivers().await;
        shop.labels("remove", ORDER).await;
        let aggregate = shop.aggregate(&chat).await;
        assert_eq!(states(&aggregate), [State::Cancelled]);
        assert_eq!(aggregate.orders[0].order.reason.as_deref(), Some("label taken off"));
        assert_eq!((shop.told(), purchase(&aggregate).0), (vec!["50.0".to_owned()], conversion::State::Sent));
    }
);

both!(
    async fn a_fact_of_a_chat_is_undone_at_any_time(shop: Shop) {
        shop.with_labels(false).await;
        let chat = shop.hears_from("2").await;
        shop.labels("add", LEAD).await;
        assert_eq!(shop.queue(&chat).await, "done");
        shop.later(2 * HOLD);
        shop.labels("remove", LEAD).await;
        assert!(shop.aggregate(&chat).await.chat_facts[0].undone);
        assert_eq!(shop.queue(&chat).await, "waiting");
    }
);

both!(
    async fn whatever_the_arrival_it_ends_in_one_state(shop: Shop) {
        shop.with_labels(false).await;
        let start = shop.now();
        shop.later(Duration::from_hours(2));
        let long = 2 * HOLD;
        let cases = [
            // Put on and off again; on, off, on; off after the hold; and with the next steps.
            vec![("add", ORDER, MINUTE), ("remove", ORDER, 2 * MINUTE)],
            vec![("add", ORDER, MINUTE), ("remove", ORDER, 2 * MINUTE), ("add", ORDER, 3 * MINUTE)],
            vec![("add", ORDER, MINUTE), ("remove", ORDER, long), ("add", ORDER, long + MINUTE)],
            vec![("add", ORDER, MINUTE), ("add", SHIPPED, 2 * MINUTE), ("add", DELIVERED, 3 * MINUTE)],
            vec![("add", ORDER, MINUTE), ("add", SHIPPED, long), ("remove", ORDER, long + MINUTE)],
            vec![("add", LEAD, MINUTE), ("add", ORDER, 2 * MINUTE), ("remove", LEAD, 3 * MINUTE)],
            vec![("add", ORDER, MINUTE), ("add", CANCELLED, 2 * MINUTE), ("remove", CANCELLED, 3 * MINUTE)],
        ];
        let orders: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        for (number, case) in cases.into_iter().enumerate() {
            let mut ends = Vec::new();
            for (turn, order) in orders.iter().enumerate() {
                let psid = format!("{number}{turn}");
                for (action, id, after) in order.iter().filter_map(|index| case.get(*index)) {
                    let chat = Chat { page: PAGE, psid: &psid, at: start + *after };
                    shop.receives(chat.label(action, id, name_of(id)).to_string()).await;
                }
                let chat = shop.conversation(&psid).await.unwrap();
                let aggregate = shop.aggregate(&chat).await;
                let mut stand = states(&aggregate);
                stand.sort_by_key(|state| state.as_str());
                let said = aggregate.chat_facts.iter().filter(|fact| !fact.undone).count();
                ends.push((stand, said, shop.waits(&chat).await.len()));
            }
            assert!(ends.iter().all(|end| *end == ends[0]), "case {number}: {ends:?}");
        }
    }
);

both!(
    async fn what_moves_on_keeps_its_sale(shop: Shop) {
        shop.with_labels(false).await;
        let chat = shop.hears_from("2").await;
        shop.labels("add", ORDER).await;
        shop.later(HOLD);
        let at = shop.now();
        shop.label("remove", ORDER, at).await;
        assert_eq!(states(&shop.aggregate(&chat).await), [State::Cancelled]);
        let chat = shop.hears_from("3").await;
        let other = Chat { page: PAGE, psid: "3", at };
        shop.receives(other.label("add", ORDER, "Order").to_string()).await;
        shop.later(2 * HOLD);
        // In one second, as Meta tells it, the order moves from one label to the next.
        let both = Chat { at: shop.now(), ..other };
        let mut body = both.label("remove", ORDER, "Order");
        let add = both.label("add", SHIPPED, "Shipped")["entry"][0].clone();
        body["entry"].as_array_mut().unwrap().push(add);
        shop.receives(body.to_string()).await;
        assert_eq!(states(&shop.aggregate(&chat).await), [State::Shipped]);
        // Of a step that still stands a person decides.
        shop.later(2 * HOLD);
        let off = Chat { at: shop.now(), ..other };
        shop.receives(off.label("remove", SHIPPED, "Shipped").to_string()).await;
        let waits = shop.waits(&chat).await;
        assert_eq!(
            (waits[0].kind, waits[0].takes_back, waits[0].reason),
            (OutcomeKind::Shipped, true, PendingReason::LabelTakenOff)
        );
        assert_eq!(shop.queue(&chat).await, "waiting");
        flow::decide(&shop.services, &waits[0].id, None, "nino").await.unwrap();
        let again = flow::decide(&shop.services, &waits[0].id, None, "nino").await.unwrap_err();
        assert_eq!(again.code, "no_longer_waits");
        assert!(shop.waits(&chat).await.is_empty());
    }
);

both!(
    async fn what_another_door_said_too_is_a_persons_to_take_back(shop: Shop) {
        shop.with_labels(false).await;
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.labels("add", ORDER).await;
        shop.labels("remove", ORDER).await;
        assert_eq!(states(&shop.aggregate(&chat).await), [State::Confirmed]);
        assert_eq!(shop.waits(&chat).await[0].reason, PendingReason::SaidElsewhere);
        // Who saw the conversation and says something has decided.
        shop.tags(&chat, &say(OutcomeKind::Shipped, None)).await.unwrap();
        assert!(shop.waits(&chat).await.is_empty());
        assert_eq!(shop.queue(&chat).await, "done");
    }
);

both!(
    async fn an_unknown_label_says_nothing(shop: Shop) {
        shop.with_labels(false).await;
        let chat = shop.hears_from("2").await;
        shop.labels("add", "999").await;
        shop.label("remove", ORDER, shop.now()).await;
        let aggregate = shop.aggregate(&chat).await;
        assert!(aggregate.orders.is_empty() && aggregate.chat_facts.is_empty());
        // Not even when it is given a meaning later.
        shop.set_page(|page| page.labels = BTreeMap::from([("Nothing".to_owned(), OutcomeKind::Confirmed)]))
            .await;
        shop.labels("remove", "999").await;
        assert!(shop.aggregate(&chat).await.orders.is_empty());
        // A label on somebody who never wrote to us opens the conversation.
        let stranger = Chat { page: PAGE, psid: "77", at: shop.now() };
        shop.receives(stranger.label("add", "999", " NOTHING ").to_string()).await;
        let chat = shop.conversation("77").await.unwrap();
        assert_eq!(states(&shop.aggregate(&chat).await), [State::Confirmed]);
    }
);

both!(
    async fn a_missing_name_is_asked_for_once(shop: Shop) {
        shop.with_labels(false).await;
        let chat = shop.hears_from("2").await;
        let nameless = |action: &str, id: &str| {
            let mut body = change(action, id, shop.now());
            body["entry"][0]["changes"][0]["value"]["label"] = json!({"id": id});
            body.to_string()
        };
        shop.receives(nameless("add", ORDER)).await;
        assert!(shop.aggregate(&chat).await.orders.is_empty());
        // Meta does not know it yet; then it does.
        assert_eq!(shop.asks_about_labels().await, 1);
        assert_eq!(shop.asks_about_labels().await, 0);
        shop.meta.know_label(PAGE, ORDER, "Order");
        shop.later(MINUTE);
        assert_eq!(shop.asks_about_labels().await, 1);
        assert_eq!(states(&shop.aggregate(&chat).await), [State::Confirmed]);
        shop.receives(nameless("remove", ORDER)).await;
        assert_eq!(states(&shop.aggregate(&chat).await), [State::None]);
        assert_eq!(shop.asks_about_labels().await, 0);
        // One that says nothing is forgotten.
        shop.meta.know_label(PAGE, "999", "Nothing");
        shop.receives(nameless("add", "999")).await;
        assert_eq!(shop.asks_about_labels().await, 1);
        shop.set_page(|page| page.labels = BTreeMap::from([("Nothing".to_owned(), OutcomeKind::Qualified)]))
            .await;
        shop.labels("remove", "999").await;
        assert!(shop.aggregate(&chat).await.chat_facts.is_empty());
    }
);

both!(
    async fn what_was_heard_is_taken_off_and_that_is_no_persons_word(shop: Shop) {
        shop.with_labels(true).await;
        shop.meta.know_label(PAGE, ORDER, "Order");
        let chat = shop.hears_from("2").await;
        shop.meta.put_label(ORDER, "2");
        shop.labels("add", ORDER).await;
        assert_eq!(shop.asks_about_labels().await, 1);
        assert!(shop.meta.labelled(ORDER).is_empty());
        shop.label("remove", ORDER, shop.now()).await;
        assert_eq!(states(&shop.aggregate(&chat).await), [State::Confirmed]);
        assert_eq!(shop.asks_about_labels().await, 0);
        // The next order carries it again, and a person may take it off before the service does.
        shop.tags(&chat, &say(OutcomeKind::Delivered, None)).await.unwrap();
        shop.later(HOLD);
        shop.labels("add", ORDER).await;
        assert_eq!(states(&shop.aggregate(&chat).await), [State::Delivered, State::Confirmed]);
        shop.labels("remove", ORDER).await;
        assert_eq!(states(&shop.aggregate(&chat).await), [State::Delivered, State::None]);
        assert_eq!(shop.asks_about_labels().await, 0);
    }
);

both!(
    async fn a_label_that_meta_does_not_take_off_stays_a_persons(shop: Shop) {
        shop.with_labels(true).await;
        let chat = shop.hears_from("2").await;
        // Meta does not know this label: it is not asked again.
        shop.labels("add", ORDER).await;
        assert_eq!(shop.asks_about_labels().await, 1);
        shop.later(HOLD);
        assert_eq!(shop.asks_about_labels().await, 0);
        shop.labels("remove", ORDER).await;
        assert_eq!(states(&shop.aggregate(&chat).await), [State::Cancelled]);
        // A dead token may be mended.
        shop.meta.know_label(PAGE, LEAD, "Lead");
        shop.meta.put_label(LEAD, "2");
        shop.meta.kill_token("token-of-the-page");
        shop.labels("add", LEAD).await;
        assert_eq!(shop.asks_about_labels().await, 1);
        shop.meta.revive_token("token-of-the-page");
        shop.later(MINUTE);
        assert_eq!(shop.asks_about_labels().await, 1);
        assert!(shop.meta.labelled(LEAD).is_empty());
    }
);

both!(
    async fn in_shadow_nothing_is_taken_off(shop: Shop) {
        shop.with_labels(true).await;
        shop.set_page(|page| {
            page.mode = salesbridge::domain::signal::policy::Mode::Shadow;
            page.labels = BTreeMap::from([("Order".to_owned(), OutcomeKind::Confirmed)]);
            page.take_off_labels = true;
        })
        .await;
        let chat = shop.hears_from("2").await;
        shop.labels("add", ORDER).await;
        assert_eq!(states(&shop.aggregate(&chat).await), [State::Confirmed]);
        assert_eq!(shop.asks_about_labels().await, 0);
    }
);

#[tokio::test(flavor = "multi_thread")]
async fn the_command_makes_what_is_missing() {
    let shop = Shop::on_sqlite().await;
    shop.meta.know_label(PAGE, ORDER, "Order");
    let folder = std::env::temp_dir().join(format!("salesbridge-labels-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let text = format!(
        "[meta]\ngraph_url = \"{}\"\n[[pages]]\nid = \"{PAGE}\"\nname = \"Shop\"\ndataset_id = \"1\"\n\
         access_token = \"token-of-the-page\"\ncurrency = \"GEL\"\ntimezone = \"Asia/Tbilisi\"\n\
         take_off_labels = true\n[pages.labels]\nOrder = \"confirmed\"\n\"გაუქმდა\" = \"cancelled\"\n",
        shop.meta.url()
    );
    std::fs::write(folder.join("salesbridge.toml"), text).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_salesbridge"));
        let output = command.current_dir(&folder).env_clear().args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let first = run(&["labels"]);
    let again = run(&["labels", "--page", PAGE]);
    let other = run(&["labels", "--page", "9"]);
    shop.meta.kill_token("token-of-the-page");
    let dead = run(&["labels"]);
    drop(std::fs::remove_dir_all(&folder));
    let line = |name: &str, kind: &str, how: &str| format!("{PAGE}  ✓ {name} → {kind}  {how}\n");
    let order = line("Order", "confirmed", "is there");
    assert_eq!(first, (Some(0), order.clone() + &line("გაუქმდა", "cancelled", "made")));
    assert_eq!(again, (Some(0), order + &line("გაუქმდა", "cancelled", "is there")));
    assert_ne!(other.0, Some(0));
    assert!(dead.0 == Some(1) && dead.1.contains('✗') && !dead.1.contains("token-of"), "{dead:?}");
}
