//! A Page's settings by the console: mode, policy with its preview, reasons, test code.

use std::time::Duration;

use salesbridge::domain::basic::identity::PageId;
use salesbridge::domain::operator::Role;
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::policy::{LeadOn, Mode};
use salesbridge::flow;

use crate::console::Visitor;
use crate::harness::{PAGE, Shop, both, say};

both!(
    async fn shadow_shows_what_a_week_would_have_sent_and_one_button_goes_live(shop: Shop) {
        shop.set_page(|page| page.mode = Mode::Shadow).await;
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        let page = admin.get(&format!("/console/pages/{PAGE}")).await.text;
        assert!(page.contains("would have left: Sale (Purchase): 1, 50.00\u{a0}₾"), "{page}");
        assert!(page.contains("Shop is in shadow"));
        let live = admin.post(&format!("/console/pages/{PAGE}/mode"), &[("mode", "live")]).await;
        assert_eq!(live.status, 303);
        assert!(!admin.get("/console/queue").await.text.contains("is in shadow"));
        admin.post(&format!("/console/pages/{PAGE}/mode"), &[("mode", "paused")]).await;
        assert!(admin.get("/console/queue").await.text.contains("Shop is paused"));
    }
);

both!(
    async fn a_policy_is_seen_before_it_is_saved(shop: Shop) {
        for (psid, value) in [("1", 5000), ("2", 7050)] {
            let chat = shop.hears_from(psid).await;
            shop.tags(&chat, &say(OutcomeKind::Confirmed, value)).await.unwrap();
            if psid == "2" {
                shop.tags(&chat, &say(OutcomeKind::Delivered, None)).await.unwrap();
            }
        }
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        let path = format!("/console/pages/{PAGE}/policy");
        let policy = |what: &'static str| {
            [
                ("do", what),
                ("purchase_on", "delivered"),
                ("hold", "7200"),
                ("lead_on", "off"),
                ("lifecycle", "off"),
                ("on_unknown", "keep"),
            ]
        };
        let seen = admin.post(&path, &policy("preview")).await;
        assert!(
            seen.text.contains("this policy would have sent: Sale (Purchase): 1, 70.50\u{a0}₾"),
            "{}",
            seen.text
        );
        assert!(seen.text.contains("policy in force: Sale (Purchase): 2, 120.50\u{a0}₾"), "{}", seen.text);
        let version = |shop: &Shop| {
            let store = shop.services.store.clone();
            async move { store.read().await.unwrap().page(&PageId::from(PAGE)).await.unwrap().unwrap().policy }
        };
        assert_eq!(version(&shop).await.version, 1, "looking writes nothing");
        assert_eq!(admin.post(&path, &policy("save")).await.status, 303);
        let saved = version(&shop).await;
        assert_eq!((saved.version, saved.hold), (2, Duration::from_hours(2)));
        let page = admin.get(&format!("/console/pages/{PAGE}")).await.text;
        assert!(
            page.contains("Policy version 2")
                && page.contains("when the order is: Delivered. A person has 2 h"),
            "{page}"
        );
        assert_eq!(admin.post(&path, &[("do", "save"), ("hold", "999999999")]).await.status, 422);
    }
);

both!(
    async fn a_test_code_has_an_end_and_a_banner(shop: Shop) {
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        let path = format!("/console/pages/{PAGE}/test");
        assert_eq!(admin.post(&path, &[("code", "TEST1")]).await.status, 422, "it needs an end");
        let past = [("code", "TEST1"), ("until", "2026-11-23T12:00")];
        assert_eq!(admin.post(&path, &past).await.status, 422);
        assert_eq!(admin.post(&path, &[("code", "TEST1"), ("until", "2026-11-23T14:00")]).await.status, 303);
        assert!(admin.get("/console/queue").await.text.contains("the test code TEST1 is set until 14:00"));
        shop.later(Duration::from_hours(1));
        flow::end_test_codes(&shop.services).await.unwrap();
        assert!(!admin.get("/console/queue").await.text.contains("TEST1"));
    }
);

both!(
    async fn reasons_are_the_shops_own(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        let reasons = [
            ("lost", "too dear\n\nno colour"),
            ("cancelled", "late"),
            ("returned", "broken"),
            ("not_a_sale", "spam"),
        ];
        assert_eq!(admin.post(&format!("/console/pages/{PAGE}/reasons"), &reasons).await.status, 303);
        let page = admin.get(&format!("/console/conversations/{chat}")).await.text;
        assert!(
            page.contains("value=\"no colour\"")
                && page.contains("value=\"spam\"")
                && !page.contains("value=\"price\"")
        );
    }
);

both!(
    async fn today_says_what_needs_a_person(shop: Shop) {
        let nino = Visitor::of_role(&shop, "nino", Role::Operator, None).await;
        assert!(nino.get("/console/today").await.text.contains("<p>Nothing</p>"));
        let chat = shop.hears_from("2").await;
        shop.hears_from("3").await;
        let tagged = shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.meta.poison(&tagged.conversions[0].event_id, 2_804_008);
        shop.later(crate::harness::HOLD);
        shop.delivers().await;
        let today = nino.get("/console/today").await.text;
        for line in [
            "<dt>Chats</dt><dd>2</dd>",
            "<dt>Tagged</dt><dd>1</dd>",
            "<dt>Untagged</dt><dd>1</dd>",
            "1 · Meta refused it",
        ] {
            assert!(today.contains(line), "{line} is not in {today}");
        }
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        let list = admin.get("/console/deliveries?state=rejected").await;
        assert!(
            list.text.contains("Read Meta&#39;s words") || list.text.contains("Read Meta"),
            "{}",
            list.text
        );
        let id = list.between("action=\"/console/conversions/", "/retry\"");
        assert_eq!(admin.post(&format!("/console/conversions/{id}/retry"), &[]).await.status, 303);
        assert_eq!(admin.post(&format!("/console/conversions/{id}/retry"), &[]).await.status, 409);
    }
);

both!(
    async fn what_meta_stopped_is_mended_here(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.meta.kill_token("token-of-the-page");
        shop.later(crate::harness::HOLD);
        shop.delivers().await;
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        let path = format!("/console/pages/{PAGE}");
        let page = admin.get(&path).await.text;
        assert!(page.contains("/token\"") && !page.contains("token-of-the-page"), "{page}");
        shop.meta.revive_token("token-of-the-page");
        for wrong in ["", "two words", "ტოკენი"] {
            let refused = admin.post(&format!("{path}/token"), &[("token", wrong)]).await;
            assert_eq!(refused.status, 422, "{wrong}");
        }
        let token = [("token", "token-of-the-page")];
        assert_eq!(admin.post(&format!("{path}/token"), &token).await.status, 303);
        assert!(!admin.get(&path).await.text.contains("/token\""));
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0"]);
        shop.set_page(|page| page.policy.lead_on = LeadOn::FirstMessage).await;
        shop.meta.refuse_name("1234567890123456", "LeadSubmitted");
        let chat = shop.hears_from("3").await;
        shop.tags(&chat, &say(OutcomeKind::Qualified, None)).await.unwrap();
        shop.later(crate::harness::HOLD);
        shop.delivers().await;
        let page = admin.get(&path).await.text;
        assert!(page.contains("Meta does not take this name") && page.contains("LeadSubmitted)"), "{page}");
        let name = [("name", "LeadSubmitted")];
        assert_eq!(admin.post(&format!("{path}/names"), &name).await.status, 303);
        assert!(!admin.get(&path).await.text.contains("Meta does not take this name"));
        assert_eq!(admin.post(&format!("{path}/names"), &[("name", "Sold")]).await.status, 422);
    }
);
