//! Who gets into the console, and who does not.

use std::time::Duration;

use salesbridge::domain::operator::Role;
use salesbridge::error::ErrorKind;
use salesbridge::flow::manage::operators;

use crate::console::{PASSWORD, Visitor, person};
use crate::harness::{PAGE, Shop, both};

both!(
    async fn the_first_admin_comes_by_the_code_from_the_log_and_nobody_after(shop: Shop) {
        let guest = Visitor::comes(&shop).await;
        assert_eq!(guest.get("/console/login").await.location(), "/console/first");
        let code = operators::first_code(&shop.services).await.unwrap().expect("nobody has access yet");
        assert_eq!(
            operators::first_code(&shop.services).await.unwrap(),
            None,
            "a code is not made at every visit"
        );
        let wrong = [("code", "guess"), ("name", "giorgi"), ("password", PASSWORD)];
        assert_eq!(guest.post("/console/first", &wrong).await.status, 401);
        let short = [("code", code.as_str()), ("name", "giorgi"), ("password", "short")];
        assert_eq!(guest.post("/console/first", &short).await.status, 422);
        let right = [("code", code.as_str()), ("name", "giorgi"), ("password", PASSWORD)];
        let answer = guest.post("/console/first", &right).await;
        assert!(answer.session().is_some());
        let again =
            guest.post("/console/first", &[("code", &code), ("name", "x"), ("password", PASSWORD)]).await;
        assert_eq!(again.status, 401);
        assert_eq!(guest.get("/console/first").await.location(), "/console/login");
    }
);

both!(
    async fn a_link_works_once_and_a_new_one_ends_the_old(shop: Shop) {
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        let invite = [("name", "ნინო"), ("role", "operator"), ("page", PAGE)];
        let link = |answer: &crate::console::Answer| answer.between("/console/link/", "<");
        let first = link(&admin.post("/console/people", &invite).await);
        assert_eq!(admin.post("/console/people", &invite).await.status, 409);
        let people = admin.get("/console/people").await;
        assert!(!people.text.contains(&first), "a link is shown once");
        let id = people.text.split("/console/people/").nth(2).unwrap().split('/').next().unwrap().to_owned();
        let guest = Visitor::comes(&shop).await;
        let set = |link: &str| format!("/console/link/{link}");
        let nino = shop.services.store.read().await.unwrap().operator_named("ნინო").await.unwrap().unwrap().0;
        let second = link(&admin.post(&format!("/console/people/{}/reset", nino.id), &[]).await);
        assert!(!id.is_empty());
        assert_eq!(guest.post(&set(&first), &[("password", PASSWORD)]).await.status, 404);
        assert_eq!(guest.post(&set(&second), &[("password", "short")]).await.status, 422);
        let answer = guest.post(&set(&second), &[("password", PASSWORD)]).await;
        assert_eq!((answer.status, answer.session().is_some()), (303, true));
        assert_eq!(guest.post(&set(&second), &[("password", PASSWORD)]).await.status, 404);
        guest.clone().logged_in("ნინო").await;
        let third = operators::reset(&shop.services, "ნინო").await.unwrap();
        shop.later(Duration::from_hours(73));
        assert_eq!(guest.post(&set(&third), &[("password", PASSWORD)]).await.status, 404);
    }
);

both!(
    async fn a_session_is_new_at_each_login_and_over_after_logout(shop: Shop) {
        person(&shop, "nino", Role::Operator, None).await;
        let planted = "planted-by-somebody-else";
        let mut guest = Visitor::comes(&shop).await;
        guest.session = planted.to_owned();
        let nino = guest.clone().logged_in("nino").await;
        assert_ne!(nino.session, planted);
        assert_eq!(guest.get("/console/queue").await.status, 303, "a planted session is none");
        let cookie = nino.post("/console/login", &[("name", "nino"), ("password", PASSWORD)]).await;
        let cookie = cookie.headers.get("set-cookie").unwrap().to_str().unwrap().to_owned();
        for word in ["__Host-salesbridge=", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(cookie.contains(word), "{cookie} lacks {word}");
        }
        assert_eq!(nino.get("/console/queue").await.status, 200);
        assert_eq!(nino.post("/console/logout", &[]).await.location(), "/console/login");
        assert!(nino.get("/console/queue").await.location().starts_with("/console/login?next="));
        assert_eq!(nino.post("/console/language", &[("language", "ka")]).await.status, 401);
        assert_eq!(nino.get("/console/live").await.status, 401);
    }
);

both!(
    async fn a_changed_role_and_a_leave_end_every_session(shop: Shop) {
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        let nino = Visitor::of_role(&shop, "nino", Role::Operator, None).await;
        let id =
            shop.services.store.read().await.unwrap().operator_named("nino").await.unwrap().unwrap().0.id;
        let role = format!("/console/people/{id}/role");
        assert_eq!(admin.post(&role, &[("role", "analyst")]).await.status, 303);
        assert_eq!(nino.get("/console/queue").await.status, 303);
        let nino = nino.logged_in("nino").await;
        assert_eq!(nino.get("/console/queue").await.status, 403);
        assert_eq!(admin.post(&format!("/console/people/{id}/end"), &[]).await.status, 303);
        assert_eq!(nino.get("/console/today").await.status, 303);
        let refused = nino.post("/console/login", &[("name", "nino"), ("password", PASSWORD)]).await;
        assert_eq!(refused.status, 401);
        let own =
            shop.services.store.read().await.unwrap().operator_named("giorgi").await.unwrap().unwrap().0.id;
        assert_eq!(admin.post(&format!("/console/people/{own}/end"), &[]).await.status, 409);
        assert_eq!(admin.post(&format!("/console/people/{own}/role"), &[("role", "crm")]).await.status, 409);
    }
);

both!(
    async fn ten_thousand_guesses_are_ten_tries_and_nobody_is_locked_out_for_ever(shop: Shop) {
        person(&shop, "nino", Role::Operator, None).await;
        let mut guesses = tokio::task::JoinSet::new();
        for worker in 0..16 {
            let services = shop.services.clone();
            guesses.spawn(async move {
                let mut tries = 0;
                for guess in 0..625 {
                    let wrong = format!("guess {worker} {guess}");
                    let error = operators::log_in(&services, "Nino ", &wrong).await.unwrap_err();
                    match error.kind {
                        ErrorKind::Unauthorized => tries += 1,
                        ErrorKind::TooMany => {}
                        other => panic!("{other:?}: {error}"),
                    }
                }
                tries
            });
        }
        let tries: i32 = guesses.join_all().await.into_iter().sum();
        assert_eq!(tries, 10);
        let locked = operators::log_in(&shop.services, "nino", PASSWORD).await.unwrap_err();
        assert_eq!(locked.kind, ErrorKind::TooMany);
        shop.later(Duration::from_mins(15));
        operators::log_in(&shop.services, "nino", PASSWORD).await.unwrap();
        let nobody = operators::log_in(&shop.services, "nobody", PASSWORD).await.unwrap_err();
        assert_eq!(nobody.code, "wrong_login");
        for _ in 0..20 {
            drop(operators::log_in(&shop.services, "nobody", "x").await);
        }
        let nobody = operators::log_in(&shop.services, "nobody", PASSWORD).await.unwrap_err();
        assert_eq!(nobody.kind, ErrorKind::TooMany, "a name that nobody has looks no different");
    }
);

both!(
    async fn forms_from_elsewhere_and_ways_out_are_refused(shop: Shop) {
        let nino = Visitor::of_role(&shop, "nino", Role::Operator, None).await;
        let fields = [("language", "ka"), ("back", "/console/queue")];
        let url = nino.url.clone();
        for headers in [
            vec![],
            vec![("origin", "https://evil.example")],
            vec![("origin", "null")],
            vec![("origin", url.as_str()), ("sec-fetch-site", "cross-site")],
            vec![("origin", url.as_str()), ("sec-fetch-site", "same-site")],
            vec![("sec-fetch-site", "same-origin")],
        ] {
            for path in ["/console/language", "/console/login", "/console/logout", "/console/people"] {
                let answer = nino.post_from(path, &fields, &headers).await;
                assert_eq!(answer.status, 403, "{path} with {headers:?}");
            }
        }
        assert_eq!(nino.post("/console/language", &fields).await.location(), "/console/queue");
        for away in [
            "https://evil.example",
            "//evil.example",
            "/console//evil.example",
            "/\\evil.example",
            "javascript:x",
        ] {
            let answer = nino.post("/console/language", &[("language", "en"), ("back", away)]).await;
            assert_eq!(answer.location(), "/console", "{away}");
            let login = [("name", "nino"), ("password", PASSWORD), ("next", away)];
            assert_eq!(nino.post("/console/login", &login).await.location(), "/console", "{away}");
        }
        let page = nino.get("/console/queue").await;
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
        assert_eq!(page.headers["cache-control"], "no-store");
        assert!(!page.text.contains("style=") && !page.text.contains("onclick"));
    }
);
