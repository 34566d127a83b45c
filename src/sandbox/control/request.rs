//! The JSON bodies of `/_sandbox/…`. A member that a route does not know is refused by name.

use serde::Deserialize;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::sandbox::handle::Sandbox;
use crate::sandbox::webhook::{self, Chat};
use crate::sandbox::{codes, fault};

/// The code of a throttled answer when the request gives none: the app's own limit.
const APP_LIMIT: i64 = 4;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Empty {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Link {
    page: Option<String>,
    whatsapp: Option<String>,
    instagram: Option<String>,
    dataset: String,
    token: String,
}

impl Link {
    /// Links the one account that is named.
    pub(super) fn act(&self, sandbox: &Sandbox) -> Result<()> {
        match (&self.page, &self.whatsapp, &self.instagram) {
            (Some(page), None, None) => sandbox.link(page, &self.dataset, &self.token),
            (None, Some(account), None) => sandbox.link_whatsapp(account, &self.dataset, &self.token),
            (None, None, Some(account)) => sandbox.link_instagram(account, &self.dataset, &self.token),
            _ => {
                let message = "Name one of page, whatsapp and instagram.";
                return Err(Error::invalid("which_account", message));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unlink {
    pub(super) page: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    pub(super) token: String,
    pub(super) object: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    pub(super) page: String,
    pub(super) psid: String,
    #[serde(default)]
    pub(super) profile: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Click {
    pub(super) ctwa_clid: String,
    pub(super) page: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refuse {
    pub(super) dataset: String,
    pub(super) event_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kill {
    pub(super) token: String,
    pub(super) subcode: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revive {
    pub(super) token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secret {
    pub(super) app_secret: String,
    #[serde(default)]
    pub(super) required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Poison {
    pub(super) event_id: String,
    pub(super) code: Option<i64>,
    pub(super) subcode: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AtOnce {
    pub(super) events: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Restrict {
    pub(super) id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keep {
    pub(super) count: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lift {
    pub(super) dataset: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Handshake {
    pub(super) url: String,
    pub(super) verify_token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    #[serde(rename = "fault")]
    name: String,
    code: Option<i64>,
    subcode: Option<i64>,
    status: Option<u16>,
    #[serde(default)]
    transient: bool,
    count: Option<usize>,
    percent: Option<u8>,
    minutes: Option<u64>,
    seconds: Option<u64>,
    dataset: Option<String>,
    times: Option<u32>,
    #[serde(default)]
    lasting: bool,
}

impl Fault {
    /// The fault with its scope: once, unless `times` or `lasting` say otherwise.
    pub(super) fn into_injected(self) -> Result<fault::InjectedFault> {
        let fault = self.fault()?;
        let times = if self.lasting { None } else { Some(self.times.unwrap_or(1)) };
        Ok(fault::InjectedFault { fault, dataset: self.dataset, times })
    }

    fn fault(&self) -> Result<fault::Fault> {
        let needs = |member: &str| Error::invalid("bad_fault", format!("This fault wants \"{member}\"."));
        if self.status.is_some_and(|status| !(200..=599).contains(&status)) {
            return Err(Error::invalid("bad_fault", "status must be 200 to 599."));
        }
        Ok(match self.name.as_str() {
            "graph" => {
                let code = self.code.ok_or_else(|| needs("code"))?;
                let (subcode, status) =
                    (self.subcode, self.status.unwrap_or_else(|| codes::usual_status(code)));
                if self.transient {
                    fault::Fault::Transient { status, code, subcode }
                } else {
                    fault::Fault::Graph { status, code, subcode }
                }
            }
            "throttled" => {
                let retry = match (self.minutes, self.seconds) {
                    (None, None) => fault::RetryHint::Nothing,
                    (Some(minutes), None) => fault::RetryHint::Usage { minutes },
                    (None, Some(seconds)) => fault::RetryHint::RetryAfter { seconds },
                    (Some(_), Some(_)) => return Err(needs("minutes or seconds")),
                };
                fault::Fault::Throttled { code: self.code.unwrap_or(APP_LIMIT), retry }
            }
            "codeless" => fault::Fault::Codeless { status: self.status.unwrap_or(500), message: "" },
            "html_503" => fault::Fault::Html503,
            "bare" => fault::Fault::Bare { status: self.status.unwrap_or(500) },
            "zero" => fault::Fault::Zero,
            "count" => fault::Fault::Count { count: self.count.ok_or_else(|| needs("count"))? },
            "nearly_used_up" => {
                fault::Fault::NearlyUsedUp { percent: self.percent.ok_or_else(|| needs("percent"))? }
            }
            "lose_answer" => fault::Fault::TakeAndLoseAnswer,
            "close_before_body" => fault::Fault::CloseBeforeBody,
            "close_in_answer" => fault::Fault::CloseInAnswer,
            "endless_answer" => fault::Fault::EndlessAnswer,
            "long_answer" => fault::Fault::LongAnswer,
            "hold" => fault::Fault::Hold,
            _ => return Err(Error::invalid("bad_fault", "There is no such fault.")),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) secret: String,
    body: Option<Value>,
    #[serde(default)]
    page: String,
    #[serde(default)]
    person: String,
    kind: Option<String>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    ad_id: String,
    #[serde(default, rename = "ref")]
    reference: String,
    #[serde(default)]
    payload: String,
    #[serde(default)]
    label: String,
    action: Option<String>,
    mid: Option<String>,
    at: Option<i64>,
    #[serde(default)]
    standby: bool,
}

impl Webhook {
    /// The body of the webhook to send. `serial`, a number not used before, makes a message id when none is given.
    pub(super) fn body(&self, now: Timestamp, serial: u64) -> Result<Value> {
        if let Some(body) = &self.body {
            return Ok(body.clone());
        }
        if self.page.is_empty() || self.person.is_empty() {
            return Err(Error::invalid("bad_webhook", "Give page and person, or a body."));
        }
        let at = self.at.map_or(now, Timestamp::from_millis);
        let mid = self.mid.clone().unwrap_or_else(|| format!("m_{}_{serial}", at.millis()));
        let chat = Chat { page: &self.page, psid: &self.person, at };
        let item = match self.kind.as_deref().unwrap_or("text") {
            "text" => chat.text(&mid, &self.text),
            "echo" => chat.echo(&mid, &self.text),
            "ad" => chat.ad(&mid, &self.text, &self.ad_id, &self.reference),
            "referral" => chat.referral(&self.ad_id, &self.reference),
            "postback" => chat.postback(&mid, &self.text, &self.payload),
            "label" => {
                let action = self.action.as_deref().unwrap_or("add");
                return Ok(chat.label(action, "588120122044608", &self.label));
            }
            _ => return Err(Error::invalid("bad_webhook", "There is no such kind.")),
        };
        let wrap = if self.standby { webhook::standby } else { webhook::messaging };
        Ok(wrap(&self.page, at, &[item]))
    }
}
