//! A label of the Page's inbox, put on a person or taken off (`inbox_labels`).

use crate::domain::basic::identity::PersonId;
use crate::domain::conversation::inbound::LabelChange;
use crate::meta::webhook::chat::{Found, MALFORMED};
use crate::meta::webhook::json::Json;

/// One change, or the word that it is kept under: what names nobody is about the label itself.
pub(super) fn read(found: &Found<'_>, value: &Json<'_>) -> Result<LabelChange, &'static str> {
    const KEPT: &str = "change:inbox_labels";
    let (Some(psid), Some(action)) = (value.id_of("user"), value.get("action").and_then(Json::str)) else {
        return Err(KEPT);
    };
    // `add`, `add_label`, `remove`, `remove_label`; `create_label` and `delete_label` put nothing on anyone.
    let added = action.starts_with("add");
    if !added && !action.starts_with("remove") {
        return Err(KEPT);
    }
    let label = value.get("label").ok_or(MALFORMED)?;
    Ok(LabelChange {
        page_id: found.page_id.clone(),
        person_id: PersonId(psid),
        at: found.entry_time.ok_or(MALFORMED)?,
        added,
        label_id: value.id_of("label").ok_or(MALFORMED)?,
        name: label.line("page_label_name").or_else(|| label.line("name")),
    })
}
