//! Projection of the intake log into conversations: whatever the order and number of deliveries, the result is the
//! same.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::domain::basic::identity::{AccountId, ConversationId, PageId};
use crate::domain::conversation::chat::{self, Point};
use crate::domain::conversation::inbound::{Author, CartLine, Channel, InboundEvent, InboundKind};
use crate::domain::conversation::phone;
use crate::domain::conversation::recipient::Recipient;
use crate::error::Result;
use crate::flow::convert::apply::queue_all;
use crate::flow::convert::loaded::{Conversations, LoadedConversation};
use crate::flow::convert::silence::apply_silence;
use crate::flow::inbox::label;
use crate::flow::inbox::sentence::{self, OperatorMessage};
use crate::flow::tag::adopt;
use crate::flow::unit::run::{self, yield_between};
use crate::flow::unit::services::Services;
use crate::meta::webhook;
use crate::store::Unit;
use crate::store::conversation::MentionSource;
use crate::store::intake_log::BodiesMax;
use crate::store::message::{Edit, MessageContent, MessageId, MessagePosition, NewMessage};
use crate::store::recipient::RecipientKey;

/// The most bodies of one unit of work. It is large, so that a page of the database that many bodies touch is written
/// once.
pub const PROJECT_MAX: usize = 1000;

/// The bytes of bodies (16 MiB) after which a unit of work takes no more.
const PROJECT_BYTES: i64 = 16 << 20;

/// Projects the oldest bodies of the intake log into conversations; gives their number, 0 when none waits.
pub async fn project(services: &Services) -> Result<usize> {
    let now = services.clock.now();
    // With `keep_text` zero, what was received until now is dropped once it is projected; the bound is exclusive.
    let drop_before = services.keep_text.is_zero().then_some(now + Duration::from_millis(1));
    let projected = run::run(services, "project", |unit, _| {
        Box::pin(async move {
            let projected = project_within(unit, services, now).await?;
            if let Some(before) = drop_before.filter(|_| projected > 0) {
                unit.drop_texts(before).await?;
            }
            Ok(projected)
        })
    })
    .await?;
    if let Some(before) = drop_before.filter(|_| projected > 0) {
        services.store.drop_bodies(before).await?;
    }
    Ok(projected)
}

/// Reads bodies, applies their messages and labels, and counts what is not applied.
async fn project_within(unit: &mut Unit, services: &Services, now: Timestamp) -> Result<usize> {
    let count = i64::try_from(PROJECT_MAX).unwrap_or(i64::MAX);
    let bodies = unit.waiting_bodies(&services.store, BodiesMax { count, bytes: PROJECT_BYTES }).await?;
    if bodies.is_empty() {
        return Ok(0);
    }
    // By Page (empty where it can't be read) and kind.
    let mut counts: BTreeMap<(PageId, String), i64> = BTreeMap::new();
    let mut count = |page: &PageId, kind: &str| {
        *counts.entry((page.clone(), kind.to_owned())).or_default() += 1;
    };
    let mut accounts = Accounts::default();
    let (mut events, mut labels) = (Vec::new(), Vec::new());
    for (index, logged) in bodies.iter().enumerate() {
        yield_between(index).await;
        let content = match webhook::read(&logged.body) {
            Ok(content) => content,
            Err(unreadable) => {
                count(&PageId::from(""), "unreadable");
                unit.unreadable(&services.store, logged, &unreadable.0).await?;
                continue;
            }
        };
        for (page, kind) in &content.kept {
            count(page, kind);
        }
        for label in &content.labels {
            count(&label.page_id, "label");
        }
        labels.extend(content.labels);
        for event in content.events {
            match accounts.page_of(unit, &event).await? {
                Some(page) => events.push(ConnectedEvent::new(page, event)),
                None => count(&event.page_id, "page_not_connected"),
            }
        }
    }
    unit.projected(&services.store, &bodies, now).await?;
    let mut conversations = Conversations::new(now);
    receive(unit, services, &mut conversations, events).await?;
    for (page, kind) in label::take(unit, services, &mut conversations, &labels).await? {
        *counts.entry((page, kind.to_owned())).or_default() += 1;
    }
    for ((page, kind), number) in &counts {
        unit.count_kept(page, kind, *number).await?;
    }
    Ok(bodies.len())
}

/// The accounts that a unit of work meets, each looked up once.
#[derive(Default)]
struct Accounts(HashMap<(Channel, PageId), Option<PageId>>);

impl Accounts {
    /// The connected Page of the account that an event came to; `None` if no connected Page has it.
    async fn page_of(&mut self, unit: &mut Unit, event: &InboundEvent) -> Result<Option<PageId>> {
        let account = (event.channel, event.page_id.clone());
        if let Some(found) = self.0.get(&account) {
            return Ok(found.clone());
        }
        let found = unit.page_of_account(event.channel, &event.page_id).await?;
        self.0.insert(account, found.clone());
        Ok(found)
    }
}

/// An event on a connected Page.
struct ConnectedEvent {
    page: PageId,
    event: InboundEvent,
    /// The message in it, if it has one.
    said: Option<InboundMessage>,
}

impl ConnectedEvent {
    fn new(page: PageId, event: InboundEvent) -> Self {
        Self { page, said: InboundMessage::of(&event), event }
    }

    /// The key by which its conversation is found.
    fn key(&self) -> RecipientKey {
        let (channel, person_id) = (self.event.channel, self.event.person_id.clone());
        RecipientKey { page_id: self.page.clone(), channel, person_id }
    }

    /// The person, with the account to which they wrote.
    fn recipient(&self) -> Recipient {
        Recipient::Messaging {
            channel: self.event.channel,
            account_id: AccountId(self.event.page_id.0.clone()),
            person_id: self.event.person_id.clone(),
        }
    }

    /// The id of the message in it, if it has one.
    fn message_id(&self) -> Option<MessageId> {
        let said = self.said.as_ref()?;
        Some(MessageId { page_id: self.page.clone(), mid: said.mid.clone() })
    }
}

/// Applies events to their conversations, each message once, by its `mid` (Meta's id of a message). Rows of all
/// conversations are read and written together.
async fn receive(
    unit: &mut Unit,
    services: &Services,
    conversations: &mut Conversations,
    events: Vec<ConnectedEvent>,
) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let now = services.clock.now();
    let ids = events.iter().filter_map(ConnectedEvent::message_id);
    let mut fresh = unit.first_seen(&ids.collect(), now).await?;
    let threads = by_conversation(unit, services, events, now).await?;
    let ids: Vec<ConversationId> = threads.keys().cloned().collect();
    conversations.load_all(unit, &ids).await?;
    let (mut all, mut updates) = (Vec::new(), Vec::new());
    for (index, (id, events)) in threads.into_iter().enumerate() {
        yield_between(index).await;
        let Some(mut loaded) = conversations.take_loaded(&id) else { continue };
        let mut update = ConversationUpdate::default();
        for event in events {
            if event.message_id().is_none_or(|id| fresh.remove(&id)) {
                note(unit, services, &mut loaded, event, &mut update).await?;
            }
        }
        all.push(loaded);
        updates.push(update);
    }
    let messages: Vec<NewMessage> = updates.iter_mut().flat_map(|update| update.messages.drain(..)).collect();
    unit.add_messages(&messages).await?;
    unit.edit_late(&messages).await?;
    let (mut changed, mut said, mut phones) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (loaded, mut update)) in all.iter_mut().zip(updates).enumerate() {
        yield_between(index).await;
        for edit in &update.edits {
            unit.edit_message(loaded.id(), edit).await?;
        }
        said.push(std::mem::take(&mut update.said));
        phones.push(std::mem::take(&mut update.phones));
        if !update.is_nothing() {
            cut(unit, services, loaded, update).await?;
            loaded.apply_ledger(unit, services).await?;
            changed.push(loaded);
        }
    }
    queue_all(unit, &mut changed).await?;
    for (mut loaded, (messages, phones)) in all.into_iter().zip(said.into_iter().zip(phones)) {
        sentence::read_messages(unit, services, &mut loaded, &messages).await?;
        for hash in &phones {
            loaded = adopt::adopt_by_phone(unit, services, conversations, loaded, hash).await?;
        }
        conversations.put(loaded);
    }
    Ok(())
}

/// Groups events by conversation; for a person who writes for the first time, one is opened.
async fn by_conversation(
    unit: &mut Unit,
    services: &Services,
    events: Vec<ConnectedEvent>,
    now: Timestamp,
) -> Result<BTreeMap<ConversationId, Vec<ConnectedEvent>>> {
    let mut known = unit.conversations_of(&events.iter().map(ConnectedEvent::key).collect()).await?;
    let mut threads: BTreeMap<ConversationId, Vec<ConnectedEvent>> = BTreeMap::new();
    for event in events {
        let key = event.key();
        let id = if let Some(id) = known.get(&key) {
            id.clone()
        } else {
            let (id, at) = (ConversationId(services.ids.next(now)), event.event.at);
            let id = unit.open_conversation(&id, &event.page, &event.recipient(), at).await?;
            known.insert(key, id.clone());
            id
        };
        threads.entry(id).or_default().push(event);
    }
    Ok(threads)
}

/// Extends the chats of a conversation, or cuts all anew where a point lies before their end, and writes what follows for
/// the feed and for silence.
async fn cut(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    update: ConversationUpdate,
) -> Result<()> {
    let before = loaded.aggregate.chats.len();
    let began_at = |loaded: &LoadedConversation| loaded.aggregate.chats.first().map(|chat| chat.began_at);
    let began_before = began_at(loaded);
    if !update.cut_anew && chat::is_after(&loaded.aggregate.chats, &update.points) {
        chat::extend(&mut loaded.aggregate.chats, update.points);
    } else {
        loaded.aggregate.chats = chat::cut(unit.points_of(&loaded.aggregate.thread.id).await?);
    }
    if update.referred || loaded.aggregate.chats.len() != before || began_at(loaded) != began_before {
        loaded.conversation_changed(unit, services).await?;
    }
    apply_silence(unit, services, loaded).await
}

/// What a unit of work adds to one conversation.
#[derive(Default)]
struct ConversationUpdate {
    points: Vec<Point>,
    /// Whether the chats must be cut anew, because a phone number changes what earlier moments mean.
    cut_anew: bool,
    /// The hashes of the phone numbers that the customer wrote.
    phones: Vec<String>,
    referred: bool,
    messages: Vec<NewMessage>,
    edits: Vec<Edit>,
    /// What operators wrote, in which the Page's sentences look for tags.
    said: Vec<OperatorMessage>,
}

impl ConversationUpdate {
    /// Whether it has nothing that could change a chat or the position in the queue.
    fn is_nothing(&self) -> bool {
        self.points.is_empty() && !self.cut_anew && !self.referred
    }
}

/// Collects in `update` what an event adds; referrals, deletions and phone numbers are written at once.
async fn note(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    event: ConnectedEvent,
    update: &mut ConversationUpdate,
) -> Result<()> {
    let ConnectedEvent { event, said, .. } = event;
    let (conversation, page) = (loaded.aggregate.thread.id.clone(), loaded.page.id.clone());
    let at = event.at;
    let id = services.ids.next(loaded.now);
    let place = MessagePosition { conversation: &conversation, page: &page, id: &id, at };
    match event.kind {
        InboundKind::Edited { mid, author, text, number } => {
            // So named, sentences read each edit once.
            let name = format!("{mid}#{number}");
            update.said.extend(OperatorMessage::of(author, &name, text.as_deref(), at));
            note_phones(unit, services, loaded, Writing { author, at, text: text.as_deref() }, update)
                .await?;
            update.edits.push(Edit { mid, text, number, at });
        }
        InboundKind::Deleted { mid } => unit.delete_text(place, &mid, loaded.now).await?,
        _ => {}
    }
    if let Some(said) = said {
        let writing = Writing { author: said.author, at, text: said.text.as_deref() };
        note_phones(unit, services, loaded, writing, update).await?;
        update.said.extend(OperatorMessage::of(said.author, &said.mid, said.text.as_deref(), at));
        let attachments = (!said.attachments.is_empty()).then(|| said.attachments.join(","));
        let by_customer = said.author == Author::Customer;
        let InboundMessage { mid, author, text, .. } = said;
        update.messages.push(NewMessage::new(place, MessageContent { mid, author, text, attachments }));
        update.points.push(Point { at, by_customer, ad_id: None, gave_phone: false });
    }
    if let Some(referral) = &event.referral {
        let version = loaded.aggregate.thread.version + 1;
        if unit.add_referral(place, referral, version).await? {
            update.referred = true;
            loaded.touch_referred(at);
            if referral.is_from_ad() {
                let ad_id = referral.ad_id.clone();
                update.points.push(Point { at, by_customer: false, ad_id, gave_phone: false });
            }
        }
    }
    Ok(())
}

/// A message, whether it came as text, cart or filled-in form.
struct InboundMessage {
    /// Meta's `mid`; without one, a hash of the message that is the same whenever it comes again.
    mid: String,
    author: Author,
    text: Option<String>,
    attachments: Vec<String>,
}

impl InboundMessage {
    fn of(event: &InboundEvent) -> Option<Self> {
        let (mid, author, text, attachments) = match &event.kind {
            InboundKind::Message { mid, author, text, attachments } => {
                (mid, *author, text.clone(), attachments.clone())
            }
            InboundKind::Cart { mid, lines, note } => {
                let text: Vec<String> = lines.iter().map(line_of).chain(note.clone()).collect();
                (mid, Author::Customer, Some(text.join("\n")), vec!["cart".to_owned()])
            }
            InboundKind::Contact { fields } => {
                let text: Vec<&str> = fields.iter().map(|answer| answer.value.as_str()).collect();
                (&None, Author::Customer, Some(text.join("\n")), vec!["form".to_owned()])
            }
            InboundKind::Edited { .. } | InboundKind::Deleted { .. } | InboundKind::Referral => return None,
        };
        let unnamed = || {
            let (psid, at) = (event.person_id.as_str(), event.at.millis());
            let (form, text) = (attachments.join(","), text.as_deref().unwrap_or_default());
            format!("unnamed:{}", hex::encode(Sha256::digest(format!("{psid}\n{at}\n{form}\n{text}"))))
        };
        Some(Self { mid: mid.clone().unwrap_or_else(unnamed), author, text, attachments })
    }
}

/// A line of a cart as text; price and currency as Meta wrote them.
fn line_of(line: &CartLine) -> String {
    let name = line.name.as_deref().or(line.sku.as_deref()).unwrap_or("?");
    let price = line.unit_price.as_deref().unwrap_or_default();
    let currency = line.currency.as_deref().unwrap_or_default();
    format!("{} × {name} {price} {currency}", line.quantity.unwrap_or(1)).trim_end().to_owned()
}

/// A text with its author and time, searched for phone numbers.
struct Writing<'a> {
    author: Author,
    at: Timestamp,
    text: Option<&'a str>,
}

/// Records the phone numbers in a text.
async fn note_phones(
    unit: &mut Unit,
    services: &Services,
    loaded: &LoadedConversation,
    writing: Writing<'_>,
    update: &mut ConversationUpdate,
) -> Result<()> {
    let Writing { author, at, text } = writing;
    let by = if author == Author::Customer { MentionSource::Customer } else { MentionSource::Page };
    for phone in phone::phones_in(text.unwrap_or_default(), &loaded.page.country) {
        let hash = services.phone_key.hash(phone.as_str())?;
        unit.add_phone_mention(loaded.id(), &loaded.page.id, &hash, by, at).await?;
        // Whether a number counts depends on who wrote it first, so that the chats must be cut anew.
        update.cut_anew = true;
        if author == Author::Customer {
            update.phones.push(hash);
        }
    }
    Ok(())
}
