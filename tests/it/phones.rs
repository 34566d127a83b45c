//! Phone numbers join the lines of CRM, courier and bank to conversations.

use std::time::Duration;

use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::flow::ImportLine;
use serde_json::Value;

use crate::harness::{PAGE, Shop, both, numbered};
use crate::inbound_events::{aggregates, body, echo, imports, line, told, word};

const NUMBER: &str = "599 12 34 56";

fn by_phone(shop: &Shop, number: &str, order: &str) -> ImportLine {
    let tag = numbered(told(Source::Courier, OutcomeKind::Delivered, None, shop.services.clock.now()), order);
    ImportLine { phone_hash: Some(shop.services.phone_key.hash(number).unwrap()), ..line(tag) }
}

async fn hears(shop: &Shop, events: &[Value]) {
    for event in events {
        shop.receives(body(PAGE, std::slice::from_ref(event))).await;
    }
}

async fn orders_of(shop: &Shop, psid: &str) -> usize {
    let all = aggregates(shop, PAGE).await;
    let of = |psid_of: &salesbridge::domain::conversation::aggregate::ConversationAggregate| {
        psid_of.thread.recipient.as_ref().is_some_and(|known| known.person_id().as_str() == psid)
    };
    all.iter().filter(|aggregate| of(aggregate)).map(|aggregate| aggregate.orders.len()).sum()
}

both!(
    async fn exactly_one_conversation_of_the_last_thirty_days(shop: Shop) {
        let unknown = imports(&shop, vec![by_phone(&shop, "+995599123456", "A-1")]).await;
        assert_eq!(unknown, [(409, "phone_unknown".to_owned())]);
        let at = shop.services.clock.now();
        hears(&shop, &[word("1", "m_1", at, NUMBER), word("2", "m_2", at, "hello")]).await;
        assert_eq!(imports(&shop, vec![by_phone(&shop, "+995599123456", "A-1")]).await[0].0, 200);
        assert_eq!((orders_of(&shop, "1").await, orders_of(&shop, "2").await), (1, 0));
        hears(&shop, &[word("2", "m_3", at, &format!("mine is {NUMBER} too"))]).await;
        let several = imports(&shop, vec![by_phone(&shop, "+995599123456", "A-2")]).await;
        assert_eq!(several, [(409, "phone_ambiguous".to_owned())]);
        // A number that the order already has an owner for needs no phone.
        assert_eq!(imports(&shop, vec![by_phone(&shop, "+995599123456", "A-1")]).await[0].0, 200);
        shop.later(Duration::from_hours(30 * 24) + Duration::from_millis(1));
        let now = shop.services.clock.now();
        hears(&shop, &[word("2", "m_4", now, "back again")]).await;
        assert_eq!(imports(&shop, vec![by_phone(&shop, "+995599123456", "A-2")]).await[0].0, 200);
        assert_eq!(orders_of(&shop, "2").await, 1);
    }
);

both!(
    async fn never_the_pages_own_whatever_comes_first(shop: Shop) {
        let at = shop.services.clock.now();
        let second = |seconds: u64| at - Duration::from_secs(100) + Duration::from_secs(seconds);
        // The Page wrote it first; the customer's repetition arrives first in one conversation.
        let page_wrote =
            |psid: &str| echo(psid, &format!("e_{psid}"), second(1), &format!("call us: {NUMBER}"));
        let customer_repeats =
            |psid: &str| word(psid, &format!("w_{psid}"), second(2), &format!("{NUMBER}?"));
        hears(&shop, &[customer_repeats("1"), page_wrote("1"), page_wrote("2"), customer_repeats("2")]).await;
        let answer = imports(&shop, vec![by_phone(&shop, "+995599123456", "A-1")]).await;
        assert_eq!(answer, [(409, "phone_unknown".to_owned())]);
        for aggregate in aggregates(&shop, PAGE).await {
            assert_eq!(aggregate.chats[0].contact_at, None);
            assert!(aggregate.conversions.is_empty(), "{:?}", aggregate.conversions);
        }
        // What the customer gave first stays theirs when the Page repeats it.
        let other = "577 65 43 21";
        let repeats = echo("3", "e_3", second(4), &format!("so {other}, right?"));
        hears(&shop, &[repeats, word("3", "w_3", second(3), other)]).await;
        assert_eq!(imports(&shop, vec![by_phone(&shop, "+995577654321", "A-3")]).await[0].0, 200);
        assert_eq!(orders_of(&shop, "3").await, 1);
    }
);

both!(
    async fn an_order_that_waits_without_a_person_is_adopted_by_the_phone(shop: Shop) {
        let tag = numbered(told(Source::Crm, OutcomeKind::Confirmed, 5000, shop.services.clock.now()), "A-1");
        assert_eq!(imports(&shop, vec![line(tag)]).await[0].0, 200);
        // As long as nobody is known, the number alone says whose it is.
        assert_eq!(imports(&shop, vec![by_phone(&shop, "+995599123456", "A-1")]).await[0].0, 200);
        let at = shop.services.clock.now();
        hears(&shop, &[word("1", "m_1", at, NUMBER)]).await;
        assert_eq!(imports(&shop, vec![by_phone(&shop, "+995599123456", "A-1")]).await[0].0, 200);
        assert_eq!(orders_of(&shop, "1").await, 1);
    }
);
