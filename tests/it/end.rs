//! The word to stop while a request is out at Meta.

use std::time::Duration;

use salesbridge::sandbox::Fault;

use crate::books::{Books, new_postgres};
use crate::kills::customer::{Customer, Door};
use crate::kills::{meta, place};
use crate::process::{Served, comes_true};

async fn what_is_out_is_unknown_and_nothing_more_is_leased(url: Option<String>) {
    let meta = meta().await;
    let place = place(&meta, url.as_deref());
    let (key, client) = (place.key("operator"), salesbridge::http_client::client().unwrap());
    let file = format!("sqlite://{}", place.0.join("shop.db").display());
    let books = Books::open(url.as_deref().unwrap_or(&file)).await;
    let mut served = Served::start(&place);
    let door = Door { client: client.clone(), url: served.url(), key };

    meta.fail_next(Fault::Hold);
    Customer::new(1).deals(&door).await.unwrap();
    meta.held().await;
    Customer::new(4).deals(&door).await.unwrap();
    let ready = format!("{}/readyz", served.url());
    assert_eq!(client.get(&ready).send().await.unwrap().status(), 200);
    served.is_told_to("-TERM");
    served.waits_for("Stopping");
    assert_eq!(client.get(&ready).send().await.unwrap().status(), 503);
    let ended = comes_true(Duration::from_secs(10), async || served.child.try_wait().unwrap().is_some());
    assert!(ended.await, "it did not end within 10 s");
    let (status, said) = served.ends();
    assert_eq!(status.code(), Some(0), "{said}");

    let state =
        "select count(*) from conversion join order_number on order_number.order_id = conversion.order_id
                  where order_number.number = 'K-1' and state = 'unknown'";
    assert!(books.count(state).await >= 1);
    assert_eq!(books.count("select count(*) from attempt where verdict is null").await, 0);
    let waiting =
        "select count(*) from conversion join order_number on order_number.order_id = conversion.order_id
                    where order_number.number = 'K-4' and state in ('held', 'ready') and lease is null";
    assert_eq!((meta.requests().len(), books.count(waiting).await), (1, 1));

    meta.release();
    let served = Served::start(&place);
    let sent =
        "select count(*) from conversion join order_number on order_number.order_id = conversion.order_id
                 where order_number.number = 'K-4' and state = 'sent'";
    assert!(comes_true(Duration::from_secs(10), async || books.count(sent).await == 1).await);
    let mut taken: Vec<String> = meta.accepted().iter().map(|event| event["event_id"].to_string()).collect();
    taken.sort_unstable();
    let number = taken.len();
    taken.dedup();
    assert_eq!(taken.len(), number, "what was unknown was sent again");
    drop(served);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    what_is_out_is_unknown_and_nothing_more_is_leased(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    what_is_out_is_unknown_and_nothing_more_is_leased(Some(new_postgres().await)).await;
}
