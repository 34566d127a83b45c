//! What a policy sends, summed up in one line.

use std::collections::BTreeMap;

use crate::domain::basic::money::Currency;
use crate::domain::operator::Language;
use crate::domain::signal::conversion::EventName;
use crate::flow::PreviewTotals;
use crate::web::console::formatting::money;
use crate::web::console::text;

/// `Sale (Purchase): 12, 1450.00 ₾; …`
pub fn line(totals: &BTreeMap<EventName, PreviewTotals>, currency: Currency, language: Language) -> String {
    if totals.is_empty() {
        return text::of(language).needs_nothing.to_owned();
    }
    let of_event = |(name, total): (&EventName, &PreviewTotals)| {
        let worth =
            if total.value > 0 { format!(", {}", money(total.value, currency)) } else { String::new() };
        format!("{}: {}{worth}", text::event(*name, language), total.events)
    };
    totals.iter().map(of_event).collect::<Vec<_>>().join("; ")
}
