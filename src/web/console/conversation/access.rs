//! Access to a conversation: who may work on it.

use crate::domain::basic::identity::ConversationId;
use crate::domain::operator::Permission;
use crate::error::{Error, Result};
use crate::store::Unit;
use crate::store::page::Page;
use crate::web::console::visitor::Visitor;

/// The Page of a conversation that the visitor may work on.
///
/// # Errors
/// 403 for another role, 404 for another Page's.
pub async fn page_of(unit: &mut Unit, visitor: &Visitor, id: &ConversationId) -> Result<Page> {
    visitor.may(Permission::Tag)?;
    let page = unit.page_of_conversation(id).await?.ok_or_else(|| Error::not_found("conversation"))?;
    visitor.sees(&page)?;
    unit.page(&page).await?.ok_or_else(|| Error::not_found("Page"))
}
