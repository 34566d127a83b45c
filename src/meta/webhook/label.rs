//! The change `inbox_labels`: a label of the Page's inbox was put on a person or taken off.

use crate::domain::basic::identity::PersonId;
use crate::domain::conversation::inbound::LabelChange;
use crate::meta::webhook::chat::{EntryContext, MALFORMED};
use crate::meta::webhook::json::Json;

/// Reads one change.
///
/// # Errors
/// The word under which the change is kept: it is incomplete, or about the label itself and not about a person.
pub(super) fn read(entry: &EntryContext<'_>, value: &Json<'_>) -> Result<LabelChange, &'static str> {
    const KEPT: &str = "change:inbox_labels";
    let (Some(psid), Some(action)) = (value.id_of("user"), value.get("action").and_then(Json::str)) else {
        return Err(KEPT);
    };
    // Meta writes `add` or `add_label`, `remove` or `remove_label`; `create_label` and `delete_label` concern no person.
    let added = action.starts_with("add");
    if !added && !action.starts_with("remove") {
        return Err(KEPT);
    }
    let label = value.get("label").ok_or(MALFORMED)?;
    Ok(LabelChange {
        page_id: entry.page_id.clone(),
        person_id: PersonId(psid),
        at: entry.entry_time.ok_or(MALFORMED)?,
        added,
        label_id: value.id_of("label").ok_or(MALFORMED)?,
        name: label.line("page_label_name").or_else(|| label.line("name")),
    })
}
