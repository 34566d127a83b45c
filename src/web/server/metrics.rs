//! Counters and gauges for Prometheus. Label values are words of ours, never a Page's or a person's.

use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::clock::Timestamp;
use crate::domain::signal::attempt::{AttemptState, UNKNOWN_SHARE_MAX};
use crate::domain::signal::conversion::State as ConversionState;
use crate::error::{Error, Result};
use crate::flow::Services;
use crate::store::read::metrics::unknown_share;

/// The span that the metrics named `_day` look back over.
const DAY: Duration = Duration::from_hours(24);

/// The span over which sales are counted of which Meta was told twice.
const WEEK: Duration = Duration::from_hours(7 * 24);

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// The recorder of the process, installed at the first use; none if another one was installed before.
fn recorder() -> Option<&'static PrometheusHandle> {
    let recorder = RECORDER.get_or_init(|| {
        let handle = PrometheusBuilder::new().install_recorder().ok()?;
        describe_counter!("salesbridge_webhooks_total", "Webhooks, by what became of them.");
        describe_gauge!("salesbridge_intake_log_waiting", "Webhooks that are stored and not read yet.");
        describe_gauge!("salesbridge_intake_log_oldest_age_seconds", "Age of the oldest of them.");
        describe_gauge!("salesbridge_conversions", "Conversions, by state.");
        describe_gauge!(
            "salesbridge_conversions_oldest_due_age_seconds",
            "How long the oldest due one waits."
        );
        describe_gauge!("salesbridge_attempts_day", "Requests to Meta of the last 24 hours, by verdict.");
        describe_gauge!(
            "salesbridge_conversions_unknown_day_ratio",
            "Share of the events of the last 24 hours of which nobody knows whether Meta took them."
        );
        describe_gauge!(
            "salesbridge_conversions_unknown_alarm",
            "1 while that share is above 1 %: see GET /v1/attempts?verdict=unknown; else 0."
        );
        describe_gauge!(
            "salesbridge_orders_flagged",
            "Orders about which a person is asked: see GET /v1/orders?flagged=true."
        );
        describe_gauge!(
            "salesbridge_orders_told_twice",
            "Orders of the last 7 days of which Meta was told twice; more than 0 is an alarm."
        );
        Some(handle)
    });
    recorder.as_ref()
}

/// Counts a webhook by its `outcome`: `taken`, `unsigned`, `too_large` or `refused`.
pub fn webhook(outcome: &'static str) {
    recorder();
    counter!("salesbridge_webhooks_total", "outcome" => outcome).increment(1);
}

/// The metrics in the text format of Prometheus.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "health", security(()),
    responses((status = 200, description = "Prometheus text", content_type = "text/plain", body = String)),
)]
pub async fn show(State(services): State<Services>) -> Result<Response> {
    let recorder =
        recorder().ok_or_else(|| Error::unavailable("no_metrics", "Somebody else counts here."))?;
    measure(&services).await?;
    recorder.run_upkeep();
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, recorder.render()).into_response())
}

async fn measure(services: &Services) -> Result<()> {
    let now = services.clock.now();
    let age = |since: Option<Timestamp>| since.map_or(0.0, |since| now.since(since).as_secs_f64());
    let mut unit = services.store.read().await?;
    let (waiting, oldest) = unit.waiting(&services.store).await?;
    gauge!("salesbridge_intake_log_waiting").set(number(waiting));
    gauge!("salesbridge_intake_log_oldest_age_seconds").set(age(oldest));
    let by_state = unit.conversions_by_state().await?;
    for state in ConversionState::ALL {
        let found = by_state.iter().find(|(found, _)| *found == state).map_or(0, |(_, number)| *number);
        gauge!("salesbridge_conversions", "state" => state.as_str()).set(number(found));
    }
    gauge!("salesbridge_conversions_oldest_due_age_seconds").set(age(unit.oldest_due(now).await?));
    let attempts = unit.attempts_since(now - DAY, None).await?;
    for state in AttemptState::all() {
        let found = attempts.iter().find(|found| found.state == state).map_or(0, |found| found.attempts);
        gauge!("salesbridge_attempts_day", "verdict" => state.as_str()).set(number(found));
    }
    gauge!("salesbridge_orders_flagged").set(number(unit.count_flagged_orders(None).await?));
    gauge!("salesbridge_orders_told_twice").set(number(unit.count_told_twice(None, now - WEEK).await?));
    let unknown = unknown_share(&attempts);
    gauge!("salesbridge_conversions_unknown_day_ratio").set(unknown);
    gauge!("salesbridge_conversions_unknown_alarm").set(f64::from(u8::from(unknown > UNKNOWN_SHARE_MAX)));
    Ok(())
}

/// A count as a floating-point number, as Prometheus has it; counts are far below 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "counts are far below the 53 bits of a float")]
const fn number(count: i64) -> f64 {
    count as f64
}
