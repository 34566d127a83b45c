//! What the database and Meta's stand-in must say at the end.

use std::collections::HashMap;

use super::Killed;

/// What was counted.
#[derive(Debug)]
#[expect(dead_code, reason = "they are printed")]
pub struct Found {
    webhooks_acknowledged: usize,
    tags_acknowledged: usize,
    sent: usize,
    unknown: usize,
    suppressed: usize,
    unknown_attempts: usize,
    attempts: usize,
}

/// Holds every promise against the database and what Meta took.
pub async fn all(shop: &Killed) -> Found {
    let (webhooks_acknowledged, tags_acknowledged) = promises(shop).await;
    let taken = taken_once(shop);
    let rows = shop
        .books
        .rows(
            "select event_id, state, event_name, coalesce(order_number.number, '')
               from conversion left join order_number on order_number.order_id = conversion.order_id",
        )
        .await;
    let mut states: HashMap<&str, usize> = HashMap::new();
    let mut purchases: HashMap<&str, usize> = HashMap::new();
    for row in &rows {
        let [event_id, state, name, order] = [&row[0], &row[1], &row[2], &row[3]].map(String::as_str);
        let times = taken.get(event_id).copied().unwrap_or(0);
        match state {
            "sent" => assert_eq!(times, 1, "{event_id} is sent, and Meta took it {times} times"),
            "unknown" => {}
            "suppressed" => {
                assert_eq!(times, 0, "{event_id} never left, and Meta took it");
                let number: Option<usize> = order.strip_prefix("K-").and_then(|number| number.parse().ok());
                assert!(number.is_none_or(|number| shop.customers[number].is_cancelled()), "{row:?}");
            }
            other => panic!("{event_id} ended {other}"),
        }
        *states.entry(state).or_default() += 1;
        if name == "Purchase" {
            *purchases.entry(order).or_default() += 1;
        }
    }
    for customer in &shop.customers {
        let made = purchases.get(&*customer.order()).copied().unwrap_or(0);
        assert!((1..=2).contains(&made), "{} has {made} purchases", customer.order());
    }
    let known = rows.iter().map(|row| row[0].as_str()).collect::<std::collections::HashSet<_>>();
    assert!(taken.keys().all(|event_id| known.contains(&**event_id)), "Meta took what nobody knows of");
    assert_eq!(known.len(), rows.len(), "an event has two rows");
    let verdicts = shop.books.rows("select coalesce(verdict, 'none') from attempt").await;
    let unknown_attempts = verdicts.iter().filter(|row| row[0] == "unknown").count();
    assert!(unknown_attempts <= shop.kills.values().sum(), "unknown without a kill");
    assert!(verdicts.iter().all(|row| ["sent", "unknown"].contains(&&*row[0])), "{verdicts:?}");
    let number = |state| states.get(state).copied().unwrap_or(0);
    Found {
        webhooks_acknowledged,
        tags_acknowledged,
        sent: number("sent"),
        unknown: number("unknown"),
        suppressed: number("suppressed"),
        unknown_attempts,
        attempts: verdicts.len(),
    }
}

/// Every webhook and tag that was acknowledged is there, once.
async fn promises(shop: &Killed) -> (usize, usize) {
    let mut mids: HashMap<String, usize> = HashMap::new();
    for row in shop.books.rows("select mid from message").await {
        *mids.entry(row[0].clone()).or_default() += 1;
    }
    let mut facts: HashMap<String, usize> = HashMap::new();
    let said = "select order_number.number || ' ' || kind
                  from outcome join order_number on order_number.order_id = outcome.order_id";
    for row in shop.books.rows(said).await {
        *facts.entry(row[0].clone()).or_default() += 1;
    }
    let (mut webhooks, mut tags) = (0, 0);
    for customer in &shop.customers {
        let told = customer.told().clone();
        assert!(told.done, "customer {} was not served to the end", customer.number);
        assert_eq!(mids.get(&customer.mid()), Some(&1), "the webhook of customer {}", customer.number);
        webhooks += 1;
        for kind in customer.kinds() {
            let fact = format!("{} {kind}", customer.order());
            assert_eq!(facts.get(&fact), Some(&1), "the tag {fact}");
            tags += 1;
        }
        assert_eq!(told.tags, customer.kinds().len());
    }
    assert_eq!((mids.len(), facts.len()), (webhooks, tags), "there is more than was said");
    assert_eq!(shop.books.count("select count(*) from intake_log where projected_at is null").await, 0);
    assert_eq!(shop.books.count("select count(*) from intake_log where unread is not null").await, 0);
    (webhooks, tags)
}

/// What Meta took, each event once.
fn taken_once(shop: &Killed) -> HashMap<String, usize> {
    let mut taken: HashMap<String, usize> = HashMap::new();
    for event in shop.meta.accepted() {
        *taken.entry(event["event_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let doubled: Vec<_> = taken.iter().filter(|(_, times)| **times > 1).collect();
    assert!(doubled.is_empty(), "Meta took twice: {doubled:?}");
    taken
}
