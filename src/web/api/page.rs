//! Pages: their settings, and changing them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::crm::json;
use crate::domain::basic::identity::PageId;
use crate::domain::basic::span;
use crate::domain::signal::SEND_WITHIN;
use crate::error::{Error, Result};
use crate::flow;
use crate::store::Unit;
use crate::store::page::Page;
use crate::web::api::page_body::{self, PageBody};
use crate::web::server::caller::{ADMIN, ANALYST, Authenticated};
use crate::web::server::list::Listed;
use crate::web::server::read::{Id, RawBody};
use crate::web::server::state::App;

/// The settings of a Page. Its token is never shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageView {
    id: String,
    name: String,
    dataset_id: String,
    currency: &'static str,
    country: String,
    timezone: String,
    /// live, shadow or paused.
    mode: &'static str,
    /// A fault of its token or link, while which nothing is sent, with what to do; set an `access_token` once it is
    /// mended.
    fault: Option<String>,
    /// Until when the oldest event that waits for the fault to be mended can leave: Meta takes none older than 7 days.
    fault_until: Option<String>,
    /// While it is set, Meta takes events as a test.
    test_event_code: Option<String>,
    silent_after: String,
    working_hours: Option<String>,
    signals: SignalsView,
    labels: BTreeMap<String, &'static str>,
    take_off_labels: bool,
    sentences: BTreeMap<&'static str, Vec<String>>,
    reasons: ReasonsView,
    /// Event names that the dataset does not take.
    refused_names: Vec<&'static str>,
}

/// The signal policy in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignalsView {
    /// Counts the changes, from 1.
    version: i64,
    purchase_on: &'static str,
    hold: String,
    lead_on: &'static str,
    lifecycle: bool,
    value: &'static str,
    on_unknown: &'static str,
}

/// The reasons to choose from.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReasonsView {
    lost: Vec<String>,
    cancelled: Vec<String>,
    returned: Vec<String>,
    not_a_sale: Vec<String>,
}

/// Lists the Pages that the key may see.
#[utoipa::path(
    get, path = "/v1/pages", operation_id = "listPages", tag = "running",
    responses((status = 200, body = Listed<PageView>)),
    extensions(("x-roles" = json!(["analyst"]))),
)]
pub async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated<ANALYST>,
) -> Result<Json<Listed<PageView>>> {
    let mut unit = app.services.store.read().await?;
    let mut data = Vec::new();
    for id in caller.pages(&mut unit, None).await? {
        data.push(view(&mut unit, &id).await?);
    }
    Ok(Json(Listed { data, next_cursor: None }))
}

/// Changes the settings of a Page. A change of its policy applies to what is confirmed afterwards.
#[utoipa::path(
    patch, path = "/v1/pages/{id}", operation_id = "changePage", tag = "running",
    params(("id" = String, Path, description = "The Page's id at Meta")),
    request_body = PageBody,
    responses((status = 200, body = PageView)),
    extensions(("x-roles" = json!([]))),
)]
pub async fn change(
    State(app): State<App>,
    Authenticated(caller): Authenticated<ADMIN>,
    Id(id): Id,
    RawBody(body): RawBody,
) -> Result<Json<PageView>> {
    let id = PageId(id);
    caller.sees(&id, "Page")?;
    app.services.store.look().await?.page(&id).await?.ok_or_else(|| Error::not_found("Page"))?;
    let change = page_body::read(json::read::<PageBody>(&body)?)?;
    flow::change_page(&app.services, &id, &change).await?;
    tracing::info!(page.id = %id, by = caller.name, "Page {id} is set anew");
    Ok(Json(view(&mut app.services.store.read().await?, &id).await?))
}

async fn view(unit: &mut Unit, id: &PageId) -> Result<PageView> {
    let page = unit.page(id).await?.ok_or_else(|| Error::not_found("Page"))?;
    let mut refused_names: Vec<&str> =
        unit.rules(&page).await?.refused.iter().map(|name| name.as_str()).collect();
    refused_names.sort_unstable();
    let head = unit.page_heads(Some(id)).await?.pop();
    let oldest_waiting = head.and_then(|head| head.oldest_waiting);
    let Page { policy, reasons, .. } = &page;
    Ok(PageView {
        signals: SignalsView {
            version: policy.version,
            purchase_on: policy.purchase_on.as_str(),
            hold: span::text(policy.hold),
            lead_on: policy.lead_on.as_str(),
            lifecycle: policy.lifecycle,
            value: "revenue",
            on_unknown: policy.on_unknown.as_str(),
        },
        reasons: ReasonsView {
            lost: reasons.lost.clone(),
            cancelled: reasons.cancelled.clone(),
            returned: reasons.returned.clone(),
            not_a_sale: reasons.not_a_sale.clone(),
        },
        labels: page.labels.iter().map(|(label, kind)| (label.clone(), kind.as_str())).collect(),
        take_off_labels: page.take_off_labels,
        sentences: page.sentences.iter().map(|(kind, list)| (kind.as_str(), list.clone())).collect(),
        currency: page.currency.code(),
        mode: page.mode.as_str(),
        silent_after: span::text(page.silent_after),
        working_hours: page.working_hours.as_ref().map(ToString::to_string),
        refused_names,
        fault_until: oldest_waiting.map(|oldest| (oldest + SEND_WITHIN).to_string()),
        id: page.id.0,
        name: page.name,
        dataset_id: page.lane.dataset_id.0,
        country: page.country,
        timezone: page.timezone,
        fault: page.lane.fault,
        test_event_code: page.test_event_code,
    })
}
