//! Tags that come at the same moment.

use salesbridge::domain::basic::identity::ConversationId;
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::conversion::State;
use salesbridge::flow::{self, Claim, IdempotentRequest};

use crate::harness::{HOLD, Shop, both, numbered, say};

/// People who write at once: more than one unit takes.
const PEOPLE: usize = 100;

async fn chats(shop: &Shop) -> Vec<ConversationId> {
    let mut chats = Vec::new();
    for person in 0..PEOPLE {
        chats.push(shop.hears_from(&format!("{person}")).await);
    }
    chats
}

both!(
    async fn each_order_has_its_own_number_and_its_own_purchase(shop: Shop) {
        let chats = chats(&shop).await;
        let mut clients = tokio::task::JoinSet::new();
        for (chat, value) in chats.into_iter().zip(1..) {
            let services = shop.services.clone();
            clients.spawn(async move {
                let tag = say(OutcomeKind::Confirmed, value * 100);
                let tagged =
                    flow::tag(&services, &chat, &tag, "nino", &IdempotentRequest::unkeyed()).await.unwrap();
                let order = tagged.done().unwrap().order.unwrap();
                assert_eq!(order.order.value, Some(value * 100));
                order.numbers[0].clone()
            });
        }
        let mut numbers = clients.join_all().await;
        numbers.sort_unstable();
        let expected: Vec<String> = (1001..).take(PEOPLE).map(|number| format!("S-{number}")).collect();
        assert_eq!(numbers, expected);
        shop.later(HOLD);
        shop.delivers().await;
        let mut told = shop.told();
        told.sort_by(|a, b| a.parse::<f64>().unwrap().total_cmp(&b.parse().unwrap()));
        let expected: Vec<String> = (1..=PEOPLE).map(|value| format!("{value}.0")).collect();
        assert_eq!(told, expected);
    }
);

both!(
    async fn a_number_that_is_taken_is_passed_over(shop: Shop) {
        let chats = chats(&shop).await;
        // A CRM gave one of its orders the number that the service would give some orders later.
        shop.tags(&chats[0], &numbered(say(OutcomeKind::Confirmed, 5_000), "S-1005")).await.unwrap();
        let mut clients = tokio::task::JoinSet::new();
        for chat in chats.into_iter().skip(1) {
            let services = shop.services.clone();
            clients.spawn(async move {
                let tag = say(OutcomeKind::Confirmed, 5_000);
                let tagged =
                    flow::tag(&services, &chat, &tag, "nino", &IdempotentRequest::unkeyed()).await.unwrap();
                tagged.done().unwrap().order.unwrap().numbers[0].clone()
            });
        }
        let mut numbers = clients.join_all().await;
        numbers.sort_unstable();
        let free = (1001..).filter(|number| *number != 1005).take(PEOPLE - 1);
        assert_eq!(numbers, free.map(|number| format!("S-{number}")).collect::<Vec<_>>());
    }
);

both!(
    async fn one_that_cannot_be_said_harms_no_other(shop: Shop) {
        let chats = chats(&shop).await;
        let mut clients = tokio::task::JoinSet::new();
        for (place, chat) in chats.iter().cloned().enumerate() {
            let services = shop.services.clone();
            clients.spawn(async move {
                // Every seventh says what can't be: nothing was ordered that could be delivered.
                let kind = if place % 7 == 0 { OutcomeKind::Delivered } else { OutcomeKind::Confirmed };
                let said =
                    flow::tag(&services, &chat, &say(kind, 5_000), "nino", &IdempotentRequest::unkeyed())
                        .await;
                (
                    place,
                    said.map(|said| said.done().unwrap().conversions[0].state).map_err(|error| error.code),
                )
            });
        }
        for (place, said) in clients.join_all().await {
            let expected = if place % 7 == 0 { Err("which_order") } else { Ok(State::Held) };
            assert_eq!(said, expected, "{place}");
        }
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told().len(), PEOPLE - PEOPLE.div_ceil(7));
    }
);

both!(
    async fn one_conversation_hears_one_after_the_other(shop: Shop) {
        let chat = shop.hears_from("1").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 10_000)).await.unwrap();
        let mut clients = tokio::task::JoinSet::new();
        for place in 0..20 {
            let (services, chat) = (shop.services.clone(), chat.clone());
            clients.spawn(async move {
                let mut tag = say(OutcomeKind::CrossSold, 100);
                tag.reference = Some(format!("uplift-{}", place / 2));
                let said =
                    flow::tag(&services, &chat, &tag, "nino", &IdempotentRequest::unkeyed()).await.unwrap();
                said.done().unwrap().known
            });
        }
        let known = clients.join_all().await.into_iter().filter(|known| *known).count();
        assert_eq!(known, 10, "each uplift was said twice");
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["110.0"]);
    }
);

both!(
    async fn the_same_request_at_once_has_one_effect(shop: Shop) {
        let chat = shop.hears_from("1").await;
        let names = flow::InFlight::default();
        let name = || ["key".to_owned(), "route".to_owned(), "word".to_owned()];
        let first = Claim::begin(&names, name(), b"body").unwrap();
        assert_eq!(Claim::begin(&names, name(), b"body").unwrap_err().code, "still_running");
        let mut asked = IdempotentRequest::unkeyed();
        asked.claim = Some(std::sync::Arc::new(first));
        let tag = say(OutcomeKind::Confirmed, 5_000);
        for is_first in [true, false] {
            let said = flow::tag(&shop.services, &chat, &tag, "nino", &asked).await.unwrap();
            assert_eq!(said.done().is_some(), is_first);
        }
        drop(asked);
        assert!(Claim::begin(&names, name(), b"body").is_ok(), "the request has ended");
    }
);

both!(
    async fn a_number_of_the_services_own_form_may_be_taken(shop: Shop) {
        let (first, second) = (shop.hears_from("1").await, shop.hears_from("2").await);
        for number in ["S-1001", "S-1002"] {
            let tag = numbered(say(OutcomeKind::Confirmed, 5_000), number);
            let tag = salesbridge::domain::order::tag::Tag { new_order: true, ..tag };
            shop.tags(&first, &tag).await.unwrap();
        }
        let tagged = shop.tags(&second, &say(OutcomeKind::Confirmed, 7_000)).await.unwrap();
        assert_eq!(tagged.order.unwrap().numbers, ["S-1003"]);
    }
);
