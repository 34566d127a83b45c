//! Tagging by the console's forms.

use std::time::Duration;

use salesbridge::domain::basic::identity::OutcomeId;
use salesbridge::domain::operator::Role;
use salesbridge::domain::order::outcome::FollowUp;
use salesbridge::domain::order::outcome::Source;
use salesbridge::flow;

use crate::console::{Visitor, chat_with_price};
use crate::harness::{HOLD, PAGE, Shop, both};

both!(
    async fn from_the_queue_to_meta_by_plain_forms(shop: Shop) {
        let chat = chat_with_price(&shop, "5550001234", "120,50 ₾, მიტანით").await;
        let nino = Visitor::of_role(&shop, "nino", Role::Operator, None).await;
        let queue = nino.get("/console/queue").await;
        assert!(
            queue.text.contains(chat.as_str()) && queue.text.contains("Customer ·1234"),
            "{}",
            queue.text
        );
        assert!(queue.text.contains("https://business.facebook.com/latest/inbox/"));
        let path = format!("/console/conversations/{chat}");
        let page = nino.get(&format!("{path}?from=queue")).await;
        assert_eq!((page.status, page.field("value").as_str()), (200, "120.50"), "{}", page.text);
        let fields = [("kind", "confirmed"), ("value", "120,50"), ("if_version", "0"), ("from", "queue")];
        let saved = nino.post(&format!("{path}/tag"), &fields).await;
        assert_eq!(saved.status, 303, "{}", saved.text);
        let queue = nino.get(saved.location()).await;
        assert!(queue.text.contains("Goes to Meta at 13:30"), "{}", queue.text);
        assert!(!queue.text.contains("data-row"), "it no longer waits");
        let undo = queue.between("action=\"/console/outcomes/", "/undo\"");
        let undone =
            nino.post(&format!("/console/outcomes/{undo}/undo"), &[("back", "/console/queue")]).await;
        let mut unit = shop.services.store.read().await.unwrap();
        let entry = unit.entry_about(FollowUp::Undo, &OutcomeId(undo.clone())).await.unwrap().unwrap();
        let origin = unit.entry_origin(&entry).await.unwrap().unwrap();
        let (door, who) = (origin.source, origin.actor);
        assert_eq!((door, who.as_str()), (Source::Console, "nino"));
        drop(unit);
        let queue = nino.get(undone.location()).await;
        assert!(queue.text.contains("Taken back: ") && queue.text.contains("data-row"), "{}", queue.text);
        let fields = [("kind", "confirmed"), ("value", "99")];
        let again = nino.post(&format!("{path}/tag"), &fields).await;
        assert!(again.location().contains("saved="), "{}", again.text);
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["99.0"]);
        let page = nino.get(&path).await;
        assert!(page.text.contains("Meta took it"), "{}", page.text);
        let deliveries = nino.get("/console/deliveries?state=sent").await;
        assert!(deliveries.text.contains("fbtrace_id"), "{}", deliveries.text);
    }
);

both!(
    async fn the_second_of_two_operators_is_told_what_now_stands(shop: Shop) {
        let chat = chat_with_price(&shop, "2", "50 ₾").await;
        let nino = Visitor::of_role(&shop, "nino", Role::Operator, None).await;
        let giorgi = Visitor::of_role(&shop, "giorgi", Role::Operator, None).await;
        let path = format!("/console/conversations/{chat}/tag");
        nino.post(&path, &[("kind", "confirmed"), ("value", "50"), ("if_version", "0")]).await;
        let same = giorgi.post(&path, &[("kind", "confirmed"), ("value", "50"), ("if_version", "0")]).await;
        let page = giorgi.get(same.location()).await;
        assert!(page.text.contains("nino already said so"), "{}", page.text);
        let other = giorgi.post(&path, &[("kind", "confirmed"), ("value", "70"), ("if_version", "0")]).await;
        assert_eq!(other.status, 409);
        assert!(
            other.text.contains("This is what now stands") && other.text.contains("(nino, "),
            "{}",
            other.text
        );
        let version = nino.get(&format!("/console/conversations/{chat}")).await.field("if_version");
        let amended =
            [("kind", "amended"), ("order_id", "S-1001"), ("value", "60"), ("if_version", &version)];
        assert_eq!(nino.post(&path, &amended).await.status, 303);
        let late =
            [("kind", "cancelled"), ("order_id", "S-1001"), ("reason", "price"), ("if_version", &version)];
        let late = giorgi.post(&path, &late).await;
        assert_eq!(late.status, 409);
        assert!(
            late.text.contains("Someone else was quicker") && late.text.contains("60.00"),
            "{}",
            late.text
        );
    }
);

both!(
    async fn what_cannot_be_taken_is_said_and_what_was_typed_stays(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let nino = Visitor::of_role(&shop, "nino", Role::Operator, None).await;
        let path = format!("/console/conversations/{chat}/tag");
        for (fields, typed) in [
            (vec![("kind", "confirmed"), ("value", "abc")], "abc"),
            (vec![("kind", "confirmed"), ("value", "1e9")], "1e9"),
            (vec![("kind", "confirmed"), ("number", "A-7")], "A-7"),
            (
                vec![("kind", "confirmed"), ("value", "5"), ("delivery_fee", "9"), ("note", "hi there")],
                "hi there",
            ),
        ] {
            let answer = nino.post(&path, &fields).await;
            assert_eq!(answer.status, 422, "{fields:?}");
            assert!(
                answer.text.contains("role=\"alert\"") && answer.text.contains(typed),
                "{fields:?}: {}",
                answer.text
            );
        }
        for fields in [
            vec![],
            vec![("kind", "lost")],
            vec![("kind", "sold")],
            vec![("kind", "confirmed"), ("sku", "none")],
        ] {
            assert_eq!(nino.post(&path, &fields).await.status, 422, "{fields:?}");
        }
        let script = [("kind", "confirmed"), ("value", "5"), ("order_id", "<script>alert(1)</script>")];
        nino.post(&path, &script).await;
        let page = nino.get(&format!("/console/conversations/{chat}")).await;
        assert!(!page.text.contains("<script>alert") && page.text.contains("&#60;script"), "{}", page.text);
    }
);

both!(
    async fn a_product_is_one_tap(shop: Shop) {
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        let list = "sku,name,price,cost\nBAG-1,ჩანთა,\"120,50\",70\nBAG-2,Tote,45,\n";
        let taken = admin.upload(&format!("/console/pages/{PAGE}/prices"), "prices", list).await;
        assert_eq!(taken.location(), format!("/console/pages/{PAGE}?prices=2"), "{}", taken.text);
        let wrong = admin.upload(&format!("/console/pages/{PAGE}/prices"), "prices", "BAG-1,Bag,free").await;
        assert!(wrong.status == 422 && wrong.text.contains("Line 1 of the file"), "{}", wrong.text);
        let chat = chat_with_price(&shop, "2", "300 ₾").await;
        let page = admin.get(&format!("/console/conversations/{chat}")).await;
        assert!(page.text.contains("value=\"BAG-1\""), "the wrong file changed nothing: {}", page.text);
        let tap = [("kind", "confirmed"), ("value", "300.00"), ("sku", "BAG-1"), ("delivery_fee", "5")];
        assert_eq!(admin.post(&format!("/console/conversations/{chat}/tag"), &tap).await.status, 303);
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["120.5"]);
        assert_eq!(shop.meta.accepted()[0]["custom_data"]["contents"][0]["id"], "BAG-1");
    }
);

both!(
    async fn a_snoozed_conversation_comes_back_on_top(shop: Shop) {
        let first = shop.hears_from("1").await;
        shop.later(Duration::from_mins(5));
        let second = shop.hears_from("2").await;
        let nino = Visitor::of_role(&shop, "nino", Role::Operator, None).await;
        let path = format!("/console/conversations/{second}/snooze");
        assert_eq!(nino.post(&path, &[("until", "1h"), ("owner", "nobody")]).await.status, 422);
        assert_eq!(nino.post(&path, &[("at", "2020-01-01T10:00")]).await.status, 422);
        let snoozed = nino.post(&path, &[("until", "1h"), ("owner", "nino")]).await;
        assert!(nino.get(snoozed.location()).await.text.contains("Snoozed until 14:05"));
        let queue = nino.get("/console/queue").await.text;
        assert!(queue.contains(first.as_str()) && !queue.contains(second.as_str()));
        assert!(nino.get("/console/queue?state=snoozed").await.text.contains("Until 14:05, nino"));
        shop.later(Duration::from_hours(1));
        assert_eq!(flow::call_back(&shop.services).await.unwrap(), 1);
        let queue = nino.get("/console/queue").await.text;
        let place = |id: &str| queue.find(&format!("id=\"c-{id}\"")).expect("it is in the queue");
        assert!(place(second.as_str()) < place(first.as_str()), "it comes back on top: {queue}");
        assert!(queue.contains("Back again"));
        let tag = [("kind", "lost"), ("reason", "price")];
        assert_eq!(nino.post(&format!("/console/conversations/{second}/tag"), &tag).await.status, 303);
        assert_eq!(nino.post(&path, &[("until", "1h")]).await.status, 409, "it no longer waits");
        assert!(!nino.get("/console/queue").await.text.contains(second.as_str()));
    }
);

both!(
    async fn the_queue_goes_on_where_a_page_ended(shop: Shop) {
        for number in 0..120 {
            shop.hears_from(&format!("{number:04}")).await;
            if number % 3 == 0 {
                shop.later(Duration::from_secs(1));
            }
        }
        let nino = Visitor::of_role(&shop, "nino", Role::Operator, None).await;
        let mut path = "/console/queue".to_owned();
        let mut seen = Vec::new();
        for _ in 0..3 {
            let page = nino.get(&path).await.text;
            seen.extend(
                page.split("<span class=\"who\">")
                    .skip(1)
                    .map(|rest| rest.split('<').next().unwrap().to_owned()),
            );
            let Some(next) = page.split("href=\"/console/queue?state=").nth(1) else { break };
            path = format!("/console/queue?state={}", next.split('"').next().unwrap().replace("&#38;", "&"));
        }
        let expected: Vec<String> = (0..120).map(|number| format!("Customer ·{number:04}")).collect();
        assert_eq!(seen, expected);
    }
);

both!(
    async fn people_are_found_by_number_and_phone(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let at = shop.services.clock.now().millis() + 1000;
        let body = format!(
            r#"{{"object":"page","entry":[{{"id":"{PAGE}","time":{at},"messaging":[{{"sender":{{"id":"2"}},
            "recipient":{{"id":"{PAGE}"}},"timestamp":{at},"message":{{"mid":"m_p","text":"555 12 34 56"}}}}]}}]}}"#
        );
        shop.receives(body).await;
        let nino = Visitor::of_role(&shop, "nino", Role::Operator, None).await;
        let tag = [("kind", "confirmed"), ("value", "5"), ("order_id", "A-77")];
        nino.post(&format!("/console/conversations/{chat}/tag"), &tag).await;
        for sought in ["A-77", "555123456", "%2B995555123456"] {
            let found = nino.get(&format!("/console/search?q={sought}")).await.text;
            assert!(found.contains(chat.as_str()), "{sought}: {found}");
        }
        for sought in ["A-7", "555123457", "", "%25", "'%20or%201=1", "%00"] {
            let found = nino.get(&format!("/console/search?q={sought}")).await;
            assert!(found.status == 200 && !found.text.contains(chat.as_str()), "{sought}");
        }
    }
);
