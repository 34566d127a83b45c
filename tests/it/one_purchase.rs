//! However often and by however many a sale is told at once, it yields one base Purchase.

use std::sync::Arc;

use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::flow::{self, IdempotentRequest};

use crate::harness::{HOLD, PAGE, Shop, both, numbered, say};
use crate::inbound_events::{aggregates, imports, line, line_of, told};

/// How many clients tell the same sale.
const CLIENTS: usize = 8;

both!(
    async fn told_by_many_clients_at_once(shop: Shop) {
        let shop = Arc::new(shop);
        let mut threads = Vec::new();
        for psid in 0..6 {
            threads.push(shop.hears_from(&format!("{psid}")).await);
        }
        let at = shop.services.clock.now();
        let mut clients = Vec::new();
        for client in 0..CLIENTS {
            let (shop, threads) = (Arc::clone(&shop), threads.clone());
            clients.push(tokio::spawn(async move {
                for step in 0..threads.len() * 2 {
                    // Each in another order, and everything twice.
                    let psid = (step * (client + 1) + client) % threads.len();
                    let number = format!("A-{psid}");
                    let value = 5000 + i64::try_from(psid).unwrap();
                    match (client + step) % 4 {
                        0 => drop(
                            shop.tags(&threads[psid], &say(OutcomeKind::Confirmed, value)).await.unwrap(),
                        ),
                        1 => drop(
                            shop.tags(&threads[psid], &numbered(say(OutcomeKind::Confirmed, value), &number))
                                .await
                                .unwrap(),
                        ),
                        2 => {
                            let tag = numbered(told(Source::Crm, OutcomeKind::Confirmed, value, at), &number);
                            let answer = imports(&shop, vec![line_of(&format!("{psid}"), tag)]).await;
                            assert_eq!(answer[0].0, 200, "{answer:?}");
                        }
                        _ => {
                            let tag = numbered(told(Source::Crm, OutcomeKind::Confirmed, value, at), &number);
                            let answer = imports(&shop, vec![line(tag)]).await;
                            assert_eq!(answer[0].0, 200, "{answer:?}");
                        }
                    }
                }
            }));
        }
        for client in clients {
            client.await.unwrap();
        }
        // Every number has come with its person by now.
        for psid in 0..threads.len() {
            let value = 5000 + i64::try_from(psid).unwrap();
            let tag = numbered(told(Source::Crm, OutcomeKind::Confirmed, value, at), &format!("A-{psid}"));
            imports(&shop, vec![line_of(&format!("{psid}"), tag)]).await;
        }
        for _ in 0..3 {
            shop.later(HOLD);
            shop.delivers().await;
        }
        let mut told = shop.told();
        told.sort();
        assert_eq!(told, ["50.0", "50.01", "50.02", "50.03", "50.04", "50.05"]);
        for aggregate in
            aggregates(&shop, PAGE).await.iter().filter(|aggregate| aggregate.thread.recipient.is_some())
        {
            assert_eq!(aggregate.orders.len(), 1, "{:?}", aggregate.orders);
        }
    }
);

both!(
    async fn told_while_it_leaves(shop: Shop) {
        let shop = Arc::new(shop);
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        let at = shop.services.clock.now();
        shop.later(HOLD);
        let leaving = {
            let shop = Arc::clone(&shop);
            tokio::spawn(async move { shop.delivers().await })
        };
        let telling = {
            let (shop, chat) = (Arc::clone(&shop), chat.clone());
            tokio::spawn(async move {
                let tag = numbered(told(Source::Crm, OutcomeKind::Confirmed, 5000, at), "A-1");
                imports(&shop, vec![line_of("2", tag.clone()), line(tag.clone()), line_of("2", tag)]).await;
                let again = Tag { order_number: Some("A-1".to_owned()), ..say(OutcomeKind::Confirmed, 5000) };
                flow::tag(&shop.services, &chat, &again, "nino", &IdempotentRequest::unkeyed())
                    .await
                    .unwrap();
            })
        };
        leaving.await.unwrap();
        telling.await.unwrap();
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0"]);
    }
);
