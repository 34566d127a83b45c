//! The table of legal moves, as the design has it, tried pair by pair.

use salesbridge::clock::Timestamp;
use salesbridge::vocabulary::identity::{OrderId, OutcomeId};
use salesbridge::vocabulary::order::State;
use salesbridge::vocabulary::outcome::{Details, Fact, Kind, Source, Terms};
use salesbridge::vocabulary::sale::{Decision, Standing, decide};

use crate::harness::{gel, numbered, referred, say};

/// State, and what a person may say.
const LEGAL: &str = "
none            | confirmed
confirmed       | cross_sold, amended, cancelled, shipped, delivered, paid
shipped         | cancelled, delivered, returned, paid
delivered       | returned, paid, refunded
part_returned   | returned, paid, refunded
cancelled       | confirmed, refunded
returned        | refunded
";

/// The kinds that lead to a state, and the value of the last one.
const PATHS: [(&str, &[Kind], Option<i64>); 7] = [
    ("none", &[], None),
    ("confirmed", &[Kind::Confirmed], Some(10_000)),
    ("shipped", &[Kind::Confirmed, Kind::Shipped], None),
    ("delivered", &[Kind::Confirmed, Kind::Shipped, Kind::Delivered], None),
    ("part_returned", &[Kind::Confirmed, Kind::Shipped, Kind::Delivered, Kind::Returned], Some(1_000)),
    ("cancelled", &[Kind::Confirmed, Kind::Cancelled], None),
    ("returned", &[Kind::Confirmed, Kind::Shipped, Kind::Returned], None),
];

fn standing(path: &[Kind], last_value: Option<i64>) -> Standing {
    let facts: Vec<Fact> = path
        .iter()
        .enumerate()
        .map(|(index, kind)| {
            let at = Timestamp::from_millis(1_000 * i64::try_from(index).unwrap());
            let value = if index + 1 == path.len() { last_value } else { None };
            Fact {
                id: OutcomeId::from(format!("fact-{index}")),
                kind: *kind,
                occurred_at: at,
                recorded_at: at,
                actor: "nino".to_owned(),
                source: Source::Api,
                reference: None,
                terms: Terms {
                    value: if *kind == Kind::Confirmed { Some(10_000) } else { value },
                    ..Terms::silent(gel())
                },
                details: Details::default(),
                reason: None,
                undone: false,
                accepted: false,
            }
        })
        .collect();
    let mut standing = Standing::new(OrderId::from("order"), false, 1, gel());
    standing.numbers = vec!["A-1".to_owned()];
    standing.facts = facts;
    standing.fold(gel());
    standing
}

#[test]
fn people_may_say_what_is_legal_and_nothing_else() {
    let mut pairs = 0;
    for line in LEGAL.trim().lines() {
        let (state, legal) = line.split_once('|').unwrap();
        let legal: Vec<&str> = legal.split(',').map(str::trim).collect();
        let (_, path, value) = PATHS.iter().find(|(name, ..)| *name == state.trim()).unwrap();
        let standing = standing(path, *value);
        assert_eq!(standing.order.state, State::parse(state.trim()).unwrap());
        for source in [Source::Console, Source::Api, Source::Label, Source::Sentence] {
            for kind in Kind::ALL.into_iter().filter(|kind| !kind.is_of_conversation()) {
                let value = if kind == Kind::Amended { 9_000 } else { 2_000 };
                let mut tag = referred(numbered(say(kind, value), "A-1"), "r-1");
                tag.source = source;
                let said = decide(&tag, std::slice::from_ref(&standing), Timestamp::from_millis(1_000_000));
                let new = matches!(said, Ok(Decision::Append { .. }));
                let known = matches!(said, Ok(Decision::Known { .. }));
                let is_legal = legal.contains(&kind.as_str());
                assert!(new == is_legal || known, "{source:?} {state} {kind:?}: {said:?}");
                assert!(
                    !(known && is_legal && kind != Kind::Shipped),
                    "{state} {kind:?} is a move, not known"
                );
                pairs += 1;
            }
        }
    }
    assert_eq!(pairs, 7 * 4 * 9);
}

#[test]
fn facts_from_outside_are_never_refused() {
    for (_, path, value) in PATHS {
        let standing = standing(path, value);
        for source in [Source::Crm, Source::Courier, Source::Bank, Source::Site] {
            for kind in Kind::ALL.into_iter().filter(|kind| !kind.is_of_conversation()) {
                let mut tag = referred(numbered(say(kind, 2_000), "A-1"), "r-1");
                tag.source = source;
                decide(&tag, std::slice::from_ref(&standing), Timestamp::from_millis(1_000_000)).unwrap();
            }
        }
    }
}
