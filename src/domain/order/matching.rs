//! Order matching: which tellings of a conversation are one order. A sale may be told through several doors (tap,
//! label, sentence, CRM, courier), in any order, days apart, with and without a number; it must become one order, for
//! two would tell Meta twice. The answer is a pure function of the effective facts and of people's decisions, never of
//! what arrived first, and is computed anew at every change. What can't be known is in *doubt*: a person is asked, and
//! until they answer at most one of two orders in doubt tells Meta.
//!
//! [`crate::domain::order::telling`] reads what is compared, [`crate::domain::order::pair`] is the table of pairs.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{OrderId, OutcomeId};
use crate::domain::order::pair::{self, Row, Verdict};
use crate::domain::order::telling::{Account, Basis, Door, Telling, Timing, ToldBy};

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

/// Decides which tellings are one order.
pub fn match_tellings(tellings: &[Telling<'_>], decisions: &[SaleDecision]) -> Matching {
    let mut groups = Groups::new(tellings, decisions);
    groups.join_decided();
    let pairs = groups.pairs();
    for pair in &pairs {
        groups.take(*pair, &pairs);
    }
    groups.matching()
}

/// A pair of tellings that may be one sale.
#[derive(Clone, Copy)]
struct Pair {
    a: usize,
    b: usize,
    row: Row,
    verdict: Verdict,
}

/// What decides which of several comes first: Meta does not know it, it gives no value, nobody of the shop told of it, when it was
/// agreed, it has no number, its number, its id. The least comes first.
type Precedence<'a> = (bool, bool, bool, Timestamp, bool, Option<&'a str>, &'a OrderId);

/// Tellings on their way into orders: `group_of` gives each the number of its group, the lowest index in it.
struct Groups<'a> {
    tellings: &'a [Telling<'a>],
    accounts: Vec<Option<Account<'a>>>,
    /// Pairs of tellings about which a person decided, with whether they are one sale; the last decision counts.
    decided: Vec<(usize, usize, bool)>,
    group_of: Vec<usize>,
    by_value: Vec<(usize, usize)>,
    doubts: Vec<(usize, usize)>,
}

impl<'a> Groups<'a> {
    fn new(tellings: &'a [Telling<'a>], decisions: &[SaleDecision]) -> Self {
        let telling_of =
            |fact: &OutcomeId| tellings.iter().position(|one| one.facts.iter().any(|own| own.id == *fact));
        let mut decided: Vec<(usize, usize, bool)> = Vec::new();
        for decision in decisions {
            if let Some((a, b)) = telling_of(&decision.fact).zip(telling_of(&decision.other)) {
                decided.retain(|(c, d, _)| (*c, *d) != (a, b) && (*d, *c) != (a, b));
                decided.push((a, b, decision.is_same));
            }
        }
        Self {
            tellings,
            accounts: tellings.iter().map(Account::of).collect(),
            decided,
            group_of: (0..tellings.len()).collect(),
            by_value: Vec::new(),
            doubts: Vec::new(),
        }
    }

    /// Joins the tellings that a person said are one sale.
    fn join_decided(&mut self) {
        for (a, b, is_same) in self.decided.clone() {
            if is_same {
                self.join(a, b);
            }
        }
    }

    /// The pairs that may be one sale, the surest row first and within a row the nearest in time.
    fn pairs(&self) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for b in 0..self.tellings.len() {
            for a in 0..b {
                let Some((one, other)) = self.accounts[a].as_ref().zip(self.accounts[b].as_ref()) else {
                    continue;
                };
                if let Some((row, verdict)) = pair::judge(one, other) {
                    let first = |one: &Account<'_>, telling: &Telling<'a>| (one.at, telling.number);
                    let mut keys = [first(one, &self.tellings[a]), first(other, &self.tellings[b])];
                    keys.sort();
                    pairs.push(((row, one.distance(other), keys, a, b), Pair { a, b, row, verdict }));
                }
            }
        }
        pairs.sort_by_key(|(key, _)| *key);
        pairs.into_iter().map(|(_, pair)| pair).collect()
    }

    fn take(&mut self, pair: Pair, all: &[Pair]) {
        let Pair { a, b, verdict, .. } = pair;
        if self.group_of[a] == self.group_of[b] || self.are_two(a, b) || self.is_doubtful(a, b) {
            return;
        }
        match verdict {
            _ if pair.row == Row::Unvalued && self.have_two_labels(a, b) => self.doubts.push((a, b)),
            _ if matches!(pair.row, Row::SameValue | Row::Untimed)
                && self.were_told_twice_by_one_door(a, b) =>
            {
                self.doubts.push((a, b));
            }
            _ if pair.row == Row::Untimed && self.is_perhaps_of_a_nearer(a, b) => self.doubts.push((a, b)),
            _ if pair.row == Row::CouriersSum && self.are_doubtful_without(a, b) => self.doubts.push((a, b)),
            Verdict::OneIfOnly { by_value: true } if self.has_ended_between(pair) => self.doubts.push((a, b)),
            Verdict::OneIfOnly { by_value } if self.is_only_choice(pair, all) => self.join_by(pair, by_value),
            Verdict::One { by_value } => self.join_by(pair, by_value),
            _ => self.doubts.push((a, b)),
        }
    }

    /// Joins a pair, unless its value proves nothing because one was called off before the other was told.
    fn join_by(&mut self, pair: Pair, by_value: bool) {
        let Pair { a, b, .. } = pair;
        if self.is_called_off_between(pair) {
            self.doubts.push((a, b));
            return;
        }
        self.join(a, b);
        if by_value {
            self.by_value.push((a, b));
        }
    }

    /// Whether one group was called off before the other was told, so that its value proves nothing.
    fn is_called_off_between(&self, pair: Pair) -> bool {
        matches!(pair.row, Row::SameValueAtOnce | Row::SameValue | Row::Untimed)
            && self.is_between(pair, pair::is_called_off_by_then)
    }

    /// Whether one group had ended before the other was told.
    fn has_ended_between(&self, pair: Pair) -> bool {
        self.is_between(pair, |one, told| one.ended_at.is_some_and(|ended| ended <= told.at))
    }

    /// Whether `was_over` holds of a member of one group by the time at which the other was told.
    fn is_between(&self, pair: Pair, was_over: fn(&Account<'_>, &Account<'_>) -> bool) -> bool {
        let by_then = |ends: usize, tells: usize| {
            let Some(told) = &self.accounts[tells] else { return false };
            self.members(ends).any(|one| self.accounts[one].as_ref().is_some_and(|one| was_over(one, told)))
        };
        by_then(pair.a, pair.b) || by_then(pair.b, pair.a)
    }

    /// Whether the one of two that has no time is perhaps of a sale nearer to it, as a pair before this one showed.
    fn is_perhaps_of_a_nearer(&self, a: usize, b: usize) -> bool {
        let is_untimed =
            |one: usize| self.accounts[one].as_ref().is_some_and(|one| one.timing == Timing::Untimed);
        let is_in_doubt = |one: usize| self.doubts.iter().any(|(c, d)| *c == one || *d == one);
        [a, b].into_iter().any(|one| is_untimed(one) && is_in_doubt(one))
    }

    /// Whether two groups are of agreed sales that are in doubt by themselves: the courier's sum, which is both's, settles
    /// nothing.
    fn are_doubtful_without(&self, a: usize, b: usize) -> bool {
        let accounts = |telling: usize| self.members(telling).filter_map(|one| self.accounts[one].as_ref());
        let is_agreed = |one: &&Account<'_>| one.basis == Basis::Confirmed && !one.values.is_empty();
        let is_one = |one: &Account<'_>, other: &Account<'_>| {
            pair::judge(one, other).is_some_and(|(_, verdict)| matches!(verdict, Verdict::One { .. }))
        };
        let mut pairs = accounts(a)
            .filter(is_agreed)
            .flat_map(|one| accounts(b).filter(is_agreed).map(move |other| is_one(one, other)))
            .peekable();
        pairs.peek().is_some() && !pairs.any(|is_one| is_one)
    }

    /// Whether people told of both groups, at different times: of one sale they tell once.
    fn were_told_twice_by_one_door(&self, a: usize, b: usize) -> bool {
        let accounts = |telling: usize| self.members(telling).filter_map(|one| self.accounts[one].as_ref());
        let is_agreed = |one: &&Account<'_>| one.basis == Basis::Confirmed;
        accounts(a).filter(is_agreed).any(|one| {
            accounts(b).filter(is_agreed).any(|other| {
                one.told_by == ToldBy::Person && one.shares_door(other) && !pair::is_at_once(one, other)
            })
        })
    }

    /// Whether a label was put for each of two groups: a label is put once for a sale.
    fn have_two_labels(&self, a: usize, b: usize) -> bool {
        let has_label = |telling: usize| {
            self.members(telling)
                .any(|one| self.accounts[one].as_ref().is_some_and(|one| one.door == Door::Label))
        };
        has_label(a) && has_label(b)
    }

    /// Whether the pair is the only choice, counting groups: of a telling that was only called off, or of each of two that
    /// name one value.
    fn is_only_choice(&self, pair: Pair, all: &[Pair]) -> bool {
        let Pair { a, b, row, .. } = pair;
        let calls_off = |one: usize| self.accounts[one].as_ref().is_some_and(pair::calls_off);
        match row {
            Row::CalledOff if calls_off(a) => self.choices(a, pair, all) == 1,
            Row::CalledOff => self.choices(b, pair, all) == 1,
            _ => self.choices(a, pair, all) == 1 && self.choices(b, pair, all) == 1,
        }
    }

    /// How many groups a telling may be part of, by the row of this pair or a like one.
    fn choices(&self, telling: usize, pair: Pair, all: &[Pair]) -> usize {
        let is_like = |row: Row| row == pair.row || (row.is_same_value() && pair.row.is_same_value());
        let mut choices: Vec<usize> = Vec::new();
        for pair in all.iter().filter(|pair| is_like(pair.row)) {
            let other = match self.group_of[telling] {
                group if group == self.group_of[pair.a] => pair.b,
                group if group == self.group_of[pair.b] => pair.a,
                _ => continue,
            };
            let group = self.group_of[other];
            if group != self.group_of[telling] && !self.are_two(telling, other) && !choices.contains(&group) {
                choices.push(group);
            }
        }
        choices.len()
    }

    fn members(&self, telling: usize) -> impl Iterator<Item = usize> {
        let group = self.group_of[telling];
        (0..self.group_of.len()).filter(move |other| self.group_of[*other] == group)
    }

    /// Whether two groups are certainly two sales: a person parted them, one sender gave them two numbers, or they were
    /// agreed too far apart, perhaps the one after the other had ended.
    fn are_two(&self, a: usize, b: usize) -> bool {
        let in_groups = |one: usize, other: usize| {
            let (g, h) = (self.group_of[a], self.group_of[b]);
            let (one, other) = (self.group_of[one], self.group_of[other]);
            (one, other) == (g, h) || (other, one) == (g, h)
        };
        let is_taken_back =
            |one: usize| self.accounts[one].as_ref().is_none_or(|one| one.basis == Basis::TakenBack);
        let is_parted = self.decided.iter().any(|(one, other, is_same)| {
            // Nor does what was taken back.
            let is_firm =
                [(a, b), (b, a)].contains(&(*one, *other)) || !(is_taken_back(*one) || is_taken_back(*other));
            !is_same && is_firm && in_groups(*one, *other)
        });
        let are_two = |one: usize, other: usize| {
            // What was only counted to a sale bears no witness against another one.
            let is_firm = (one, other) == (a, b) || (self.is_agreed(one) && self.is_agreed(other));
            (is_firm && self.have_two_numbers(one, other)) || self.are_apart(one, other)
        };
        is_parted || self.members(a).any(|one| self.members(b).any(|other| are_two(one, other)))
    }

    fn is_agreed(&self, telling: usize) -> bool {
        self.accounts[telling].as_ref().is_some_and(|one| one.basis == Basis::Confirmed)
    }

    /// Whether two agreed sales are apart by their times, so that what is counted to both must not make them one.
    fn are_apart(&self, one: usize, other: usize) -> bool {
        let agreed = |telling: usize| {
            self.accounts[telling]
                .as_ref()
                .filter(|one| one.basis == Basis::Confirmed && !one.values.is_empty())
        };
        agreed(one).zip(agreed(other)).is_some_and(|(one, other)| pair::judge(one, other).is_none())
    }

    /// Whether one sender gave the two different numbers. One of which nothing stands any more says nothing.
    fn have_two_numbers(&self, one: usize, other: usize) -> bool {
        let numbered_by = |telling: usize| self.accounts[telling].as_ref().map(|one| &one.numbered_by);
        numbered_by(one)
            .zip(numbered_by(other))
            .is_some_and(|(one, other)| one.iter().any(|sender| other.contains(sender)))
    }

    fn is_doubtful(&self, a: usize, b: usize) -> bool {
        let groups = |one: usize, other: usize| (self.group_of[one], self.group_of[other]);
        let (g, h) = groups(a, b);
        self.doubts.iter().any(|(one, other)| [(g, h), (h, g)].contains(&groups(*one, *other)))
    }

    fn join(&mut self, a: usize, b: usize) {
        let (g, h) = (self.group_of[a], self.group_of[b]);
        let (stays, goes) = (g.min(h), g.max(h));
        for group in self.group_of.iter_mut().filter(|group| **group == goes) {
            *group = stays;
        }
    }

    fn matching(&self) -> Matching {
        let mut groups: Vec<usize> = self.group_of.clone();
        groups.sort_unstable();
        groups.dedup();
        let mut orders: Vec<MatchedOrder> = groups.iter().map(|group| self.order(*group)).collect();
        let mut doubts: Vec<(usize, usize)> = Vec::new();
        for (a, b) in &self.doubts {
            let place = |telling: usize| groups.iter().position(|group| *group == self.group_of[telling]);
            let Some((one, other)) = place(*a).zip(place(*b)) else { continue };
            let pair = (one.min(other), one.max(other));
            if one != other && !self.are_two(*a, *b) && !doubts.contains(&pair) {
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
        let mut members: Vec<usize> = self.members(group).collect();
        members.sort_by(|a, b| self.root_key(*a).cmp(&self.root_key(*b)));
        let reported = members.iter().filter(|one| self.tellings[**one].is_reported).count();
        MatchedOrder {
            root: members[0],
            by_value: self.by_value.iter().filter(|(one, _)| members.contains(one)).copied().collect(),
            joined: members.split_off(1),
            is_parked: false,
            waits: false,
            is_told_twice: reported > 1,
        }
    }

    /// The telling that an order is named after: the one of which Meta knows, else one that gives it a value, of those
    /// the first that the shop told, else the first of all.
    fn root_key(&self, telling: usize) -> Precedence<'a> {
        let Telling { id, number, is_reported, opened_at, .. } = &self.tellings[telling];
        let account = self.accounts[telling].as_ref();
        let by_shop = account.is_some_and(|account| account.told_by < ToldBy::Outside);
        let gives_value =
            account.is_some_and(|account| account.basis != Basis::Carried && !account.values.is_empty());
        let was_agreed = account.is_some_and(|account| account.basis == Basis::TakenBack);
        let at = account.map_or(*opened_at, |account| account.at);
        (!is_reported, !(gives_value || was_agreed), !by_shop, at, number.is_none(), *number, *id)
    }

    /// Which of two orders in doubt may leave: the one that has left, else a person's, else the earlier.
    fn lead(&self, order: &MatchedOrder) -> Precedence<'a> {
        let members = || std::iter::once(&order.root).chain(&order.joined);
        let reported = members().any(|one| self.tellings[*one].is_reported);
        let accounts = || members().filter_map(|one| self.accounts[*one].as_ref());
        let by_person = accounts().any(|one| one.told_by == ToldBy::Person);
        let Telling { id, number, opened_at, .. } = &self.tellings[order.root];
        let at = accounts().map(|one| one.at).min().unwrap_or(*opened_at);
        (!reported, false, !by_person, at, number.is_none(), *number, *id)
    }

    /// Whether anybody said that the sale was called off, flagged or not.
    fn is_called_off(&self, order: &MatchedOrder) -> bool {
        let mut members = std::iter::once(&order.root).chain(&order.joined);
        members.any(|one| self.accounts[*one].as_ref().is_some_and(|one| one.is_called_off))
    }
}
