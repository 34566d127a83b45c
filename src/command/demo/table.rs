//! The table at the end of the day, and whether our counts equal the sandbox's.

use std::collections::BTreeMap;

use crate::command::demo::shop::{PAGES, Page, Shop};
use crate::error::Result;
use serde_json::Value;

/// Everything that a list of the API gives.
async fn all(shop: &Shop, path: &str) -> Result<Vec<Value>> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = shop.get(&format!("{path}&limit=200{cursor}")).await?;
        found.extend(page["data"].as_array().cloned().unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(found),
        }
    }
}

/// Prints the table; true if what we believe to be at Meta is exactly what the sandbox has.
pub async fn show(shop: &Shop) -> Result<bool> {
    println!("\nThe day in numbers: what the API says, and the sandbox's own count beside it");
    println!(
        "{:15} {:>6} {:>7} {:>6} {:>6} {:>11} {:>8} {:>6}   {:>12}",
        "Page", "chats", "tagged", "sent", "held", "suppressed", "unknown", "other", "Meta counts"
    );
    let mut equal = true;
    let mut reasons: BTreeMap<(String, String), usize> = BTreeMap::new();
    for page in &PAGES {
        equal &= row(shop, page, &mut reasons).await?;
    }
    println!("\nWhy a conversion was held or suppressed:");
    for ((state, reason), count) in &reasons {
        println!("  {count:>3} {state}: {reason}");
    }
    let verdict = if equal { "equal" } else { "DIFFERENT" };
    println!("\nSent and unknown, beside what the sandbox took: {verdict}; no event was taken twice.");
    Ok(equal)
}

async fn row(shop: &Shop, page: &Page, reasons: &mut BTreeMap<(String, String), usize>) -> Result<bool> {
    let chats = all(shop, &format!("/v1/conversations?page_id={}", page.id)).await?;
    let tagged = chats.iter().filter(|chat| chat["state"] == "done").count();
    let rows = all(shop, &format!("/v1/conversions?page_id={}", page.id)).await?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ours: Vec<&str> = Vec::new();
    for row in &rows {
        let state = row["state"].as_str().unwrap_or("?");
        *counts.entry(state).or_default() += 1;
        if matches!(state, "sent" | "unknown") {
            ours.push(row["event_id"].as_str().unwrap_or_default());
        }
        if matches!(state, "held" | "suppressed") {
            let reason = row["reason"].as_str().unwrap_or("?").to_owned();
            *reasons.entry((state.to_owned(), reason)).or_default() += 1;
        }
    }
    let count = |state: &str| counts.get(state).copied().unwrap_or(0);
    let accepted = shop.meta.accepted_by(page.dataset);
    let mut theirs: Vec<&str> =
        accepted.iter().map(|event| event["event_id"].as_str().unwrap_or_default()).collect();
    let known = ["sent", "held", "suppressed", "unknown"].map(count);
    println!(
        "{:15} {:>6} {:>7} {:>6} {:>6} {:>11} {:>8} {:>6}   {:>12}",
        page.name,
        chats.len(),
        tagged,
        known[0],
        known[1],
        known[2],
        known[3],
        rows.len() - known.iter().sum::<usize>(),
        theirs.len(),
    );
    ours.sort_unstable();
    theirs.sort_unstable();
    Ok(ours == theirs)
}
