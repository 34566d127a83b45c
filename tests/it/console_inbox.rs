//! What is said in Meta's own inbox, by the console: labels, sentences tried before they are switched on, and
//! what waits for a person.

use std::time::Duration;

use salesbridge::domain::basic::identity::PageId;
use salesbridge::domain::operator::Role;
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::sandbox::webhook::{Chat, messaging};

use crate::console::Visitor;
use crate::harness::{HOLD, PAGE, Shop, both, say};

/// An operator writes in Meta's inbox.
pub async fn writes_in_the_inbox(shop: &Shop, psid: &str, mid: &str, text: &str) {
    shop.later(Duration::from_secs(1));
    let at = shop.services.clock.now();
    let echo = Chat { page: PAGE, psid, at }.echo(mid, text);
    shop.receives(messaging(PAGE, at, &[echo]).to_string()).await;
}

async fn labels(shop: &Shop, psid: &str, action: &str, name: &str) {
    shop.later(Duration::from_secs(1));
    let at = shop.services.clock.now();
    shop.receives(Chat { page: PAGE, psid, at }.label(action, "501", name).to_string()).await;
}

both!(
    async fn a_sentence_is_tried_on_the_last_week_and_then_switched_on(shop: Shop) {
        let chat = shop.hears_from("2").await;
        writes_in_the_inbox(&shop, "2", "e_1", "შეკვეთა მიღებულია, ჩანთა 120,50 ₾").await;
        writes_in_the_inbox(&shop, "2", "e_2", "შეკვეთა მიღებულია: 120 ₾, მიტანა 5 ₾").await;
        writes_in_the_inbox(&shop, "2", "e_3", "რა ზომა გნებავთ?").await;
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        let path = format!("/console/pages/{PAGE}/sentences");
        let pattern = "შეკვეთა მიღებულია {*} {value} ₾";
        let of = |what: &'static str| [("kind", "confirmed"), ("pattern", pattern), ("do", what)];
        let tried = admin.post(&path, &of("try")).await;
        assert_eq!(tried.status, 200, "{}", tried.text);
        for line in [
            "3 messages were read, it was found in 2.",
            "Order confirmed 120.50\u{a0}₾",
            "Order confirmed: it would wait for a person, several amounts are written",
            "ჩანთა 120,50 ₾",
            chat.as_str(),
        ] {
            assert!(tried.text.contains(line), "{line} is not in {}", tried.text);
        }
        let page = async || {
            let mut unit = shop.services.store.read().await.unwrap();
            unit.page(&PageId::from(PAGE)).await.unwrap().unwrap().sentences
        };
        assert!(page().await.is_empty() && shop.waits(&chat).await.is_empty(), "trying writes nothing");
        assert_eq!(admin.post(&path, &of("save")).await.status, 303);
        assert_eq!(page().await[&OutcomeKind::Confirmed], [pattern]);
        writes_in_the_inbox(&shop, "2", "e_4", "შეკვეთა მიღებულია, ჩანთა 99 ₾").await;
        let shown = admin.get(&format!("/console/conversations/{chat}")).await.text;
        assert!(shown.contains("the inbox, sentence in the inbox") && shown.contains("99.00"), "{shown}");
        assert_eq!(admin.post(&path, &of("end")).await.status, 303);
        assert!(page().await.is_empty());
        for wrong in ["{value}", "შეკვეთა {value} {value}", "შეკვეთა {sum}", ""] {
            let fields = [("kind", "confirmed"), ("pattern", wrong), ("do", "try")];
            let refused = admin.post(&path, &fields).await;
            assert!(refused.status == 422 && refused.text.contains("needs words of its own"), "{wrong}");
            let fields = [("kind", "confirmed"), ("pattern", wrong), ("do", "save")];
            assert_eq!(admin.post(&path, &fields).await.status, 422, "{wrong}");
        }
    }
);

both!(
    async fn labels_are_mapped_and_a_sale_without_a_value_is_completed_first(shop: Shop) {
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        let path = format!("/console/pages/{PAGE}/labels");
        let map = [
            ("label_0", "Order"),
            ("kind_0", "confirmed"),
            ("label_1", "Nothing"),
            ("kind_1", ""),
            ("take_off", "on"),
        ];
        assert_eq!(admin.post(&path, &map).await.status, 303);
        let mut unit = shop.services.store.read().await.unwrap();
        let page = unit.page(&PageId::from(PAGE)).await.unwrap().unwrap();
        drop(unit);
        assert!(
            page.take_off_labels && page.labels.len() == 1 && page.labels["Order"] == OutcomeKind::Confirmed
        );
        for wrong in [[("label_0", "Paid"), ("kind_0", "paid")], [("label_0", "x"), ("kind_0", "sold")]] {
            assert_eq!(admin.post(&path, &wrong).await.status, 422, "{wrong:?}");
        }
        let chat = shop.hears_from("2").await;
        writes_in_the_inbox(&shop, "2", "e_1", "სულ 75 ლარი").await;
        labels(&shop, "2", "add", "Order").await;
        let queue = admin.get("/console/queue").await.text;
        assert!(queue.contains(chat.as_str()) && queue.contains("the amount is missing"), "{queue}");
        let shown = admin.get(&format!("/console/conversations/{chat}")).await;
        assert_eq!(shown.field("kind"), "amended", "what it is worth comes first: {}", shown.text);
        assert_eq!(shown.field("value"), "75.00");
        let order = shown.field("order_id");
        let value =
            [("kind", "amended"), ("order_id", order.as_str()), ("value", "75.00"), ("from", "queue")];
        let saved = admin.post(&format!("/console/conversations/{chat}/tag"), &value).await;
        assert!(admin.get(saved.location()).await.text.contains("Goes to Meta at"), "{}", saved.text);
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["75.0"]);
    }
);

both!(
    async fn what_was_read_in_part_is_settled_by_a_form(shop: Shop) {
        let sentence = "შეკვეთა მიღებულია {*} {value} ₾";
        shop.set_page(|page| {
            page.sentences.insert(OutcomeKind::Confirmed, vec![sentence.to_owned()]);
        })
        .await;
        let chat = shop.hears_from("2").await;
        let (nino, giorgi) = (
            Visitor::of_role(&shop, "nino", Role::Operator, None).await,
            Visitor::of_role(&shop, "giorgi", Role::Operator, None).await,
        );
        writes_in_the_inbox(&shop, "2", "e_1", "შეკვეთა მიღებულია: 120 ₾, მიტანა 5 ₾").await;
        let queue = nino.get("/console/queue").await.text;
        assert!(queue.contains("Order confirmed: several amounts are written"), "{queue}");
        let path = format!("/console/conversations/{chat}");
        let shown = nino.get(&format!("{path}?from=queue")).await;
        assert_eq!(shown.field("value"), "", "it is never guessed: {}", shown.text);
        let settle = format!("/console/waiting/{}", shown.between("/console/waiting/", "\""));
        assert_eq!(nino.post(&settle, &[("as", "same")]).await.status, 422, "it needs the amount");
        assert_eq!(nino.post(&settle, &[]).await.status, 422);
        let fields = [("as", "same"), ("value", "120"), ("from", "queue")];
        let saved = nino.post(&settle, &fields).await;
        let queue = nino.get(saved.location()).await.text;
        assert!(queue.contains("Saved: Order confirmed 120.00") && !queue.contains("data-row"), "{queue}");
        let late = giorgi.post(&settle, &[("as", "nothing")]).await;
        assert!(
            late.status == 409 && late.text.contains("Somebody has decided this already"),
            "{}",
            late.text
        );
        // An open order, and the sentence again with another amount.
        writes_in_the_inbox(&shop, "2", "e_2", "შეკვეთა მიღებულია: 150 ₾").await;
        let shown = nino.get(&path).await;
        assert!(shown.text.contains("Perhaps this is the same sale"), "{}", shown.text);
        assert!(nino.get("/console/queue").await.text.contains("data-row"));
        let order = shown.between("/console/orders/", "/join");
        let into = shown.field("into");
        let join = nino.post(&format!("/console/orders/{order}/join"), &[("into", into.as_str())]).await;
        assert_eq!(join.status, 303, "{}", join.text);
        // It is one sale with two totals: the second waits to be accepted.
        let shown = nino.get(&path).await;
        let flagged = shown.between("/console/outcomes/", "/accept");
        assert_eq!(nino.post(&format!("/console/outcomes/{flagged}/accept"), &[]).await.status, 303);
        shop.later(HOLD * 2);
        shop.delivers().await;
        assert_eq!(shop.told(), ["150.0"]);
        writes_in_the_inbox(&shop, "2", "e_3", "შეკვეთა მიღებულია: 150 ₾ და 30 ₾").await;
        let shown = nino.get(&path).await;
        let settle = format!("/console/waiting/{}", shown.between("/console/waiting/", "\""));
        assert_eq!(nino.post(&settle, &[("as", "nothing")]).await.location(), path);
        assert!(!nino.get(&path).await.text.contains("/console/waiting/"));
        assert!(!nino.get("/console/queue").await.text.contains("data-row"));
    }
);

both!(
    async fn a_label_that_was_taken_off_late_is_left_or_followed(shop: Shop) {
        shop.set_page(|page| {
            page.labels.insert("Shipped".to_owned(), OutcomeKind::Shipped);
        })
        .await;
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        labels(&shop, "2", "add", "Shipped").await;
        shop.later(HOLD * 2);
        labels(&shop, "2", "remove", "Shipped").await;
        let nino = Visitor::of_role(&shop, "nino", Role::Operator, None).await;
        let shown = nino.get(&format!("/console/conversations/{chat}")).await;
        assert!(shown.text.contains("was taken off: Shipped"), "{}", shown.text);
        assert!(shown.text.contains("Leave it as it stands"));
        let settle = format!("/console/waiting/{}", shown.between("/console/waiting/", "\""));
        assert_eq!(nino.post(&settle, &[("as", "nothing")]).await.status, 303);
        assert!(shop.waits(&chat).await.is_empty());
    }
);
