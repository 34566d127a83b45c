//! `WhatsApp`, where everything stands in the `value` of a change. The business account (`entry.id`) takes the place of
//! the Page, in conversions too; a person's id is their `wa_id`.

use crate::domain::basic::identity::{PageId, PersonId};
use crate::domain::conversation::inbound::{
    Author, CartLine, Channel, InboundEvent, InboundKind, Referral, WebhookContent,
};
use crate::meta::webhook::chat::MALFORMED;
use crate::meta::webhook::json::{Json, word};

/// Reads the messages, statuses and errors of a change. False if it holds none of them.
pub(super) fn read(page_id: &PageId, value: &Json<'_>, content: &mut WebhookContent) -> bool {
    let before = content.events.len() + content.kept.len();
    // What the shop writes in the WhatsApp Business app comes as `message_echoes`.
    for (list, person, author) in
        [("messages", "from", Author::Customer), ("message_echoes", "to", Author::Operator)]
    {
        for message in value.each(list) {
            match event(page_id, message, person, author) {
                Ok(event) => content.events.push(event),
                Err(kind) => content.kept.push((page_id.clone(), kind.to_owned())),
            }
        }
    }
    for (list, kind) in [("statuses", "status"), ("automatic_events", "automatic_event"), ("errors", "error")]
    {
        content.kept.extend(value.each(list).iter().map(|_| (page_id.clone(), kind.to_owned())));
    }
    content.events.len() + content.kept.len() > before
}

/// One message. `person` is the member that names the person: `from`, or `to` of an echo.
///
/// # Errors
/// The word under which the message is kept because it is not applied.
fn event(
    page_id: &PageId,
    message: &Json<'_>,
    person: &str,
    author: Author,
) -> Result<InboundEvent, &'static str> {
    let mid = message.mid("id").ok_or(MALFORMED)?;
    let message_type = message.get("type").and_then(Json::str).unwrap_or_default();
    let kind = match message_type {
        "reaction" => return Err("reaction"),
        "system" => return Err("system"),
        "order" => cart(mid, message.get("order").ok_or(MALFORMED)?),
        _ => InboundKind::Message {
            mid: Some(mid),
            author,
            text: message_text(message, message_type),
            attachments: attachments(message_type),
        },
    };
    Ok(InboundEvent {
        page_id: page_id.clone(),
        channel: Channel::Whatsapp,
        person_id: PersonId(message.id_of(person).ok_or(MALFORMED)?),
        at: message.moment("timestamp").ok_or(MALFORMED)?,
        kind,
        referral: message.get("referral").and_then(referral),
    })
}

/// The text that the person wrote, or the title of what they tapped.
fn message_text(message: &Json<'_>, kind: &str) -> Option<String> {
    let part = message.get(kind)?;
    match kind {
        "text" => part.text("body"),
        "button" => part.text("text"),
        "interactive" => {
            ["button_reply", "list_reply"].iter().find_map(|reply| part.get(reply)?.text("title"))
        }
        _ => part.text("caption"),
    }
}

/// The kinds of the attachments: a message of any other type than text is an attachment of that type.
fn attachments(kind: &str) -> Vec<String> {
    if matches!(kind, "text" | "button" | "interactive") { Vec::new() } else { vec![word(kind).to_owned()] }
}

fn cart(mid: String, order: &Json<'_>) -> InboundKind {
    let products = order.each("product_items").iter().filter(|product| product.is_object());
    let lines = products.map(|product| CartLine {
        sku: product
            .get("product_retailer_id")
            .and_then(Json::id)
            .or_else(|| product.line("product_retailer_id")),
        product_id: None,
        name: None,
        unit_price: product.digits("item_price"),
        currency: product.line("currency"),
        quantity: product.whole("quantity"),
    });
    InboundKind::Cart { mid: Some(mid), lines: lines.collect(), note: order.text("text") }
}

/// The ad or post that led to the chat, with the id of the click on it (`ctwa_clid`).
fn referral(json: &Json<'_>) -> Option<Referral> {
    let source = json.line("source_type");
    let is_ad = source.as_deref().is_none_or(|source| source == "ad");
    let referral = Referral {
        ad_id: json.get("source_id").and_then(Json::id).filter(|_| is_ad),
        r#ref: None,
        source,
        kind: None,
        ad_title: json.line("headline"),
        click_id: json.line("ctwa_clid"),
    };
    (referral != Referral::default()).then_some(referral)
}
