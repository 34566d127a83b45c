//! Order matching: which tellings of a conversation are one order. A sale may be told through several doors (tap,
//! label, sentence, CRM, courier), in any order, days apart, with and without a number; it must become one order, for
//! two would tell Meta twice. The answer is a pure function of the effective facts and of people's decisions, never of
//! what arrived first, and is computed anew at every change. What can't be known is in *doubt*: a person is asked, and
//! until they answer at most one of two orders in doubt tells Meta.
//!
//! [`crate::domain::order::telling`] reads what is compared, [`crate::domain::order::pair`] is the table of pairs,
//! [`crate::domain::order::groups`] weighs what has been put together so far.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{OrderId, OutcomeId};
use crate::domain::order::groups::{DecidedPair, Groups, Pair};
use crate::domain::order::pair::{self, Row, Verdict};
use crate::domain::order::telling::{Basis, Telling, ToldBy};

/// A person's decision about two sales, bound to the facts that gave them their value. It is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaleDecision {
    /// Whether they are one sale, or two.
    pub is_same: bool,
    /// The fact that gave the one its value.
    pub fact: OutcomeId,
    /// The fact that gave the other its value.
    pub other: OutcomeId,
}

/// Which tellings are one order, by index among those that were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// The orders: each telling is in one of them.
    pub orders: Vec<MatchedOrder>,
    /// Pairs of orders (by index in `orders`) that are perhaps one sale, so that a person is asked.
    pub doubts: Vec<(usize, usize)>,
}

/// The tellings of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedOrder {
    /// The telling whose id and number the order bears.
    pub root: usize,
    /// The other tellings, in the order in which they happened.
    pub joined: Vec<usize>,
    /// Pairs of its tellings that only their value makes one sale: shown, and can be parted.
    pub by_value: Vec<(usize, usize)>,
    /// It is the one of two orders in doubt that does not go first.
    pub is_parked: bool,
    /// It tells Meta nothing until a doubt is decided: it is parked, or one of the two was called off.
    pub waits: bool,
    /// Meta was told of this sale by more than one of its tellings.
    pub is_told_twice: bool,
}

impl Matching {
    /// The order in which a telling is.
    pub fn order_of(&self, telling: usize) -> Option<usize> {
        self.orders.iter().position(|order| order.root == telling || order.joined.contains(&telling))
    }

    /// The orders with which `order` is in doubt.
    pub fn in_doubt_with(&self, order: usize) -> impl Iterator<Item = usize> {
        self.doubts.iter().filter_map(move |(a, b)| match order {
            order if order == *a => Some(*b),
            order if order == *b => Some(*a),
            _ => None,
        })
    }
}

/// Decides which tellings are one order: what people decided first, then pair by pair.
pub fn match_tellings(tellings: &[Telling<'_>], decisions: &[SaleDecision]) -> Matching {
    let mut groups = Groups::new(tellings, decided(tellings, decisions));
    let pairs = pairs(&groups);
    for pair in &pairs {
        take(*pair, &pairs, &mut groups);
    }
    Orders(&groups).matching()
}

/// People's decisions about these tellings; of two about one pair the last alone.
fn decided(tellings: &[Telling<'_>], decisions: &[SaleDecision]) -> Vec<DecidedPair> {
    let telling_of =
        |fact: &OutcomeId| tellings.iter().position(|one| one.facts.iter().any(|own| own.id == *fact));
    let mut decided: Vec<DecidedPair> = Vec::new();
    for decision in decisions {
        if let Some((a, b)) = telling_of(&decision.fact).zip(telling_of(&decision.other)) {
            decided.retain(|pair| !pair.is_of(a, b));
            decided.push(DecidedPair { a, b, is_same: decision.is_same });
        }
    }
    decided
}

/// The pairs that may be one sale, the surest row first and within a row the nearest in time.
fn pairs(groups: &Groups<'_>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for b in 0..groups.tellings.len() {
        for a in 0..b {
            let Some((one, other)) = groups.accounts[a].as_ref().zip(groups.accounts[b].as_ref()) else {
                continue;
            };
            let Some((row, verdict)) = pair::judge(one, other) else { continue };
            // Of one moment, what is told decides and not what arrived first.
            let mut told = [(one.at, groups.tellings[a].number), (other.at, groups.tellings[b].number)];
            told.sort();
            let key = (row, one.distance(other), told, a, b);
            pairs.push((key, Pair { a, b, row, verdict }));
        }
    }
    pairs.sort_by_key(|(key, _)| *key);
    pairs.into_iter().map(|(_, pair)| pair).collect()
}

/// Takes one step: the two are one sale, or a person is asked, or nothing follows because they are known to be two or one.
fn take(pair: Pair, all: &[Pair], groups: &mut Groups<'_>) {
    let Pair { a, b, row, verdict } = pair;
    if groups.group_of[a] == groups.group_of[b] || groups.is_doubtful(a, b) {
        return;
    }
    if groups.are_two(a, b) {
        if groups.are_rivals(pair) {
            groups.ask_about_rival(a, b);
        }
        return;
    }
    // The next telling is there already, by a person's word or as a nearer one.
    if row == Row::TakenBack && groups.is_agreed_again(a, b) {
        return;
    }
    let (is_one, by_value) = match verdict {
        Verdict::Ask => (false, false),
        Verdict::One { by_value } => (true, by_value),
        Verdict::OneIfOnly { by_value } => {
            (groups.is_only_choice(pair, all) && !(by_value && groups.has_ended_between(pair)), by_value)
        }
    };
    if !is_one || groups.speaks_against(pair) {
        groups.doubts.push((a, b));
        return;
    }
    if by_value {
        groups.by_value.push((a, b));
    } else {
        groups.note_values(a, b);
    }
    groups.join(a, b);
}

/// What decides which of several comes first, the first member before the second; the least comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::struct_excessive_bools, reason = "each is a criterion of its own")]
struct Precedence<'a> {
    is_unknown_to_meta: bool,
    lacks_value: bool,
    /// Nobody of the shop told of it; of two in doubt: nobody typed it.
    is_from_outside: bool,
    /// When it was agreed.
    at: Timestamp,
    lacks_number: bool,
    number: Option<&'a str>,
    id: &'a OrderId,
}

/// The orders that the groups are, once every step was taken.
struct Orders<'g, 'a>(&'g Groups<'a>);

impl<'a> Orders<'_, 'a> {
    fn matching(&self) -> Matching {
        let mut groups: Vec<usize> = self.0.group_of.clone();
        groups.sort_unstable();
        groups.dedup();
        let mut orders: Vec<MatchedOrder> = groups.iter().map(|group| self.order(*group)).collect();
        let mut doubts: Vec<(usize, usize)> = Vec::new();
        for (a, b) in &self.0.doubts {
            let place = |telling: usize| groups.iter().position(|group| *group == self.0.group_of[telling]);
            let Some((one, other)) = place(*a).zip(place(*b)) else { continue };
            let pair = (one.min(other), one.max(other));
            if self.0.is_open(*a, *b) && !doubts.contains(&pair) {
                doubts.push(pair);
            }
        }
        for (one, other) in &doubts {
            let (a, b) = (self.lead(&orders[*one]), self.lead(&orders[*other]));
            let (first, second) = if a <= b { (*one, *other) } else { (*other, *one) };
            let both_wait = self.is_called_off(&orders[*one]) || self.is_called_off(&orders[*other]);
            orders[first].waits |= both_wait;
            (orders[second].waits, orders[second].is_parked) = (true, true);
        }
        Matching { orders, doubts }
    }

    fn order(&self, group: usize) -> MatchedOrder {
        let mut members: Vec<usize> = self.0.members(group).collect();
        members.sort_by(|a, b| self.root_key(*a).cmp(&self.root_key(*b)));
        let reported = members.iter().filter(|one| self.0.tellings[**one].is_reported).count();
        MatchedOrder {
            root: members[0],
            by_value: self.0.by_value.iter().filter(|(one, _)| members.contains(one)).copied().collect(),
            joined: members.split_off(1),
            is_parked: false,
            waits: false,
            is_told_twice: reported > 1,
        }
    }

    /// The telling that an order is named after: the one of which Meta knows, else one that gives it a value, of those
    /// the first that the shop told, else the first of all.
    fn root_key(&self, telling: usize) -> Precedence<'a> {
        let Telling { id, number, is_reported, opened_at, .. } = &self.0.tellings[telling];
        let account = self.0.accounts[telling].as_ref();
        let by_shop = account.is_some_and(|account| account.told_by < ToldBy::Outside);
        let gives_value =
            account.is_some_and(|account| account.basis != Basis::Carried && !account.values.is_empty());
        let was_agreed = account.is_some_and(|account| account.basis == Basis::TakenBack);
        let at = account.map_or(*opened_at, |account| account.at);
        Precedence {
            is_unknown_to_meta: !is_reported,
            lacks_value: !(gives_value || was_agreed),
            is_from_outside: !by_shop,
            at,
            lacks_number: number.is_none(),
            number: *number,
            id,
        }
    }

    /// Which of two orders in doubt may leave: the one that has left, else a person's, else the earlier.
    fn lead(&self, order: &MatchedOrder) -> Precedence<'a> {
        let members = || std::iter::once(&order.root).chain(&order.joined);
        let reported = members().any(|one| self.0.tellings[*one].is_reported);
        let accounts = || members().filter_map(|one| self.0.accounts[*one].as_ref());
        let by_person = accounts().any(|one| one.told_by == ToldBy::Person);
        let Telling { id, number, opened_at, .. } = &self.0.tellings[order.root];
        let at = accounts().map(|one| one.at).min().unwrap_or(*opened_at);
        Precedence {
            is_unknown_to_meta: !reported,
            lacks_value: false,
            is_from_outside: !by_person,
            at,
            lacks_number: number.is_none(),
            number: *number,
            id,
        }
    }

    /// Whether anybody said that the sale was called off, flagged or not.
    fn is_called_off(&self, order: &MatchedOrder) -> bool {
        let mut members = std::iter::once(&order.root).chain(&order.joined);
        members.any(|one| self.0.accounts[*one].as_ref().is_some_and(|one| one.is_called_off))
    }
}
