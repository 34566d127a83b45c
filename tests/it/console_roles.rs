//! Every route of the console by every role: allowed, forbidden, or another Page's.

use salesbridge::domain::basic::identity::PageId;
use salesbridge::domain::operator::Role;
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::flow;

use crate::console::{Visitor, person};
use crate::console_inbox::writes_in_the_inbox;
use crate::harness::{PAGE, Shop, both, say};

/// Something that begins as a picture does.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Method, path (`C` conversation, `O` outcome, `S` order, `V` conversion, `A` attempt, `W` what waits, `P` Page, `U` person), who may.
const ROUTES: &str = "
get  /console/queue                   | admin operator crm
get  /console/search?q=x              | admin operator crm
get  /console/conversations/C         | admin operator crm
get  /console/faces/C                 | admin operator crm
post /console/conversations/C/tag     | admin operator crm
post /console/conversations/C/snooze  | admin operator crm
post /console/waiting/W               | admin operator crm
post /console/outcomes/O/undo         | admin operator crm
post /console/outcomes/O/accept       | admin operator crm
post /console/orders/S/join           | admin operator crm
post /console/orders/S/part           | admin operator crm
post /console/conversions/V/send      | admin operator
post /console/conversions/V/retry     | admin
post /console/attempts/A/resolve      | admin
get  /console/deliveries              | admin operator analyst
get  /console/today                   | admin operator crm analyst
get  /console/pages/P                 | admin analyst
post /console/pages/P/mode            | admin
post /console/pages/P/policy          | admin
post /console/pages/P/reasons         | admin
post /console/pages/P/test            | admin
post /console/pages/P/labels          | admin
post /console/pages/P/token           | admin
post /console/pages/P/names           | admin
post /console/pages/P/sentences       | admin
get  /console/people                  | admin
post /console/people                  | admin
post /console/people/U/role           | admin
post /console/people/U/reset          | admin
post /console/people/U/end            | admin
";

both!(
    async fn every_route_knows_who_may(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let tagged = shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        let (outcome, conversion) = (&tagged.outcome_id, &tagged.conversions[0].id);
        let order = tagged.order.as_ref().unwrap().id.clone();
        shop.later(crate::harness::HOLD);
        shop.delivers().await;
        let attempt =
            shop.services.store.read().await.unwrap().attempts_of(conversion).await.unwrap()[0].id.clone();
        shop.set_page(|page| {
            page.sentences.insert(OutcomeKind::Confirmed, vec!["order {value}".to_owned()]);
        })
        .await;
        writes_in_the_inbox(&shop, "2", "e_1", "your order: 1 or 2 GEL").await;
        let waits = shop.waits(&chat).await[0].id.clone();
        let picture = Some(PICTURE.to_vec());
        flow::name_person(&shop.services, &chat, None, picture).await.unwrap();
        person(&shop, "somebody", Role::Operator, None).await;
        let mut unit = shop.services.store.read().await.unwrap();
        let somebody = unit.operator_named("somebody").await.unwrap().unwrap().0.id;
        drop(unit);
        shop.add_page("3333333333").await;
        let mut own = Vec::new();
        let mut other = Vec::new();
        for role in Role::ALL {
            own.push(Visitor::of_role(&shop, &format!("of {}", role.as_str()), role, None).await);
            let name = format!("elsewhere {}", role.as_str());
            other.push(Visitor::of_role(&shop, &name, role, Some("3333333333")).await);
        }
        let ask = |visitor: Visitor, method: &'static str, path: String| async move {
            match method {
                "get" => visitor.get(&path).await.status,
                _ => visitor.post(&path, &[]).await.status,
            }
        };
        let guest = Visitor::comes(&shop).await;
        for line in ROUTES.trim().lines() {
            let (route, may) = line.split_once('|').unwrap();
            let (method, path) = route.split_once(' ').unwrap();
            let has_id = ["/C", "/O", "/V", "/S", "/A", "/W", "/P"].iter().any(|id| path.contains(id));
            let path = path
                .trim()
                .replace("/C", &format!("/{chat}"))
                .replace("/O", &format!("/{outcome}"))
                .replace("/V", &format!("/{conversion}"))
                .replace("/S", &format!("/{order}"))
                .replace("/A", &format!("/{attempt}"))
                .replace("/W", &format!("/{waits}"))
                .replace("/P", &format!("/{}", PageId::from(PAGE)))
                .replace("/U", &format!("/{somebody}"));
            let nobody = ask(guest.clone(), method, path.clone()).await;
            assert_eq!(nobody, if method == "get" { 303 } else { 401 }, "nobody: {path}");
            for (role, (own, other)) in Role::ALL.into_iter().zip(own.iter().zip(&other)) {
                let allowed = may.split_whitespace().any(|word| word == role.as_str());
                let status = ask(own.clone(), method, path.clone()).await;
                if allowed {
                    assert!(![401, 403, 404].contains(&status), "{} {path}: {status}", role.as_str());
                } else {
                    assert_eq!(status, 403, "{} {path}", role.as_str());
                }
                let status = ask(other.clone(), method, path.clone()).await;
                match (allowed, has_id) {
                    (true, true) => assert_eq!(status, 404, "{} elsewhere {path}", role.as_str()),
                    (true, false) if path.contains("people") => assert_eq!(status, 403, "{path}"),
                    (true, false) => assert_eq!(status, 200, "{} elsewhere {path}", role.as_str()),
                    (false, _) => assert_eq!(status, 403, "{} elsewhere {path}", role.as_str()),
                }
            }
        }
    }
);

both!(
    async fn lists_show_no_other_pages_things(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        let waiting = shop.hears_from("4444").await;
        shop.add_page("3333333333").await;
        let other = Visitor::of_role(&shop, "elsewhere", Role::Admin, Some("3333333333")).await;
        let own = Visitor::of_role(&shop, "here", Role::Admin, None).await;
        for path in [
            "/console/queue",
            "/console/queue?state=done",
            "/console/deliveries",
            "/console/search?q=S-1001",
            "/console/deliveries?order=S-1001",
        ] {
            let (seen, hidden) = (own.get(path).await.text, other.get(path).await.text);
            let id = if path == "/console/queue" { &waiting } else { &chat };
            assert!(seen.contains(id.as_str()), "{path}: {seen}");
            assert!(!hidden.contains(chat.as_str()) && !hidden.contains(waiting.as_str()), "{path}");
        }
        assert_eq!(other.get(&format!("/console/queue?page={PAGE}")).await.status, 404);
    }
);

/// Routes that need no role, or are tested where they belong.
const APART: [&str; 11] = [
    "/",
    "/console",
    "/console/login",
    "/console/first",
    "/console/link/{secret}",
    "/console/logout",
    "/console/language",
    "/console/live",
    "/console/pages",
    "/console/pages/{id}/prices",
    "/console/assets/{name}",
];

#[test]
fn no_route_is_forgotten() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/console/mod.rs");
    let text = std::fs::read_to_string(file).unwrap();
    let routes: Vec<&str> =
        text.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(routes.len() > 25);
    let shape = |path: &str| {
        let path = path.split('?').next().unwrap().trim();
        let part = |part: &str| if part.len() == 1 { "{id}".to_owned() } else { part.to_owned() };
        path.split('/').map(part).collect::<Vec<_>>().join("/")
    };
    let tested: Vec<String> = ROUTES
        .trim()
        .lines()
        .map(|line| shape(line.split('|').next().unwrap().split_once(' ').unwrap().1))
        .collect();
    for route in routes {
        assert!(APART.contains(&route) || tested.iter().any(|path| path == route), "{route} is not tested");
    }
}

both!(
    async fn a_price_list_is_set_by_an_admin_of_the_page(shop: Shop) {
        shop.add_page("3333333333").await;
        let path = format!("/console/pages/{PAGE}/prices");
        for (role, page, status) in [
            (Role::Admin, None, 303),
            (Role::Admin, Some("3333333333"), 404),
            (Role::Operator, None, 403),
            (Role::Crm, None, 403),
            (Role::Analyst, None, 403),
        ] {
            let name = format!("{} {page:?}", role.as_str());
            let visitor = Visitor::of_role(&shop, &name, role, page).await;
            assert_eq!(visitor.upload(&path, "prices", "A,Bag,5").await.status, status, "{name}");
            let list = visitor.get("/console/pages").await.status;
            assert_eq!(list == 403, matches!(role, Role::Operator | Role::Crm), "{name}: {list}");
        }
    }
);
