//! The signal policy: which fact makes a Purchase, when it leaves, and what stops it.

use std::time::Duration;

use salesbridge::domain::basic::identity::{ConversationId, PageId, PersonId};
use salesbridge::domain::conversation::inbound::Channel;
use salesbridge::domain::order::outcome::OutcomeKind::{
    self, Amended, Cancelled, Confirmed, Delivered, Paid, Shipped,
};
use salesbridge::domain::signal::conversion::{EventName, Reason, State};
use salesbridge::domain::signal::policy::{Mode, PurchaseOn};
use salesbridge::sandbox::Fault;

use crate::harness::{HOLD, PAGE, Shop, both, numbered, referred, say};
use crate::sales::{at, line, purchase_id, stands, told};

const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);

/// What reaches a policy: the facts, each an hour after the one before, and which of them makes the Purchase.
const REACHED: [(PurchaseOn, &[OutcomeKind], Option<u64>); 16] = [
    (PurchaseOn::Confirmed, &[Confirmed], Some(0)),
    (PurchaseOn::Confirmed, &[Confirmed, Shipped, Delivered], Some(0)),
    (PurchaseOn::Confirmed, &[Shipped], Some(0)),
    (PurchaseOn::Confirmed, &[Delivered], Some(0)),
    (PurchaseOn::Confirmed, &[Paid, Confirmed], Some(0)),
    (PurchaseOn::Shipped, &[Confirmed, Paid], None),
    (PurchaseOn::Shipped, &[Confirmed, Shipped, Delivered], Some(1)),
    (PurchaseOn::Shipped, &[Confirmed, Delivered], Some(1)),
    (PurchaseOn::Shipped, &[Delivered], Some(0)),
    (PurchaseOn::Delivered, &[Confirmed, Shipped, Paid], None),
    (PurchaseOn::Delivered, &[Confirmed, Shipped, Delivered], Some(2)),
    (PurchaseOn::Delivered, &[Delivered, Paid], Some(0)),
    (PurchaseOn::Paid, &[Confirmed, Shipped, Delivered], None),
    (PurchaseOn::Paid, &[Paid], Some(0)),
    (PurchaseOn::Paid, &[Confirmed, Paid, Delivered, Paid], Some(1)),
    (PurchaseOn::Paid, &[Confirmed, Delivered, Paid], Some(2)),
];

both!(
    async fn the_fact_that_the_policy_names_or_one_that_implies_it_makes_the_purchase(shop: Shop) {
        for (index, (on, kinds, expected)) in REACHED.into_iter().enumerate() {
            shop.set_policy(|policy| policy.purchase_on = on).await;
            let (psid, number) = (format!("{index}"), format!("A-{index}"));
            let began = shop.services.clock.now() - 10 * Duration::from_hours(1);
            let facts = kinds.iter().zip(0..10_u32).map(|(kind, hours)| {
                let value = matches!(kind, Confirmed | Paid).then_some(5000);
                let fact = referred(told(*kind, value, &number), &format!("{number}-{hours}"));
                line(Some(&psid), at(fact, began + hours * Duration::from_hours(1)))
            });
            // Whatever the order of their arrival.
            shop.imports(facts.rev()).await;
            let chat = shop.conversation(&psid).await.unwrap();
            let rows = shop.conversions(&chat).await;
            let times: Vec<_> = rows.iter().map(|row| row.event_time).collect();
            let moment =
                expected.map(|hours| began + u32::try_from(hours).unwrap() * Duration::from_hours(1));
            assert_eq!(times, moment.into_iter().collect::<Vec<_>>(), "{on:?} {kinds:?}");
        }
    }
);

both!(
    async fn a_purchase_carries_the_moment_of_its_fact_and_the_value_without_the_delivery_fee(shop: Shop) {
        shop.set_policy(|policy| policy.purchase_on = PurchaseOn::Delivered).await;
        let now = shop.services.clock.now();
        let mut sale = at(told(Confirmed, 5500, "A-1"), now - 2 * DAY);
        sale.terms.delivery_fee = Some(500);
        shop.imports([line(Some("2"), sale), line(None, at(told(Delivered, None, "A-1"), now - DAY))]).await;
        shop.later(HOLD);
        shop.delivers().await;
        let event = &shop.meta.accepted()[0];
        assert_eq!(event["event_time"], (now - DAY).seconds());
        assert_eq!(event["custom_data"]["value"].to_string(), "50.0");
        assert_eq!(event["custom_data"]["order_id"], "A-1");
    }
);

both!(
    async fn a_purchase_leaves_when_its_hold_ends(shop: Shop) {
        let holds = [Duration::ZERO, SECOND, 2 * HOLD, 6 * DAY];
        for (index, hold) in holds.into_iter().enumerate() {
            shop.set_policy(|policy| policy.hold = hold).await;
            let chat = shop.hears_from(&format!("{index}")).await;
            shop.tags(&chat, &numbered(say(Confirmed, 5000), &format!("A-{index}"))).await.unwrap();
            if let Some(nearly) = hold.checked_sub(Duration::from_millis(1)) {
                shop.later(nearly);
                assert_eq!(shop.delivers().await, 0, "{hold:?}");
                shop.later(Duration::from_millis(1));
            }
            assert_eq!(shop.delivers().await, 1, "{hold:?}");
        }
        assert_eq!(shop.stand().await, "4 sent taken");
    }
);

both!(
    async fn a_hold_ends_an_hour_before_the_seven_days_do(shop: Shop) {
        shop.set_policy(|policy| policy.hold = 6 * DAY).await;
        let now = shop.services.clock.now();
        let ages = [3 * DAY, 7 * DAY - HOLD];
        for (index, age) in ages.into_iter().enumerate() {
            let sale = at(told(Confirmed, 5000, &format!("A-{index}")), now - age);
            shop.imports([line(Some(&format!("{index}")), sale)]).await;
        }
        assert_eq!(shop.delivers().await, 1);
        shop.later(4 * DAY - 2 * HOLD - SECOND);
        assert_eq!(shop.delivers().await, 0);
        shop.later(SECOND);
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.taken(), [purchase_id("A-1", 0), purchase_id("A-0", 0)]);
    }
);

both!(
    async fn a_hold_ends_in_time_also_when_the_fact_turns_out_to_be_older(shop: Shop) {
        shop.set_policy(|policy| policy.hold = 6 * DAY).await;
        let now = shop.services.clock.now();
        shop.imports([line(Some("2"), at(told(Confirmed, 5000, "A-1"), now))]).await;
        shop.imports([line(None, at(told(Confirmed, 5000, "A-1"), now - 3 * DAY))]).await;
        let chat = shop.conversation("2").await.unwrap();
        let row = shop.purchase(&chat).await;
        assert_eq!((row.event_time, row.leaves_at), (now - 3 * DAY, now + 4 * DAY - 2 * HOLD));
        shop.later(4 * DAY - 2 * HOLD);
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.stand().await, "1 sent taken");
    }
);

both!(
    async fn a_person_may_send_a_held_purchase_at_once(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let tagged = shop.tags(&chat, &say(Confirmed, 5000)).await.unwrap();
        let id = &tagged.conversions[0].id;
        let sent = shop.sends(id).await.unwrap();
        assert_eq!(stands(&sent), (State::Ready, Reason::Due));
        assert_eq!(shop.sends(id).await.unwrap_err().code, "wrong_state");
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.sends(id).await.unwrap_err().code, "wrong_state");
        assert_eq!(shop.retries(id).await.unwrap_err().code, "wrong_state");
        assert_eq!(shop.told(), ["50.0"]);
    }
);

both!(
    async fn retrying_a_rejected_purchase_builds_it_anew_under_the_same_name(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let tagged = shop.tags(&chat, &say(Confirmed, 5000)).await.unwrap();
        shop.meta.fail_next(Fault::Graph { status: 400, code: 100, subcode: Some(2_804_008) });
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.purchase_stands(&chat).await, (State::Rejected, Reason::Refused));
        shop.retries(&tagged.conversions[0].id).await.unwrap();
        shop.meta.fail_next(Fault::Graph { status: 400, code: 100, subcode: Some(2_804_008) });
        shop.delivers().await;
        assert_eq!(shop.purchase_stands(&chat).await, (State::Rejected, Reason::Refused));
        // What it says changes, so it wakes by itself.
        shop.tags(&chat, &say(Amended, 4000)).await.unwrap();
        assert_eq!(shop.purchase_stands(&chat).await, (State::Held, Reason::Hold));
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.told(), ["40.0"]);
        assert_eq!(shop.taken(), [tagged.conversions[0].event_id.clone()]);
    }
);

both!(
    async fn retrying_a_rejected_purchase_of_a_cancelled_order_sends_nothing(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let tagged = shop.tags(&chat, &say(Confirmed, 5000)).await.unwrap();
        shop.meta.fail_next(Fault::Graph { status: 400, code: 100, subcode: Some(2_804_008) });
        shop.later(HOLD);
        shop.delivers().await;
        shop.tags(&chat, &say(Cancelled, None)).await.unwrap();
        assert_eq!(shop.purchase_stands(&chat).await, (State::Suppressed, Reason::Cancelled));
        let refused = shop.retries(&tagged.conversions[0].id).await.unwrap_err();
        assert_eq!(refused.code, "wrong_state");
        assert_eq!(shop.delivers().await, 0);
    }
);

both!(
    async fn a_purchase_without_a_value_waits_until_somebody_says_it(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let tagged = shop.tags(&chat, &say(Confirmed, None)).await.unwrap();
        assert_eq!(stands(&tagged.conversions[0]), (State::Held, Reason::ValueMissing));
        let refused = shop.sends(&tagged.conversions[0].id).await.unwrap_err();
        assert_eq!(refused.code, "wrong_state");
        shop.later(2 * HOLD);
        assert_eq!(shop.delivers().await, 0);
        shop.tags(&chat, &say(Amended, 3000)).await.unwrap();
        assert_eq!(shop.delivers().await, 0, "a value that came late can still be set right");
        shop.later(Duration::from_mins(10));
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.told(), ["30.0"]);
    }
);

both!(
    async fn a_purchase_without_a_person_waits_until_they_are_known(shop: Shop) {
        shop.imports([line(None, told(Confirmed, 5000, "A-1"))]).await;
        let thread = ConversationId(shop.asks("select conversation_id from conversion").await.remove(0));
        assert_eq!(shop.purchase_stands(&thread).await, (State::Held, Reason::PersonMissing));
        shop.later(2 * HOLD);
        assert_eq!(shop.delivers().await, 0);
        shop.imports([line(Some("77"), told(Shipped, None, "A-1"))]).await;
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.meta.accepted()[0]["user_data"]["page_scoped_user_id"], "77");
        assert_eq!(shop.taken(), [purchase_id("A-1", 0)]);
    }
);

both!(
    async fn a_change_of_policy_applies_to_what_is_confirmed_after_it(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &numbered(say(Confirmed, 5000), "A-1")).await.unwrap();
        shop.set_policy(|policy| (policy.purchase_on, policy.hold) = (PurchaseOn::Paid, Duration::ZERO))
            .await;
        shop.tags(&chat, &numbered(say(Amended, 6000), "A-1")).await.unwrap();
        let mut other = numbered(say(Confirmed, 7000), "A-2");
        other.new_order = true;
        shop.tags(&chat, &other).await.unwrap();
        assert_eq!(shop.delivers().await, 0);
        assert_eq!(shop.purchase_stands(&chat).await, (State::Held, Reason::Hold));
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["60.0"]);
        let paid = referred(numbered(say(Paid, 7000), "A-2"), "p-1");
        shop.tags(&chat, &paid).await.unwrap();
        shop.delivers().await;
        assert_eq!(shop.told(), ["60.0", "70.0"]);
    }
);

both!(
    async fn what_shadow_made_never_wakes(shop: Shop) {
        shop.set_page(|page| page.mode = Mode::Shadow).await;
        let chat = shop.hears_from("2").await;
        let first = shop.tags(&chat, &say(Confirmed, 5000)).await.unwrap();
        shop.set_page(|page| page.mode = Mode::Live).await;
        let cancelled = shop.tags(&chat, &say(Cancelled, None)).await.unwrap();
        shop.undoes(&cancelled.outcome_id).await.unwrap();
        shop.undoes(&first.outcome_id).await.unwrap();
        shop.tags(&chat, &say(Confirmed, 6000)).await.unwrap();
        assert_eq!(shop.purchase_stands(&chat).await, (State::Suppressed, Reason::Shadow));
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
    }
);

both!(
    async fn a_paused_page_computes_everything_and_lets_nothing_leave(shop: Shop) {
        shop.set_page(|page| page.mode = Mode::Paused).await;
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(Confirmed, 5000)).await.unwrap();
        assert_eq!(shop.purchase_stands(&chat).await, (State::Held, Reason::Hold));
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
        assert_eq!(shop.purchase_stands(&chat).await, (State::Ready, Reason::Due));
        shop.set_page(|page| page.mode = Mode::Live).await;
        assert_eq!(shop.delivers().await, 1);
    }
);

both!(
    async fn sales_on_instagram_and_whatsapp_are_kept_and_not_sent_yet(shop: Shop) {
        let at = shop.services.clock.now().millis();
        let instagram = serde_json::json!({"object": "instagram", "entry": [{"id": "17840000000000001", "time": at,
            "messaging": [{"sender": {"id": "7000000000000001"}, "recipient": {"id": "17840000000000001"},
                           "timestamp": at, "message": {"mid": "aWdf", "text": "price?"}}]}]});
        let whatsapp = serde_json::json!({"object": "whatsapp_business_account", "entry": [{"id": "5555",
            "changes": [{"field": "messages", "value": {"messaging_product": "whatsapp",
                "metadata": {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"},
                "contacts": [{"profile": {"name": "Ann"}, "wa_id": "16505551234"}],
                "messages": [{"from": "16505551234", "id": "wamid.X", "timestamp": (at / 1000).to_string(),
                              "type": "text", "text": {"body": "Hi"}}]}}]}]});
        shop.receives(instagram.to_string()).await;
        shop.receives(whatsapp.to_string()).await;
        for (channel, psid) in [(Channel::Instagram, "7000000000000001"), (Channel::Whatsapp, "16505551234")]
        {
            let mut unit = shop.services.store.read().await.unwrap();
            let chat = unit.conversation_of(&PageId::from(PAGE), channel, &PersonId(psid.to_owned())).await;
            let chat = chat.unwrap().expect("it is one conversation");
            unit.commit().await.unwrap();
            shop.tags(&chat, &say(Confirmed, 5000)).await.unwrap();
            let row = shop.find(&chat, EventName::Purchase, 0).await;
            assert_eq!(stands(&row), (State::Suppressed, Reason::ChannelNotSent));
        }
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
    }
);
