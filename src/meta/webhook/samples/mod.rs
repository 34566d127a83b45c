//! Samples in the forms of Meta's documentation of webhooks, with invented ids and texts, and what each becomes.

mod other_channels;

use crate::domain::conversation::inbound::{
    InboundEvent, InboundKind, LabelChange, Referral, WebhookContent,
};
use crate::meta::webhook::read;

/// What a body became, one line for each event, label and kept word. The samples are invented, so that ids and texts
/// may show.
fn described(content: &WebhookContent) -> Vec<String> {
    let events = content.events.iter().map(|event| {
        let InboundEvent { page_id, channel, person_id, at, kind, referral } = event;
        let kind = match kind {
            InboundKind::Message { mid, author, text, attachments } => {
                format!(
                    "{} {} {} {attachments:?}",
                    author.as_str(),
                    shown(mid.as_ref()),
                    shown(text.as_ref())
                )
            }
            InboundKind::Edited { mid, author, text, number } => {
                format!("{} edits {mid} to {} #{number}", author.as_str(), shown(text.as_ref()))
            }
            InboundKind::Deleted { mid } => format!("deletes {mid}"),
            InboundKind::Cart { mid, lines, note } => {
                let lines: Vec<String> = lines
                    .iter()
                    .map(|line| {
                        let quantity = line.quantity.unwrap_or_default();
                        let (sku, name) = (shown(line.sku.as_ref()), shown(line.name.as_ref()));
                        format!(
                            "{quantity} x {sku} {name} {} {}",
                            shown(line.unit_price.as_ref()),
                            shown(line.currency.as_ref())
                        )
                    })
                    .collect();
                format!("cart {} {lines:?} {}", shown(mid.as_ref()), shown(note.as_ref()))
            }
            InboundKind::Contact { fields } => {
                let fields = fields.iter().map(|one| format!("{}={}", one.key, one.value));
                format!("contact {}", fields.collect::<Vec<_>>().join(", "))
            }
            InboundKind::Referral => "referral".to_owned(),
        };
        let led = referral.as_ref().map(|referral| {
            let Referral { ad_id, r#ref, source, kind, ad_title, click_id } = referral;
            let parts = [ad_id, r#ref, source, kind, ad_title, click_id];
            format!(" <- {}", parts.map(|part| shown(part.as_ref()).to_owned()).join(" "))
        });
        format!(
            "{} {} {} {}: {kind}{}",
            channel.as_str(),
            page_id,
            person_id.as_str(),
            at.millis(),
            led.unwrap_or_default()
        )
    });
    let labels = content.labels.iter().map(|label| {
        let LabelChange { page_id, person_id, at, added, label_id, name } = label;
        let sign = if *added { '+' } else { '-' };
        format!("{page_id} {} {}: {sign}{label_id} {}", person_id.as_str(), at.millis(), shown(name.as_ref()))
    });
    let kept = content.kept.iter().map(|(page_id, kind)| format!("{page_id} kept {kind}"));
    events.chain(labels).chain(kept).collect()
}

fn shown(text: Option<&String>) -> &str {
    text.map_or("-", String::as_str)
}

/// An event with these members; unless they say otherwise, from the person to the Page at 1717171717000.
fn event(members: &str) -> String {
    let mut item = members.to_owned();
    if !members.contains("\"sender\"") {
        item.push_str(r#","sender":{"id":"2222222222222222"},"recipient":{"id":"1111111111"}"#);
    }
    if !members.contains("\"timestamp\"") {
        item.push_str(r#","timestamp":1717171717000"#);
    }
    format!("{{{item}}}")
}

/// Asserts that an event becomes the same in `messaging`, in `standby`, and as a change of the field.
#[track_caller]
fn becomes(field: &str, members: &str, expected: &str) {
    let item = event(members);
    let expected = expected.replace('~', "messenger 1111111111 2222222222222222 1717171717000:");
    let expected = expected.replace("kept", "1111111111 kept");
    for list in [
        format!(r#""messaging":[{item}]"#),
        format!(r#""standby":[{item}]"#),
        format!(r#""changes":[{{"field":"{field}","value":{item}}}]"#),
    ] {
        let body =
            format!(r#"{{"object":"page","entry":[{{"id":"1111111111","time":1717171717123,{list}}}]}}"#);
        assert_eq!(described(&read(body.as_bytes()).unwrap()), [expected.as_str()], "{body}");
    }
}

#[track_caller]
fn body_becomes(body: &str, expected: &[&str]) {
    assert_eq!(described(&read(body.as_bytes()).unwrap()), expected, "{body}");
}

#[test]
fn envelopes() {
    body_becomes(
        r#"{"object":"page","entry":[{"id":"1","time":1717171717000,"messaging":[{"message":{"mid":"m_1","text":"caf\u00e9 \/ ok"}}]}]}"#,
        &["1 kept malformed"],
    );
    body_becomes(
        r#"{"object":"page","entry":[{"id":"1111111111","time":1717171717123,"messaging":[
          {"sender":{"id":"2222222222222222"},"recipient":{"id":"1111111111"},"timestamp":1717171717000,"message":{"mid":"m_AbC","text":"Hi"}}]}]}"#,
        &["messenger 1111111111 2222222222222222 1717171717000: customer m_AbC Hi []"],
    );
    body_becomes(
        r#"{"object":"page","entry":[{"id":"1111111111","time":1717171717123,"standby":[
          {"sender":{"id":"2222222222222222"},"recipient":{"id":"1111111111"},"timestamp":1717171717000,"message":{"mid":"m_Sb","text":"hello"}}]}]}"#,
        &["messenger 1111111111 2222222222222222 1717171717000: customer m_Sb hello []"],
    );
    body_becomes(
        r#"{"object":"page","entry":[{"id":"1111111111","time":1717171717,"changed_fields":["inbox_labels"]}]}"#,
        &["1111111111 kept changed_field:inbox_labels"],
    );
    body_becomes(
        r#"{"object":"page","entry":[{"id":1111111111,"time":"1717171717","changes":[
          {"field":"feed","value":{"item":"comment","message":"Nice!","from":{"id":"2"}}},
          {"field":"leadgen","value":{"leadgen_id":"4","form_id":"5"}}]}]}"#,
        &["1111111111 kept change:feed", "1111111111 kept change:leadgen"],
    );
    body_becomes(r#"{"object":"user","entry":[{"id":"1"}]}"#, &[" kept object:user"]);
}

#[test]
fn samples_of_the_dashboard() {
    let sample = r#"{"field":"messages","value":{"sender":{"id":"12334"},"recipient":{"id":"23245"},"timestamp":"1527459824",
      "message":{"mid":"test_message_id","text":"test_message","commands":[{"name":"command123"}]}}}"#;
    body_becomes(sample, &["messenger 23245 12334 1527459824000: customer test_message_id test_message []"]);
    body_becomes(
        &format!(r#"{{"object":"page","entry":[{{"id":"0","time":1527459824,"changes":[{sample}]}}]}}"#),
        &["messenger 0 12334 1527459824000: customer test_message_id test_message []"],
    );
    body_becomes(
        r#"{"field":"inbox_labels","value":{"action":"add","label":{"id":"5","name":"Paid"},"user":{"id":"2"}}}"#,
        &[" kept malformed"],
    );
}

#[test]
fn messages() {
    becomes(
        "messages",
        r#""message":{"mid":"m_AbC","text":"Yes please","quick_reply":{"payload":"ORDER_CONFIRM:77"},"reply_to":{"mid":"m_Prev","is_self_reply":false}}"#,
        "~ customer m_AbC Yes please []",
    );
    becomes(
        "messages",
        r#""message":{"mid":"m_Att","attachments":[{"type":"image","payload":{"url":"https://cdn.example/receipt.jpg"}}]}"#,
        r#"~ customer m_Att - ["image"]"#,
    );
    becomes(
        "messages",
        r#""message":{"mid":"m_Prod","attachments":[{"type":"template","payload":{"product":{"elements":[
          {"id":"9001","retailer_id":"SKU-1","image_url":"https://cdn.example/1.jpg","title":"Bag","subtitle":"$99.00"}]}}}]}"#,
        r#"~ customer m_Prod - ["template"]"#,
    );
    becomes(
        "messages",
        r#""message":{"mid":"m_Appt","attachments":[{"type":"appointment_booking","payload":{"booking_id":"1","status":"requested"}},
          {"type":"fallback","payload":null},{"type":"Private words"},{"payload":{}},7]}"#,
        r#"~ customer m_Appt - ["appointment_booking", "fallback", "unknown", "unknown", "unknown"]"#,
    );
    becomes(
        "messages",
        r#""message":{"mid":"m_Cmd","text":"/size","commands":[{"name":"size"}]}"#,
        "~ customer m_Cmd /size []",
    );
    becomes(
        "messages",
        r#""message":{"mid":"m_Shop","text":"This one?","referral":{"product":{"id":"9001"}}}"#,
        "~ customer m_Shop This one? []",
    );
    becomes(
        "messages",
        r#""message":{"mid":"m_Ad1","text":"Is this available?","referral":{"ref":"spring_sale","ad_id":"120200000000000001","source":"ADS","type":"OPEN_THREAD",
          "ads_context_data":{"ad_title":"Spring bags","photo_url":"https://cdn.example/p.jpg","video_url":"https://cdn.example/v.mp4","post_id":"1111_3333","product_id":"9001","flow_id":"55"}}}"#,
        "~ customer m_Ad1 Is this available? [] <- 120200000000000001 spring_sale ADS OPEN_THREAD Spring bags -",
    );
    becomes("messages", r#""message":{"mid":"m_Del","is_deleted":true}"#, "~ deletes m_Del");
    for hops in ["[HOP]", "HOP", "7"] {
        let hop = r#"{"app_id":413038776280800,"metadata":"messenger_lead_gen_complete"}"#;
        let members = r#""message":{"mid":"m_Lead","text":"Name: Ann","hop_context":HOPS}"#;
        becomes(
            "messages",
            &members.replace("HOPS", &hops.replace("HOP", hop)),
            "~ customer m_Lead Name: Ann []",
        );
    }
    becomes(
        "messages",
        r#""message":{"mid":"m_Adm","admin_text":{"text":"Ann replied to an ad"}}"#,
        "kept admin_text",
    );
    becomes("messages", r#""message":{"text":"no mid"}"#, "kept malformed");
}

#[test]
fn echoes() {
    let echo = |fields: &str| {
        format!(
            r#""sender":{{"id":"1111111111"}},"recipient":{{"id":"2222222222222222"}},"message":{{"is_echo":true,{fields}}}"#
        )
    };
    for (fields, expected) in [
        (
            r#""app_id":1517776481860111,"metadata":"order=77","mid":"m_Echo","text":"Order 77 confirmed, total 12.50 EUR""#,
            "~ app m_Echo Order 77 confirmed, total 12.50 EUR []",
        ),
        (r#""app_id":"263902037430900","mid":"m_Echo","text":"paid""#, "~ operator m_Echo paid []"),
        (
            r#""mid":"m_Echo","attachments":[{"type":"template","payload":{"id":123}},{"type":"fallback","payload":null}]"#,
            r#"~ operator m_Echo - ["template", "fallback"]"#,
        ),
        (r#""mid":"m_Echo","is_deleted":true"#, "~ deletes m_Echo"),
    ] {
        becomes("message_echoes", &echo(fields), expected);
    }
}

#[test]
fn postbacks() {
    becomes(
        "messaging_postbacks",
        r#""postback":{"mid":"m_Pb","title":"Get Started","payload":"GET_STARTED",
          "referral":{"ref":"w_8fK2","source":"SHORTLINK","type":"OPEN_THREAD","ad_id":"120200000000000001"}}"#,
        "~ customer m_Pb Get Started [] <- 120200000000000001 w_8fK2 SHORTLINK OPEN_THREAD - -",
    );
    becomes("messaging_postbacks", r#""postback":{"title":"Go"}"#, "~ customer - Go []");
    becomes(
        "messaging_postbacks",
        r#""sender":{"user_ref":"UNIQUE"},"postback":{"mid":"m_Pb","title":"Go"}"#,
        "kept user_ref",
    );
}

#[test]
fn referrals() {
    becomes(
        "messaging_referrals",
        r#""referral":{"ref":"w_8fK2","source":"SHORTLINK","type":"OPEN_THREAD","referer_uri":"https://shop.example/p/1"}"#,
        "~ referral <- - w_8fK2 SHORTLINK OPEN_THREAD - -",
    );
    for key in ["referral", "messaging_referral"] {
        becomes(
            "messaging_referral",
            &r#""KEY":{"ref":"spring_sale","ad_id":"120200000000000001","source":"ADS","type":"OPEN_THREAD",
              "ads_context_data":{"ad_title":"Spring bags","photo_url":"https://cdn.example/p.jpg","post_id":"1111_3333","product_id":"9001","flow_id":"55"}}"#
                .replace("KEY", key),
            "~ referral <- 120200000000000001 spring_sale ADS OPEN_THREAD Spring bags -",
        );
    }
    becomes(
        "messaging_referrals",
        r#""timestamp":1717171717,"referral":{"ref":"r1","ad_id":"120200000000000001","source":"ADS","type":"LEAD_COMPLETE"},
          "lead":{"data":[{"question":"What is your email?","answer":"a@b.example"}]}"#,
        "~ contact What is your email?=a@b.example <- 120200000000000001 r1 ADS LEAD_COMPLETE - -",
    );
    becomes(
        "messaging_referrals",
        r#""referral":{"ref":"r1","type":"LEAD_INCOMPLETE"},"lead":{"data":[]}"#,
        "~ referral <- - r1 - LEAD_INCOMPLETE - -",
    );
}

#[test]
fn what_is_kept_only() {
    for (field, kind, members) in [
        (
            "messaging_optins",
            "optin",
            r#""optin":{"type":"notification_messages","payload":"back_in_stock","notification_messages_token":"tok","notification_messages_timezone":"Europe/Berlin",
              "token_expiry_timestamp":1748707717000,"user_token_status":"NOT_REFRESHED","notification_messages_status":"RESUME NOTIFICATIONS","title":"Deals"}"#,
        ),
        ("messaging_optins", "optin", r#""optin":{"ref":"PASS_THROUGH","user_ref":"UNIQUE"}"#),
        ("message_deliveries", "delivery", r#""delivery":{"mids":["m_1"],"watermark":1717171717000}"#),
        ("message_deliveries", "delivery", r#""delivery":{"watermark":1717171717000}"#),
        ("message_reads", "read", r#""timestamp":1717171718000,"read":{"watermark":1717171717000}"#),
        ("messaging_seen", "read", r#""read":{"mid":"m_1"}"#),
        (
            "message_reactions",
            "reaction",
            r#""reaction":{"reaction":"love","emoji":"\u2764","action":"react","mid":"m_1"}"#,
        ),
        ("message_reactions", "reaction", r#""reaction":{"action":"unreact","mid":"m_1"}"#),
        ("response_feedback", "feedback", r#""response_feedback":{"feedback":"Good response","mid":"m_1"}"#),
        (
            "messaging_handovers",
            "handover",
            r#""pass_thread_control":{"previous_owner_app_id":"123","new_owner_app_id":"263902037430900","metadata":"to human"}"#,
        ),
        (
            "messaging_handover",
            "handover",
            r#""take_thread_control":{"previous_owner_app_id":"123","new_owner_app_id":null,"metadata":""}"#,
        ),
        (
            "messaging_handovers",
            "handover",
            r#""request_thread_control":{"requested_owner_app_id":456,"metadata":"pls"}"#,
        ),
        ("messaging_handover", "handover", r#""app_roles":{"123456789":["primary_receiver"]}"#),
        ("messaging_in_thread_lead_form_submit", "form", r#""timestamp":"1527459824","form":{"id":"789"}"#),
        (
            "messaging_policy_enforcement",
            "policy",
            r#""policy_enforcement":{"action":"block","reason":"Spam"}"#,
        ),
        (
            "messaging_account_linking",
            "account_linking",
            r#""account_linking":{"status":"linked","authorization_code":"c"}"#,
        ),
    ] {
        becomes(field, members, &format!("kept {kind}"));
    }
    // Without a sender these two are the same.
    body_becomes(
        r#"{"object":"page","entry":[{"id":"1111111111","time":1717171717123,"messaging":[
          {"recipient":{"id":"1111111111"},"timestamp":1717171719000,"app_roles":{"123456789":["primary_receiver"]}},
          {"recipient":{"id":"1111111111"},"timestamp":1717171717000,"policy_enforcement":{"action":"block","reason":"Spam"}},
          {"sender":{"id":"2"},"recipient":{"id":"1111111111"},"marketing_message_click":{}}],
          "changes":[{"field":"marketing_message_clicks","value":{}},{"field":"messaging_optouts","value":{"optout":{}}}]}]}"#,
        &[
            "1111111111 kept handover",
            "1111111111 kept policy",
            "1111111111 kept event:marketing_message_click",
            "1111111111 kept change:marketing_message_clicks",
            "1111111111 kept change:messaging_optouts",
        ],
    );
}

#[test]
fn edits() {
    becomes(
        "message_edits",
        r#""message_edit":{"mid":"m_1","text":"Size M","num_edit":1}"#,
        "~ customer edits m_1 to Size M #1",
    );
    becomes(
        "message_edits",
        r#""message_edit":{"mid":"m_1","num_edit":"5"}"#,
        "~ customer edits m_1 to - #5",
    );
}

#[test]
fn labels() {
    let label = |value: &str, time: &str| {
        format!(
            r#"{{"object":"page","entry":[{{"id":"1111111111","time":{time},"changes":[{{"field":"inbox_labels","value":{value}}}]}}]}}"#
        )
    };
    let value = r#"{"user":{"id":"2222222222222222"},"action":"add","label":{"id":"588120122044608","page_label_name":"Paid"}}"#;
    let expected = "1111111111 2222222222222222 1717171717000: +588120122044608 Paid";
    for time in ["1717171717", "1717171717000", "\"1717171717\""] {
        body_becomes(&label(value, time), &[expected]);
    }
    for (from, to, expected) in [
        ("\"add\"", "\"add_label\"", expected.to_owned()),
        ("\"add\"", "\"remove\"", expected.replace('+', "-")),
        ("\"add\"", "\"remove_label\"", expected.replace('+', "-")),
        ("page_label_name", "name", expected.to_owned()),
        (
            "\"588120122044608\",\"page_label_name\":\"Paid\"",
            "588120122044608",
            expected.replace("Paid", "-"),
        ),
        ("{\"id\":\"2222222222222222\"}", "{\"id\":2222222222222222}", expected.to_owned()),
        ("\"add\"", "\"create_label\"", "1111111111 kept change:inbox_labels".to_owned()),
        ("\"add\"", "\"delete_label\"", "1111111111 kept change:inbox_labels".to_owned()),
        ("\"user\"", "\"nobody\"", "1111111111 kept change:inbox_labels".to_owned()),
        ("\"label\"", "\"nothing\"", "1111111111 kept malformed".to_owned()),
    ] {
        assert!(value.contains(from), "{from}");
        body_becomes(&label(&value.replace(from, to), "1717171717"), &[&expected]);
    }
}

#[test]
fn forms_and_carts() {
    becomes(
        "messaging_customer_information",
        r#""messaging_customer_information":{"screens":[{"screen_id":"ID2","responses":[{"key":"name","value":"John Doe"},{"key":"email","value":"j@d.example"}]}]}"#,
        "~ contact name=John Doe, email=j@d.example",
    );
    becomes(
        "messaging_in_thread_lead_form_submit",
        r#""form":{"id":"789","data":[{"question":"Phone?","answer":"555 12 34 56"},{"question":"Size?"}]}"#,
        "~ contact Phone?=555 12 34 56",
    );
    becomes(
        "send_cart",
        r#""order":{"products":[{"id":"9001","retailer_id":"SKU-1","name":"Bag","unit_price":99.0,"currency":"USD","quantity":1}],"note":"gift wrap"}"#,
        r#"~ cart - ["1 x SKU-1 Bag 99.0 USD"] gift wrap"#,
    );
    becomes(
        "send_cart",
        r#""order":{"products":[{"id":9001,"retailer_id":77,"unit_price":"12.50","quantity":"2"},{},7]}"#,
        r#"~ cart - ["2 x 77 - 12.50 -", "0 x - - - -"] -"#,
    );
    becomes("send_cart", r#""order":{"products":7}"#, "kept malformed");
}
