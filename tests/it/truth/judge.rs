//! The judge: which of the Purchases that Meta received are of which true sale, what is wrong, and what is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::truth::world::{Fate, Said, Story};

/// A Purchase as Meta received it.
#[derive(Clone, Debug)]
pub struct Purchase {
    /// When.
    pub at: i64,
    pub sum: i64,
    /// The sales of whose facts its order consisted by then.
    pub sales: BTreeSet<usize>,
    /// What Meta had been told of its order by then, with it, and what the order was worth, where it is no base.
    pub told_and_worth: Option<(i64, i64)>,
}

/// What was seen of a story.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub purchases: Vec<Purchase>,
    /// The conversation as the API shows it in the end.
    pub conversation: Value,
    /// The sale of each entry of the ledger.
    pub facts: BTreeMap<String, usize>,
    /// The entries that call a sale off, with the time of their arrival.
    pub called_off: Vec<(String, usize, i64)>,
    /// The sales of which a value was told and taken, or led to a question.
    pub heard: BTreeSet<usize>,
    /// The sales whose telling was answered by a question or a refusal that nobody settled.
    pub refused: BTreeSet<usize>,
    /// Whether a person was asked which sale it is.
    pub asked: bool,
    /// The tellings in words, each with its answer.
    pub words: Vec<String>,
}

/// What is wrong with a story.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Purchases that are no sale's, or a sale's once more.
    pub wrong: Vec<i64>,
    /// Those of `wrong` whose sale was called off by then.
    pub of_called_off: usize,
    /// Sales that Meta does not hear of, although nothing says why.
    pub missing: Vec<usize>,
    /// Those of `missing` that are marked `by_value`.
    pub by_value: usize,
    /// Sums told beyond what the order was worth.
    pub over: Vec<(i64, i64)>,
}

/// The largest number of pairs in a bipartite graph: for each on the left the one on the right that it has got.
pub fn matching(edges: &[Vec<usize>]) -> Vec<Option<usize>> {
    fn tries(
        one: usize,
        edges: &[Vec<usize>],
        seen: &mut BTreeSet<usize>,
        of: &mut BTreeMap<usize, usize>,
    ) -> bool {
        for other in &edges[one] {
            if seen.insert(*other) {
                let holder = of.get(other).copied();
                if holder.is_none_or(|holder| tries(holder, edges, seen, of)) {
                    of.insert(*other, one);
                    return true;
                }
            }
        }
        false
    }
    let mut of = BTreeMap::new();
    for one in 0..edges.len() {
        tries(one, edges, &mut BTreeSet::new(), &mut of);
    }
    let mut found = vec![None; edges.len()];
    for (other, one) in of {
        found[one] = Some(other);
    }
    found
}

pub fn judge(story: &Story, seen: &Seen) -> Verdict {
    let orders = seen.conversation["orders"].as_array().cloned().unwrap_or_default();
    let here: BTreeSet<&str> =
        orders.iter().flat_map(entries).filter_map(|entry| entry["id"].as_str()).collect();
    let gone: Vec<Option<i64>> = (0..story.sales.len())
        .map(|sale| {
            let heard =
                seen.called_off.iter().filter(|(id, of, _)| *of == sale && here.contains(id.as_str()));
            heard.map(|(.., at)| *at).min()
        })
        .collect();
    let sums: Vec<BTreeSet<i64>> = (0..story.sales.len()).map(|sale| story.sums_of(sale)).collect();
    let can_be = |purchase: &Purchase, sale: usize| {
        purchase.sales.contains(&sale) && sums[sale].contains(&purchase.sum)
    };
    let in_time = |purchase: &Purchase, sale: usize| gone[sale].is_none_or(|gone| purchase.at <= gone);
    let edges: Vec<Vec<usize>> = seen
        .purchases
        .iter()
        .map(|purchase| {
            (0..story.sales.len())
                .filter(|sale| can_be(purchase, *sale) && in_time(purchase, *sale))
                .collect()
        })
        .collect();
    let matched = matching(&edges);
    let mut verdict = Verdict::default();
    for (purchase, sale) in seen.purchases.iter().zip(&matched) {
        if sale.is_none() {
            verdict.wrong.push(purchase.sum);
            let too_late =
                (0..story.sales.len()).any(|sale| can_be(purchase, sale) && !in_time(purchase, sale));
            verdict.of_called_off += usize::from(too_late);
        }
        verdict.over.extend(purchase.told_and_worth.filter(|(told, worth)| told > worth));
    }
    let told: BTreeSet<usize> = matched.into_iter().flatten().collect();
    for (index, sale) in story.sales.iter().enumerate() {
        let is_due = !sale.is_called_off() && seen.heard.contains(&index) && !told.contains(&index);
        if !is_due || seen.refused.contains(&index) || seen.conversation["state"] == "waiting" {
            continue;
        }
        let has = |order: &&Value| {
            entries(order).any(|entry| {
                entry["undone"] != true
                    && entry["id"].as_str().and_then(|id| seen.facts.get(id)) == Some(&index)
            })
        };
        let of_sale: Vec<&Value> = orders.iter().filter(has).collect();
        // Whoever named its value took that back, and what should have followed got lost.
        let agrees = |entry: &&Value| {
            matches!(entry["kind"].as_str(), Some("confirmed" | "amended" | "paid"))
                && entry["value"].is_string()
                && entry["id"].as_str().and_then(|id| seen.facts.get(id)) == Some(&index)
        };
        let mut agreed = orders.iter().flat_map(entries).filter(agrees).peekable();
        let is_taken_back = agreed.peek().is_some() && agreed.all(|entry| entry["undone"] == true);
        if is_taken_back || of_sale.iter().any(|order| says_why(order)) {
            continue;
        }
        verdict.missing.push(index);
        verdict.by_value += usize::from(of_sale.iter().any(|order| shows(order, "by_value")));
    }
    verdict
}

pub fn entries(order: &Value) -> impl Iterator<Item = &Value> {
    order["outcomes"].as_array().into_iter().flatten()
}

/// Whether a member says something, of the order or of one of its entries.
pub fn shows(order: &Value, member: &str) -> bool {
    let says = |value: &Value| match &value[member] {
        Value::Null | Value::Bool(false) => false,
        Value::Array(all) => !all.is_empty(),
        _ => true,
    };
    says(order) || entries(order).any(says)
}

/// Whether an order is in doubt: perhaps another one told again.
pub fn is_in_doubt(order: &Value) -> bool {
    let is_it = |value: &Value| value["flag"] == "perhaps_same_sale";
    is_it(order) || order["parked"] == true || shows(order, "perhaps_same_as") || entries(order).any(is_it)
}

/// Whether it shows why Meta hears nothing of it: a flag, or a Purchase that did not leave and has its reason.
fn says_why(order: &Value) -> bool {
    let waits =
        |row: &Value| row["event_name"] == "Purchase" && row["state"] != "sent" && row["reason"].is_string();
    is_in_doubt(order)
        || shows(order, "flag")
        || order["value"].is_null()
        || matches!(order["state"].as_str(), Some("none" | "cancelled" | "returned"))
        || order["conversions"].as_array().into_iter().flatten().any(waits)
}

/// Whether a telling says that a sale is off in full.
pub fn calls_off(story: &Story, sale: usize, said: &Said) -> bool {
    match said {
        Said::Outcome("cancelled") => true,
        Said::Outcome("returned") => story.sales[sale].fate == Fate::Returned,
        _ => false,
    }
}
