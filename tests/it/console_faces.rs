//! People by their names and pictures, as far as Meta shows them.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use salesbridge::domain::operator::Role;
use salesbridge::http_client;
use salesbridge::meta::events::graph::Graph;
use salesbridge::worker::profiles;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::console::Visitor;
use crate::harness::{PAGE, Shop, both};

/// Something that begins as a picture does.
const PICTURE: &[u8] = b"\xff\xd8\xff\xe0 a face";

async fn asks_about_people(shop: &Shop, graph: &Graph) -> usize {
    profiles::drain(&shop.services, graph, &CancellationToken::new()).await.unwrap()
}

/// Meta with one person's profile and picture.
async fn meta_with_a_picture() -> Graph {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let picture = format!("{url}/face.jpg");
    let profile = json!({"id": "2", "first_name": "ნინო", "last_name": "ბერიძე", "profile_pic": picture});
    let router = Router::new()
        .route("/v26.0/2", get(move || async move { axum::Json(profile) }))
        .route("/face.jpg", get(|| async { PICTURE }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Graph::new(http_client::client().unwrap(), url, "v26.0".to_owned())
}

both!(
    async fn people_are_called_by_their_names_once_meta_shows_them(shop: Shop) {
        shop.meta.know_person(PAGE, "2222", json!({"first_name": "ნინო", "last_name": "ბერიძე"}));
        let known = shop.hears_from("2222").await;
        shop.hears_from("3333").await;
        let giorgi = Visitor::of_role(&shop, "giorgi", Role::Operator, None).await;
        let queue = giorgi.get("/console/queue").await.text;
        assert!(queue.contains("Customer ·2222") && queue.contains("Customer ·3333"), "{queue}");
        assert_eq!(asks_about_people(&shop, &shop.graph).await, 2);
        let queue = giorgi.get("/console/queue").await.text;
        assert!(queue.contains("ნინო ბერიძე") && queue.contains("Customer ·3333"), "{queue}");
        let found = giorgi.get("/console/search?q=%E1%83%91%E1%83%94%E1%83%A0").await.text;
        assert!(found.contains(known.as_str()), "{found}");
        shop.later(Duration::from_hours(48));
        assert_eq!(asks_about_people(&shop, &shop.graph).await, 0, "nobody is asked for twice");
    }
);

both!(
    async fn a_page_without_the_permission_is_asked_seldom_and_initials_stand(shop: Shop) {
        for psid in ["1", "2", "3"] {
            shop.hears_from(psid).await;
        }
        shop.meta.kill_token("token-of-the-page");
        assert_eq!(asks_about_people(&shop, &shop.graph).await, 1);
        assert_eq!(asks_about_people(&shop, &shop.graph).await, 0);
        shop.later(Duration::from_hours(6));
        shop.meta.revive_token("token-of-the-page");
        assert_eq!(asks_about_people(&shop, &shop.graph).await, 3);
    }
);

both!(
    async fn a_picture_is_kept_here_and_served_from_here(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let giorgi = Visitor::of_role(&shop, "giorgi", Role::Operator, None).await;
        let path = format!("/console/faces/{chat}");
        assert_eq!(giorgi.get(&path).await.status, 404);
        assert_eq!(asks_about_people(&shop, &meta_with_a_picture().await).await, 1);
        let picture = giorgi.get(&path).await;
        assert_eq!(picture.status, 200);
        assert_eq!(picture.headers["content-type"], "image/jpeg");
        assert_eq!(picture.headers["x-content-type-options"], "nosniff");
        for path in ["/console/queue".to_owned(), format!("/console/conversations/{chat}")] {
            let page = giorgi.get(&path).await.text;
            assert!(page.contains("ნინო ბერიძე") && page.contains(&path), "{page}");
        }
        shop.add_page("3333333333").await;
        let elsewhere = Visitor::of_role(&shop, "elsewhere", Role::Operator, Some("3333333333")).await;
        assert_eq!(elsewhere.get(&path).await.status, 404);
    }
);
