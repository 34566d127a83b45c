//! The day so far: chats, tags, sent events, and what needs a person.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::domain::operator::Permission;
use crate::domain::signal::attempt::UNKNOWN_SHARE_MAX;
use crate::error::Result;
use crate::store::read::metrics::unknown_share;
use crate::web::console::formatting::Formatter;
use crate::web::console::layout::{self, Layout};
use crate::web::console::text::{self, fill};
use crate::web::console::visitor::Visitor;
use crate::web::server::state::App;

/// The span over which lost answers are counted.
const DAY: Duration = Duration::from_hours(24);

/// The span over which sales are counted of which Meta was told twice.
const WEEK: Duration = Duration::from_hours(7 * 24);

#[derive(Template)]
#[template(path = "today/today.html", config = "src/web/console/askama.toml")]
struct TodayPage {
    layout: Layout,
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

/// Shows the day of each Page, since its own midnight.
pub async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response> {
    visitor.may(Permission::ReadToday)?;
    let now = app.services.clock.now();
    let language = visitor.operator.language;
    let reads = visitor.operator.role.may(Permission::ReadSignals);
    let mut unit = app.services.store.read().await?;
    let (layout, heads) = layout::layout_for(&mut unit, &visitor, now).await?;
    let mut pages = Vec::with_capacity(heads.len());
    for head in heads {
        let since = Formatter::new(&head.timezone, layout.texts, now).midnight();
        let chats = unit.chats_since(&head.id, since).await?;
        let sent = unit.sent_since(&head.id, since).await?;
        let mut needs: Vec<Need> =
            head.fault.iter().map(|text| Need { text: text.clone(), href: None }).collect();
        let waiting = unit.count_waiting_tags(&head.id).await?;
        if waiting > 0 {
            let href = visitor.operator.role.may(Permission::Tag).then(|| "/console/queue".to_owned());
            needs.push(Need { text: format!("{waiting} · {}", layout.texts.pending), href });
        }
        let flagged = unit.count_flagged_orders(Some(&head.id)).await?;
        if flagged > 0 {
            let href = visitor.operator.role.may(Permission::Tag).then(|| "/console/queue".to_owned());
            needs.push(Need { text: format!("{flagged} · {}", layout.texts.to_decide), href });
        }
        let told_twice = unit.count_told_twice(Some(&head.id), now - WEEK).await?;
        if told_twice > 0 {
            let text = fill(layout.texts.told_twice, &[&told_twice.to_string()]);
            needs.push(Need { text, href: None });
        }
        let unknown = unknown_share(&unit.attempts_since(now - DAY, Some(&head.id)).await?);
        if unknown > UNKNOWN_SHARE_MAX {
            let text = fill(layout.texts.unknown_alarm, &[&format!("{:.1}", unknown * 100.0)]);
            let href = reads.then(|| "/console/deliveries?state=unknown".to_owned());
            needs.push(Need { text, href });
        }
        for row in unit.needing_a_person(&head.id).await? {
            let (state, reason) = (row.state, row.reason);
            let text = format!(
                "{} · {}: {}",
                row.number,
                text::state(state, language),
                text::reason(reason, language)
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
    layout::page(&TodayPage { layout, pages })
}
