//! A commit that fails under webhooks that came together.

use std::time::Duration;

use tokio::task::JoinSet;

use super::customer::{APP_SECRET, Customer};
use super::{meta, place};
use crate::books::{Books, new_postgres};
use crate::process::{Served, comes_true};
use salesbridge::meta::signature;

const TOGETHER: usize = 32;

async fn told_503_and_stored_once_when_it_comes_again(url: Option<String>) {
    let meta = meta().await;
    let place = place(&meta, url.as_deref());
    let mut command = place.command(&["serve"]);
    command.env("FAILPOINTS", "commit.before.intake=2*return(fail)");
    let served = Served::spawn(&mut command).listens();
    let (client, hook) =
        (salesbridge::http_client::client().unwrap(), format!("{}/webhooks/meta", served.url()));
    let post = |number: usize| {
        let body = Customer::new(number).webhook();
        let signed = signature::sign(APP_SECRET.as_bytes(), body.as_bytes());
        let request = client.post(&hook).header("x-hub-signature-256", signed).body(body);
        async move { (number, request.send().await.unwrap().status().as_u16()) }
    };
    let mut posts: JoinSet<_> = (0..TOGETHER).map(post).collect();
    let mut refused = Vec::new();
    while let Some(answer) = posts.join_next().await {
        match answer.unwrap() {
            (_, 200) => {}
            (number, 503) => refused.push(number),
            other => panic!("{other:?}"),
        }
    }
    let file = format!("sqlite://{}", place.0.join("shop.db").display());
    let books = Books::open(url.as_deref().unwrap_or(&file)).await;
    let stored = books.count("select count(*) from intake_log").await;
    assert!(!refused.is_empty());
    assert_eq!(stored, i64::try_from(TOGETHER - refused.len()).unwrap(), "a false 200, or a false 503");
    for number in refused.repeat(2) {
        // The two failures may not be over yet.
        while post(number).await.1 == 503 {}
    }
    let all = i64::try_from(TOGETHER).unwrap();
    let projected = comes_true(Duration::from_secs(20), async || {
        books.count("select count(*) from intake_log where projected_at is null").await == 0
    });
    assert!(projected.await);
    assert_eq!(books.count("select count(distinct mid) from message").await, all);
    assert_eq!(books.count("select count(*) from message").await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    told_503_and_stored_once_when_it_comes_again(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    told_503_and_stored_once_when_it_comes_again(Some(new_postgres().await)).await;
}
