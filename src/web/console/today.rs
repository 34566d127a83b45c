//! The day so far: chats, tags, what Meta took, and what needs a person.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::error::Result;
use crate::vocabulary::people::Deed;

use super::super::App;
use super::frame::{self, Frame};
use super::guard::Visitor;
use super::moment::Teller;
use super::words;

#[derive(Template)]
#[template(path = "today.html", config = "src/web/console/askama.toml")]
struct TodayPage {
    f: Frame,
    pages: Vec<Day>,
}

#[derive(Debug)]
struct Day {
    name: String,
    chats: i64,
    tagged: i64,
    untagged: i64,
    sent: i64,
    needs: Vec<Need>,
}

#[derive(Debug)]
struct Need {
    text: String,
    href: Option<String>,
}

/// The day of each Page, since its own midnight.
pub async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response> {
    visitor.may(Deed::ReadToday)?;
    let now = app.house.clock.now();
    let language = visitor.operator.language;
    let reads = visitor.operator.role.may(Deed::ReadSignals);
    let mut unit = app.house.store.read().await?;
    let (frame, heads) = frame::framed(&mut unit, &visitor, now).await?;
    let mut pages = Vec::with_capacity(heads.len());
    for head in heads {
        let since = Teller::new(&head.timezone, frame.w, now).midnight();
        let chats = unit.chats_since(&head.id, since).await?;
        let sent = unit.sent_since(&head.id, since).await?;
        let mut needs: Vec<Need> =
            head.fault.iter().map(|text| Need { text: text.clone(), href: None }).collect();
        let waiting = unit.count_waiting_tags(&head.id).await?;
        if waiting > 0 {
            let href = visitor.operator.role.may(Deed::Tag).then(|| "/console/queue".to_owned());
            needs.push(Need { text: format!("{waiting} · {}", frame.w.waits), href });
        }
        for standing in unit.needing_a_person(&head.id).await? {
            let (state, reason) = (standing.state, standing.reason);
            let text = format!(
                "{} · {}: {}",
                standing.number,
                words::state(state, language),
                words::reason(reason, language)
            );
            let href = reads.then(|| format!("/console/deliveries?state={}", state.as_str()));
            needs.push(Need { text, href });
        }
        pages.push(Day {
            name: head.name,
            chats: chats.begun,
            tagged: chats.tagged,
            untagged: chats.begun - chats.tagged,
            sent,
            needs,
        });
    }
    super::page(&TodayPage { f: frame, pages })
}
