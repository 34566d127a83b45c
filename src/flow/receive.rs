//! From kept bodies to conversations, in any order and any number of times with one result.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::meta::webhook;
use crate::store::Unit;
use crate::store::conversation::{Place, SaidBy};
use crate::store::page::Page;
use crate::vocabulary::arrival::{Arrival, Author, CartLine, Channel, What};
use crate::vocabulary::chat::{self, Point};
use crate::vocabulary::contact;
use crate::vocabulary::identity::{ConversationId, PageId};
use crate::vocabulary::signal::Rules;

use super::follow::Held;
use super::sweep::follow_silence;
use super::{House, retried};

/// Bodies that one unit projects at most.
const PROJECT_MAX: i64 = 200;

/// Projects the oldest kept bodies into conversations; gives their number, 0 when none waits.
pub async fn project(house: &House) -> Result<usize> {
    retried(move || project_once(house)).await
}

async fn project_once(house: &House) -> Result<usize> {
    let now = house.clock.now();
    let mut unit = house.store.begin().await?;
    let bodies = unit.waiting_bodies(PROJECT_MAX).await?;
    let mut counts: BTreeMap<(PageId, String), i64> = BTreeMap::new();
    let mut count = |page: &PageId, kind: &str| {
        *counts.entry((page.clone(), kind.to_owned())).or_default() += 1;
    };
    let mut pages = Pages::default();
    let mut threads: BTreeMap<ConversationId, (PageId, Vec<Arrival>)> = BTreeMap::new();
    for (id, body) in &bodies {
        let unread = match webhook::read(body) {
            Ok(delivery) => {
                for (page, kind) in &delivery.kept {
                    count(page, kind);
                }
                for label in &delivery.labels {
                    count(&label.page_id, "label");
                }
                for arrival in delivery.arrivals {
                    let Some(page) = pages.of(&mut unit, &arrival).await? else {
                        count(&arrival.page_id, "page_not_connected");
                        continue;
                    };
                    let id = conversation_of(&mut unit, house, &page, &arrival, now).await?;
                    threads.entry(id).or_insert_with(|| (page, Vec::new())).1.push(arrival);
                }
                None
            }
            Err(unreadable) => {
                count(&PageId::from(""), "unreadable");
                Some(unreadable.0)
            }
        };
        unit.projected(*id, unread, now).await?;
    }
    // In the order of their ids, so that two units never wait for each other in a circle.
    for (id, (page, arrivals)) in &threads {
        let (page, rules) = pages.known(&mut unit, page).await?;
        receive(&mut unit, house, (page, rules), id, arrivals).await?;
    }
    for ((page, kind), number) in &counts {
        unit.count_kept(page, kind, *number).await?;
    }
    if house.keep_text.is_zero() && !bodies.is_empty() {
        unit.drop_texts(now + std::time::Duration::from_millis(1)).await?;
    }
    unit.commit().await?;
    Ok(bodies.len())
}

/// The Pages that a unit meets, each read once.
#[derive(Default)]
struct Pages {
    accounts: HashMap<(Channel, PageId), Option<PageId>>,
    known: HashMap<PageId, (Page, Rules)>,
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

    async fn known(&mut self, unit: &mut Unit, id: &PageId) -> Result<(Page, Rules)> {
        if let Some(known) = self.known.get(id) {
            return Ok(known.clone());
        }
        let page = unit.page(id).await?.ok_or_else(|| crate::error::Error::not_found("Page"))?;
        let rules = unit.rules(&page).await?;
        self.known.insert(id.clone(), (page.clone(), rules.clone()));
        Ok((page, rules))
    }
}

async fn conversation_of(
    unit: &mut Unit,
    house: &House,
    page: &PageId,
    arrival: &Arrival,
    now: Timestamp,
) -> Result<ConversationId> {
    if let Some(known) = unit.conversation_of(page, arrival.channel, &arrival.psid).await? {
        return Ok(known);
    }
    let id = ConversationId(house.ids.next(now));
    unit.open_conversation(&id, page, (arrival.channel, &arrival.psid), arrival.at).await
}

/// What arrived in one conversation takes effect, each message once by its `mid`.
async fn receive(
    unit: &mut Unit,
    house: &House,
    (page, rules): (Page, Rules),
    id: &ConversationId,
    arrivals: &[Arrival],
) -> Result<()> {
    let now = house.clock.now();
    let Some(dossier) = unit.hold(id, page.currency).await? else { return Ok(()) };
    let mut held = Held::new(dossier, page, rules, now);
    let mut news = News::default();
    for arrival in arrivals {
        note(unit, house, &mut held, arrival, &mut news).await?;
    }
    if news.points.is_empty() && !news.cut_anew && !news.referred {
        return Ok(());
    }
    let before = held.dossier.chats.len();
    let began_at = |held: &Held| held.dossier.chats.first().map(|chat| chat.began_at);
    let began_before = began_at(&held);
    let from = if !news.cut_anew && chat::is_after(&held.dossier.chats, &news.points) {
        chat::extend(&mut held.dossier.chats, news.points);
        i64::try_from(before.saturating_sub(1)).unwrap_or(0)
    } else {
        held.dossier.chats = chat::cut(unit.points_of(id).await?);
        0
    };
    unit.put_chats(&held.dossier, from).await?;
    if news.referred || held.dossier.chats.len() != before || began_at(&held) != began_before {
        held.conversation_changed(unit, house).await?;
    }
    follow_silence(unit, house, &mut held).await?;
    held.follow(unit, house).await
}

/// What a unit brought into a conversation.
#[derive(Default)]
struct News {
    points: Vec<Point>,
    /// Something was said that changes what earlier moments mean.
    cut_anew: bool,
    referred: bool,
}

async fn note(
    unit: &mut Unit,
    house: &House,
    held: &mut Held,
    arrival: &Arrival,
    news: &mut News,
) -> Result<()> {
    let (conversation, page) = (held.dossier.thread.id.clone(), held.page.id.clone());
    let at = arrival.at;
    let id = house.ids.next(held.now);
    let place = Place { conversation: &conversation, page: &page, id: &id, at };
    match &arrival.what {
        What::Edited { mid, author, text, number } => {
            unit.edit_message(&conversation, mid, text.clone(), *number).await?;
            note_phones(unit, house, held, (*author, at), text.as_deref(), news).await?;
        }
        What::Deleted { mid } => unit.delete_text(place, mid, held.now).await?,
        What::Referral => {}
        What::Message { .. } | What::Cart { .. } | What::Contact { .. } => {
            let Some(said) = Said::of(&arrival.what) else { return Ok(()) };
            let mid = said.mid.clone().unwrap_or_else(|| name_of(arrival, &said));
            if !unit.first_seen(&page, &mid, held.now).await? {
                return Ok(());
            }
            note_phones(unit, house, held, (said.author, at), said.text.as_deref(), news).await?;
            let attachments = (!said.attachments.is_empty()).then(|| said.attachments.join(","));
            unit.add_message(place, Some(mid), said.author, (said.text, attachments)).await?;
            let by_customer = said.author == Author::Customer;
            news.points.push(Point { at, by_customer, ad_id: None, gave_phone: false });
        }
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
    mid: Option<String>,
    author: Author,
    text: Option<String>,
    attachments: Vec<String>,
}

impl Said {
    fn of(what: &What) -> Option<Self> {
        match what {
            What::Message { mid, author, text, attachments } => Some(Self {
                mid: mid.clone(),
                author: *author,
                text: text.clone(),
                attachments: attachments.clone(),
            }),
            What::Cart { mid, lines, note } => {
                let line = |line: &CartLine| {
                    let name = line.name.as_deref().or(line.sku.as_deref()).unwrap_or("?");
                    let price = line.unit_price.as_deref().unwrap_or_default();
                    let currency = line.currency.as_deref().unwrap_or_default();
                    format!("{} × {name} {price} {currency}", line.quantity.unwrap_or(1))
                        .trim_end()
                        .to_owned()
                };
                let text: Vec<String> = lines.iter().map(line).chain(note.clone()).collect();
                let attachments = vec!["cart".to_owned()];
                Some(Self {
                    mid: mid.clone(),
                    author: Author::Customer,
                    text: Some(text.join("\n")),
                    attachments,
                })
            }
            What::Contact { fields } => {
                let text: Vec<&str> = fields.iter().map(|answer| answer.value.as_str()).collect();
                let attachments = vec!["form".to_owned()];
                Some(Self { mid: None, author: Author::Customer, text: Some(text.join("\n")), attachments })
            }
            What::Edited { .. } | What::Deleted { .. } | What::Referral => None,
        }
    }
}

/// A name for what Meta gave none, the same whenever it comes again.
fn name_of(arrival: &Arrival, said: &Said) -> String {
    let text = said.text.as_deref().unwrap_or_default();
    let form = said.attachments.join(",");
    let content = format!("{}\n{}\n{form}\n{text}", arrival.psid.as_str(), arrival.at.millis());
    format!("unnamed:{}", hex::encode(Sha256::digest(content)))
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
    for phone in contact::phones_in(text.unwrap_or_default(), &held.page.country) {
        let hash = house.phone_key.hash(phone.as_str())?;
        unit.add_phone_word((&held.dossier.thread.id, &held.page.id), &hash, by, at).await?;
        // Whether it counts depends on who said it first, so that the conversation is read as a whole.
        news.cut_anew = true;
    }
    Ok(())
}
