//! The table of legal moves, as the design has it, tried pair by pair.

use salesbridge::clock::Timestamp;
use salesbridge::domain::basic::identity::{OrderId, OutcomeId};
use salesbridge::domain::order::fold::State;
use salesbridge::domain::order::ledger::OrderLedger;
use salesbridge::domain::order::legality::legal_moves;
use salesbridge::domain::order::outcome::{Fact, Flag, FollowUps, OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::domain::order::tag_decision::{Decision, decide};
use salesbridge::domain::order::terms::{Details, Terms};

use crate::harness::{gel, numbered, referred, same_as, say};

/// State, and what a person may say of it while nothing is paid.
const LEGAL: &str = "
none            | confirmed
confirmed       | cross_sold, amended, cancelled, shipped, delivered, paid
shipped         | amended, cancelled, delivered, returned, paid
delivered       | amended, returned, paid
part_returned   | amended, returned, paid
cancelled       | confirmed
returned        |
";

/// The kinds that lead to a state, and the value of the last one.
const PATHS: [(&str, &[OutcomeKind], Option<i64>); 7] = [
    ("none", &[], None),
    ("confirmed", &[OutcomeKind::Confirmed], Some(10_000)),
    ("shipped", &[OutcomeKind::Confirmed, OutcomeKind::Shipped], None),
    ("delivered", &[OutcomeKind::Confirmed, OutcomeKind::Shipped, OutcomeKind::Delivered], None),
    (
        "part_returned",
        &[OutcomeKind::Confirmed, OutcomeKind::Shipped, OutcomeKind::Delivered, OutcomeKind::Returned],
        Some(1_000),
    ),
    ("cancelled", &[OutcomeKind::Confirmed, OutcomeKind::Cancelled], None),
    ("returned", &[OutcomeKind::Confirmed, OutcomeKind::Shipped, OutcomeKind::Returned], None),
];

fn ledger(path: &[OutcomeKind], last_value: Option<i64>) -> OrderLedger {
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
                    value: if *kind == OutcomeKind::Confirmed { Some(10_000) } else { value },
                    ..Terms::unstated(gel())
                },
                details: Details::default(),
                reason: None,
                undone: false,
                accepted: false,
                time_stated: true,
                names_same_sale: false,
                follow_ups: FollowUps::default(),
            }
        })
        .collect();
    let mut ledger = OrderLedger::new(OrderId::from("order"), false, 1, gel());
    ledger.numbers = vec!["A-1".to_owned()];
    ledger.facts = facts;
    ledger.fold(gel());
    ledger
}

#[test]
fn people_may_say_what_is_legal_and_nothing_else() {
    let mut pairs = 0;
    for line in LEGAL.trim().lines() {
        let (state, legal) = line.split_once('|').unwrap();
        let legal: Vec<&str> = legal.split(',').map(str::trim).collect();
        let (_, path, value) = PATHS.iter().find(|(name, ..)| *name == state.trim()).unwrap();
        let ledger = ledger(path, *value);
        assert_eq!(ledger.order.state, State::parse(state.trim()).unwrap());
        for source in [Source::Console, Source::Api, Source::Label, Source::Sentence] {
            for kind in OutcomeKind::ALL.into_iter().filter(|kind| !kind.is_of_conversation()) {
                let value = if kind == OutcomeKind::Amended { 9_000 } else { 2_000 };
                let mut tag = referred(numbered(say(kind, value), "A-1"), "r-1");
                tag.source = source;
                if kind == OutcomeKind::Confirmed && ledger.order.state == State::Cancelled {
                    tag = same_as(Tag { order_number: None, ..tag }, "A-1");
                }
                let said =
                    decide(&tag, std::slice::from_ref(&ledger), &[], Timestamp::from_millis(1_000_000));
                let new = matches!(said, Ok(Decision::Append { .. }));
                let known = matches!(said, Ok(Decision::Known { .. }));
                let is_legal = legal.contains(&kind.as_str());
                assert!(new == is_legal || known, "{source:?} {state} {kind:?}: {said:?}");
                assert!(
                    !(known && is_legal && kind != OutcomeKind::Shipped),
                    "{state} {kind:?} is a move, not known"
                );
                pairs += 1;
            }
        }
    }
    assert_eq!(pairs, 7 * 4 * 9);
}

/// What an outside fact of another value does, in each state: where it leads, `-` where nothing moves, and a
/// flag in its place where it moves nothing until a person accepts it.
const OUTSIDE: &str = "
              | confirmed     cross_sold    amended       cancelled     shipped       delivered     returned      paid          refunded
none          | confirmed     -             -             cancelled     shipped       delivered     part_returned confirmed     contradiction
confirmed     | other_value   -             -             cancelled     shipped       delivered     part_returned -             contradiction
shipped       | other_value   -             -             cancelled     -             delivered     part_returned -             contradiction
delivered     | other_value   -             -             contradiction -             -             part_returned -             contradiction
part_returned | other_value   -             -             contradiction -             -             -             -             contradiction
cancelled     | contradiction contradiction contradiction -             contradiction contradiction contradiction -             contradiction
returned      | contradiction -             -             contradiction contradiction contradiction -             -             contradiction
";

fn outside(kind: OutcomeKind, source: Source, value: Option<i64>, at: i64) -> Fact {
    let at = Timestamp::from_millis(at);
    Fact {
        id: OutcomeId::from(format!("outside-{}", kind.as_str())),
        kind,
        occurred_at: at,
        recorded_at: at,
        actor: "crm".to_owned(),
        source,
        reference: Some("r-1".to_owned()),
        terms: Terms { value, ..Terms::unstated(gel()) },
        details: Details::default(),
        reason: None,
        undone: false,
        accepted: false,
        time_stated: true,
        names_same_sale: false,
        follow_ups: FollowUps::default(),
    }
}

#[test]
fn facts_from_outside_move_an_order_or_carry_a_flag() {
    let (head, table) = OUTSIDE.trim_start_matches('\n').split_once('\n').unwrap();
    let kinds: Vec<OutcomeKind> = head
        .split_once('|')
        .unwrap()
        .1
        .split_whitespace()
        .map(|word| OutcomeKind::parse(word).unwrap())
        .collect();
    let mut pairs = 0;
    for line in table.trim().lines() {
        let (state, cells) = line.split_once('|').unwrap();
        let cells: Vec<&str> = cells.split_whitespace().collect();
        assert_eq!(cells.len(), kinds.len());
        let (_, path, value) = PATHS.iter().find(|(name, ..)| *name == state.trim()).unwrap();
        for (kind, cell) in kinds.iter().zip(cells) {
            for source in [Source::Crm, Source::Courier, Source::Bank, Source::Site] {
                let mut ledger = ledger(path, *value);
                let before = ledger.order.clone();
                let value =
                    (!matches!(kind, OutcomeKind::Cancelled | OutcomeKind::Shipped | OutcomeKind::Delivered))
                        .then_some(2_000);
                let mut tag = referred(numbered(say(*kind, value), "A-1"), "r-1");
                tag.source = source;
                let said =
                    decide(&tag, std::slice::from_ref(&ledger), &[], Timestamp::from_millis(1_000_000));
                assert!(matches!(said, Ok(Decision::Append { .. })), "{state} {kind:?}: {said:?}");
                let fact = outside(*kind, source, value, 1_000_000);
                ledger.facts.push(fact.clone());
                ledger.fold(gel());
                let flags: Vec<&str> = ledger.order.flags.iter().map(|(_, flag)| flag.as_str()).collect();
                if let "contradiction" | "other_value" = cell {
                    assert_eq!(flags, [cell], "{state} {kind:?}");
                    ledger.order.flags.clear();
                    assert_eq!(ledger.order, before, "{state} {kind:?} moved something");
                    // A person accepts it, and it moves after all.
                    ledger.facts.last_mut().unwrap().accepted = true;
                    ledger.fold(gel());
                    assert!(ledger.order.flags.is_empty());
                    assert!(ledger.order != before, "{state} {kind:?} moves nothing although it is accepted");
                } else {
                    assert!(flags.is_empty(), "{state} {kind:?}: {flags:?}");
                    let after = if cell == "-" { before.state.as_str() } else { cell };
                    assert_eq!(ledger.order.state.as_str(), after, "{state} {kind:?}");
                }
                pairs += 1;
            }
        }
    }
    assert_eq!(pairs, 7 * 9 * 4);
}

#[test]
fn the_later_of_two_that_contradict_each_other_carries_the_flag_whoever_said_it() {
    let mut ledger = ledger(&[OutcomeKind::Confirmed, OutcomeKind::Shipped, OutcomeKind::Delivered], None);
    // Shipped at 1000 and delivered at 2000 by a person; only now it is heard that it was called off before.
    ledger.facts.push(outside(OutcomeKind::Cancelled, Source::Crm, None, 500));
    ledger.fold(gel());
    assert_eq!(ledger.order.state, State::Cancelled);
    let flagged: Vec<&str> = ledger.order.flags.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(flagged, ["fact-1", "fact-2"]);
    // Of one moment the rank decides, and where even that is one, the sender's own id.
    ledger.facts.last_mut().unwrap().occurred_at = Timestamp::from_millis(1000);
    ledger.fold(gel());
    assert_eq!(ledger.order.flags.len(), 2);
    ledger.facts.last_mut().unwrap().occurred_at = Timestamp::from_millis(1001);
    ledger.fold(gel());
    assert_eq!(ledger.order.flags.len(), 1);
}

#[test]
fn money_is_offered_as_far_as_it_goes() {
    let paid = |sum: i64| {
        let mut ledger = ledger(&[OutcomeKind::Confirmed, OutcomeKind::Delivered], None);
        ledger.facts.push(outside(OutcomeKind::Paid, Source::Courier, Some(sum), 5_000));
        ledger.fold(gel());
        ledger
    };
    let offers = |ledger: &OrderLedger, kind| legal_moves(Some(&ledger.order)).contains(&kind);
    let (part, whole) = (paid(4_000), paid(10_000));
    assert!(offers(&part, OutcomeKind::Paid) && offers(&part, OutcomeKind::Refunded));
    assert!(!offers(&whole, OutcomeKind::Paid) && offers(&whole, OutcomeKind::Refunded));
    let says = |ledger: &OrderLedger, kind, sum: i64| {
        let tag = referred(numbered(say(kind, sum), "A-1"), "r-2");
        let now = Timestamp::from_millis(1_000_000);
        decide(&tag, std::slice::from_ref(ledger), &[], now).map_err(|refusal| refusal.code)
    };
    assert!(says(&part, OutcomeKind::Paid, 6_000).is_ok());
    assert_eq!(says(&part, OutcomeKind::Paid, 6_001).unwrap_err(), "contradiction");
    assert!(says(&part, OutcomeKind::Refunded, 4_000).is_ok());
    assert_eq!(says(&part, OutcomeKind::Refunded, 4_001).unwrap_err(), "contradiction");
}

#[test]
fn what_courier_and_crm_tell_of_one_payment_is_not_counted_twice() {
    let mut ledger = ledger(&[OutcomeKind::Confirmed, OutcomeKind::Delivered], None);
    ledger.facts.push(outside(OutcomeKind::Paid, Source::Courier, Some(10_000), 5_000));
    let again = outside(OutcomeKind::Paid, Source::Crm, Some(10_000), 6_000);
    ledger.facts.push(Fact { id: OutcomeId::from("again"), ..again });
    ledger.fold(gel());
    assert_eq!((ledger.order.paid, ledger.order.flags[0].1), (10_000, Flag::PerhapsSamePayment));
}

#[test]
fn a_gross_of_nothing_is_a_cost_and_reaches_nothing() {
    let mut ledger = ledger(&[], None);
    ledger.facts.push(outside(OutcomeKind::Paid, Source::Courier, Some(0), 5_000));
    ledger.fold(gel());
    assert_eq!((ledger.order.state, ledger.order.paid_up), (State::None, None));
}
