//! Conversations: the list with its filter, and one with its chats, orders, conversions and messages.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::crm::field;
use crate::domain::basic::identity::{ConversationId, PageId};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::conversation::chat::Chat;
use crate::domain::conversation::customer::Customer;
use crate::domain::signal::conversion::Conversion;
use crate::error::{Error, Result};
use crate::store::aggregate::Scope;
use crate::store::conversation::ConversationRow;
use crate::store::cursor;
use crate::store::cursor::ListCursor;
use crate::store::message::Message;
use crate::store::read::search::ConversationSearch;
use crate::store::referral::ReferralRow;
use crate::web::api::order::{self, OrderEntries};
use crate::web::server::caller::{Authenticated, CRM, OPERATOR};
use crate::web::server::list::{Listed, Pagination};
use crate::web::server::read::{Id, QueryParameters, non_empty, one_of, truth};
use crate::web::server::state::App;
use crate::web::view::{ConversionView, EntryView, time};

/// Messages that are shown, at most: the last ones.
const MESSAGES_MAX: i64 = 200;

/// The states of a conversation in the queue.
const STATES: [&str; 3] = ["waiting", "snoozed", "done"];

/// The query of the list of conversations.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConversationFilter {
    /// Only conversations with this Page.
    page_id: Option<String>,
    /// Only conversations with this person: a PSID, or its like on another channel.
    psid: Option<String>,
    /// Only conversations in which this phone number was given.
    phone: Option<String>,
    /// Only conversations in this state: waiting (for a tag), snoozed or done.
    state: Option<String>,
    /// `true`: only conversations with an order about which a person is asked: one of its facts is flagged, or it is perhaps
    /// another order. `false`: only the others.
    #[param(value_type = Option<bool>)]
    flagged: Option<String>,
    /// Only conversations with this order number, or this part of the person's name.
    q: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// From 1 to 200; 50 if it is left out.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// A conversation as lists show it. Times are RFC 3339 in UTC.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversationView {
    /// Our id of the conversation.
    id: String,
    /// The id of its Page.
    page_id: String,
    /// messenger, instagram or whatsapp.
    channel: String,
    /// The person's PSID, or its like on another channel.
    psid: Option<String>,
    /// Their name, once it is known.
    name: Option<String>,
    /// waiting, snoozed or done.
    state: String,
    /// Since when it waits for a tag.
    waiting_since: Option<String>,
    /// Until when it is snoozed.
    snoozed_until: Option<String>,
    /// The operator who continues with it after a snooze.
    owner: Option<String>,
    /// When its first chat began.
    began_at: String,
    /// When its latest message was written.
    last_at: String,
    /// Grows with every change of the conversation in the feed.
    version: i64,
    /// The address of the thread in Meta's inbox; Messenger only.
    inbox_url: Option<String>,
}

/// Where a chat came from, as Meta's referral says.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReferralView {
    at: String,
    /// The ad that led to the chat, if one did.
    ad_id: Option<String>,
    /// The `ref` of the link or ad.
    r#ref: Option<String>,
    /// Meta's word for where it stood, such as ADS.
    source: Option<String>,
    /// Meta's word, such as `OPEN_THREAD`.
    r#type: Option<String>,
    ad_title: Option<String>,
}

/// A stretch of a conversation, begun by its first message, by an ad, or after 7 quiet days.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChatView {
    /// Counts the chats of the conversation, from 0.
    number: i64,
    began_at: String,
    last_at: String,
    /// When the customer first wrote in it.
    first_word_at: Option<String>,
    /// When the customer last wrote in it.
    last_word_at: Option<String>,
    /// When the customer first gave a phone number in it.
    contact_at: Option<String>,
    /// The ad that began it.
    ad_id: Option<String>,
    /// open, qualified, lost or sold.
    stage: &'static str,
}

/// A message; its text is dropped once it is older than `keep_text`.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageView {
    sent_at: String,
    /// customer, operator or app.
    author: &'static str,
    text: Option<String>,
    /// The kinds of its attachments, such as image.
    attachments: Vec<String>,
}

/// The details that were entered about the customer; of a phone number only a hash is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerView {
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    city: Option<String>,
    external_id: Option<String>,
}

/// A conversation with all that is kept of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversationDetail {
    #[serde(flatten)]
    head: ConversationView,
    customer: Option<CustomerView>,
    first_referral: Option<ReferralView>,
    last_referral: Option<ReferralView>,
    chats: Vec<ChatView>,
    /// Each with its ledger and its conversions.
    orders: Vec<OrderEntries>,
    /// The facts about its chats.
    outcomes: Vec<EntryView>,
    /// The conversions of its chats: the leads.
    conversions: Vec<ConversionView>,
    /// The last 200 messages, oldest first.
    messages: Vec<MessageView>,
}

/// Lists conversations, the one with the latest message first.
#[utoipa::path(
    get, path = "/v1/conversations", operation_id = "listConversations", tag = "operator", params(ConversationFilter),
    responses((status = 200, body = Listed<ConversationView>)),
    extensions(("x-roles" = json!(["operator", "crm"]))),
)]
pub async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated<{ OPERATOR | CRM }>,
    QueryParameters(filter): QueryParameters<ConversationFilter>,
) -> Result<Json<Listed<ConversationView>>> {
    let pagination = Pagination::read(filter.cursor, filter.limit)?;
    let state = one_of("state", filter.state, &STATES)?;
    let mut unit = app.services.store.read().await?;
    let pages = caller.pages(&mut unit, non_empty(filter.page_id).map(PageId)).await?;
    let mut search = ConversationSearch {
        state,
        flagged: truth("flagged", filter.flagged)?,
        person_id: non_empty(filter.psid),
        phone_hash: None,
        words: non_empty(filter.q),
    };
    let phone = non_empty(filter.phone);
    let mut rows = Vec::new();
    for id in &pages {
        let range = cursor::ListRange { page: id, after: &pagination.after, limit: pagination.limit() };
        if let Some(phone) = &phone {
            let country = unit.page(id).await?.map(|page| page.country).unwrap_or_default();
            let phone = field::phone("/phone", phone, &country)?;
            search.phone_hash = Some(app.services.phone_key.hash(phone.as_str())?);
        }
        let is_searched = search.person_id.is_some() || search.phone_hash.is_some() || search.words.is_some();
        rows.extend(if is_searched {
            unit.conversations_sought(range, &search).await?
        } else {
            unit.conversations(range, search.state.clone(), search.flagged).await?
        });
    }
    let position = |row: &ConversationRow| ListCursor { at: row.last_at, id: row.id.0.clone() };
    Ok(Json(pagination.show(rows, position, head)))
}

/// Shows a conversation with its chats, orders, conversions and messages.
#[utoipa::path(
    get, path = "/v1/conversations/{id}", operation_id = "getConversation", tag = "operator",
    params(("id" = String, Path, description = "Our id of the conversation")),
    responses((status = 200, body = ConversationDetail)),
    extensions(("x-roles" = json!(["operator", "crm"]))),
)]
pub async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated<{ OPERATOR | CRM }>,
    Id(id): Id,
) -> Result<Json<ConversationDetail>> {
    let (id, missing) = (ConversationId(id), || Error::not_found("conversation"));
    let mut unit = app.services.store.read().await?;
    let row = unit.conversation(&id).await?.ok_or_else(missing)?;
    caller.sees(&row.page_id, "conversation")?;
    let currency = unit.currency_of(&row.page_id).await?;
    let aggregate = unit.aggregates(Scope::Conversation(&id)).await?.pop().ok_or_else(missing)?;
    let notes = unit.notes(&id).await?;
    let referrals = unit.referrals(&id).await?;
    Ok(Json(ConversationDetail {
        head: head(row),
        customer: unit.customer(&id).await?.map(customer),
        first_referral: referrals.first().map(referral),
        last_referral: referrals.last().map(referral),
        chats: aggregate.chats.iter().map(|one| chat(&aggregate, one)).collect(),
        orders: aggregate.orders.iter().map(|ledger| order::entries(&aggregate, ledger, &notes)).collect(),
        outcomes: aggregate
            .chat_facts
            .iter()
            .map(|fact| EntryView::of(fact, None, order::note_of(&notes, &fact.id)))
            .collect(),
        conversions: leads(&aggregate, currency),
        messages: unit.messages(&id, MESSAGES_MAX).await?.into_iter().map(message).collect(),
    }))
}

fn head(row: ConversationRow) -> ConversationView {
    let inbox_url = row.person_id.as_ref().filter(|_| row.channel == "messenger").map(|psid| {
        format!(
            "https://business.facebook.com/latest/inbox/all?asset_id={}&selected_item_id={psid}",
            row.page_id
        )
    });
    ConversationView {
        id: row.id.0,
        page_id: row.page_id.0,
        channel: row.channel,
        psid: row.person_id,
        name: row.name,
        state: row.state,
        waiting_since: time(row.waiting_since),
        snoozed_until: time(row.snoozed_until),
        owner: row.owner,
        began_at: row.began_at.to_string(),
        last_at: row.last_at.to_string(),
        version: row.version,
        inbox_url,
    }
}

fn chat(aggregate: &ConversationAggregate, chat: &Chat) -> ChatView {
    ChatView {
        number: chat.number,
        began_at: chat.began_at.to_string(),
        last_at: chat.last_at.to_string(),
        first_word_at: time(chat.first_word_at),
        last_word_at: time(chat.last_word_at),
        contact_at: time(chat.contact_at),
        ad_id: chat.ad_id.clone(),
        stage: aggregate.stage(chat).as_str(),
    }
}

/// The conversions that belong to no order, and so to a chat.
fn leads(aggregate: &ConversationAggregate, currency: Currency) -> Vec<ConversionView> {
    let is_lead = |row: &&Conversion| row.order_id.is_none();
    aggregate.conversions.iter().filter(is_lead).map(|row| ConversionView::of(row, currency)).collect()
}

fn referral(row: &ReferralRow) -> ReferralView {
    ReferralView {
        at: row.referred_at.to_string(),
        ad_id: row.referral.ad_id.clone(),
        r#ref: row.referral.r#ref.clone(),
        source: row.referral.source.clone(),
        r#type: row.referral.kind.clone(),
        ad_title: row.referral.ad_title.clone(),
    }
}

fn customer(customer: Customer) -> CustomerView {
    let Customer { email, first_name, last_name, city, external_id, .. } = customer;
    CustomerView { email, first_name, last_name, city, external_id }
}

fn message(message: Message) -> MessageView {
    MessageView {
        sent_at: message.sent_at.to_string(),
        author: message.author.as_str(),
        text: message.text,
        attachments: message
            .attachments
            .map(|kinds| kinds.split(',').map(str::to_owned).collect())
            .unwrap_or_default(),
    }
}
