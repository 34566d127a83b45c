//! What CRM, courier, bank and site tell, many lines at a time: each line is a tag. Lines commit in order,
//! several in one unit; one bad line harms no other, and the same request again goes on where it stopped.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId, PersonId};
use crate::domain::conversation::inbound::Channel;
use crate::domain::conversation::recipient::Recipient;
use crate::domain::order::tag_decision::{self, Tag};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::services::Services;
use crate::flow::tag::record::{ELSEWHERE, Tagged, record};
use crate::flow::unit::idempotency::{Claim, Reply};
use crate::flow::unit::retried;
use crate::store::Unit;

/// Lines that one unit takes.
const LINES_MAX: usize = 50;

/// A phone number is looked for among the conversations of so long ago.
const PHONE_WITHIN: Duration = Duration::from_hours(30 * 24);

/// One line: what happened, and whose order it was.
#[derive(Clone, Debug)]
pub struct ImportLine {
    /// The Page.
    pub page: PageId,
    /// The person, if the sender knows them.
    pub psid: Option<PersonId>,
    /// The hash of the customer's phone number, if it was given.
    pub phone_hash: Option<String>,
    /// What happened.
    pub tag: Tag,
}

/// What came of a line: its answer, or why it was refused.
pub type LineResult = Result<Reply>;

/// Takes lines, each with its number in the request. Gives what came of each, in their order.
///
/// # Errors
/// When the database fails: what was committed before stays, and the same request again goes on from there.
pub async fn import(
    services: &Services,
    lines: &[(usize, ImportLine)],
    actor: &str,
    claim: Option<&Claim>,
    render: fn(&Tagged) -> Reply,
) -> Result<Vec<LineResult>> {
    let mut told = Vec::with_capacity(lines.len());
    for lines in lines.chunks(LINES_MAX) {
        told.extend(retried(move || take(services, lines, actor, claim, render)).await?);
    }
    Ok(told)
}

async fn take(
    services: &Services,
    lines: &[(usize, ImportLine)],
    actor: &str,
    claim: Option<&Claim>,
    render: fn(&Tagged) -> Reply,
) -> Result<Vec<LineResult>> {
    let now = services.clock.now();
    let mut unit = services.store.begin("import").await?;
    let mut told = Vec::with_capacity(lines.len());
    for (number, line) in lines {
        let claim = claim.map(|claim| claim.line(*number));
        unit.mark_point().await?;
        match take_one(&mut unit, services, line, actor, (claim.as_ref(), render, now)).await {
            Ok(reply) => {
                unit.keep_point().await?;
                told.push(Ok(reply));
            }
            Err(error) if is_of_the_line(&error) => {
                unit.back_to_point().await?;
                told.push(Err(error));
            }
            Err(error) => return Err(error),
        }
    }
    unit.commit().await?;
    Ok(told)
}

/// Whether the line itself is at fault, so that the others go on.
fn is_of_the_line(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Forbidden
    )
}

async fn take_one(
    unit: &mut Unit,
    services: &Services,
    line: &ImportLine,
    actor: &str,
    (claim, render, now): (Option<&Claim>, fn(&Tagged) -> Reply, Timestamp),
) -> Result<Reply> {
    if let Some(claim) = claim
        && let Some(before) = claim.answer(unit, now).await?
    {
        return Ok(before);
    }
    let conversation = conversation_of(unit, services, line).await?;
    let mut tag = line.tag.clone();
    if tag.reference.is_none() && tag_decision::is_repeatable(&tag) {
        tag.reference = claim.map(Claim::as_reference);
    }
    let said = record(unit, services, &conversation, &tag, actor).await;
    // A line that names nobody but the order was led to where it is: it can only have come up since.
    let names_nobody = line.psid.is_none() && line.phone_hash.is_none();
    if names_nobody && said.as_ref().is_err_and(|error| error.code == ELSEWHERE) {
        return Err(Error::new(ErrorKind::Contended, "order_moved", "The order moved at this moment"));
    }
    if said.as_ref().is_err_and(is_of_the_line) && unit.page_of_conversation(&conversation).await?.is_none() {
        // Its order was adopted at this moment, and the thread in which it waited is gone.
        return Err(Error::new(ErrorKind::Contended, "order_moved", "The order moved at this moment"));
    }
    let reply = render(&said?);
    if let Some(claim) = claim {
        claim.keep(unit, &reply, now).await?;
    }
    Ok(reply)
}

/// The conversation that a line is about. An unknown person's is opened; an order that nobody is known of
/// waits in a thread without a person.
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
        return unit
            .open_conversation(&opened, &line.page, &Recipient::on_messenger(&line.page, psid.clone()), now)
            .await;
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
            // The number alone says enough; the phone will, once its conversation is known.
            _ if waits_in.is_some() => Ok(waits_in.unwrap_or(opened)),
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
    unit.open_thread(&opened, &line.page, Channel::Messenger, now).await?;
    Ok(opened)
}
