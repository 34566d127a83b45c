//! `POST /v1/outcomes`: many tags of other systems in one request, each a line with its Page and its person or order.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::crm;
use crate::crm::field;
use crate::crm::mapping::{self, TagContext};
use crate::crm::tag_body::TagBody;
use crate::domain::basic::identity::PageId;
use crate::error::{Error, Result};
use crate::flow::{self, Claim, Idempotent, ImportLine, Reply};
use crate::store::page::Page;
use crate::web::api::outcome;
use crate::web::server::caller::{Authenticated, CRM, Caller};
use crate::web::server::idempotency::{self, NamedRequest};
use crate::web::server::problem;
use crate::web::server::read::{IdempotencyKey, RawBody};
use crate::web::server::state::App;

/// Lines of one request, at most.
const LINES_MAX: usize = 1000;

/// The body, with each line as raw JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportBodies {
    outcomes: Vec<Box<RawValue>>,
}

/// Tag bodies, each with its Page and its person or order.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the body; each line is read by itself")]
pub struct ImportBody {
    /// Up to 1000, each with `page_id` and with `order_id`, `psid` or `phone`.
    outcomes: Vec<LineBody>,
}

/// A tag body with its Page and its person or order.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes a line; each is read by itself")]
pub struct LineBody {
    /// The id of the Page.
    page_id: String,
    /// The person, as the Page knows them.
    psid: Option<String>,
    /// Their phone number: it must belong to exactly one conversation of the last 30 days.
    phone: Option<String>,
    #[schema(inline)]
    #[serde(flatten)]
    tag: TagBody,
}

/// The result of each line, in their order.
#[derive(Serialize, ToSchema)]
pub struct Results {
    /// `{"status":201,"outcome":{…}}` or `{"status":409,"problem":{…}}`.
    results: Vec<Value>,
}

/// Records lines. A bad line harms no other; the same Idempotency-Key again continues where it stopped.
#[utoipa::path(
    post, path = "/v1/outcomes", operation_id = "importOutcomes", tag = "crm",
    request_body = ImportBody,
    responses((status = 200, body = Results)),
    extensions(("x-roles" = json!(["crm"]))),
)]
pub async fn take(
    State(app): State<App>,
    Authenticated(caller): Authenticated<CRM>,
    IdempotencyKey(key): IdempotencyKey,
    RawBody(body): RawBody,
) -> Result<Response> {
    let named = NamedRequest { caller: &caller, key, route: "outcomes".to_owned(), body: &body };
    let request = named.claim(&app, answered)?;
    let imported = Box::pin(import(&app, &caller, &body, request.claim.as_deref()));
    Ok(idempotency::answer(&app, &request, imported).await)
}

/// Records the lines that can be read; gives the result of each, in the order of the body.
async fn import(
    app: &App,
    caller: &Caller,
    body: &[u8],
    claim: Option<&Claim>,
) -> Result<Idempotent<Results>> {
    let ImportBodies { outcomes } = crm::json::read(body)?;
    if outcomes.len() > LINES_MAX {
        return Err(Error::field(
            "/outcomes",
            format!("It must have at most {LINES_MAX} lines: send several requests."),
        ));
    }
    let mut pages = HashMap::new();
    let mut answers: Vec<Option<Reply>> = Vec::with_capacity(outcomes.len());
    let mut lines = Vec::with_capacity(outcomes.len());
    for (number, text) in outcomes.iter().enumerate() {
        match line(app, caller, text, &mut pages).await {
            Ok(line) => {
                lines.push((number, line));
                answers.push(None);
            }
            Err(error) => answers.push(Some(problem::reply(app, error).await)),
        }
    }
    let results = match flow::import(&app.services, &lines, &caller.name, claim, outcome::tagged).await? {
        Idempotent::Done(results) => results,
        Idempotent::Replayed(reply) => return Ok(Idempotent::Replayed(reply)),
    };
    for ((number, _), result) in lines.iter().zip(results) {
        answers[*number] = Some(match result {
            Ok(reply) => reply,
            Err(error) => problem::reply(app, error).await,
        });
    }
    let answers: Vec<Reply> = answers.into_iter().flatten().collect();
    let results = Results { results: answers.iter().map(shown).collect() };
    // A line that may succeed another time leaves the request without a final answer: then each line has its own.
    let is_final = answers.iter().all(|answer| !matches!(answer.status, 409 | 429 | 500..));
    if let Some(claim) = claim.filter(|_| is_final) {
        idempotency::keep(app, claim, &answered(&results)).await;
    }
    Ok(Idempotent::Done(results))
}

fn answered(results: &Results) -> Reply {
    problem::json(200, results)
}

/// A line's answer beside its status.
fn shown(reply: &Reply) -> Value {
    let status = reply.status;
    match serde_json::from_str(&reply.body) {
        Ok(Value::Object(mut members)) if status < 400 => {
            members.insert("status".to_owned(), json!(status));
            Value::Object(members)
        }
        problem => json!({"status": status, "problem": problem.unwrap_or_default()}),
    }
}

/// Reads one line.
async fn line(
    app: &App,
    caller: &Caller,
    text: &RawValue,
    pages: &mut HashMap<PageId, Page>,
) -> Result<ImportLine> {
    let mut members: Map<String, Value> = crm::json::read(text.get().as_bytes())?;
    let mut key = |name: &str| match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(key)) if !key.is_empty() && key.len() <= 64 && !key.contains('\0') => {
            Ok(Some(key))
        }
        Some(_) => Err(Error::field(format!("/{name}"), "It must be a text of 1 to 64 characters.")),
    };
    let (page, psid, phone) = (key("page_id")?, key("psid")?, key("phone")?);
    let page = PageId(page.ok_or_else(|| Error::field("/page_id", "Say which Page: give page_id."))?);
    caller.sees(&page, "Page")?;
    if !pages.contains_key(&page) {
        let found = app.services.store.look().await?.page(&page).await?;
        pages.insert(page.clone(), found.ok_or_else(|| Error::not_found("Page"))?);
    }
    let known = &pages[&page];
    let context = TagContext {
        role: caller.role,
        currency: known.currency,
        country: &known.country,
        now: app.services.clock.now(),
    };
    let rest = Value::Object(members).to_string();
    let tag = mapping::read(&crm::json::read::<TagBody>(rest.as_bytes())?, context)?;
    let phone = phone.map(|text| field::phone("/phone", &text, &known.country)).transpose()?;
    let phone_hash = phone.map(|phone| app.services.phone_key.hash(phone.as_str())).transpose()?;
    let psid = psid.map(|text| field::person("/psid", &text)).transpose()?;
    Ok(ImportLine { page, psid, phone_hash, tag })
}
