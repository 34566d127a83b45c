//! Import: facts from CRM, courier, bank and site, many lines at a time, each a tag. Lines commit in order, several in
//! one unit of work. A bad line harms no other, and the same request again continues where it stopped.

use crate::domain::basic::identity::{ConversationId, PageId, PersonId};
use crate::domain::conversation::inbound::Channel;
use crate::domain::conversation::recipient::Recipient;
use crate::domain::order::tag::Tag;
use crate::domain::order::tagged::Tagged;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::convert::loaded::Conversations;
use crate::flow::tag::adopt::{self, ELSEWHERE, PHONE_WITHIN};
use crate::flow::tag::record::{check, record};
use crate::flow::unit::idempotency::{Claim, Idempotent, Reply};
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::Unit;
use crate::store::conversation::MentionSource;

/// The most lines of one unit of work.
const LINES_MAX: usize = 50;

/// One line: a tag, and the person or order that it is about.
#[derive(Clone, Debug)]
pub struct ImportLine {
    /// The Page to whose conversations the line belongs.
    pub page: PageId,
    /// The person's PSID, if the sender knows it.
    pub psid: Option<PersonId>,
    /// The hash of the customer's phone number, if it was given.
    pub phone_hash: Option<String>,
    /// The outcome to record, with its terms and order number.
    pub tag: Tag,
}

/// The result of a line: its answer, or its refusal.
pub type LineResult = Result<Reply>;

/// Records lines, each with its number in the request. Gives the result of each, in their order, or the stored answer
/// to the whole request if it came before.
///
/// # Errors
/// When the database fails: what was committed before stays, and the same request again continues from there.
pub async fn import(
    services: &Services,
    lines: &[(usize, ImportLine)],
    actor: &str,
    claim: Option<&Claim>,
    render: fn(&Tagged) -> Reply,
) -> Result<Idempotent<Vec<LineResult>>> {
    if let Some(claim) = claim
        && let Some(reply) = claim.replay(&mut services.store.look().await?, services.clock.now()).await?
    {
        return Ok(Idempotent::Replayed(reply));
    }
    let request = ImportRequest { actor, claim, render };
    let mut results = Vec::with_capacity(lines.len());
    for lines in lines.chunks(LINES_MAX) {
        let recorded =
            run::run(services, "import", |unit, _| Box::pin(record_lines(unit, services, lines, request)));
        results.extend(recorded.await?);
    }
    Ok(Idempotent::Done(results))
}

/// What the lines of a request have in common.
#[derive(Clone, Copy)]
struct ImportRequest<'a> {
    /// The name of the API key, the actor of every line.
    actor: &'a str,
    /// The claim on the request's Idempotency-Key; each line has a claim of its own derived from it.
    claim: Option<&'a Claim>,
    /// Renders the answer of a line.
    render: fn(&Tagged) -> Reply,
}

async fn record_lines(
    unit: &mut Unit,
    services: &Services,
    lines: &[(usize, ImportLine)],
    request: ImportRequest<'_>,
) -> Result<Vec<LineResult>> {
    let mut conversations = Conversations::new(services.clock.now());
    let mut results = Vec::with_capacity(lines.len());
    for (number, line) in lines {
        let claim = request.claim.map(|claim| claim.line(*number));
        unit.mark_point().await?;
        match record_line(unit, services, &mut conversations, line, claim.as_ref(), request).await {
            Ok(reply) => {
                unit.keep_point().await?;
                results.push(Ok(reply));
            }
            Err(error) if is_of_the_line(&error) => {
                unit.back_to_point().await?;
                results.push(Err(error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(results)
}

/// Whether the line itself is at fault, so that the other lines continue.
fn is_of_the_line(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Forbidden
    )
}

async fn record_line(
    unit: &mut Unit,
    services: &Services,
    conversations: &mut Conversations,
    line: &ImportLine,
    claim: Option<&Claim>,
    request: ImportRequest<'_>,
) -> Result<Reply> {
    let now = services.clock.now();
    if let Some(claim) = claim
        && let Some(reply) = claim.replay(unit, now).await?
    {
        return Ok(reply);
    }
    let id = conversation_of(unit, services, line).await?;
    let mut tag = line.tag.clone();
    if tag.reference.is_none() && tag.is_repeatable() {
        tag.reference = claim.map(|claim| claim.as_reference(now));
    }
    let tagged = match record_in(unit, services, conversations, &id, &tag, request.actor).await {
        Ok(tagged) => tagged,
        Err(error) => return Err(perhaps_moved(unit, line, &id, error).await?),
    };
    let reply = (request.render)(&tagged);
    if let Some(claim) = claim {
        claim.store(unit, &reply, now).await?;
    }
    Ok(reply)
}

async fn record_in(
    unit: &mut Unit,
    services: &Services,
    conversations: &mut Conversations,
    id: &ConversationId,
    tag: &Tag,
    actor: &str,
) -> Result<Tagged> {
    check(tag)?;
    let mut loaded = adopt::load(unit, services, conversations, id, tag).await?;
    let tagged = record(unit, services, &mut loaded, tag, actor).await?;
    conversations.put(loaded);
    Ok(tagged)
}

/// The error of a line; contended instead, so that the unit of work runs again, where another conversation adopted the
/// order meanwhile.
async fn perhaps_moved(
    unit: &mut Unit,
    line: &ImportLine,
    conversation: &ConversationId,
    error: Error,
) -> Result<Error> {
    // Without a PSID or phone the order's own conversation was taken, so that "elsewhere" means that it moved since.
    let names_nobody = line.psid.is_none() && line.phone_hash.is_none();
    let is_elsewhere = names_nobody && error.code == ELSEWHERE;
    // The thread in which the order waited is gone.
    if is_elsewhere || (is_of_the_line(&error) && unit.page_of_conversation(conversation).await?.is_none()) {
        return Ok(Error::new(ErrorKind::Contended, "order_moved", "The order moved at this moment"));
    }
    Ok(error)
}

/// The conversation of a line. For a person who has none, one is opened; an order without a known person waits in a
/// thread without a person.
async fn conversation_of(unit: &mut Unit, services: &Services, line: &ImportLine) -> Result<ConversationId> {
    let now = services.clock.now();
    if unit.page(&line.page).await?.is_none() {
        return Err(Error::field("/page_id", "No such Page is connected: check page_id."));
    }
    let opened = ConversationId(services.ids.next(now));
    if let Some(psid) = &line.psid {
        if let Some(known) = unit.conversation_of(&line.page, Channel::Messenger, psid).await? {
            return Ok(known);
        }
        let recipient = Recipient::on_messenger(&line.page, psid.clone());
        return unit.open_conversation(&opened, &line.page, &recipient, now).await;
    }
    let mut waits_in = None;
    if let Some(number) = &line.tag.order_number
        && let Some((_, known)) = unit.order_named(&line.page, number).await?
    {
        if line.phone_hash.is_none() || unit.has_recipient(&known).await? {
            return Ok(known);
        }
        waits_in = Some(known);
    }
    if let Some(hash) = &line.phone_hash {
        let found = unit.conversations_with_phone(&line.page, hash, now - PHONE_WITHIN).await?;
        return match found.as_slice() {
            [one] => Ok(one.clone()),
            // The order number is enough; a phone number counts once a conversation is known by it.
            others if let Some(waits_in) = waits_in => {
                if others.is_empty() {
                    unit.add_phone_mention(&waits_in, &line.page, hash, MentionSource::Tag, now).await?;
                }
                Ok(waits_in)
            }
            [] => Err(Error::conflict(
                "phone_unknown",
                "No conversation of the last 30 days has this phone number: give psid, or leave phone out.",
            )),
            _ => Err(Error::conflict(
                "phone_ambiguous",
                "Several conversations of the last 30 days have this phone number: give psid.",
            )),
        };
    }
    if line.tag.order_number.is_none() {
        return Err(Error::field("/order_id", "Say whose fact it is: give order_id, psid or phone."));
    }
    // What the sender knows of the customer need not name anybody, but may.
    let phone = line.tag.customer.as_ref().and_then(|customer| customer.phone.as_ref());
    if let Some(phone) = phone {
        let hash = services.phone_key.hash(phone.as_str())?;
        let found = unit.conversations_with_phone(&line.page, &hash, now - PHONE_WITHIN).await?;
        if let [one] = found.as_slice() {
            return Ok(one.clone());
        }
    }
    unit.open_thread(&opened, &line.page, Channel::Messenger, now).await?;
    Ok(opened)
}
