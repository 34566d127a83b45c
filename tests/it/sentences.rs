//! The shop's own sentence as the tag: what an operator writes anyway says what was sold.

use std::time::Duration;

use salesbridge::domain::basic::identity::PageId;
use salesbridge::domain::inbox::pending::PendingReason;
use salesbridge::domain::inbox::sentence::{Open, Reading};
use salesbridge::domain::order::fold::State;
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::flow::{self, IdempotentRequest, Sender};
use salesbridge::sandbox::webhook::{Chat, messaging, standby};
use serde_json::{Value, json};

use crate::harness::{HOLD, PAGE, Shop, both, say};

const SENTENCE: &str = "შეკვეთა მიღებულია {*} {value} ₾";

impl Shop {
    pub async fn with_sentences(&self) {
        self.set_page(|page| {
            page.sentences.insert(OutcomeKind::Confirmed, vec![SENTENCE.to_owned()]);
            page.sentences.insert(OutcomeKind::Cancelled, vec!["შეკვეთა გაუქმდა".to_owned()]);
            page.sentences.insert(OutcomeKind::Paid, vec!["თანხა ჩაირიცხა".to_owned()]);
        })
        .await;
    }

    fn echo(&self, psid: &str, mid: &str, text: &str) -> Value {
        Chat { page: PAGE, psid, at: self.services.clock.now() }.echo(mid, text)
    }

    /// Somebody of the shop writes in Meta's inbox.
    pub async fn operator_writes(&self, mid: &str, text: &str) {
        let body = messaging(PAGE, self.services.clock.now(), &[self.echo("2", mid, text)]);
        self.receives(body.to_string()).await;
    }
}

both!(
    async fn what_is_written_anyway_is_the_tag(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        shop.operator_writes("e_1", "გამარჯობა!").await;
        shop.operator_writes("e_2", "შეკვეთა მიღებულია ✅ ჩანთა, სულ 1 250,50 ლარი. მადლობა!").await;
        let order = &shop.aggregate(&chat).await.orders[0];
        assert_eq!((order.order.state, order.order.value), (State::Confirmed, Some(125_050)));
        let fact = &order.facts[0];
        assert_eq!((fact.source, fact.actor.as_str()), (Source::Sentence, "the inbox"));
        assert!(!fact.reference.as_ref().unwrap().contains("e_2"));
        // The same message again, also by standby.
        let at = shop.services.clock.now();
        let again = shop.echo("2", "e_2", "შეკვეთა მიღებულია ✅ ჩანთა, სულ 1 250,50 ლარი. მადლობა!");
        shop.receives(standby(PAGE, at, &[again]).to_string()).await;
        // Said again in other words it is the same sale.
        shop.operator_writes("e_3", "შეკვეთა მიღებულია: 1250.50₾").await;
        let aggregate = shop.aggregate(&chat).await;
        assert_eq!((aggregate.orders.len(), aggregate.orders[0].facts.len()), (1, 2));
        assert_eq!(aggregate.orders[0].numbers, ["S-1001"]);
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["1250.5"]);
        shop.operator_writes("e_4", "ვწუხვართ, შეკვეთა გაუქმდა").await;
        let aggregate = shop.aggregate(&chat).await;
        assert_eq!(aggregate.orders[0].order.state, State::Cancelled);
        assert_eq!(aggregate.orders[0].order.reason.as_deref(), Some("said in the chat"));
        assert!(shop.waits(&chat).await.is_empty());
    }
);

both!(
    async fn only_what_a_human_of_the_page_writes_counts(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        let text = "შეკვეთა მიღებულია 120 ₾";
        let at = shop.services.clock.now();
        let mut by_app = shop.echo("2", "e_1", text);
        by_app["message"]["app_id"] = json!(1_517_776_481_860_111_u64);
        let by_customer = Chat { page: PAGE, psid: "2", at }.text("e_2", text);
        let quoted = shop.echo("2", "e_3", "თქვენ მოგვწერეთ „შეკვეთა მიღებულია 120 ₾“, ასეა?");
        shop.receives(messaging(PAGE, at, &[by_app, by_customer, quoted]).to_string()).await;
        let aggregate = shop.aggregate(&chat).await;
        assert!(aggregate.orders.is_empty() && shop.waits(&chat).await.is_empty());
        // Without an app it was typed by hand.
        let mut by_hand = shop.echo("2", "e_4", text);
        by_hand["message"].as_object_mut().unwrap().remove("app_id");
        shop.receives(messaging(PAGE, at, &[by_hand]).to_string()).await;
        assert_eq!(shop.aggregate(&chat).await.orders.len(), 1);
    }
);

both!(
    async fn what_is_read_in_part_waits_for_a_person(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Qualified, None)).await.unwrap();
        assert_eq!(shop.queue(&chat).await, "done");
        shop.operator_writes("e_1", "შეკვეთა მიღებულია: ჩანთა 120 ₾, მიტანა 5 ₾").await;
        shop.operator_writes("e_1", "შეკვეთა მიღებულია: ჩანთა 120 ₾, მიტანა 5 ₾").await;
        assert!(shop.aggregate(&chat).await.orders.is_empty());
        let waits = shop.waits(&chat).await;
        assert_eq!(waits.len(), 1);
        assert_eq!(
            (waits[0].kind, waits[0].value, waits[0].reason),
            (OutcomeKind::Confirmed, None, PendingReason::PartlyRead(Open::SeveralAmounts))
        );
        assert_eq!(shop.queue(&chat).await, "waiting");
        let tag = say(OutcomeKind::Confirmed, 12_500);
        let tagged = flow::decide(&shop.services, &waits[0].id, Some(&tag), "nino").await.unwrap().unwrap();
        assert_eq!((tagged.fact.terms.value, tagged.fact.actor.as_str()), (Some(12_500), "nino"));
        assert_eq!(shop.queue(&chat).await, "done");
        // A sum without an amount can't wait in the ledger.
        shop.operator_writes("e_2", "თანხა ჩაირიცხა").await;
        assert_eq!(shop.waits(&chat).await[0].reason, PendingReason::ValueMissing);
    }
);

both!(
    async fn another_value_while_an_order_is_open_goes_into_the_queue(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        shop.operator_writes("e_1", "შეკვეთა მიღებულია 120,50 ₾").await;
        shop.operator_writes("e_2", "შეკვეთა მიღებულია 70 ₾").await;
        let orders = shop.aggregate(&chat).await.orders;
        assert_eq!((orders[0].order.value, orders[0].doubt.is_parked), (Some(12_050), false));
        assert_eq!((orders[1].order.value, orders[1].doubt.is_parked), (Some(7000), true));
        assert_eq!(shop.queue(&chat).await, "waiting");
        // Until somebody answers, the first alone leaves.
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["120.5"]);
        let (id, sender) = (&orders[1].id, Sender::person("nino", Source::Api));
        let request = IdempotentRequest::unkeyed();
        flow::part_order(&shop.services, id, sender, &request).await.unwrap();
        assert_eq!(shop.queue(&chat).await, "done");
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["120.5", "70.0"]);
    }
);

both!(
    async fn what_can_not_be_said_goes_into_the_queue(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        shop.operator_writes("e_1", "შეკვეთა გაუქმდა").await;
        assert_eq!(shop.waits(&chat).await[0].reason, PendingReason::WhichOrder);
        assert!(shop.aggregate(&chat).await.orders.is_empty());
    }
);

both!(
    async fn it_gives_the_value_that_a_label_waits_for(shop: Shop) {
        shop.with_sentences().await;
        shop.set_page(|page| {
            page.sentences.insert(OutcomeKind::Confirmed, vec![SENTENCE.to_owned()]);
            page.labels.insert("Order".to_owned(), OutcomeKind::Confirmed);
        })
        .await;
        let chat = shop.hears_from("2").await;
        let label =
            Chat { page: PAGE, psid: "2", at: shop.services.clock.now() }.label("add", "501", "Order");
        shop.receives(label.to_string()).await;
        assert_eq!(shop.queue(&chat).await, "waiting");
        shop.operator_writes("e_1", "შეკვეთა მიღებულია 120 ₾").await;
        let aggregate = shop.aggregate(&chat).await;
        assert_eq!((aggregate.orders.len(), aggregate.orders[0].order.value), (1, Some(12_000)));
        assert_eq!(shop.queue(&chat).await, "done");
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["120.0"]);
    }
);

both!(
    async fn an_edit_says_what_the_message_now_says(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        shop.operator_writes("e_1", "შეკვეთა მიღებულია 120 ₾").await;
        let edit = |text: &str, number: i64| {
            let at = shop.services.clock.now();
            let item = json!({"sender": {"id": PAGE}, "recipient": {"id": "2"}, "timestamp": at.millis(),
                              "message_edit": {"mid": "e_1", "text": text, "num_edit": number}});
            messaging(PAGE, at, &[item]).to_string()
        };
        shop.receives(edit("შეკვეთა მიღებულია! 120 ₾", 1)).await;
        assert!(shop.waits(&chat).await.is_empty());
        shop.receives(edit("შეკვეთა მიღებულია! 150 ₾", 2)).await;
        let orders = shop.aggregate(&chat).await.orders;
        assert_eq!((orders.len(), orders[1].doubt.is_parked, orders[1].order.value), (2, true, Some(15_000)));
    }
);

both!(
    async fn a_pattern_is_tried_before_it_is_switched_on(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.operator_writes("e_old", "შეკვეთა მიღებულია 10 ₾").await;
        shop.later(Duration::from_hours(7 * 24 + 1));
        shop.operator_writes("e_1", "შეკვეთა მიღებულია 120 ₾").await;
        shop.operator_writes("e_2", "შეკვეთა მიღებულია, მადლობა").await;
        shop.operator_writes("e_3", "რა ზომა გნებავთ?").await;
        let page = PageId::from(PAGE);
        let trial = flow::try_sentence(&shop.services, &page, SENTENCE).await.unwrap();
        let found: Vec<_> = trial.found.iter().map(|one| one.reading).collect();
        assert_eq!(found, [Reading::Whole(Some(12_000)), Reading::PartlyRead(Open::NoAmount)]);
        assert_eq!((trial.read, trial.is_cut), (3, false));
        assert!(trial.found.iter().all(|one| one.conversation_id == chat));
        assert!(!format!("{trial:?}").contains("შეკვეთა"));
        assert!(shop.aggregate(&chat).await.orders.is_empty());
        let wrong = flow::try_sentence(&shop.services, &page, "{value}").await.unwrap_err();
        assert_eq!(wrong.fields[0].pointer, "/pattern");
        let elsewhere = flow::try_sentence(&shop.services, &PageId::from("9"), SENTENCE).await.unwrap_err();
        assert_eq!(elsewhere.code, "not_found");
    }
);
