//! The queue, narrowed by Page, ad, state and channel; and people by command.

use std::io::Write as _;
use std::process::{Command, Stdio};

use salesbridge::domain::basic::identity::{ConversationId, PageId, PersonId};
use salesbridge::domain::conversation::inbound::Channel;
use salesbridge::domain::operator::Role;
use salesbridge::domain::order::outcome::OutcomeKind;
use serde_json::json;

use crate::console::{PASSWORD, Visitor};
use crate::harness::{PAGE, Shop, both, say};

const OTHER: &str = "3333333333";

/// Somebody writes to a Page, perhaps led there by an ad.
async fn writes(shop: &Shop, page: &str, psid: &str, ad: Option<&str>) -> ConversationId {
    let at = shop.services.clock.now().millis();
    let mut item = json!({"sender": {"id": psid}, "recipient": {"id": page}, "timestamp": at,
                          "message": {"mid": format!("m_{page}_{psid}"), "text": "?"}});
    if let Some(ad) = ad {
        item["message"]["referral"] = json!({"source": "ADS", "type": "OPEN_THREAD", "ad_id": ad,
                                             "ads_context_data": {"ad_title": format!("Title of {ad}")}});
    }
    let body = json!({"object": "page", "entry": [{"id": page, "time": at, "messaging": [item]}]});
    shop.receives(body.to_string()).await;
    found(shop, page, Channel::Messenger, psid).await
}

async fn found(shop: &Shop, page: &str, channel: Channel, psid: &str) -> ConversationId {
    let mut unit = shop.services.store.read().await.unwrap();
    unit.conversation_of(&PageId::from(page), channel, &PersonId(psid.to_owned())).await.unwrap().unwrap()
}

both!(
    async fn the_queue_is_narrowed_by_page_ad_state_and_channel(shop: Shop) {
        shop.add_page(OTHER).await;
        let plain = writes(&shop, PAGE, "1", None).await;
        let led = writes(&shop, PAGE, "2", Some("120200000000000007")).await;
        let elsewhere = writes(&shop, OTHER, "3", None).await;
        let tagged = writes(&shop, PAGE, "4", None).await;
        shop.tags(&tagged, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        let at = shop.services.clock.now().millis();
        let account = "17840000000000001";
        let instagram = json!({"object": "instagram", "entry": [{"id": account, "time": at, "messaging": [
            {"sender": {"id": "7"}, "recipient": {"id": account}, "timestamp": at,
             "message": {"mid": "ig_1", "text": "price?"}}]}]});
        shop.set_page(|page| page.instagram_id = Some(account.to_owned())).await;
        shop.receives(instagram.to_string()).await;
        let instagram = found(&shop, PAGE, Channel::Instagram, "7").await;
        let all = [&plain, &led, &elsewhere, &tagged, &instagram];
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        for (query, expected) in [
            ("", vec![&plain, &led, &elsewhere, &instagram]),
            ("state=done", vec![&tagged]),
            ("state=snoozed", vec![]),
            ("channel=instagram", vec![&instagram]),
            ("channel=messenger", vec![&plain, &led, &elsewhere]),
            ("ad=120200000000000007", vec![&led]),
            ("page=3333333333", vec![&elsewhere]),
            ("page=1111111111&channel=messenger", vec![&plain, &led]),
            ("page=3333333333&ad=120200000000000007", vec![]),
            ("state=done&channel=instagram", vec![]),
        ] {
            let queue = admin.get(&format!("/console/queue?{query}")).await.text;
            for one in all {
                let stands = queue.contains(&format!("id=\"c-{one}\""));
                assert_eq!(stands, expected.contains(&one), "{query}: {one}");
            }
        }
        let queue = admin.get("/console/queue").await.text;
        assert!(queue.contains("Title of 120200000000000007") && queue.contains("Instagram"), "{queue}");
        assert!(queue.contains("inbox/instagram_direct"), "each opens in its own inbox: {queue}");
    }
);

#[tokio::test(flavor = "multi_thread")]
async fn the_command_adds_invites_resets_and_lists() {
    let shop = Shop::on_sqlite().await;
    let run_with = |arguments: &[&str], input: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_salesbridge"));
        let command = command.env_clear().current_dir(std::env::temp_dir());
        let command = command.env("SALESBRIDGE_DATABASE_URL", &shop.url);
        let command = command.env("SALESBRIDGE_PUBLIC_URL", "https://bridge.shop.example/");
        let output = command.args(arguments).stdin(input).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let run = |arguments: &[&str]| run_with(arguments, Stdio::null());
    let (code, link) = run(&["user", "invite", "--role", "operator", "--name", "ნინო", "--page", PAGE]);
    let link = link.trim().to_owned();
    assert_eq!((code, link.lines().count()), (Some(0), 1));
    let path = link.strip_prefix("https://bridge.shop.example").expect("the address that people use");
    let guest = Visitor::comes(&shop).await;
    assert_eq!(guest.post(path, &[("password", PASSWORD)]).await.status, 303);
    guest.clone().logged_in("ნინო").await;
    let (_, reset) = run(&["user", "reset", "ნინო"]);
    assert_ne!(reset.trim(), link);
    let (_, list) = run(&["user", "list"]);
    assert!(list.contains("ნინო") && list.contains("operator") && list.contains(PAGE), "{list}");
    let add = ["user", "add", "--role", "admin", "--name", "giorgi"];
    let says = |words: &str| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(words.as_bytes()).unwrap();
        Stdio::from(reader)
    };
    assert_eq!(run_with(&add, says("short\n")).0, Some(1));
    assert_eq!(run_with(&add, says(&format!("{PASSWORD}\n"))), (Some(0), String::new()));
    Visitor::comes(&shop).await.logged_in("giorgi").await;
    assert_eq!(run(&["user", "invite", "--role", "king", "--name", "x"]).0, Some(2));
    assert_eq!(run(&["user", "reset", "nobody"]).0, Some(1));
    assert_eq!(run(&["user", "invite", "--role", "operator", "--name", "ნინო"]).0, Some(1));
}
