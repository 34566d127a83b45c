//! The intake log, on SQLite a file beside the database: nothing that waits in it is lost, whatever is put back or
//! dropped.

use std::time::Duration;

use salesbridge::flow::{self, Services};
use salesbridge::store::Store;

use crate::books::{self, Books};
use crate::harness::{PAGE, Shop, both};
use crate::inbound_events::{body, word};

/// A message of this id, as Meta sends it.
fn written(shop: &Shop, mid: &str) -> String {
    body(PAGE, &[word("2", mid, shop.services.clock.now(), "hello")])
}

async fn keeps(services: &Services, bodies: &[String]) {
    let bodies: Vec<bytes::Bytes> = bodies.iter().map(|body| body.clone().into()).collect();
    services.store.keep_bodies(&bodies, services.clock.now()).await.unwrap();
}

async fn projects(services: &Services) {
    while flow::project(services).await.unwrap() > 0 {}
}

async fn messages(shop: &Shop) -> i64 {
    Books::open(&shop.url).await.count("select count(*) from message").await
}

/// The shop after its process ended and began again.
async fn begins_again(shop: &Shop) -> Services {
    Services { store: Store::open(&shop.url).await.unwrap(), ..shop.services.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_that_is_put_back_goes_on_behind_what_is_projected() {
    let shop = Shop::on_sqlite().await;
    for mid in ["m_1", "m_2", "m_3"] {
        shop.receives(written(&shop, mid)).await;
    }
    shop.services.store.close().await;
    // As it was before the first of them.
    for text in ["delete from beside.intake_log", "delete from beside.sqlite_sequence"] {
        sqlx::query(text).execute(&books::sqlite(&shop.url).await).await.unwrap();
    }
    let services = begins_again(&shop).await;
    keeps(&services, &[written(&shop, "m_4")]).await;
    projects(&services).await;
    assert_eq!(messages(&shop).await, 4);
    // A new one begins anew.
    services.store.close().await;
    for end in ["-intake", "-intake-wal", "-intake-shm"] {
        drop(std::fs::remove_file(format!("{}{end}", shop.url.trim_start_matches("sqlite://"))));
    }
    let services = begins_again(&shop).await;
    keeps(&services, &[written(&shop, "m_5")]).await;
    projects(&services).await;
    assert_eq!(messages(&shop).await, 5);
}

both!(
    async fn what_came_together_takes_effect_once_each(shop: Shop) {
        let bodies: Vec<String> = (0..700).map(|number| written(&shop, &format!("m_{number}"))).collect();
        for some in bodies.chunks(100) {
            keeps(&shop.services, some).await;
        }
        keeps(&shop.services, &["not JSON".to_owned(), bodies[0].clone(), String::new()]).await;
        projects(&shop.services).await;
        assert_eq!(messages(&shop).await, 700);
        let books = Books::open(&shop.url).await;
        assert_eq!(books.count("select count(*) from intake_log where unread is not null").await, 2);
        assert_eq!(books.count("select count(*) from intake_log where projected_at is null").await, 0);
        assert_eq!(books.count("select count(*) from intake_log").await, 703);
    }
);

both!(
    async fn many_large_bodies_are_read_a_few_at_a_time(shop: Shop) {
        // Meta sends what it could not tell in bodies of up to a thousand events.
        let (large, small) = ("x".repeat(7 << 20), written(&shop, "m_1"));
        for body in [&large, &large, &large, &large, &small] {
            keeps(&shop.services, std::slice::from_ref(body)).await;
        }
        assert_eq!(flow::project(&shop.services).await.unwrap(), 3);
        assert_eq!(flow::project(&shop.services).await.unwrap(), 2);
        assert_eq!((flow::project(&shop.services).await.unwrap(), messages(&shop).await), (0, 1));
    }
);

both!(
    async fn what_waits_is_not_dropped_with_age(shop: Shop) {
        shop.receives(written(&shop, "m_1")).await;
        keeps(&shop.services, &[written(&shop, "m_2")]).await;
        shop.later(shop.services.keep_text + Duration::from_secs(1));
        flow::drop_expired(&shop.services).await.unwrap();
        let books = Books::open(&shop.url).await;
        assert_eq!(books.count("select count(*) from intake_log").await, 1);
        projects(&shop.services).await;
        assert_eq!(messages(&shop).await, 2);
        shop.later(Duration::from_secs(1));
        flow::drop_expired(&shop.services).await.unwrap();
        assert_eq!(books.count("select count(*) from intake_log").await, 0);
    }
);
