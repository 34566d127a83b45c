//! Figures beside their goals, for people and as JSON.

use serde_json::{Value, json};

/// What a figure has to reach.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// It is shown beside others.
    None,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Figure {
    what: String,
    /// Empty where it was not run; `detail` says why.
    value: Option<f64>,
    unit: &'static str,
    goal: Goal,
    detail: String,
}

impl Figure {
    pub fn new(
        what: impl Into<String>,
        (value, unit): (f64, &'static str),
        goal: Goal,
        detail: String,
    ) -> Self {
        Self { what: what.into(), value: Some(value), unit, goal, detail }
    }

    pub fn not_run(what: impl Into<String>, goal: Goal, why: impl Into<String>) -> Self {
        Self { what: what.into(), value: None, unit: "", goal, detail: why.into() }
    }

    fn is_met(&self) -> Option<bool> {
        match (self.value?, self.goal) {
            (value, Goal::AtLeast(goal)) => Some(value >= goal),
            (value, Goal::AtMost(goal)) => Some(value <= goal),
            (_, Goal::None) => None,
        }
    }

    fn goal(&self) -> String {
        match self.goal {
            Goal::AtLeast(goal) => format!("≥ {}{}", number(goal), self.unit),
            Goal::AtMost(goal) => format!("≤ {}{}", number(goal), self.unit),
            Goal::None => String::new(),
        }
    }
}

/// Two digits behind the point where they say something.
fn number(value: f64) -> String {
    let text = if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

pub fn print_head() {
    println!("| what | figure | goal | | how |\n|---|---|---|---|---|");
}

pub fn print(figures: &[Figure]) {
    for figure in figures {
        let value =
            figure.value.map_or("not run".to_owned(), |value| format!("{}{}", number(value), figure.unit));
        let met = match figure.is_met() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        };
        println!("| {} | {value} | {} | {met} | {} |", figure.what, figure.goal(), figure.detail);
    }
}

pub fn json(figures: &[Figure], quick: bool) -> String {
    let rows: Vec<Value> = figures
        .iter()
        .map(|figure| {
            let (at_least, at_most) = match figure.goal {
                Goal::AtLeast(goal) => (Some(goal), None),
                Goal::AtMost(goal) => (None, Some(goal)),
                Goal::None => (None, None),
            };
            json!({"what": figure.what, "value": figure.value, "unit": figure.unit.trim(), "at_least": at_least,
                   "at_most": at_most, "met": figure.is_met(), "how": figure.detail})
        })
        .collect();
    format!("{:#}\n", json!({"quick": quick, "figures": rows}))
}

/// The middle one.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}
