//! Several processes on one database: each event is in at most one request.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::customer::{Customer, Door};
use super::{meta, place};
use crate::books::{Books, new_postgres};
use crate::process::{Served, comes_true};

const CUSTOMERS: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_the_work() {
    let (meta, url) = (meta().await, new_postgres().await);
    let place = place(&meta, Some(&url));
    let (books, key, client) =
        (Books::open(&url).await, place.key("operator"), salesbridge::http_client::client().unwrap());
    let replicas = [Served::start(&place), Served::start(&place)];
    let doors = replicas.each_ref().map(|served| Door {
        client: client.clone(),
        url: served.url(),
        key: key.clone(),
    });
    let customers: Vec<_> = (0..CUSTOMERS).map(|number| Arc::new(Customer::new(number))).collect();
    let mut deals = JoinSet::new();
    for customer in &customers {
        let (customer, door) = (Arc::clone(customer), doors[customer.number % 2].clone());
        deals.spawn(async move { customer.deals(&door).await });
    }
    while let Some(deal) = deals.join_next().await {
        deal.unwrap().expect("both live");
    }
    let settled = comes_true(Duration::from_secs(20), async || {
        let open = "select count(*) from conversion where state in ('held', 'ready', 'sending')";
        books.count(open).await == 0
    });
    assert!(settled.await);
    let mut carried: HashMap<String, usize> = HashMap::new();
    for event_id in meta.requests().into_iter().flat_map(|request| request.event_ids) {
        *carried.entry(event_id).or_default() += 1;
    }
    assert!(carried.values().all(|times| *times == 1), "{carried:?}");
    assert_eq!(carried.len(), meta.accepted().len());
    assert_eq!(
        i64::try_from(carried.len()).unwrap(),
        books.count("select count(*) from conversion where state = 'sent'").await
    );
    assert_eq!(books.count("select count(*) from conversion where state = 'unknown'").await, 0);
    for served in replicas {
        served.is_told_to("-TERM");
        assert_eq!(served.ends().0.code(), Some(0));
    }
}
