//! A stand-in for Meta: takes events under Meta's documented rules, answers with Meta's documented errors,
//! and plays faults on request. A house of its own: it shares nothing with `meta`, so that it can disagree.

mod rules;

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::error::{Error, Result};

/// Events that one request may carry.
const EVENTS_MAX: usize = 1000;

/// A running stand-in; clones are handles on the same one.
#[derive(Clone, Debug)]
pub struct Sandbox {
    url: String,
    world: Arc<Mutex<World>>,
}

/// What a request of the bridge came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// To which dataset.
    pub dataset: String,
    /// The events in it, by their ids.
    pub event_ids: Vec<String>,
    /// The HTTP status of the answer; 0 when there was none.
    pub status: u16,
}

/// Something that goes wrong with the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A Graph error.
    Graph {
        /// HTTP status.
        status: u16,
        /// Graph's code.
        code: i64,
        /// Graph's subcode.
        subcode: Option<i64>,
    },
    /// A page of HTML, from something in front of Graph.
    Html503,
    /// `events_received: 0`.
    Zero,
    /// Meta takes the events, and the answer is lost.
    TakeAndLoseAnswer,
}

#[derive(Debug, Default)]
struct World {
    links: HashMap<String, (String, String)>,
    dead_tokens: HashSet<String>,
    poison: HashMap<String, i64>,
    faults: VecDeque<Fault>,
    accepted: Vec<Value>,
    seen: Vec<Seen>,
}

enum Reply {
    Json(u16, Value),
    Html(u16),
    Nothing,
}

impl Sandbox {
    /// Listens at `listen` (port 0: any free one) until the process ends. Ages are judged by `clock`.
    ///
    /// # Errors
    /// The address can't be listened at.
    pub async fn start(clock: Clock, listen: SocketAddr) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::unavailable("address_taken", format!("The sandbox can't listen at {listen}"))
                .caused_by(error)
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let url = format!("http://{}", listener.local_addr().map_err(failed)?);
        let sandbox = Self { url, world: Arc::default() };
        let served = sandbox.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sandbox, clock) = (served.clone(), clock.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| sandbox.clone().answer(clock.clone(), request));
                    let connection = hyper::server::conn::http1::Builder::new();
                    drop(connection.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Ok(sandbox)
    }

    /// Where it listens, for `graph_url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Links a Page to a dataset that `token` may write to.
    pub fn link(&self, page: &str, dataset: &str, token: &str) {
        self.world().links.insert(page.to_owned(), (dataset.to_owned(), token.to_owned()));
    }

    /// A token no longer works (190/463).
    pub fn kill_token(&self, token: &str) {
        self.world().dead_tokens.insert(token.to_owned());
    }

    /// It works again.
    pub fn revive_token(&self, token: &str) {
        self.world().dead_tokens.remove(token);
    }

    /// Refuses an event for ever, with `subcode`.
    pub fn poison(&self, event_id: &str, subcode: i64) {
        self.world().poison.insert(event_id.to_owned(), subcode);
    }

    /// Plays `fault` on the next request that has none yet.
    pub fn fail_next(&self, fault: Fault) {
        self.world().faults.push_back(fault);
    }

    /// What was taken, in order; a repeated event stands twice, for Meta does not deduplicate these.
    pub fn accepted(&self) -> Vec<Value> {
        self.world().accepted.clone()
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.world().seen.clone()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An `Err` closes the connection without an answer.
    async fn answer(
        self,
        clock: Clock,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let path = request.uri().path().to_owned();
        let bearer = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
        let body = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
        let (status, kind, text) = match self.judge(&clock, &path, &token, &body) {
            Reply::Json(status, value) => (status, "application/json", value.to_string()),
            Reply::Html(status) => (status, "text/html", "<html>Service Unavailable</html>".to_owned()),
            Reply::Nothing => return Err(std::io::Error::other("the answer is lost")),
        };
        let answer = Response::builder().status(status).header("content-type", kind);
        answer.body(Full::new(Bytes::from(text))).map_err(std::io::Error::other)
    }

    fn judge(&self, clock: &Clock, path: &str, token: &str, body: &[u8]) -> Reply {
        let mut parts = path.trim_matches('/').split('/');
        let (Some(_version), Some(dataset), Some("events"), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return graph_error(404, 803, None, "Some of the aliases you requested do not exist");
        };
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let events = body["data"].as_array().cloned().unwrap_or_default();
        let event_ids =
            events.iter().map(|event| event["event_id"].as_str().unwrap_or_default().to_owned()).collect();
        let mut world = self.world();
        let reply = world.take(clock, dataset, token, events);
        let status = match &reply {
            Reply::Json(status, _) | Reply::Html(status) => *status,
            Reply::Nothing => 0,
        };
        world.seen.push(Seen { dataset: dataset.to_owned(), event_ids, status });
        reply
    }
}

impl World {
    /// Takes the events of a request as a whole, or refuses it as a whole for its first bad event.
    fn take(&mut self, clock: &Clock, dataset: &str, token: &str, events: Vec<Value>) -> Reply {
        match self.faults.pop_front() {
            Some(Fault::Graph { status, code, subcode }) => {
                return graph_error(status, code, subcode, "A fault played on request");
            }
            Some(Fault::Html503) => return Reply::Html(503),
            Some(Fault::Zero) => return received(0),
            Some(Fault::TakeAndLoseAnswer) => {
                self.accepted.extend(events);
                return Reply::Nothing;
            }
            None => {}
        }
        if self.dead_tokens.contains(token) || !self.links.values().any(|(_, known)| known == token) {
            return graph_error(400, 190, Some(463), "Error validating access token");
        }
        if !self.links.values().any(|(linked, known)| linked == dataset && known == token) {
            return graph_error(400, 100, Some(33), "Object does not exist or lacks permission");
        }
        if events.is_empty() || events.len() > EVENTS_MAX {
            return graph_error(400, 100, None, "data must hold 1 to 1000 events");
        }
        let now = clock.now();
        for event in &events {
            let poisoned = event["event_id"].as_str().and_then(|id| self.poison.get(id).copied());
            let page = event["user_data"]["page_id"].as_str().unwrap_or_default();
            let linked = self.links.get(page).is_some_and(|(linked, _)| linked == dataset);
            if let Some(subcode) = poisoned.or_else(|| rules::broken(event, linked, now)) {
                return graph_error(400, 100, Some(subcode), "Invalid parameter");
            }
        }
        let count = events.len();
        self.accepted.extend(events);
        received(count)
    }
}

fn received(count: usize) -> Reply {
    Reply::Json(200, json!({"events_received": count, "messages": [], "fbtrace_id": "SandboxTrace"}))
}

fn graph_error(status: u16, code: i64, subcode: Option<i64>, message: &str) -> Reply {
    let mut error = json!({"message": message, "type": "OAuthException", "code": code, "is_transient": false,
                           "fbtrace_id": "SandboxTrace"});
    if let Some(subcode) = subcode {
        error["error_subcode"] = json!(subcode);
        error["error_user_msg"] = json!(rules::help(subcode));
    }
    Reply::Json(status, json!({ "error": error }))
}
