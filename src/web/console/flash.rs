//! The line at the top of a page that shows what was just saved, what will be sent to Meta for it, and the undo.

use crate::clock::Timestamp;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::order::outcome::newest_by_person;
use crate::error::Result;
use crate::store::Unit;
use crate::store::aggregate::Scope;
use crate::store::outcome::EntryOrigin;
use crate::web::console::formatting::Formatter;
use crate::web::console::layout::Flash;
use crate::web::console::path::without_flash;
use crate::web::console::presenter::Presenter;
use crate::web::console::text::{self, fill};
use crate::web::console::visitor::Visitor;

/// The entry that a redirect names as just saved.
#[derive(Clone, Copy, Debug)]
pub struct SavedEntry<'a> {
    /// The id of the entry.
    pub id: &'a str,
    /// Whether it was in the ledger already.
    pub known: bool,
}

/// What was just saved; none if there is no such entry that the visitor may see.
pub async fn of_saved(
    unit: &mut Unit,
    visitor: &Visitor,
    saved: SavedEntry<'_>,
    now: Timestamp,
) -> Result<Option<Flash>> {
    let entry = OutcomeId::from(saved.id);
    let Some(origin) = unit.entry_origin(&entry).await? else { return Ok(None) };
    let EntryOrigin { conversation, about: undone_fact, .. } = origin;
    let Some(page) = unit.page_of_conversation(&conversation).await? else { return Ok(None) };
    let page = unit.page_heads(Some(&page)).await?.pop().filter(|page| visitor.operator.sees(&page.id));
    let Some(page) = page else { return Ok(None) };
    let found = unit.aggregates(Scope::Conversation(&conversation)).await?.pop();
    let Some(aggregate) = found else { return Ok(None) };
    let texts = text::of(visitor.operator.language);
    let presenter = Presenter { visitor, formatter: Formatter::new(&page.timezone, texts, now) };
    let is_undo = undone_fact.is_some();
    let fact_id = undone_fact.unwrap_or(entry);
    let mut facts = aggregate.orders.iter().flat_map(|ledger| &ledger.facts).chain(&aggregate.chat_facts);
    let Some(fact) = facts.find(|fact| fact.id == fact_id) else { return Ok(None) };
    let ledger = aggregate.orders.iter().find(|ledger| ledger.facts.iter().any(|one| one.id == fact_id));
    let mut line = presenter.fact(fact, ledger.map(|ledger| &ledger.order));
    if let Some(number) = ledger.and_then(|ledger| ledger.numbers.first()) {
        line = format!("{line} ({number})");
    }
    let text = if fact.undone {
        format!("{}: {line}", texts.undone)
    } else if saved.known {
        fill(texts.already_said, &[&fact.actor, &line])
    } else {
        fill(texts.saved, &[&line])
    };
    let conversions = ledger.map(|ledger| aggregate.conversions_of(ledger)).unwrap_or_default();
    let conversions = conversions.iter().map(|row| presenter.conversion(row, page.currency).text);
    let text = std::iter::once(text).chain(conversions).collect::<Vec<_>>().join(" · ");
    let beside = ledger.map_or(aggregate.chat_facts.as_slice(), |ledger| ledger.facts.as_slice());
    let is_newest = newest_by_person(beside.iter()).is_some_and(|newest| *newest.id() == fact_id);
    let undo = (is_newest && !is_undo && !saved.known).then_some(fact_id.0);
    Ok(Some(Flash { text, undo, back: without_flash(&visitor.path) }))
}
