//! An event of a chat in Messenger or on Instagram, wherever it is delivered: in `messaging[]`, in
//! `standby[]`, or as the `value` of a change.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{PageId, PersonId};
use crate::domain::conversation::inbound::{
    Author, CartLine, Channel, FormAnswer, InboundEvent, InboundKind, Referral,
};
use crate::meta::webhook::json::{Json, word};

/// Meta's own inbox, in both spellings that are seen: what it echoes was typed by a human.
const INBOXES: [&str; 2] = ["26390203743090", "263902037430900"];

/// The word for an event that has a known form in part only.
pub(super) const MALFORMED: &str = "malformed";

/// Events that are kept only, by the member that tells them, each with its word.
const KEPT: [(&str, &str); 11] = [
    ("read", "read"),
    ("delivery", "delivery"),
    ("reaction", "reaction"),
    ("optin", "optin"),
    ("response_feedback", "feedback"),
    ("pass_thread_control", "handover"),
    ("take_thread_control", "handover"),
    ("request_thread_control", "handover"),
    ("app_roles", "handover"),
    ("policy_enforcement", "policy"),
    ("account_linking", "account_linking"),
];

/// Where an event was found.
pub(super) struct Found<'a> {
    pub(super) page_id: &'a PageId,
    pub(super) channel: Channel,
    /// The time of its entry, for events that have none of their own.
    pub(super) entry_time: Option<Timestamp>,
}

/// One event, or the word that it is kept under; `None` when no member tells what it is.
pub(super) fn read(found: &Found<'_>, item: &Json<'_>) -> Option<Result<InboundEvent, &'static str>> {
    if !item.is_object() {
        return Some(Err(MALFORMED));
    }
    let read = Event { page_id: found.page_id.as_str(), item }.read()?;
    Some(read.and_then(|(what, referral)| found.event(item, what, referral)))
}

impl Found<'_> {
    /// Who and when.
    fn event(
        &self,
        item: &Json<'_>,
        what: InboundKind,
        referral: Option<Referral>,
    ) -> Result<InboundEvent, &'static str> {
        let page = self.page_id.as_str();
        let is_echo = item.get("message").is_some_and(|message| message.is_true("is_echo"));
        let from_page = is_echo || item.names("sender", page);
        let person = if from_page { "recipient" } else { "sender" };
        let Some(psid) = item.id_of(person) else {
            let by_reference = item.get(person).is_some_and(|person| person.get("user_ref").is_some());
            return Err(if by_reference { "user_ref" } else { MALFORMED });
        };
        if psid == page {
            return Err("self");
        }
        let at = if item.get("timestamp").is_some() { item.moment("timestamp") } else { self.entry_time };
        let at = at.ok_or(MALFORMED)?;
        Ok(InboundEvent {
            page_id: self.page_id.clone(),
            channel: self.channel,
            person_id: PersonId(psid),
            at,
            what,
            referral,
        })
    }
}

struct Event<'a> {
    page_id: &'a str,
    item: &'a Json<'a>,
}

type Read = Result<(InboundKind, Option<Referral>), &'static str>;

impl Event<'_> {
    fn read(&self) -> Option<Read> {
        const TOLD: [&str; 9] = [
            "message",
            "postback",
            "message_edit",
            "order",
            "messaging_customer_information",
            "form",
            "lead",
            "referral",
            "messaging_referral",
        ];
        if let Some((key, value)) = TOLD.into_iter().find_map(|key| Some((key, self.item.get(key)?))) {
            return Some(match key {
                _ if !value.is_object() => Err(MALFORMED),
                "message" => self.message(value),
                "postback" => Ok((tap(value), self.led_by(value))),
                "message_edit" => self.edit(value),
                "order" => self.cart(value),
                "referral" | "messaging_referral" => Ok((InboundKind::Referral, referral(value))),
                _ => self.form(value),
            });
        }
        let is_there = |key: &str| self.item.members().iter().any(|(name, _)| name == key);
        KEPT.into_iter().find(|(key, _)| is_there(key)).map(|(_, kind)| Err(kind))
    }

    fn message(&self, message: &Json<'_>) -> Read {
        let mid = message.mid("mid").ok_or(MALFORMED)?;
        if message.is_true("is_deleted") {
            return Ok((InboundKind::Deleted { mid }, None));
        }
        let text = message.text("text");
        let mut attachments: Vec<String> = message
            .each("attachments")
            .iter()
            .map(|one| word(one.get("type").and_then(Json::str).unwrap_or_default()).to_owned())
            .collect();
        if text.is_none() && attachments.is_empty() {
            if message.get("admin_text").is_some() {
                return Err("admin_text");
            }
            if message.is_true("is_unsupported") {
                attachments.push("unsupported".to_owned());
            }
        }
        let what = InboundKind::Message { mid: Some(mid), author: self.author(message), text, attachments };
        Ok((what, self.led_by(message)))
    }

    fn edit(&self, edit: &Json<'_>) -> Read {
        let what = InboundKind::Edited {
            mid: edit.mid("mid").ok_or(MALFORMED)?,
            author: self.author(edit),
            text: edit.text("text"),
            number: edit.whole("num_edit").unwrap_or(1),
        };
        Ok((what, None))
    }

    fn cart(&self, order: &Json<'_>) -> Read {
        let products = order.get("products").and_then(Json::list).ok_or(MALFORMED)?;
        let lines = products.iter().filter(|product| product.is_object()).map(|product| CartLine {
            sku: product.get("retailer_id").and_then(Json::id).or_else(|| product.line("retailer_id")),
            product_id: product.get("id").and_then(Json::id),
            name: product.line("name"),
            unit_price: product.digits("unit_price"),
            currency: product.line("currency"),
            quantity: product.whole("quantity"),
        });
        Ok((
            InboundKind::Cart { mid: None, lines: lines.collect(), note: order.text("note") },
            self.led_by(order),
        ))
    }

    /// A lead form, whose answers are in one of three shapes; without any it is kept only.
    fn form(&self, form: &Json<'_>) -> Read {
        let screens = form.each("screens").iter().flat_map(|screen| screen.each("responses"));
        let responses = screens.chain(form.each("responses")).map(|one| (one.line("key"), one.text("value")));
        let data = form.each("data").iter().map(|one| (one.line("question"), one.text("answer")));
        let fields: Vec<FormAnswer> = responses
            .chain(data)
            .filter_map(|(key, value)| Some(FormAnswer { key: key.unwrap_or_default(), value: value? }))
            .collect();
        let led = self.led_by(form);
        match (fields.is_empty(), &led) {
            (false, _) => Ok((InboundKind::Contact { fields }, led)),
            (true, Some(_)) => Ok((InboundKind::Referral, led)),
            (true, None) => Err("form"),
        }
    }

    fn author(&self, message: &Json<'_>) -> Author {
        if !message.is_true("is_echo") && !self.item.names("sender", self.page_id) {
            return Author::Customer;
        }
        match message.get("app_id").and_then(Json::id) {
            Some(app) if !INBOXES.contains(&app.as_str()) => Author::App,
            _ => Author::Operator,
        }
    }

    /// The referral inside of the event, or beside it.
    fn led_by(&self, value: &Json<'_>) -> Option<Referral> {
        [value.get("referral"), self.item.get("referral"), self.item.get("messaging_referral")]
            .into_iter()
            .flatten()
            .find_map(referral)
    }
}

/// A button that was tapped.
fn tap(postback: &Json<'_>) -> InboundKind {
    InboundKind::Message {
        mid: postback.mid("mid"),
        author: Author::Customer,
        text: postback.text("title"),
        attachments: Vec::new(),
    }
}

/// An ad or a link; a product that was shared in the shop is neither.
fn referral(json: &Json<'_>) -> Option<Referral> {
    let found = Referral {
        ad_id: json.get("ad_id").and_then(Json::id),
        r#ref: json.line("ref"),
        source: json.line("source"),
        kind: json.line("type"),
        ad_title: json.get("ads_context_data").and_then(|context| context.line("ad_title")),
        click_id: None,
    };
    (found != Referral::default()).then_some(found)
}
