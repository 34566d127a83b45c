//! Tags by sentence: what an operator writes to the customer anyway, when an order is agreed, is the tag.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId};
use crate::domain::conversation::inbound::Author;
use crate::domain::inbox::pending::PendingReason;
use crate::domain::inbox::sentence::{self, Pattern, Reading, SentenceMatch};
use crate::domain::order::outcome::Source;
use crate::domain::order::tag::Tag;
use crate::error::{Error, Result};
use crate::flow::convert::loaded::LoadedConversation;
use crate::flow::inbox::pending::{Pending, make_pending, try_to_record};
use crate::flow::unit::services::Services;
use crate::store::Unit;
use crate::store::cursor::ListCursor;

/// The reason of a `lost`, `cancelled` or `returned` by sentence, which gives none itself.
const IN_THE_CHAT: &str = "said in the chat";

/// A pattern is tried on messages of this time back from now.
const TRIED_WITHIN: std::time::Duration = std::time::Duration::from_hours(7 * 24);

/// Messages that one query reads.
const READ_AT_ONCE: i64 = 1000;

/// The most matches that a trial lists.
const FOUND_MAX: usize = 500;

/// A message that an operator wrote or edited.
pub(in crate::flow) struct OperatorMessage {
    /// The `ref` of the tag: the same whenever the message, or that edit of it, arrives again.
    reference: String,
    text: String,
    at: Timestamp,
}

impl fmt::Debug for OperatorMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorMessage").field("at", &self.at).finish_non_exhaustive()
    }
}

impl OperatorMessage {
    /// The message, if a human wrote it for the Page; `None` for other authors and without text.
    pub(in crate::flow) fn of(author: Author, mid: &str, text: Option<&str>, at: Timestamp) -> Option<Self> {
        let text = text.filter(|_| author == Author::Operator)?.to_owned();
        let digest = hex::encode(Sha256::digest(mid));
        Some(Self { reference: format!("sentence:{}", &digest[..32]), text, at })
    }
}

/// Records what operators' messages say by the Page's sentences. A match that is incomplete, or whose tag is refused,
/// becomes pending.
pub(in crate::flow) async fn read_messages(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    messages: &[OperatorMessage],
) -> Result<()> {
    if loaded.page.sentences.is_empty() {
        return Ok(());
    }
    let mut messages: Vec<&OperatorMessage> = messages.iter().collect();
    messages.sort_by_key(|message| message.at);
    for message in messages {
        let found = sentence::hear(&loaded.page.sentences, &message.text, loaded.page.currency);
        if let Some(found) = found {
            tag_sentence(unit, services, loaded, message, found).await?;
        }
    }
    Ok(())
}

async fn tag_sentence(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    message: &OperatorMessage,
    found: SentenceMatch,
) -> Result<()> {
    let mut tag = Tag::bare(found.kind, Source::Sentence, loaded.page.currency);
    tag.reference = Some(message.reference.clone());
    tag.occurred_at = Some(message.at.min(loaded.now));
    tag.details.clamped = message.at > loaded.now;
    tag.reason = found.kind.wants_reason().then(|| IN_THE_CHAT.to_owned());
    if let Some(reason) = PendingReason::of_reading(found.reading, found.kind) {
        return make_pending(unit, services, loaded, &tag, Pending::tag(reason)).await;
    }
    let Reading::Whole(value) = found.reading else { return Ok(()) };
    tag.terms.value = value;
    if let Err(error) = try_to_record(unit, services, loaded, &tag).await? {
        let reason = PendingReason::of_refusal(error.code);
        make_pending(unit, services, loaded, &tag, Pending::tag(reason)).await?;
    }
    Ok(())
}

/// What a pattern would have tagged, had it been in force.
#[derive(Debug)]
pub struct Trial {
    /// How many messages of operators were read.
    pub read: usize,
    /// The messages that it matched, oldest first.
    pub found: Vec<Tried>,
    /// Whether there are more matches than are listed.
    pub is_cut: bool,
}

/// A message that a pattern matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The conversation in which it was written.
    pub conversation_id: ConversationId,
    /// Our id of the message.
    pub message_id: String,
    /// When it was written.
    pub at: Timestamp,
    /// What the match gives: a whole tag, or which part is missing.
    pub reading: Reading,
}

/// Tries a pattern on what operators of the Page wrote within the last 7 days, as far as their texts are kept. Tags
/// nothing.
///
/// # Errors
/// `not_found`; 422 if it is no pattern.
pub async fn try_sentence(services: &Services, page: &PageId, pattern: &str) -> Result<Trial> {
    let pattern =
        Pattern::parse(pattern).map_err(|fault| Error::field("/pattern", format!("It {fault}.")))?;
    let mut unit = services.store.read().await?;
    let page = unit.page(page).await?.ok_or_else(|| Error::not_found("Page"))?;
    let mut trial = Trial { read: 0, found: Vec::new(), is_cut: false };
    let mut after = ListCursor { at: services.clock.now() - TRIED_WITHIN, id: String::new() };
    loop {
        let words = unit.texts_of_operators(&page.id, &after, READ_AT_ONCE).await?;
        let Some(last) = words.last() else { break };
        after = ListCursor { at: last.at, id: last.id.clone() };
        trial.read += words.len();
        for written in words {
            let reading = pattern.read(&written.text, page.currency);
            if reading == Reading::Nothing {
                continue;
            }
            if trial.found.len() == FOUND_MAX {
                trial.is_cut = true;
                return Ok(trial);
            }
            trial.found.push(Tried {
                conversation_id: written.conversation,
                message_id: written.id,
                at: written.at,
                reading,
            });
        }
    }
    Ok(trial)
}
