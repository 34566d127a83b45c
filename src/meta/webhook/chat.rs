//! One event of a chat in Messenger or on Instagram. Its form is the same in `messaging[]`, in `standby[]` (while
//! another app owns the thread), and as the `value` of a change (Meta's documentation of webhook events).

use crate::clock::Timestamp;
use crate::domain::basic::identity::{PageId, PersonId};
use crate::domain::conversation::inbound::{
    Author, CartLine, Channel, FormAnswer, InboundEvent, InboundKind, Referral,
};
use crate::meta::webhook::json::{Json, word};

/// The app ids of Meta's own inbox: echoes with one of them were typed by a human. The first is in Meta's documentation,
/// the second in live traffic.
const INBOX_APP_IDS: [&str; 2] = ["26390203743090", "263902037430900"];

/// The word under which an event is kept whose form is known but incomplete.
pub(super) const MALFORMED: &str = "malformed";

/// Members that make an event which is only kept and counted, with the word under which it is kept.
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

/// The entry in which an event stands.
pub(super) struct EntryContext<'a> {
    /// The Page that the entry is about; for WhatsApp, the business account.
    pub(super) page_id: &'a PageId,
    pub(super) channel: Channel,
    /// The time of the entry, for events that have none of their own.
    pub(super) entry_time: Option<Timestamp>,
}

/// Reads one event. `None` if no member says what it is.
///
/// # Errors
/// The word under which the event is kept because it is not applied.
pub(super) fn read(entry: &EntryContext<'_>, item: &Json<'_>) -> Option<Result<InboundEvent, &'static str>> {
    if !item.is_object() {
        return Some(Err(MALFORMED));
    }
    let read = Event { page_id: entry.page_id.as_str(), item }.read()?;
    Some(read.and_then(|(kind, referral)| entry.event(item, kind, referral)))
}

impl EntryContext<'_> {
    /// The event with its person and time. The person is the one of sender and recipient that is not the Page.
    fn event(
        &self,
        item: &Json<'_>,
        kind: InboundKind,
        referral: Option<Referral>,
    ) -> Result<InboundEvent, &'static str> {
        let page = self.page_id.as_str();
        let is_echo = item.get("message").is_some_and(|message| message.is_true("is_echo"));
        let from_page = is_echo || item.has_id("sender", page);
        let person = if from_page { "recipient" } else { "sender" };
        let Some(psid) = item.id_of(person) else {
            let by_reference = item.get(person).is_some_and(|person| person.get("user_ref").is_some());
            // Somebody who opted in on a website has no PSID before they write.
            return Err(if by_reference { "user_ref" } else { MALFORMED });
        };
        // A message of the Page to itself is about no person.
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
            kind,
            referral,
        })
    }
}

/// The members of one event.
struct Event<'a> {
    page_id: &'a str,
    item: &'a Json<'a>,
}

/// What happened and the referral that came with it, or the word under which the event is kept.
type Read = Result<(InboundKind, Option<Referral>), &'static str>;

impl Event<'_> {
    fn read(&self) -> Option<Read> {
        // In this order: an event may hold a referral beside its message.
        const APPLIED: [&str; 9] = [
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
        if let Some((key, value)) = APPLIED.into_iter().find_map(|key| Some((key, self.item.get(key)?))) {
            return Some(match key {
                _ if !value.is_object() => Err(MALFORMED),
                "message" => self.message(value),
                "postback" => Ok((tapped_button(value), self.referral_of(value))),
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
        let kind = InboundKind::Message { mid: Some(mid), author: self.author(message), text, attachments };
        Ok((kind, self.referral_of(message)))
    }

    fn edit(&self, edit: &Json<'_>) -> Read {
        let kind = InboundKind::Edited {
            mid: edit.mid("mid").ok_or(MALFORMED)?,
            author: self.author(edit),
            text: edit.text("text"),
            number: edit.whole("num_edit").unwrap_or(1),
        };
        Ok((kind, None))
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
            self.referral_of(order),
        ))
    }

    /// A form that the customer filled in. Its answers stand in one of three shapes: `screens[].responses[]`,
    /// `responses[]`, or `data[]`. Without any it is a referral, or else only kept.
    fn form(&self, form: &Json<'_>) -> Read {
        let screens = form.each("screens").iter().flat_map(|screen| screen.each("responses"));
        let responses = screens.chain(form.each("responses")).map(|one| (one.line("key"), one.text("value")));
        let data = form.each("data").iter().map(|one| (one.line("question"), one.text("answer")));
        let fields: Vec<FormAnswer> = responses
            .chain(data)
            .filter_map(|(key, value)| Some(FormAnswer { key: key.unwrap_or_default(), value: value? }))
            .collect();
        let referral = self.referral_of(form);
        match (fields.is_empty(), &referral) {
            (false, _) => Ok((InboundKind::Contact { fields }, referral)),
            (true, Some(_)) => Ok((InboundKind::Referral, referral)),
            (true, None) => Err("form"),
        }
    }

    fn author(&self, message: &Json<'_>) -> Author {
        if !message.is_true("is_echo") && !self.item.has_id("sender", self.page_id) {
            return Author::Customer;
        }
        match message.get("app_id").and_then(Json::id) {
            Some(app) if !INBOX_APP_IDS.contains(&app.as_str()) => Author::App,
            _ => Author::Operator,
        }
    }

    /// The referral, which Meta sends inside of `value` or beside it.
    fn referral_of(&self, value: &Json<'_>) -> Option<Referral> {
        [value.get("referral"), self.item.get("referral"), self.item.get("messaging_referral")]
            .into_iter()
            .flatten()
            .find_map(referral)
    }
}

/// A postback: the customer tapped a button, whose title is what they said.
fn tapped_button(postback: &Json<'_>) -> InboundKind {
    InboundKind::Message {
        mid: postback.mid("mid"),
        author: Author::Customer,
        text: postback.text("title"),
        attachments: Vec::new(),
    }
}

/// The ad or link that led to the chat. A referral with none of these members names a shared product and is none.
fn referral(json: &Json<'_>) -> Option<Referral> {
    let referral = Referral {
        ad_id: json.get("ad_id").and_then(Json::id),
        r#ref: json.line("ref"),
        source: json.line("source"),
        kind: json.line("type"),
        ad_title: json.get("ads_context_data").and_then(|context| context.line("ad_title")),
        click_id: None,
    };
    (referral != Referral::default()).then_some(referral)
}
