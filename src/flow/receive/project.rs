//! From kept bodies to conversations, in any order and any number of times with one result.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId};
use crate::domain::conversation::chat::{self, Point};
use crate::domain::conversation::inbound::{Arrival, Author, CartLine, Channel, What};
use crate::domain::conversation::phone;
use crate::domain::signal::Rules;
use crate::error::{Error, Result};
use crate::flow::convert::apply::{Held, queue_all};
use crate::flow::convert::silence::follow_silence;
use crate::flow::inbox::label;
use crate::flow::inbox::sentence::{self, Words};
use crate::flow::services::House;
use crate::flow::unit::{give_way, retried};
use crate::meta::webhook;
use crate::store::Unit;
use crate::store::aggregate::Scope;
use crate::store::conversation::{Person, SaidBy};
use crate::store::message::{Edit, NewMessage, Place};
use crate::store::page::Page;

/// Bodies that one unit projects at about most: the more there are, the fewer pages of the database each writes.
pub const PROJECT_MAX: usize = 1000;

/// And their bytes, at about most: a body may have megabytes.
const PROJECT_BYTES: i64 = 16 << 20;

/// Projects the oldest kept bodies into conversations; gives their number, 0 when none waits.
pub async fn project(house: &House) -> Result<usize> {
    retried(move || project_once(house)).await
}

async fn project_once(house: &House) -> Result<usize> {
    let now = house.clock.now();
    let mut unit = house.store.begin("project").await?;
    let count = i64::try_from(PROJECT_MAX).unwrap_or(i64::MAX);
    let bodies = unit.waiting_bodies(&house.store, (count, PROJECT_BYTES)).await?;
    if bodies.is_empty() {
        return Ok(0);
    }
    let mut counts: BTreeMap<(PageId, String), i64> = BTreeMap::new();
    let mut count = |page: &PageId, kind: &str| {
        *counts.entry((page.clone(), kind.to_owned())).or_default() += 1;
    };
    let mut pages = Pages::default();
    let (mut came, mut labels) = (Vec::new(), Vec::new());
    for (place, waiting) in bodies.iter().enumerate() {
        give_way(place).await;
        let delivery = match webhook::read(&waiting.body) {
            Ok(delivery) => delivery,
            Err(unreadable) => {
                count(&PageId::from(""), "unreadable");
                unit.unreadable(&house.store, waiting, &unreadable.0).await?;
                continue;
            }
        };
        for (page, kind) in &delivery.kept {
            count(page, kind);
        }
        for label in &delivery.labels {
            count(&label.page_id, "label");
        }
        labels.extend(delivery.labels);
        for arrival in delivery.arrivals {
            match pages.of(&mut unit, &arrival).await? {
                Some(page) => came.push(Came::new(page, arrival)),
                None => count(&arrival.page_id, "page_not_connected"),
            }
        }
    }
    unit.projected(&house.store, &bodies, now).await?;
    receive(&mut unit, house, &mut pages, came).await?;
    for (page, kind) in label::take(&mut unit, house, &labels).await? {
        *counts.entry((page, kind.to_owned())).or_default() += 1;
    }
    for ((page, kind), number) in &counts {
        unit.count_kept(page, kind, *number).await?;
    }
    let dropped_before = house.keep_text.is_zero().then_some(now + Duration::from_millis(1));
    if let Some(before) = dropped_before {
        unit.drop_texts(before).await?;
    }
    unit.commit().await?;
    if let Some(before) = dropped_before {
        house.store.drop_bodies(before).await?;
    }
    Ok(bodies.len())
}

/// The Pages that a unit meets, each read once.
#[derive(Default)]
struct Pages {
    accounts: HashMap<(Channel, PageId), Option<PageId>>,
    known: HashMap<PageId, (Arc<Page>, Arc<Rules>)>,
}

impl Pages {
    /// The connected Page that an arrival belongs to.
    async fn of(&mut self, unit: &mut Unit, arrival: &Arrival) -> Result<Option<PageId>> {
        let account = (arrival.channel, arrival.page_id.clone());
        if let Some(found) = self.accounts.get(&account) {
            return Ok(found.clone());
        }
        let found = unit.page_of_account(arrival.channel, &arrival.page_id).await?;
        self.accounts.insert(account, found.clone());
        Ok(found)
    }

    async fn known(&mut self, unit: &mut Unit, id: &PageId) -> Result<(Arc<Page>, Arc<Rules>)> {
        if let Some(known) = self.known.get(id) {
            return Ok(known.clone());
        }
        let page = unit.page(id).await?.ok_or_else(|| Error::not_found("Page"))?;
        let rules = Arc::new(unit.rules(&page).await?);
        let page = Arc::new(page);
        self.known.insert(id.clone(), (page.clone(), rules.clone()));
        Ok((page, rules))
    }
}

/// Something that arrived on a connected Page.
struct Came {
    page: PageId,
    arrival: Arrival,
    /// What was said in it, if anything.
    said: Option<Said>,
}

impl Came {
    fn new(page: PageId, arrival: Arrival) -> Self {
        Self { page, said: Said::of(&arrival), arrival }
    }

    fn person(&self) -> Person {
        (self.page.clone(), self.arrival.channel, self.arrival.psid.clone())
    }
}

/// What arrived takes effect, each message once by its `mid`. Whatever all conversations need is read and
/// written for all of them together.
async fn receive(unit: &mut Unit, house: &House, pages: &mut Pages, came: Vec<Came>) -> Result<()> {
    if came.is_empty() {
        return Ok(());
    }
    let now = house.clock.now();
    let names = came.iter().filter_map(|came| Some((came.page.clone(), came.said.as_ref()?.mid.clone())));
    let mut fresh = unit.first_seen(&names.collect(), now).await?;
    let mut threads = by_conversation(unit, house, came, now).await?;
    let ids: Vec<ConversationId> = threads.keys().cloned().collect();
    let (mut all, mut brought) = (Vec::new(), Vec::new());
    for (place, dossier) in unit.hold_all(Scope::Conversations(&ids)).await?.into_iter().enumerate() {
        give_way(place).await;
        let came = threads.remove(&dossier.thread.id).unwrap_or_default();
        let (page, rules) = pages.known(unit, &dossier.thread.page_id).await?;
        let mut held = Held::new(dossier, page, rules, now);
        let mut news = News::default();
        for came in came {
            if came.said.as_ref().is_none_or(|said| fresh.remove(&(came.page.clone(), said.mid.clone()))) {
                note(unit, house, &mut held, came, &mut news).await?;
            }
        }
        all.push(held);
        brought.push(news);
    }
    let messages: Vec<NewMessage> = brought.iter_mut().flat_map(|news| news.messages.drain(..)).collect();
    unit.add_messages(&messages).await?;
    unit.edit_late(&messages).await?;
    let mut moved = Vec::new();
    for (place, (mut held, mut news)) in all.into_iter().zip(brought).enumerate() {
        give_way(place).await;
        for edit in &news.edits {
            unit.edit_message(&held.dossier.thread.id, edit).await?;
        }
        let words = std::mem::take(&mut news.words);
        if news.is_nothing() {
            sentence::hear(unit, house, &held, &words).await?;
            continue;
        }
        cut(unit, house, &mut held, news).await?;
        held.follow_ledger(unit, house).await?;
        moved.push((held, words));
    }
    let (mut moved, words): (Vec<_>, Vec<_>) = moved.into_iter().unzip();
    queue_all(unit, &mut moved.iter_mut().collect::<Vec<_>>()).await?;
    for (held, words) in moved.iter().zip(&words) {
        sentence::hear(unit, house, held, words).await?;
    }
    Ok(())
}

/// What came, by conversation; that of a person who writes for the first time is opened.
async fn by_conversation(
    unit: &mut Unit,
    house: &House,
    came: Vec<Came>,
    now: Timestamp,
) -> Result<BTreeMap<ConversationId, Vec<Came>>> {
    let mut known = unit.conversations_of(&came.iter().map(Came::person).collect()).await?;
    let mut threads: BTreeMap<ConversationId, Vec<Came>> = BTreeMap::new();
    for came in came {
        let person = came.person();
        let id = if let Some(id) = known.get(&person) {
            id.clone()
        } else {
            let (id, at) = (ConversationId(house.ids.next(now)), came.arrival.at);
            let id = unit.open_conversation(&id, &person.0, (person.1, &person.2), at).await?;
            known.insert(person, id.clone());
            id
        };
        threads.entry(id).or_default().push(came);
    }
    Ok(threads)
}

/// Cuts a conversation into its chats as they now are, with what follows for the feed and for silence.
async fn cut(unit: &mut Unit, house: &House, held: &mut Held, news: News) -> Result<()> {
    let before = held.dossier.chats.len();
    let began_at = |held: &Held| held.dossier.chats.first().map(|chat| chat.began_at);
    let began_before = began_at(held);
    if !news.cut_anew && chat::is_after(&held.dossier.chats, &news.points) {
        chat::extend(&mut held.dossier.chats, news.points);
    } else {
        held.dossier.chats = chat::cut(unit.points_of(&held.dossier.thread.id).await?);
    }
    if news.referred || held.dossier.chats.len() != before || began_at(held) != began_before {
        held.conversation_changed(unit, house).await?;
    }
    follow_silence(unit, house, held).await
}

/// What a unit brought into a conversation.
#[derive(Default)]
struct News {
    points: Vec<Point>,
    /// Something was said that changes what earlier moments mean.
    cut_anew: bool,
    referred: bool,
    messages: Vec<NewMessage>,
    edits: Vec<Edit>,
    /// What operators wrote.
    words: Vec<Words>,
}

impl News {
    /// Nothing by which a chat or the queue could change.
    fn is_nothing(&self) -> bool {
        self.points.is_empty() && !self.cut_anew && !self.referred
    }
}

async fn note(unit: &mut Unit, house: &House, held: &mut Held, came: Came, news: &mut News) -> Result<()> {
    let Came { arrival, said, .. } = came;
    let (conversation, page) = (held.dossier.thread.id.clone(), held.page.id.clone());
    let at = arrival.at;
    let id = house.ids.next(held.now);
    let place = Place { conversation: &conversation, page: &page, id: &id, at };
    match arrival.what {
        What::Edited { mid, author, text, number } => {
            let name = format!("{mid}#{number}");
            news.words.extend(Words::of(author, &name, text.as_deref(), at));
            note_phones(unit, house, held, (author, at), text.as_deref(), news).await?;
            news.edits.push(Edit { mid, text, number, at });
        }
        What::Deleted { mid } => unit.delete_text(place, &mid, held.now).await?,
        _ => {}
    }
    if let Some(said) = said {
        note_phones(unit, house, held, (said.author, at), said.text.as_deref(), news).await?;
        news.words.extend(Words::of(said.author, &said.mid, said.text.as_deref(), at));
        let attachments = (!said.attachments.is_empty()).then(|| said.attachments.join(","));
        news.messages.push(NewMessage::new(place, said.mid, said.author, (said.text, attachments)));
        let by_customer = said.author == Author::Customer;
        news.points.push(Point { at, by_customer, ad_id: None, gave_phone: false });
    }
    if let Some(referral) = &arrival.referral {
        let version = held.dossier.thread.version + 1;
        if unit.add_referral(place, referral, version).await? {
            news.referred = true;
            held.referred_at(at);
            if referral.is_from_ad() {
                let ad_id = referral.ad_id.clone();
                news.points.push(Point { at, by_customer: false, ad_id, gave_phone: false });
            }
        }
    }
    Ok(())
}

/// Something that was said, in whatever form it came.
struct Said {
    /// Its name: Meta's, or one that is the same whenever it comes again.
    mid: String,
    author: Author,
    text: Option<String>,
    attachments: Vec<String>,
}

impl Said {
    fn of(arrival: &Arrival) -> Option<Self> {
        let (mid, author, text, attachments) = match &arrival.what {
            What::Message { mid, author, text, attachments } => {
                (mid, *author, text.clone(), attachments.clone())
            }
            What::Cart { mid, lines, note } => {
                let text: Vec<String> = lines.iter().map(line_of).chain(note.clone()).collect();
                (mid, Author::Customer, Some(text.join("\n")), vec!["cart".to_owned()])
            }
            What::Contact { fields } => {
                let text: Vec<&str> = fields.iter().map(|answer| answer.value.as_str()).collect();
                (&None, Author::Customer, Some(text.join("\n")), vec!["form".to_owned()])
            }
            What::Edited { .. } | What::Deleted { .. } | What::Referral => return None,
        };
        let unnamed = || {
            let (psid, at) = (arrival.psid.as_str(), arrival.at.millis());
            let (form, text) = (attachments.join(","), text.as_deref().unwrap_or_default());
            format!("unnamed:{}", hex::encode(Sha256::digest(format!("{psid}\n{at}\n{form}\n{text}"))))
        };
        Some(Self { mid: mid.clone().unwrap_or_else(unnamed), author, text, attachments })
    }
}

fn line_of(line: &CartLine) -> String {
    let name = line.name.as_deref().or(line.sku.as_deref()).unwrap_or("?");
    let price = line.unit_price.as_deref().unwrap_or_default();
    let currency = line.currency.as_deref().unwrap_or_default();
    format!("{} × {name} {price} {currency}", line.quantity.unwrap_or(1)).trim_end().to_owned()
}

/// Notes the phone numbers in what was said.
async fn note_phones(
    unit: &mut Unit,
    house: &House,
    held: &Held,
    (author, at): (Author, Timestamp),
    text: Option<&str>,
    news: &mut News,
) -> Result<()> {
    let by = if author == Author::Customer { SaidBy::Customer } else { SaidBy::Page };
    for phone in phone::phones_in(text.unwrap_or_default(), &held.page.country) {
        let hash = house.phone_key.hash(phone.as_str())?;
        unit.add_phone_word((&held.dossier.thread.id, &held.page.id), &hash, by, at).await?;
        // Whether it counts depends on who said it first, so that the conversation is read as a whole.
        news.cut_anew = true;
    }
    Ok(())
}
