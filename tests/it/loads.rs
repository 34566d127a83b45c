//! A unit of work loads each of its conversations once, and hands it down.

use std::collections::BTreeMap;
use std::future::Future;

use salesbridge::domain::basic::identity::{ConversationId, ConversionId};
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::domain::signal::conversion::State;
use salesbridge::flow::{self, Resolution};
use salesbridge::sandbox::Fault;
use salesbridge::sandbox::webhook::{Chat, messaging};

use crate::harness::{HOLD, PAGE, Shop, both, numbered, say};
use crate::inbound_events::{imports_all, line, line_of, told};

impl Shop {
    /// How many conversations were loaded while something happened.
    async fn loads_during(&self, happens: impl Future) -> u64 {
        let before = self.services.store.loads();
        happens.await;
        self.services.store.loads() - before
    }

    async fn with_labels_and_sentences(&self) {
        self.set_page(|page| {
            page.labels = BTreeMap::from([("Order".to_owned(), OutcomeKind::Confirmed)]);
            page.sentences.insert(OutcomeKind::Confirmed, vec!["შეკვეთა მიღებულია {*} {value} ₾".to_owned()]);
            page.sentences.insert(OutcomeKind::Cancelled, vec!["შეკვეთა გაუქმდა".to_owned()]);
        })
        .await;
    }

    /// A held Purchase of a confirmed order.
    async fn sells_once(&self, chat: &ConversationId) -> ConversionId {
        let tagged = self.tags(chat, &say(OutcomeKind::Confirmed, 5_000)).await.unwrap();
        tagged.conversions[0].id.clone()
    }
}

both!(
    async fn a_tag_and_its_undo_load_their_conversation_once(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let mut entry = None;
        let tagging =
            async { entry = Some(shop.tags(&chat, &say(OutcomeKind::Confirmed, 5_000)).await.unwrap()) };
        assert_eq!(shop.loads_during(tagging).await, 1);
        let entry = entry.unwrap().outcome_id;
        assert_eq!(shop.loads_during(async { shop.undoes(&entry).await.unwrap() }).await, 1);
        let named = numbered(say(OutcomeKind::Confirmed, 7_000), "A-1");
        assert_eq!(shop.loads_during(async { shop.tags(&chat, &named).await.unwrap() }).await, 1);
        // A refused tag too.
        let again = say(OutcomeKind::Delivered, None);
        let refused = shop.loads_during(async {
            shop.tags(&chat, &numbered(say(OutcomeKind::Shipped, None), "B-9")).await.unwrap_err();
        });
        assert_eq!(refused.await, 1);
        assert_eq!(shop.loads_during(async { shop.tags(&chat, &again).await.unwrap() }).await, 1);
    }
);

both!(
    async fn an_order_that_is_adopted_loads_both_conversations_once(shop: Shop) {
        let now = shop.services.clock.now();
        let confirmed = numbered(told(Source::Crm, OutcomeKind::Confirmed, 7_000, now), "A-7");
        imports_all(&shop, vec![line(confirmed)]).await;
        let chat = shop.hears_from("2").await;
        let named = numbered(say(OutcomeKind::Shipped, None), "A-7");
        assert_eq!(shop.loads_during(async { shop.tags(&chat, &named).await.unwrap() }).await, 2);
        assert_eq!(shop.aggregate(&chat).await.orders[0].facts.len(), 2);
    }
);

both!(
    async fn a_webhook_loads_its_conversation_once_whatever_it_says(shop: Shop) {
        shop.with_labels_and_sentences().await;
        let chat = shop.hears_from("2").await;
        let at = shop.services.clock.now();
        let here = Chat { page: PAGE, psid: "2", at };
        let events = [
            here.text("m_1", "555 12 34 56"),
            here.echo("e_1", "შეკვეთა მიღებულია, სულ 120 ₾"),
            here.echo("e_2", "შეკვეთა მიღებულია 90 ლარი"),
            here.echo("e_3", "შეკვეთა მიღებულია 12 34 ₾"),
            here.echo("e_4", "შეკვეთა გაუქმდა"),
        ];
        let body = messaging(PAGE, at, &events).to_string();
        assert_eq!(shop.loads_during(shop.receives(body)).await, 1);
        assert!(!shop.aggregate(&chat).await.orders.is_empty());
        // A label that is put on, and taken off within the hold.
        let later = at + HOLD / 2;
        shop.later(HOLD / 2);
        let label =
            |action: &str, at| Chat { page: PAGE, psid: "2", at }.label(action, "501", "Order").to_string();
        assert_eq!(shop.loads_during(shop.receives(label("add", later))).await, 1);
        shop.later(HOLD / 4);
        let off = label("remove", shop.services.clock.now());
        assert_eq!(shop.loads_during(shop.receives(off)).await, 1);
        // Two people at once are two conversations.
        let at = shop.services.clock.now();
        let both = ["2", "3"].map(|psid| Chat { page: PAGE, psid, at }.text(&format!("n_{psid}"), "?"));
        assert_eq!(shop.loads_during(shop.receives(messaging(PAGE, at, &both).to_string())).await, 2);
    }
);

both!(
    async fn lines_of_one_person_load_their_conversation_once(shop: Shop) {
        shop.hears_from("2").await;
        let now = shop.services.clock.now();
        let lines = ["A-1", "A-2", "A-3"].map(|number| {
            line_of("2", numbered(told(Source::Crm, OutcomeKind::Confirmed, 4_000, now), number))
        });
        assert_eq!(shop.loads_during(imports_all(&shop, lines.into())).await, 1);
    }
);

both!(
    async fn letting_go_sending_and_settling_load_once_each(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let purchase = shop.sells_once(&chat).await;
        assert_eq!(shop.loads_during(async { shop.sends(&purchase).await.unwrap() }).await, 1);
        // Opening the attempt loads the conversation once; settling it leaves nothing open, and loads nothing.
        assert_eq!(shop.loads_during(shop.delivers()).await, 1);
        assert_eq!(shop.told(), ["50.0"]);
        // A lost answer leaves the Purchase unknown; an uplift beside it is still open, so that settling loads.
        let chat = shop.hears_from("3").await;
        shop.sells_once(&chat).await;
        shop.later(HOLD);
        shop.meta.fail_next(Fault::TakeAndLoseAnswer);
        assert!(shop.loads_during(shop.delivers()).await <= 2);
        let unknown =
            shop.aggregate(&chat).await.conversions.into_iter().find(|row| row.state == State::Unknown);
        assert!(unknown.is_some());
        let attempt = shop.attempts().await.pop().unwrap();
        let resolving = async { shop.resolves(&attempt, Resolution::Resend).await.unwrap() };
        assert!(shop.loads_during(resolving).await <= 1);
    }
);

both!(
    async fn settling_a_pending_tag_loads_its_conversation_once(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        shop.operator_writes("e_1", "შეკვეთა მიღებულია: ჩანთა 120 ₾, მიტანა 5 ₾").await;
        let pending = shop.waits(&chat).await.remove(0);
        let tag = say(OutcomeKind::Confirmed, 1_234);
        let deciding = async { flow::decide(&shop.services, &pending.id, Some(&tag), "nino").await.unwrap() };
        assert_eq!(shop.loads_during(deciding).await, 1);
    }
);
