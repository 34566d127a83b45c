//! Samples of Instagram and WhatsApp.

use crate::meta::webhook::samples::body_becomes;

#[test]
fn instagram() {
    let instagram = |members: &str| {
        let item = format!(
            r#"{{"sender":{{"id":"7000000000000001"}},"recipient":{{"id":"17840000000000001"}},"timestamp":1717171717000,{members}}}"#
        );
        format!(
            r#"{{"object":"instagram","entry":[{{"id":"17840000000000001","time":1717171717123,"messaging":[{item}]}}]}}"#
        )
    };
    let from = "instagram 17840000000000001 7000000000000001 1717171717000:";
    for (members, expected) in [
        (
            r#""message":{"mid":"aWdf","text":"price?","referral":{"ref":"r","ad_id":"1202","source":"ADS","type":"OPEN_THREAD","ads_context_data":{"ad_title":"t","photo_url":"https://cdn.example/p.jpg"}}}"#,
            format!("{from} customer aWdf price? [] <- 1202 r ADS OPEN_THREAD t -"),
        ),
        (r#""message":{"mid":"aWdf","is_deleted":true}"#, format!("{from} deletes aWdf")),
        (
            r#""message":{"mid":"aWdf","is_unsupported":true}"#,
            format!(r#"{from} customer aWdf - ["unsupported"]"#),
        ),
        (r#""messaging_referral":{"ref":"r"}"#, format!("{from} referral <- - r - - - -")),
        (r#""read":{"mid":"aWdf"}"#, "17840000000000001 kept read".to_owned()),
    ] {
        body_becomes(&instagram(members), &[&expected]);
    }
    body_becomes(
        r#"{"object":"instagram","entry":[{"id":"17840000000000001","time":1717171717123,"messaging":[
          {"sender":{"id":"17840000000000001"},"recipient":{"id":"7000000000000001"},"timestamp":1717171717000,"message":{"mid":"e","text":"yes","is_echo":true}},
          {"sender":{"id":"17840000000000001"},"recipient":{"id":"17840000000000001"},"timestamp":1717171717000,"message":{"mid":"s","text":"note","is_echo":true,"is_self":true}}],
          "changes":[{"field":"messages","value":{"sender":{"id":"12334"},"recipient":{"id":"23245"},"timestamp":"1527459824","message":{"mid":"random_mid","text":"random_text"}}},
            {"field":"comments","value":{"id":"1","text":"Nice"}}]}]}"#,
        &[
            &format!("{from} operator e yes []"),
            "instagram 17840000000000001 12334 1527459824000: customer random_mid random_text []",
            "17840000000000001 kept self",
            "17840000000000001 kept change:comments",
        ],
    );
}

#[test]
fn whatsapp() {
    let whatsapp = |field: &str, value: &str| {
        format!(
            r#"{{"object":"whatsapp_business_account","entry":[{{"id":"5555","changes":[{{"field":"{field}","value":{{"messaging_product":"whatsapp",
              "metadata":{{"display_phone_number":"15550783881","phone_number_id":"106540352242922"}},{value}}}}}]}}]}}"#
        )
    };
    body_becomes(
        &whatsapp(
            "messages",
            r#""contacts":[{"profile":{"name":"Ann"},"wa_id":"16505551234"}],
              "messages":[{"from":"16505551234","id":"wamid.X","timestamp":"1749069000","type":"text","text":{"body":"Hi"},
              "referral":{"source_url":"https://fb.me/x","source_id":"120200000000000001","source_type":"ad","headline":"h","body":"b","media_type":"image","image_url":"https://cdn.example/i.jpg","ctwa_clid":"ARAkLk"}}]"#,
        ),
        &[
            "whatsapp 5555 16505551234 1749069000000: customer wamid.X Hi [] <- 120200000000000001 - ad - h ARAkLk",
        ],
    );
    body_becomes(
        &whatsapp(
            "automatic_events",
            r#""automatic_events":[
              {"id":"wamid.A1","event_name":"LeadSubmitted","timestamp":1749069089,"ctwa_clid":"ARAkLk"},
              {"id":"wamid.A2","event_name":"Purchase","timestamp":1749069131,"ctwa_clid":"ARAkLk","custom_data":{"currency":"USD","value":25000.0}}]"#,
        ),
        &["5555 kept automatic_event", "5555 kept automatic_event"],
    );
    let from = "whatsapp 5555 16505551234 1749069000000:";
    for (message, expected) in [
        (r#""type":"button","button":{"text":"Order","payload":"p"}"#, format!("{from} customer w Order []")),
        (
            r#""type":"interactive","interactive":{"type":"button_reply","button_reply":{"id":"1","title":"Yes"}}"#,
            format!("{from} customer w Yes []"),
        ),
        (
            r#""type":"interactive","interactive":{"type":"list_reply","list_reply":{"id":"1","title":"Bag","description":"d"}}"#,
            format!("{from} customer w Bag []"),
        ),
        (
            r#""type":"image","image":{"id":"3","mime_type":"image/jpeg","caption":"this"}"#,
            format!(r#"{from} customer w this ["image"]"#),
        ),
        (r#""type":"location","location":{"latitude":1.5}"#, format!(r#"{from} customer w - ["location"]"#)),
        (r#""type":"Private words""#, format!(r#"{from} customer w - ["unknown"]"#)),
        (
            r#""type":"order","order":{"catalog_id":"1","text":"gift","product_items":[{"product_retailer_id":"SKU-1","quantity":2,"item_price":12.5,"currency":"USD"}]}"#,
            format!(r#"{from} cart w ["2 x SKU-1 - 12.5 USD"] gift"#),
        ),
        (
            r#""type":"text","text":{"body":"Hi"},"referral":{"source_id":"77","source_type":"post","ctwa_clid":"c"}"#,
            format!("{from} customer w Hi [] <- - - post - - c"),
        ),
        (r#""type":"reaction","reaction":{"emoji":"x"}"#, "5555 kept reaction".to_owned()),
        (r#""type":"system","system":{"body":"Ann changed her number"}"#, "5555 kept system".to_owned()),
    ] {
        let messages =
            format!(r#""messages":[{{"from":"16505551234","id":"w","timestamp":"1749069000",{message}}}]"#);
        body_becomes(&whatsapp("messages", &messages), &[&expected]);
    }
    body_becomes(
        &whatsapp(
            "smb_message_echoes",
            r#""message_echoes":[{"from":"15550783881","to":"16505551234","id":"w","timestamp":"1749069000","type":"text","text":{"body":"paid"}}]"#,
        ),
        &[&format!("{from} operator w paid []")],
    );
    body_becomes(
        &whatsapp(
            "messages",
            r#""statuses":[{"id":"w","status":"read"}],"errors":[{"code":1}],"messages":[{"id":"w"},7]"#,
        ),
        &["5555 kept malformed", "5555 kept malformed", "5555 kept status", "5555 kept error"],
    );
    body_becomes(&whatsapp("account_update", r#""event":"VERIFIED""#), &["5555 kept change:account_update"]);
}
