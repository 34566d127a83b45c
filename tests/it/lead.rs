//! Leads: once per chat, when the policy's cause is there.

use std::time::Duration;

use salesbridge::domain::basic::identity::PageId;
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::conversion::{EventName, Reason, State, event_id};
use salesbridge::domain::signal::policy::LeadOn;

use crate::harness::{HOLD, PAGE, Shop, both, say};
use crate::inbound_events::{body, word};
use crate::sales::stands;

const PSID: &str = "2222222222222222";
const WEEK: Duration = Duration::from_hours(7 * 24);
const HOUR: Duration = Duration::from_hours(1);

both!(
    async fn a_phone_number_in_the_customers_own_words_is_a_lead_once_per_chat(shop: Shop) {
        shop.writes(PSID, "m_1", "how much is it?").await;
        assert_eq!(shop.stand().await, "");
        shop.later(HOUR);
        let gave = shop.services.clock.now();
        let chat = shop.writes(PSID, "m_2", "call me: 599 12 34 56").await;
        let lead = shop.find(&chat, EventName::LeadSubmitted, 0).await;
        assert_eq!(lead.event_id, "07859cd4b10d2bb9bb8f8c0fbc5a71f2");
        assert_eq!((stands(&lead), lead.event_time), ((State::Held, Reason::Hold), gave));
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 1);
        shop.writes(PSID, "m_3", "or 577123456").await;
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
        let event = &shop.meta.accepted()[0];
        assert_eq!(
            (&event["event_name"], &event["event_time"]),
            (&"LeadSubmitted".into(), &gave.seconds().into())
        );
        assert!(event.get("custom_data").is_none());
        shop.later(WEEK);
        shop.writes(PSID, "m_4", "hello again, 599123456").await;
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.taken()[1], event_id(&PageId::from(PAGE), PSID, EventName::LeadSubmitted, 1));
    }
);

both!(
    async fn a_phone_number_that_the_page_wrote_before_is_no_lead(shop: Shop) {
        shop.writes(PSID, "m_1", "hello").await;
        shop.later(HOUR);
        shop.answers_in_inbox(PSID, "m_2", "call us at 599 12 34 56").await;
        shop.later(HOUR);
        shop.writes(PSID, "m_3", "599123456?").await;
        assert_eq!(shop.stand().await, "");
        shop.writes(PSID, "m_4", "mine is 577 65 43 21").await;
        assert_eq!(shop.stand().await, "1 held hold");
    }
);

both!(
    async fn the_first_message_is_a_lead_in_each_chat(shop: Shop) {
        shop.set_policy(|policy| policy.lead_on = LeadOn::FirstMessage).await;
        for (round, number) in [0, 1].into_iter().enumerate() {
            shop.writes(PSID, &format!("m_{round}"), "hello").await;
            shop.later(HOUR);
            shop.writes(PSID, &format!("n_{round}"), "are you there? 599123456").await;
            assert_eq!(shop.delivers().await, 1);
            shop.later(HOLD);
            assert_eq!(shop.delivers().await, 0);
            let expected = event_id(&PageId::from(PAGE), PSID, EventName::LeadSubmitted, number);
            assert_eq!(shop.taken()[round], expected);
            shop.later(WEEK);
        }
    }
);

both!(
    async fn a_qualified_lead_can_be_undone_inside_its_hold_and_wakes_again(shop: Shop) {
        shop.set_policy(|policy| policy.lead_on = LeadOn::Qualified).await;
        let chat = shop.writes(PSID, "m_1", "hello, 599123456").await;
        assert_eq!(shop.stand().await, "");
        let said = shop.tags(&chat, &say(OutcomeKind::Qualified, None)).await.unwrap();
        let lead = shop.find(&chat, EventName::QualifiedLead, 0).await;
        assert_eq!(stands(&lead), (State::Held, Reason::Hold));
        shop.later(HOLD / 2);
        shop.undoes(&said.outcome_id).await.unwrap();
        assert_eq!(shop.stand().await, "1 suppressed undone");
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
        shop.tags(&chat, &say(OutcomeKind::Qualified, None)).await.unwrap();
        let woken = shop.find(&chat, EventName::QualifiedLead, 0).await;
        assert_eq!((&woken.id, stands(&woken)), (&lead.id, (State::Held, Reason::Hold)));
        shop.later(HOLD / 2);
        assert_eq!(shop.delivers().await, 0);
        shop.later(HOLD / 2);
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.taken(), [lead.event_id]);
        assert_eq!(shop.names(), ["QualifiedLead"]);
    }
);

both!(
    async fn without_leads_nothing_but_the_sale_is_told(shop: Shop) {
        shop.set_policy(|policy| policy.lead_on = LeadOn::Off).await;
        let chat = shop.writes(PSID, "m_1", "hello, 599123456").await;
        shop.tags(&chat, &say(OutcomeKind::Qualified, None)).await.unwrap();
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.names(), ["Purchase"]);
    }
);

both!(
    async fn a_sale_implies_no_lead(shop: Shop) {
        for lead_on in [LeadOn::Contact, LeadOn::Qualified] {
            shop.set_policy(|policy| policy.lead_on = lead_on).await;
            let chat = shop.writes(&format!("{lead_on:?}"), &format!("m_{lead_on:?}"), "hello").await;
            let tagged = shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
            assert_eq!(tagged.conversions.len(), 1);
            assert_eq!(shop.conversions(&chat).await, tagged.conversions);
        }
    }
);

both!(
    async fn a_change_of_policy_makes_leads_of_what_comes_after_it(shop: Shop) {
        shop.set_policy(|policy| policy.lead_on = LeadOn::Off).await;
        shop.writes(PSID, "m_1", "hello").await;
        shop.later(HOUR);
        shop.set_policy(|policy| policy.lead_on = LeadOn::FirstMessage).await;
        shop.later(HOUR);
        shop.writes(PSID, "m_2", "are you there?").await;
        assert_eq!(shop.stand().await, "");
        shop.writes("3", "m_3", "hello").await;
        assert_eq!(shop.stand().await, "1 held hold");
        shop.set_policy(|policy| policy.lead_on = LeadOn::Off).await;
        shop.writes("4", "m_4", "hello").await;
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.stand().await, "1 sent taken");
    }
);

both!(
    async fn a_late_referral_that_cuts_the_chat_tells_no_lead_twice(shop: Shop) {
        shop.writes(PSID, "m_1", "hello").await;
        shop.later(HOUR);
        let tapped = shop.services.clock.now();
        shop.later(HOUR);
        let wrote = shop.services.clock.now();
        shop.later(HOUR);
        let chat = shop.writes(PSID, "m_2", "call me: 599 12 34 56").await;
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 1);
        let referral = serde_json::json!({"object": "page", "entry": [{"id": PAGE, "time": tapped.millis(), "messaging": [{
            "sender": {"id": PSID}, "recipient": {"id": PAGE}, "timestamp": tapped.millis(),
            "referral": {"ad_id": "120200000000000001", "source": "ADS", "type": "OPEN_THREAD"}}]}]});
        shop.receives(referral.to_string()).await;
        // The number was given earlier than was thought, in what is now another chat than the one that was told.
        shop.receives(body(PAGE, &[word(PSID, "m_late", wrote, "call me: 599 12 34 56")])).await;
        let mut unit = shop.services.store.read().await.unwrap();
        let scope = salesbridge::store::aggregate::Scope::Conversation(&chat);
        let chats = unit.aggregates(scope).await.unwrap().remove(0).chats;
        unit.commit().await.unwrap();
        assert_eq!(chats.iter().map(|chat| chat.contact_at).collect::<Vec<_>>(), [None, Some(wrote)]);
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
        assert_eq!(shop.stand().await, "1 sent taken");
    }
);
