//! Graph's calls, as far as the bridge needs them: which call a request is, and the answers of those that
//! carry no events.

use hyper::Method;
use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::sandbox::call::Call;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::reply::Reply;
use crate::sandbox::world::World;

/// Live versions, and the day on which each ends.
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
pub(super) fn answer(world: &mut World, now: Timestamp, mut call: Call) -> Reply {
    if let Err(refusal) = check_version(now, &call) {
        return refusal.reply(&world.trace());
    }
    if let Some(dataset) = dataset_of(&call).map(str::to_owned) {
        return world.events(now, &dataset, &mut call);
    }
    match other(world, now, &call) {
        Ok(value) => Reply::json(200, &value),
        Err(refusal) => refusal.reply(&world.trace()),
    }
}

fn check_version(now: Timestamp, call: &Call) -> Result<(), Refusal> {
    let version = call.path.first().map(String::as_str).unwrap_or_default();
    let number = version.strip_prefix('v').and_then(|number| number.split_once('.'));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !number.is_some_and(|(major, minor)| is_digits(major) && is_digits(minor)) {
        return Err(Refusal::unknown_object(version));
    }
    // Dates in this form sort as text; a date sorts before words.
    let today = now.to_string();
    if VERSIONS.iter().any(|(live, ends)| *live == version && today.as_str() < *ends) {
        return Ok(());
    }
    let message = format!(
        "(#100) {version} is no live version of Graph (UNVERIFIED: Meta may serve the oldest live one instead)"
    );
    Err(Refusal::new(100, None, message))
}

fn other(world: &mut World, now: Timestamp, call: &Call) -> Result<Value, Refusal> {
    if call.is_malformed {
        return Err(Refusal::new(100, None, "(#100) The body is not a JSON object"));
    }
    let path: Vec<&str> = call.path.iter().skip(1).map(String::as_str).collect();
    if let (["debug_token"], &Method::GET) = (path.as_slice(), &call.method) {
        return debug_token(world, call);
    }
    world.admit(now, call)?;
    let ours = |id: &str| {
        if world.links.may_touch(&call.token, id) { Ok(()) } else { Err(Refusal::unknown_object(id)) }
    };
    match (path.as_slice(), &call.method) {
        ([page, "dataset"], &Method::GET) => {
            ours(page)?;
            Ok(world.links.pages.get(*page).map_or_else(|| json!({}), |dataset| json!({"id": dataset})))
        }
        ([page, "dataset"], &Method::POST) => {
            ours(page)?;
            Ok(json!({"id": dataset(world, page, &call.token)}))
        }
        ([page, "subscribed_apps"], method) => {
            ours(page)?;
            subscribed_apps(world, page, method, call)
        }
        ([page, "custom_labels"], method) => {
            ours(page)?;
            custom_labels(world, page, method, call)
        }
        ([label, "label"], method) => label_on_person(world, label, method, call),
        ([id], &Method::GET) => label_or_person(world, id, call),
        _ => Err(Refusal::unknown_object(path.last().copied().unwrap_or_default())),
    }
}

/// The dataset of a Page, made if it has none.
fn dataset(world: &mut World, page: &str, token: &str) -> String {
    if let Some(dataset) = world.links.pages.get(page) {
        return dataset.clone();
    }
    let dataset = format!("90{:014}", world.serial());
    world.links.pages.insert(page.to_owned(), dataset.clone());
    world.links.grant(token, &dataset);
    dataset
}

fn subscribed_apps(world: &mut World, page: &str, method: &Method, call: &Call) -> Result<Value, Refusal> {
    let subscriptions = &mut world.links.subscriptions;
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

fn custom_labels(world: &mut World, page: &str, method: &Method, call: &Call) -> Result<Value, Refusal> {
    match *method {
        Method::GET => {
            let labels = world.links.labels.get(page).into_iter().flatten();
            let labels: Vec<Value> =
                labels.map(|(id, name)| asked(call, json!({"page_label_name": name, "id": id}))).collect();
            Ok(json!({"data": labels, "paging": {"cursors": {"before": "b", "after": "a"}}}))
        }
        Method::POST => {
            let name = call.text("page_label_name").filter(|name| !name.is_empty());
            let name = name
                .ok_or_else(|| Refusal::new(100, None, "(#100) The parameter page_label_name is required"))?;
            let labels = world.links.labels.entry(page.to_owned()).or_default();
            let known = labels.iter().find(|(_, known)| **known == name).map(|(id, _)| id.clone());
            let id = known.unwrap_or_else(|| format!("5881{:011}", world.serial()));
            world.links.labels.entry(page.to_owned()).or_default().insert(id.clone(), name);
            Ok(json!({"id": id}))
        }
        _ => Err(Refusal::unknown_object("custom_labels")),
    }
}

/// `POST /{label}/label` puts it on a person, `DELETE` takes it off; Meta says yes even if nothing changed.
fn label_on_person(world: &mut World, label: &str, method: &Method, call: &Call) -> Result<Value, Refusal> {
    let pages = world.links.touched_by(&call.token);
    let is_ours =
        pages.iter().any(|page| world.links.labels.get(*page).is_some_and(|ids| ids.contains_key(label)));
    if !is_ours {
        return Err(Refusal::unknown_object(label));
    }
    let user = call.text("user").filter(|user| !user.is_empty());
    let user = user.ok_or_else(|| Refusal::new(100, None, "(#100) The parameter user is required"))?;
    let people = world.links.labelled.entry(label.to_owned()).or_default();
    match *method {
        Method::POST => people.insert(user),
        Method::DELETE => people.remove(&user),
        _ => return Err(Refusal::unknown_object("label")),
    };
    Ok(json!({"success": true}))
}

/// `GET /{id}`: a label or a person of a Page that the token may touch.
fn label_or_person(world: &World, id: &str, call: &Call) -> Result<Value, Refusal> {
    let pages = world.links.touched_by(&call.token);
    let label = pages.iter().find_map(|page| world.links.labels.get(*page)?.get(id));
    if let Some(name) = label {
        return Ok(asked(call, json!({"page_label_name": name, "id": id})));
    }
    let person = pages.iter().find_map(|page| world.links.people.get(*page)?.get(id));
    let mut profile = person.cloned().ok_or_else(|| Refusal::unknown_object(id))?;
    if !profile.is_object() {
        profile = json!({"first_name": "Peter", "last_name": "Chang", "name": "Peter Chang",
                         "profile_pic": "https://cdn.example/p.jpg", "locale": "en_US", "timezone": 4,
                         "gender": "male"});
    }
    profile["id"] = json!(id);
    Ok(asked(call, profile))
}

/// The fields that a call asks for, and always the id.
fn asked(call: &Call, object: Value) -> Value {
    let (Some(fields), Value::Object(members)) = (call.text("fields"), &object) else { return object };
    let is_asked = |name: &str| name == "id" || fields.split(',').any(|field| field.trim() == name);
    let members: Map<String, Value> = members
        .iter()
        .filter(|(name, _)| is_asked(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(members)
}

/// Asked with the app's own token, `{app id}|{app secret}`.
fn debug_token(world: &World, call: &Call) -> Result<Value, Refusal> {
    let (_, secret) = call.token.split_once('|').unwrap_or_default();
    let is_right = world.proof.app_secret.as_deref().is_none_or(|right| right == secret);
    if secret.is_empty() || !is_right {
        return Err(Refusal::new(190, None, "Invalid OAuth access token signature"));
    }
    let token = call.text("input_token").unwrap_or_default();
    if let Some(subcode) = world.dead_tokens.get(&token) {
        let error = json!({"code": 190, "subcode": subcode, "message": "Error validating access token"});
        return Ok(json!({"data": {"is_valid": false, "scopes": [], "error": error}}));
    }
    if !world.links.knows_token(&token) {
        let error = json!({"code": 190, "message": "Invalid OAuth access token"});
        return Ok(json!({"data": {"is_valid": false, "scopes": [], "error": error}}));
    }
    let scopes = ["pages_messaging", "pages_manage_metadata", "page_events"];
    let granular: Vec<Value> = scopes
        .iter()
        .map(|scope| json!({"scope": scope, "target_ids": world.links.touched_by(&token)}))
        .collect();
    Ok(json!({"data": {
        "app_id": APP_ID, "type": "PAGE", "application": "Bridge", "is_valid": true, "expires_at": 0,
        "data_access_expires_at": 0, "scopes": scopes, "granular_scopes": granular, "user_id": "300",
    }}))
}
