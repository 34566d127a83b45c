//! A conversion follows its ledger as long as Meta has certainly not taken it: what wakes it, what holds it, and what its
//! payload says in the end.

use std::time::Duration;

use salesbridge::clock::Timestamp;
use salesbridge::domain::basic::identity::ConversationId;
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::domain::order::terms::Item;
use salesbridge::domain::signal::attempt::Verdict;
use salesbridge::domain::signal::conversion::{EventName, Reason, State};
use salesbridge::domain::signal::policy::{LeadOn, OnUnknown, PurchaseOn};
use salesbridge::flow::{self, IdempotentRequest, Sender};
use salesbridge::sandbox::Fault;
use salesbridge::sandbox::webhook::{Chat, messaging};

use crate::harness::{HOLD, PAGE, Shop, both, numbered, referred, say};
use crate::inbound_events::{imports_all, line_of};
use crate::sales::{at, line, purchase_id, stands, told};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const REFUSED: Fault = Fault::Graph { status: 400, code: 100, subcode: Some(2_804_008) };

fn item(sku: &str, quantity: i64, unit_price: i64) -> Item {
    Item { sku: Some(sku.to_owned()), name: None, quantity, unit_price, unit_cost: None }
}

/// A tag about the order `A-1`, with these lines and their sum as its value.
fn of(kind: OutcomeKind, items: &[Item]) -> Tag {
    let value: i64 = items.iter().map(|item| item.quantity * item.unit_price).sum();
    let mut tag = numbered(say(kind, value), "A-1");
    tag.terms.items = items.to_vec();
    tag
}

async fn leaves(shop: &Shop) -> Vec<String> {
    shop.later(HOLD);
    while shop.delivers().await > 0 {}
    shop.told()
}

async fn purchase_stands(shop: &Shop, chat: &ConversationId) -> (State, Reason) {
    shop.purchase_stands(chat).await
}

both!(
    async fn a_purchase_refused_for_its_pieces_leaves_once_they_are_set_right(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &of(OutcomeKind::Confirmed, &[item("BAG?", 1, 5000)])).await.unwrap();
        shop.meta.fail_next(REFUSED);
        assert!(leaves(&shop).await.is_empty());
        shop.imports([line(None, told(OutcomeKind::Shipped, None, "A-1"))]).await;
        assert_eq!(purchase_stands(&shop, &chat).await, (State::Rejected, Reason::Refused));
        shop.tags(&chat, &of(OutcomeKind::Amended, &[item("BAG-1", 1, 5000)])).await.unwrap();
        assert_eq!(purchase_stands(&shop, &chat).await, (State::Held, Reason::Hold));
        assert_eq!(leaves(&shop).await, ["50.0"]);
        assert_eq!(shop.taken(), [purchase_id("A-1", 0)]);
        let content = &shop.meta.accepted()[0]["custom_data"]["contents"][0];
        assert_eq!((&content["id"], &content["item_price"]), (&"BAG-1".into(), &50.0.into()));
    }
);

both!(
    async fn what_was_amended_while_it_was_refused_wakes_at_once(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 120_500), "A-1")).await.unwrap();
        shop.later(HOLD);
        let batch = shop.opens().await;
        shop.tags(&chat, &numbered(say(OutcomeKind::Amended, 12_050), "A-1")).await.unwrap();
        shop.settles(&batch, Verdict::Refused).await;
        assert_eq!(purchase_stands(&shop, &chat).await, (State::Held, Reason::Hold));
        assert_eq!(leaves(&shop).await, ["120.5"]);
    }
);

both!(
    async fn a_base_that_was_refused_after_all_does_not_tell_an_uplift_again(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &of(OutcomeKind::Confirmed, &[item("BAG", 1, 5000)])).await.unwrap();
        shop.later(HOLD);
        let batch = shop.opens().await;
        shop.settles(&batch, Verdict::Unknown).await;
        shop.tags(&chat, &referred(of(OutcomeKind::CrossSold, &[item("CAP", 1, 2000)]), "r-1"))
            .await
            .unwrap();
        assert_eq!(leaves(&shop).await, ["20.0"]);
        // Its answer comes late.
        shop.settles(&batch, Verdict::Refused).await;
        shop.tags(&chat, &of(OutcomeKind::Amended, &[item("BAG", 1, 4500), item("CAP", 1, 2000)]))
            .await
            .unwrap();
        assert_eq!(leaves(&shop).await, ["20.0", "45.0"]);
        let contents = &shop.meta.accepted()[1]["custom_data"]["contents"];
        assert_eq!((contents.as_array().unwrap().len(), &contents[0]["id"]), (1, &"BAG".into()));
    }
);

both!(
    async fn a_lost_purchase_of_a_joined_order_is_not_sent_again_once_the_sale_is_cancelled(shop: Shop) {
        shop.set_policy(|policy| policy.on_unknown = OnUnknown::Resend).await;
        for (psid, is_cancelled) in [("2", true), ("3", false)] {
            let chat = shop.hears_from(psid).await;
            let numbers = ["A", "B"].map(|name| format!("{name}-{psid}"));
            for number in &numbers {
                shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), number)).await.unwrap();
                shop.later(HOUR);
            }
            let batch = shop.opens().await;
            shop.settles(&batch, Verdict::Unknown).await;
            let orders = shop.aggregate(&chat).await.orders;
            let sender = Sender::person("nino", Source::Api);
            let request = IdempotentRequest::unkeyed();
            flow::join_orders(&shop.services, &orders[1].id, &orders[0].id, sender, &request).await.unwrap();
            if is_cancelled {
                shop.tags(&chat, &numbered(say(OutcomeKind::Cancelled, None), &numbers[0])).await.unwrap();
            }
            leaves(&shop).await;
            let sent: Vec<String> = if is_cancelled { Vec::new() } else { vec!["50.0".to_owned(); 2] };
            assert_eq!(shop.told(), sent, "{is_cancelled}");
        }
    }
);

both!(
    async fn an_uplift_whose_goods_are_amended_away_or_come_back_does_not_leave(shop: Shop) {
        for (psid, is_amended) in [("2", true), ("3", false)] {
            let chat = shop.hears_from(psid).await;
            let order = |tag: Tag| numbered(tag, &format!("A-{psid}"));
            let (bag, cap) = (item("BAG", 1, 10_000), item("CAP", 2, 1000));
            shop.tags(&chat, &order(of(OutcomeKind::Confirmed, std::slice::from_ref(&bag)))).await.unwrap();
            leaves(&shop).await;
            let sold = shop.meta.accepted().len();
            let added = order(of(OutcomeKind::CrossSold, std::slice::from_ref(&cap)));
            shop.tags(&chat, &referred(added, psid)).await.unwrap();
            if is_amended {
                shop.tags(&chat, &order(of(OutcomeKind::Amended, &[bag]))).await.unwrap();
            } else {
                shop.tags(&chat, &order(say(OutcomeKind::Delivered, None))).await.unwrap();
                let back = told(OutcomeKind::Returned, None, &format!("A-{psid}"));
                let mut back = referred(back, "back");
                back.terms.items = vec![item("CAP", 2, 0)];
                shop.imports([line(None, back)]).await;
            }
            let uplift = shop.find(&chat, EventName::Purchase, 1).await;
            assert_eq!(stands(&uplift), (State::Suppressed, Reason::WorthNothing));
            leaves(&shop).await;
            assert_eq!(shop.meta.accepted().len(), sold);
        }
    }
);

both!(
    async fn an_uplift_of_which_a_piece_came_back_tells_the_rest(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &of(OutcomeKind::Confirmed, &[item("BAG", 1, 10_000)])).await.unwrap();
        leaves(&shop).await;
        shop.tags(&chat, &referred(of(OutcomeKind::CrossSold, &[item("CAP", 2, 1000)]), "r-1"))
            .await
            .unwrap();
        shop.tags(&chat, &numbered(say(OutcomeKind::Delivered, None), "A-1")).await.unwrap();
        let mut back = referred(told(OutcomeKind::Returned, None, "A-1"), "back");
        back.terms.items = vec![item("CAP", 1, 0)];
        shop.imports([line(None, back)]).await;
        assert_eq!(leaves(&shop).await, ["100.0", "10.0"]);
        let content = &shop.meta.accepted()[1]["custom_data"]["contents"][0];
        assert_eq!((&content["id"], &content["quantity"]), (&"CAP".into(), &1.into()));
        assert_eq!(content["item_price"], 10.0);
    }
);

both!(
    async fn an_order_worth_nothing_leaves_once_it_is_worth_something(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let mut fee_alone = numbered(say(OutcomeKind::Confirmed, 600), "A-1");
        fee_alone.terms.delivery_fee = Some(600);
        shop.tags(&chat, &fee_alone).await.unwrap();
        assert_eq!(purchase_stands(&shop, &chat).await, (State::Suppressed, Reason::WorthNothing));
        assert!(leaves(&shop).await.is_empty());
        shop.tags(&chat, &numbered(say(OutcomeKind::Amended, 5600), "A-1")).await.unwrap();
        assert_eq!(purchase_stands(&shop, &chat).await, (State::Held, Reason::Hold));
        assert_eq!(leaves(&shop).await, ["50.0"]);
    }
);

both!(
    async fn a_value_that_comes_late_is_guarded_for_ten_minutes_or_for_the_hold(shop: Shop) {
        for (psid, hold, guard) in [("2", HOLD, 10 * MINUTE), ("3", 5 * MINUTE, 5 * MINUTE)] {
            shop.set_policy(|policy| policy.hold = hold).await;
            let chat = shop.hears_from(psid).await;
            let number = format!("K-{psid}");
            shop.imports([line(Some(psid), told(OutcomeKind::Shipped, None, &number))]).await;
            assert_eq!(purchase_stands(&shop, &chat).await, (State::Held, Reason::ValueMissing));
            shop.later(HOUR);
            shop.tags(&chat, &numbered(say(OutcomeKind::Amended, 2000), &number)).await.unwrap();
            let purchase = shop.purchase(&chat).await;
            assert_eq!(purchase.leaves_at, shop.services.clock.now() + guard);
            shop.later(guard - Duration::from_secs(1));
            assert_eq!(shop.delivers().await, 0);
            shop.later(Duration::from_secs(1));
            assert_eq!(shop.delivers().await, 1);
        }
    }
);

both!(
    async fn a_value_that_changes_in_the_last_hour_is_guarded_no_longer_than_meta_takes_it(shop: Shop) {
        shop.set_policy(|policy| policy.hold = 6 * DAY).await;
        let chat = shop.hears_from("2").await;
        let agreed = shop.services.clock.now();
        let sold = numbered(say(OutcomeKind::Confirmed, 5000), "A-1");
        shop.later(DAY + 12 * HOUR);
        shop.tags(&chat, &at(sold, agreed)).await.unwrap();
        let cap = agreed + 7 * DAY - HOUR;
        assert_eq!(shop.purchase(&chat).await.leaves_at, cap);
        shop.later(5 * DAY + 10 * HOUR + 55 * MINUTE);
        shop.tags(&chat, &numbered(say(OutcomeKind::Amended, 4000), "A-1")).await.unwrap();
        assert_eq!(shop.purchase(&chat).await.leaves_at, cap);
        shop.later(5 * MINUTE);
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.told(), ["40.0"]);
    }
);

/// A Purchase that an outside cancel of a slow clock holds; gives the order's chat and the cancel.
async fn contradicted(shop: &Shop, psid: &str, before: Duration) -> ConversationId {
    let chat = shop.hears_from(psid).await;
    shop.later(HOUR);
    let number = format!("C-{psid}");
    shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), &number)).await.unwrap();
    let cancelled = at(told(OutcomeKind::Cancelled, None, &number), shop.services.clock.now() - before);
    imports_all(shop, vec![line_of(psid, cancelled)]).await;
    assert_eq!(purchase_stands(shop, &chat).await, (State::Held, Reason::Contradiction));
    chat
}

async fn takes_back_the_cancel(shop: &Shop, chat: &ConversationId) {
    let flagged = shop.aggregate(chat).await.orders[0].order.flags[0].0.clone();
    let sender = Sender::person("nino", Source::Api);
    flow::undo(&shop.services, &flagged, sender, &IdempotentRequest::unkeyed()).await.unwrap();
}

both!(
    async fn a_contradiction_holds_until_a_person_has_spoken(shop: Shop) {
        let chat = contradicted(&shop, "2", MINUTE).await;
        let purchase = shop.purchase(&chat).await;
        let refused = shop.sends(&purchase.id).await.unwrap_err();
        assert_eq!(refused.code, "wrong_state");
        assert!(refused.to_string().contains("accept it, or take it back"), "{refused}");
        assert!(leaves(&shop).await.is_empty());
        takes_back_the_cancel(&shop, &chat).await;
        assert_eq!(leaves(&shop).await, ["50.0"]);
    }
);

both!(
    async fn a_contradiction_expires_as_one_and_still_leaves_if_settled_in_time(shop: Shop) {
        let settled = contradicted(&shop, "2", MINUTE).await;
        let forgotten = contradicted(&shop, "3", MINUTE).await;
        shop.later(7 * DAY - HOUR - MINUTE);
        assert_eq!(shop.delivers().await, 0);
        assert_eq!(purchase_stands(&shop, &forgotten).await, (State::Held, Reason::Contradiction));
        shop.later(MINUTE);
        assert_eq!(shop.delivers().await, 0);
        for chat in [&settled, &forgotten] {
            assert_eq!(purchase_stands(&shop, chat).await, (State::Expired, Reason::Contradiction));
        }
        takes_back_the_cancel(&shop, &forgotten).await;
        assert_eq!(shop.delivers().await, 1);
        shop.later(HOUR);
        takes_back_the_cancel(&shop, &settled).await;
        assert_eq!(purchase_stands(&shop, &settled).await, (State::Expired, Reason::TooOld));
        assert_eq!(leaves(&shop).await, ["50.0"]);
    }
);

both!(
    async fn an_order_in_doubt_is_not_told_as_created_either(shop: Shop) {
        shop.set_policy(|policy| (policy.lifecycle, policy.purchase_on) = (true, PurchaseOn::Delivered))
            .await;
        let chat = shop.hears_from("2").await;
        shop.later(HOUR);
        shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        let cancelled = at(told(OutcomeKind::Cancelled, None, "A-1"), shop.services.clock.now() - MINUTE);
        imports_all(&shop, vec![line_of("2", cancelled)]).await;
        let created = shop.find(&chat, EventName::OrderCreated, 0).await;
        assert_eq!(stands(&created), (State::Held, Reason::Contradiction));
        leaves(&shop).await;
        assert!(shop.names().is_empty());
        takes_back_the_cancel(&shop, &chat).await;
        leaves(&shop).await;
        assert_eq!(shop.names(), ["OrderCreated"]);
    }
);

both!(
    async fn a_lead_with_a_wrong_date_leaves_once_it_is_said_rightly(shop: Shop) {
        shop.set_policy(|policy| policy.lead_on = LeadOn::Qualified).await;
        shop.later(30 * DAY);
        let chat = shop.hears_from("2").await;
        let now = shop.services.clock.now();
        // It expires while it is held.
        let slip = at(say(OutcomeKind::Qualified, None), now - (7 * DAY - 10 * MINUTE));
        let slip = shop.tags(&chat, &slip).await.unwrap();
        shop.later(HOUR);
        flow::release(&shop.services).await.unwrap();
        let expired = shop.find(&chat, EventName::QualifiedLead, 0).await;
        assert_eq!(stands(&expired), (State::Expired, Reason::TooOld));
        shop.undoes(&slip.outcome_id).await.unwrap();
        shop.tags(&chat, &say(OutcomeKind::Qualified, None)).await.unwrap();
        let woken = shop.find(&chat, EventName::QualifiedLead, 0).await;
        assert_eq!((stands(&woken), &woken.event_id), ((State::Held, Reason::Hold), &expired.event_id));
        leaves(&shop).await;
        assert_eq!(shop.names(), ["QualifiedLead"]);
    }
);

/// The person comes back through an ad, which begins a chat, and gives their phone number.
async fn comes_through_an_ad(shop: &Shop, name: &str) {
    let moment: Timestamp = shop.services.clock.now();
    let person = Chat { page: PAGE, psid: "2", at: moment };
    let item = person.ad(&format!("m_{name}"), "call me: 599 12 34 56", name, "spring");
    shop.receives(messaging(PAGE, moment, &[item]).to_string()).await;
}

both!(
    async fn a_person_is_a_lead_once_in_a_day_whatever_the_chats(shop: Shop) {
        for (name, hours) in [("1", 10), ("2", 13), ("3", 2), ("4", 1)] {
            comes_through_an_ad(&shop, name).await;
            leaves(&shop).await;
            shop.later(Duration::from_hours(hours));
        }
        let told: Vec<i64> =
            shop.meta.accepted().iter().map(|event| event["event_time"].as_i64().unwrap()).collect();
        assert_eq!((told.len(), told[1] - told[0]), (2, 24 * 3600));
    }
);

both!(
    async fn the_sender_is_named_and_the_order_by_the_shops_number(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let sold = shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        let ours = sold.order.unwrap().numbers[0].clone();
        shop.later(MINUTE);
        let now = shop.services.clock.now();
        let same = at(told(OutcomeKind::Confirmed, 5000, "SHOP-7"), now - MINUTE);
        shop.imports([line(Some("2"), same)]).await;
        assert_eq!(leaves(&shop).await, ["50.0"]);
        let sale = shop.meta.accepted().remove(0);
        assert_eq!((&sale["custom_data"]["order_id"], ours.starts_with("S-")), (&"SHOP-7".into(), true));
        assert_eq!(sale["event_id"], purchase_id(&ours, 0));
        assert_eq!(shop.meta.requests()[0].partner_agent.as_deref(), Some("salesbridge"));
    }
);
