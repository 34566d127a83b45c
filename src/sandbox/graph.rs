//! Graph's calls, as far as the bridge needs them: which call a request is, and the answers to those without events.

use hyper::Method;
use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::sandbox::call::Call;
use crate::sandbox::error_object;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::reply::Reply;
use crate::sandbox::state::State;

/// The live versions of Graph with the day on which each ends (Meta's changelog of the Graph API).
const VERSIONS: [(&str, &str); 6] = [
    ("v21.0", "2027-01-21"),
    ("v22.0", "2027-05-20"),
    ("v23.0", "2027-10-08"),
    ("v24.0", "2028-02-18"),
    ("v25.0", "2028-07-29"),
    ("v26.0", "not announced"),
];

/// The app that every token belongs to.
const APP_ID: &str = "123456789";

/// The dataset of a request that carries events, if it is one.
pub(super) fn dataset_of(call: &Call) -> Option<&str> {
    match call.path.as_slice() {
        [_, dataset, edge] if edge == "events" && call.method == Method::POST => Some(dataset),
        _ => None,
    }
}

/// Answers a request to Graph.
pub(super) fn answer(state: &mut State, now: Timestamp, mut call: Call) -> Reply {
    if let Err(refusal) = check_version(now, &call) {
        return error_object::reply(&refusal, &state.trace());
    }
    if let Some(dataset) = dataset_of(&call).map(str::to_owned) {
        return state.events(now, &dataset, &mut call);
    }
    match call_without_events(state, now, &call) {
        Ok(value) => Reply::json(200, &value),
        Err(refusal) => error_object::reply(&refusal, &state.trace()),
    }
}

/// Lets a call pass whose path begins with a live version.
fn check_version(now: Timestamp, call: &Call) -> Result<(), Refusal> {
    let version = call.path.first().map(String::as_str).unwrap_or_default();
    let number = version.strip_prefix('v').and_then(|number| number.split_once('.'));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !number.is_some_and(|(major, minor)| is_digits(major) && is_digits(minor)) {
        return Err(Refusal::unknown_object(version));
    }
    // RFC 3339 dates compare as text, and every date is before the words "not announced".
    let today = now.to_string();
    if VERSIONS.iter().any(|(live, ends)| *live == version && today.as_str() < *ends) {
        return Ok(());
    }
    let message = format!(
        "(#100) {version} is no live version of Graph (UNVERIFIED: Meta may serve the oldest live one instead)"
    );
    Err(Refusal::new(100, None, message))
}

/// Answers every call but the one that carries events.
fn call_without_events(state: &mut State, now: Timestamp, call: &Call) -> Result<Value, Refusal> {
    if call.is_malformed {
        return Err(Refusal::new(100, None, "(#100) The body is not a JSON object"));
    }
    let path: Vec<&str> = call.path.iter().skip(1).map(String::as_str).collect();
    if let (["debug_token"], &Method::GET) = (path.as_slice(), &call.method) {
        return debug_token(state, call);
    }
    state.admit(now, call)?;
    let may_touch = |id: &str| {
        if state.links.may_touch(&call.token, id) { Ok(()) } else { Err(Refusal::unknown_object(id)) }
    };
    match (path.as_slice(), &call.method) {
        ([page, "dataset"], &Method::GET) => {
            may_touch(page)?;
            Ok(state.links.pages.get(*page).map_or_else(|| json!({}), |dataset| json!({"id": dataset})))
        }
        ([page, "dataset"], &Method::POST) => {
            may_touch(page)?;
            Ok(json!({"id": dataset_of_page(state, page, &call.token)}))
        }
        ([page, "subscribed_apps"], method) => {
            may_touch(page)?;
            subscribed_apps(state, page, method, call)
        }
        ([page, "custom_labels"], method) => {
            may_touch(page)?;
            custom_labels(state, page, method, call)
        }
        ([label, "label"], method) => label_on_person(state, label, method, call),
        ([id], &Method::GET) => label_or_person(state, id, call),
        _ => Err(Refusal::unknown_object(path.last().copied().unwrap_or_default())),
    }
}

/// `POST /{page}/dataset`: the dataset of a Page; it is made if the Page has none.
fn dataset_of_page(state: &mut State, page: &str, token: &str) -> String {
    if let Some(dataset) = state.links.pages.get(page) {
        return dataset.clone();
    }
    let dataset = format!("90{:014}", state.serial());
    state.links.pages.insert(page.to_owned(), dataset.clone());
    state.links.grant(token, &dataset);
    dataset
}

/// `/{page}/subscribed_apps`: the webhook fields of the one app; `POST` sets them.
fn subscribed_apps(state: &mut State, page: &str, method: &Method, call: &Call) -> Result<Value, Refusal> {
    let subscriptions = &mut state.links.subscriptions;
    match *method {
        Method::GET => {
            let app = |fields: &Vec<String>| {
                json!({"category": "Business", "link": "https://app.example", "name": "Bridge", "id": APP_ID,
                       "subscribed_fields": fields})
            };
            Ok(json!({"data": subscriptions.get(page).map(app).into_iter().collect::<Vec<_>>()}))
        }
        Method::POST => {
            let fields = call.text("subscribed_fields").filter(|fields| !fields.is_empty());
            let fields = fields.ok_or_else(|| {
                Refusal::new(100, None, "(#100) The parameter subscribed_fields is required")
            })?;
            let fields = fields.split(',').map(|field| field.trim().to_owned()).collect();
            subscriptions.insert(page.to_owned(), fields);
            Ok(json!({"success": true}))
        }
        Method::DELETE => {
            subscriptions.remove(page);
            Ok(json!({"success": true}))
        }
        _ => Err(Refusal::unknown_object("subscribed_apps")),
    }
}

fn custom_labels(state: &mut State, page: &str, method: &Method, call: &Call) -> Result<Value, Refusal> {
    match *method {
        Method::GET => {
            let labels = state.links.labels.get(page).into_iter().flatten();
            let labels: Vec<Value> = labels
                .map(|(id, name)| with_fields(call, json!({"page_label_name": name, "id": id})))
                .collect();
            Ok(json!({"data": labels, "paging": {"cursors": {"before": "b", "after": "a"}}}))
        }
        Method::POST => {
            let name = call.text("page_label_name").filter(|name| !name.is_empty());
            let name = name
                .ok_or_else(|| Refusal::new(100, None, "(#100) The parameter page_label_name is required"))?;
            let labels = state.links.labels.entry(page.to_owned()).or_default();
            let known = labels.iter().find(|(_, known)| **known == name).map(|(id, _)| id.clone());
            let id = known.unwrap_or_else(|| format!("5881{:011}", state.serial()));
            state.links.labels.entry(page.to_owned()).or_default().insert(id.clone(), name);
            Ok(json!({"id": id}))
        }
        _ => Err(Refusal::unknown_object("custom_labels")),
    }
}

/// `POST /{label}/label` puts a label on a person and `DELETE` takes it off; both succeed even if nothing changed.
fn label_on_person(state: &mut State, label: &str, method: &Method, call: &Call) -> Result<Value, Refusal> {
    let pages = state.links.objects_of(&call.token);
    let is_known =
        pages.iter().any(|page| state.links.labels.get(*page).is_some_and(|ids| ids.contains_key(label)));
    if !is_known {
        return Err(Refusal::unknown_object(label));
    }
    let user = call.text("user").filter(|user| !user.is_empty());
    let user = user.ok_or_else(|| Refusal::new(100, None, "(#100) The parameter user is required"))?;
    let people = state.links.labelled.entry(label.to_owned()).or_default();
    match *method {
        Method::POST => people.insert(user),
        Method::DELETE => people.remove(&user),
        _ => return Err(Refusal::unknown_object("label")),
    };
    Ok(json!({"success": true}))
}

/// `GET /{id}`: a label or a person of a Page to which the token has access.
fn label_or_person(state: &State, id: &str, call: &Call) -> Result<Value, Refusal> {
    let pages = state.links.objects_of(&call.token);
    let label = pages.iter().find_map(|page| state.links.labels.get(*page)?.get(id));
    if let Some(name) = label {
        return Ok(with_fields(call, json!({"page_label_name": name, "id": id})));
    }
    let person = pages.iter().find_map(|page| state.links.people.get(*page)?.get(id));
    let mut profile = person.cloned().ok_or_else(|| Refusal::unknown_object(id))?;
    if !profile.is_object() {
        profile = json!({"first_name": "Peter", "last_name": "Chang", "name": "Peter Chang",
                         "profile_pic": "https://cdn.example/p.jpg", "locale": "en_US", "timezone": 4,
                         "gender": "male"});
    }
    profile["id"] = json!(id);
    Ok(with_fields(call, profile))
}

/// The fields that a call asks for, and always the id.
fn with_fields(call: &Call, object: Value) -> Value {
    let (Some(fields), Value::Object(members)) = (call.text("fields"), &object) else { return object };
    let is_listed = |name: &str| name == "id" || fields.split(',').any(|field| field.trim() == name);
    let members: Map<String, Value> = members
        .iter()
        .filter(|(name, _)| is_listed(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(members)
}

/// `GET /debug_token`: what the token in `input_token` is good for. The caller's own token is that of the app,
/// `{app id}|{app secret}`.
fn debug_token(state: &State, call: &Call) -> Result<Value, Refusal> {
    let (_, secret) = call.token.split_once('|').unwrap_or_default();
    let is_right = state.proof.app_secret.as_deref().is_none_or(|right| right == secret);
    if secret.is_empty() || !is_right {
        return Err(Refusal::new(190, None, "Invalid OAuth access token signature"));
    }
    let token = call.text("input_token").unwrap_or_default();
    if let Some(subcode) = state.dead_tokens.get(&token) {
        let error = json!({"code": 190, "subcode": subcode, "message": "Error validating access token"});
        return Ok(json!({"data": {"is_valid": false, "scopes": [], "error": error}}));
    }
    if !state.links.knows_token(&token) {
        let error = json!({"code": 190, "message": "Invalid OAuth access token"});
        return Ok(json!({"data": {"is_valid": false, "scopes": [], "error": error}}));
    }
    let scopes = ["pages_messaging", "pages_manage_metadata", "page_events"];
    let granular: Vec<Value> = scopes
        .iter()
        .map(|scope| json!({"scope": scope, "target_ids": state.links.objects_of(&token)}))
        .collect();
    Ok(json!({"data": {
        "app_id": APP_ID, "type": "PAGE", "application": "Bridge", "is_valid": true, "expires_at": 0,
        "data_access_expires_at": 0, "scopes": scopes, "granular_scopes": granular, "user_id": "300",
    }}))
}
