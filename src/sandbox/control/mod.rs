//! The routes `/_sandbox/…`, by which people with curl do what a test does through [`Sandbox`].

mod request;

use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::sandbox::call::Call;
use crate::sandbox::handle::{Sandbox, TOKEN_EXPIRED};
use crate::sandbox::known_error::KnownError;
use crate::sandbox::reply::Reply;
use crate::sandbox::state::State;
use crate::sandbox::{codes, rules};

/// The first part of the path of every route here.
pub(super) const PREFIX: &str = "_sandbox";

/// The number of accepted events that are shown unless `limit` says another.
const SHOWN_DEFAULT: usize = 100;

const HELP: &str = r#"The sandbox stands in for Meta. Send events to POST /v26.0/{dataset}/events; steer it here (JSON in, JSON out).

GET  /_sandbox/help
GET  /_sandbox/state      counts by dataset and event name, requests seen, faults that wait
GET  /_sandbox/accepted   ?dataset= &limit=100   the newest events, oldest first
GET  /_sandbox/rules      every subcode and code with what is known of it
POST /_sandbox/link       {"page": "1111111111", "dataset": "1234567890123456", "token": "t"}   or "whatsapp", "instagram" for "page"
POST /_sandbox/unlink     {"page": "1111111111"}
POST /_sandbox/grant      {"token": "t", "object": "1111111111"}      a Page or dataset that is linked to nothing
POST /_sandbox/person     {"page": "1111111111", "psid": "2222222222222222"}   from then on only known people match the Page
POST /_sandbox/click      {"ctwa_clid": "ARAkLk", "page": "1111111111"}
POST /_sandbox/refuse     {"dataset": "1234567890123456", "event_name": "QualifiedLead"}
POST /_sandbox/kill       {"token": "t"}   "subcode": 463
POST /_sandbox/revive     {"token": "t"}
POST /_sandbox/secret     {"app_secret": "s"}   "required": true      checks appsecret_proof
POST /_sandbox/poison     {"event_id": "e", "subcode": 2804008}   or "code": 1 for "subcode"
POST /_sandbox/cure       {}                       ends every poison
POST /_sandbox/at_once    {"events": 100}          more in one request are too much data (code 1)
POST /_sandbox/restrict   {"id": "2222222222222222"}   a Page or person of the EEA, the UK or Japan
POST /_sandbox/keep       {"count": 10000}
POST /_sandbox/fault      {"fault": "graph", "code": 190}   "subcode", "status", "transient": true
                          {"fault": "throttled"}            "code": 4, "minutes": 5 or "seconds": 30
                          {"fault": "codeless", "status": 500}   an error object without a code
                          {"fault": "bare", "status": 500}  {"fault": "count", "count": 1}  {"fault": "nearly_used_up", "percent": 96}
                          "html_503", "zero", "lose_answer", "close_before_body", "close_in_answer", "endless_answer", "long_answer", "hold"
                          with each: "dataset": "…" (else all), "times": 3 (else 1), "lasting": true (until lifted)
POST /_sandbox/lift       {}   "dataset": "…"      ends faults
POST /_sandbox/release    {}                       lets held answers go
POST /_sandbox/handshake  {"url": "http://127.0.0.1:8080/webhooks/meta", "verify_token": "v"}
POST /_sandbox/webhook    {"url": "http://127.0.0.1:8080/webhooks/meta", "secret": "s", "page": "1111111111", "person": "2222222222222222", "text": "Is it there?"}
                          "kind": "text", "echo", "ad" or "referral" ("ad_id", "ref"), "postback" ("payload"), "label" ("label", "action": "add")
                          "mid", "at" (Unix milliseconds), "standby": true; or "body": {…} for a body of your own
"#;

/// Answers a request to `/_sandbox/…`.
pub(super) async fn answer(sandbox: &Sandbox, call: Call) -> Reply {
    match route(sandbox, call).await {
        Ok(reply) => reply,
        Err(error) => {
            let status = match error.kind {
                ErrorKind::NotFound => 404,
                ErrorKind::Invalid => 400,
                _ => 502,
            };
            let help = "GET /_sandbox/help lists the routes";
            Reply::json(status, &json!({"error": error.to_string(), "code": error.code, "help": help}))
        }
    }
}

async fn route(sandbox: &Sandbox, call: Call) -> Result<Reply> {
    if call.is_malformed {
        return Err(Error::invalid("not_json", "The body must be a JSON object."));
    }
    let (method, path) = (call.method.clone(), call.path.clone());
    let name = path.get(1).map_or("help", String::as_str);
    if path.len() > 2 {
        return Err(Error::not_found("route"));
    }
    let value = match (method, name) {
        (Method::GET, "help") => return Ok(Reply::text(200, "text/plain; charset=utf-8", HELP)),
        (Method::GET, "state") => state(sandbox),
        (Method::GET, "accepted") => accepted(&sandbox.state(), &call),
        (Method::GET, "rules") => known_errors(),
        (Method::POST, name) => {
            let name = name.to_owned();
            act(sandbox, &name, call.into_params()).await?
        }
        _ => return Err(Error::not_found("route")),
    };
    Ok(Reply::json(200, &value))
}

/// Carries out a `POST`; `name` is the last part of its path.
async fn act(sandbox: &Sandbox, name: &str, params: Value) -> Result<Value> {
    match name {
        "link" => read::<request::Link>(params)?.act(sandbox)?,
        "unlink" => sandbox.unlink(&read::<request::Unlink>(params)?.page),
        "grant" => {
            let request::Grant { token, object } = read(params)?;
            sandbox.grant(&token, &object);
        }
        "person" => {
            let request::Person { page, psid, profile } = read(params)?;
            sandbox.know_person(&page, &psid, profile);
        }
        "click" => {
            let request::Click { ctwa_clid, page } = read(params)?;
            sandbox.know_click(&ctwa_clid, &page);
        }
        "refuse" => {
            let request::Refuse { dataset, event_name } = read(params)?;
            sandbox.refuse_name(&dataset, &event_name);
        }
        "kill" => {
            let request::Kill { token, subcode } = read(params)?;
            sandbox.kill_token_with(&token, subcode.unwrap_or(TOKEN_EXPIRED));
        }
        "revive" => sandbox.revive_token(&read::<request::Revive>(params)?.token),
        "secret" => {
            let request::Secret { app_secret, required } = read(params)?;
            sandbox.set_app_secret(&app_secret, required);
        }
        "poison" => {
            let poison: request::Poison = read(params)?;
            match (poison.code, poison.subcode) {
                (None, Some(subcode)) => sandbox.poison(&poison.event_id, subcode),
                (Some(code), None) => sandbox.poison_by_code(&poison.event_id, code),
                _ => return Err(Error::invalid("bad_request", "Give one of code and subcode.")),
            }
        }
        "cure" => {
            read::<request::Empty>(params)?;
            sandbox.cure();
        }
        "at_once" => sandbox.take_at_once(read::<request::AtOnce>(params)?.events),
        "restrict" => sandbox.restrict(&read::<request::Restrict>(params)?.id),
        "keep" => sandbox.keep_at_most(read::<request::Keep>(params)?.count),
        "fault" => sandbox.inject(read::<request::Fault>(params)?.into_injected()?),
        "lift" => sandbox.lift(read::<request::Lift>(params)?.dataset.as_deref()),
        "release" => {
            read::<request::Empty>(params)?;
            sandbox.release();
        }
        "handshake" => {
            let request::Handshake { url, verify_token } = read(params)?;
            return Ok(json!({"verified": sandbox.verify_webhook(&url, &verify_token).await?}));
        }
        "webhook" => {
            let webhook = read::<request::Webhook>(params)?;
            let serial = sandbox.state().serial();
            let body = webhook.body(sandbox.clock().now(), serial)?;
            let delivered = sandbox.post_webhook(&webhook.url, &webhook.secret, &body).await?;
            return Ok(json!({"status": delivered.status, "answer": delivered.body, "sent": body}));
        }
        _ => return Err(Error::not_found("route")),
    }
    Ok(json!({"ok": true}))
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T> {
    serde_json::from_value(params).map_err(|fault| Error::invalid("bad_request", fault.to_string()))
}

fn state(sandbox: &Sandbox) -> Value {
    let state = sandbox.state();
    let mut accepted = json!({});
    for ((dataset, name), count) in &state.counts {
        accepted[dataset][name] = json!(count);
    }
    let requests = state.requests.iter().map(|request| {
        json!({"dataset": request.dataset, "event_ids": request.event_ids,
               "partner_agent": request.partner_agent, "status": request.status})
    });
    let faults = state.faults.waiting().map(|waiting| {
        json!({"fault": format!("{:?}", waiting.fault), "dataset": waiting.dataset, "times": waiting.times})
    });
    json!({
        "accepted_count": state.accepted_count, "accepted": accepted,
        "seen": requests.collect::<Vec<_>>(), "faults": faults.collect::<Vec<_>>(),
        "held": sandbox.gate().waiting(), "pages": state.links.pages, "whatsapp": state.links.whatsapp,
        "instagram": state.links.instagram,
    })
}

/// The newest accepted events, the oldest of them first.
fn accepted(state: &State, call: &Call) -> Value {
    let limit = call.text("limit").and_then(|limit| limit.parse().ok()).unwrap_or(SHOWN_DEFAULT);
    let only = call.text("dataset");
    let newest = state.accepted.iter().rev();
    let newest = newest.filter(|(dataset, _)| only.as_ref().is_none_or(|only| only == dataset)).take(limit);
    let mut shown: Vec<Value> =
        newest.map(|(dataset, event)| json!({"dataset": dataset, "event": event})).collect();
    shown.reverse();
    json!({"data": shown})
}

/// Every code and subcode that can be met or played, with its source.
fn known_errors() -> Value {
    let shown = |known: KnownError| {
        json!({"code": known.code, "subcode": known.subcode, "title": known.title,
               "basis": known.basis.sentence()})
    };
    json!({"data": rules::all().chain(codes::all()).map(shown).collect::<Vec<_>>()})
}
