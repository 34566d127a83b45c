//! Groups: the tellings of a conversation on their way into orders, and what their accounts, numbers and people's decisions
//! say for and against one more step. Which steps there are, and in which order, is decided in
//! [`crate::domain::order::matching`].

use crate::domain::order::pair::{self, Row, Verdict};
use crate::domain::order::telling::{Account, Basis, Door, Telling, Timing, ToldBy};

/// A pair of tellings, by their indices, that may be one sale.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    pub(super) a: usize,
    pub(super) b: usize,
    pub(super) row: Row,
    pub(super) verdict: Verdict,
}

/// What a person decided about two tellings, by their indices.
#[derive(Clone, Copy)]
pub(super) struct DecidedPair {
    pub(super) a: usize,
    pub(super) b: usize,
    pub(super) is_same: bool,
}

impl DecidedPair {
    /// Whether it is about these two.
    pub(super) fn is_of(&self, a: usize, b: usize) -> bool {
        (self.a, self.b) == (a, b) || (self.b, self.a) == (a, b)
    }
}

/// Tellings on their way into orders: `group_of` gives each the number of its group, the lowest index in it.
pub(super) struct Groups<'a> {
    pub(super) tellings: &'a [Telling<'a>],
    pub(super) accounts: Vec<Option<Account<'a>>>,
    /// What people decided; of two decisions about one pair the last alone.
    decided: Vec<DecidedPair>,
    pub(super) group_of: Vec<usize>,
    /// Pairs that only their value made one sale.
    pub(super) by_value: Vec<(usize, usize)>,
    /// Pairs about which a person is asked, unless a later step settles them.
    pub(super) doubts: Vec<(usize, usize)>,
    /// Those among `doubts` of which the one is perhaps of the other's sale in the place of a rival: see
    /// [`Groups::are_rivals`].
    rivals: Vec<(usize, usize)>,
}

impl<'a> Groups<'a> {
    /// Each telling by itself, but for those that a person said are one sale.
    pub(super) fn new(tellings: &'a [Telling<'a>], decided: Vec<DecidedPair>) -> Self {
        let mut groups = Self {
            tellings,
            accounts: tellings.iter().map(Account::of).collect(),
            decided: Vec::new(),
            group_of: (0..tellings.len()).collect(),
            by_value: Vec::new(),
            doubts: Vec::new(),
            rivals: Vec::new(),
        };
        for pair in decided.iter().filter(|pair| pair.is_same) {
            groups.join(pair.a, pair.b);
        }
        groups.decided = decided;
        groups
    }

    /// Makes two groups one.
    pub(super) fn join(&mut self, a: usize, b: usize) {
        let (g, h) = (self.group_of[a], self.group_of[b]);
        let (stays, goes) = (g.min(h), g.max(h));
        for group in self.group_of.iter_mut().filter(|group| **group == goes) {
            *group = stays;
        }
    }

    /// Notes of two groups that a third telling brings together, such as a parcel with its sum, which agreed sales only
    /// their value makes one.
    pub(super) fn note_values(&mut self, a: usize, b: usize) {
        let is_by_value = |one: usize, other: usize| {
            let pair = self.accounts[one].as_ref().zip(self.accounts[other].as_ref());
            let found = pair.and_then(|(one, other)| pair::judge(one, other));
            matches!(
                found,
                Some((_, Verdict::One { by_value: true } | Verdict::OneIfOnly { by_value: true }))
            )
        };
        let pairs = self.members(a).flat_map(|one| self.members(b).map(move |other| (one, other)));
        let new: Vec<(usize, usize)> = pairs.filter(|(one, other)| is_by_value(*one, *other)).collect();
        self.by_value.extend(new);
    }

    /// Asks a person about two groups that are two sales only because of a rival.
    pub(super) fn ask_about_rival(&mut self, a: usize, b: usize) {
        self.rivals.push((a, b));
        self.doubts.push((a, b));
    }

    /// The tellings of the group of this one.
    pub(super) fn members(&self, telling: usize) -> impl Iterator<Item = usize> {
        let group = self.group_of[telling];
        (0..self.group_of.len()).filter(move |other| self.group_of[*other] == group)
    }

    /// Whether a person is asked about two groups already.
    pub(super) fn is_doubtful(&self, a: usize, b: usize) -> bool {
        let groups = |one: usize, other: usize| (self.group_of[one], self.group_of[other]);
        let (g, h) = groups(a, b);
        self.doubts.iter().any(|(one, other)| [(g, h), (h, g)].contains(&groups(*one, *other)))
    }

    /// Whether a doubt stands after all steps.
    pub(super) fn is_open(&self, a: usize, b: usize) -> bool {
        self.group_of[a] != self.group_of[b] && (!self.are_two(a, b) || self.rivals.contains(&(a, b)))
    }

    /// Whether anything about the groups of a pair says that what its row takes for one sale is perhaps not.
    pub(super) fn speaks_against(&self, pair: Pair) -> bool {
        let Pair { a, b, row, .. } = pair;
        let by_row = match row {
            Row::SameValueAtOnce => self.is_called_off_between(pair),
            Row::SameValue => self.is_called_off_between(pair) || self.were_told_twice_by_one_door(a, b),
            Row::Untimed => {
                self.is_called_off_between(pair)
                    || self.were_told_twice_by_one_door(a, b)
                    || self.is_perhaps_of_a_nearer(a, b)
            }
            Row::CouriersSum => self.are_doubtful_without(a, b),
            Row::Unvalued => self.have_two_labels(a, b),
            Row::OtherValue | Row::TakenBack | Row::CalledOff => false,
        };
        by_row || self.would_settle_a_doubt(a, b)
    }

    /// Whether one group was called off before the other was told, so that its value proves nothing.
    fn is_called_off_between(&self, pair: Pair) -> bool {
        self.is_between(pair, pair::is_called_off_by_then)
    }

    /// Whether one group had ended before the other was told.
    pub(super) fn has_ended_between(&self, pair: Pair) -> bool {
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

    /// Whether the one of two whose `confirmed` was taken back is part of a sale that was agreed otherwise.
    pub(super) fn is_agreed_again(&self, a: usize, b: usize) -> bool {
        let is_taken_back =
            |one: &usize| self.accounts[*one].as_ref().is_some_and(|one| one.basis == Basis::TakenBack);
        [a, b]
            .into_iter()
            .filter(is_taken_back)
            .any(|one| self.members(one).any(|of_it| self.is_agreed(of_it)))
    }

    /// Whether joining two groups would settle a surer doubt unasked: one of them is perhaps of a third, from which the
    /// other is certainly apart.
    fn would_settle_a_doubt(&self, a: usize, b: usize) -> bool {
        let settles = |one: usize, other: usize| {
            let group = self.group_of[one];
            self.doubts.iter().flat_map(|(c, d)| [(*c, *d), (*d, *c)]).any(|(own, third)| {
                self.group_of[own] == group
                    && !self.are_two(own, third)
                    && self.group_of[third] != self.group_of[other]
                    && self.are_two(other, third)
            })
        };
        settles(a, b) || settles(b, a)
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
    pub(super) fn is_only_choice(&self, pair: Pair, all: &[Pair]) -> bool {
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

    /// Whether two groups are certainly two sales: a person parted them, one sender gave them two numbers, or they were
    /// agreed too far apart, perhaps the one after the other had ended.
    pub(super) fn are_two(&self, a: usize, b: usize) -> bool {
        let are_two = |one: usize, other: usize| {
            // What was only counted to a sale bears no witness against another one.
            let is_firm = (one, other) == (a, b) || (self.is_agreed(one) && self.is_agreed(other));
            (is_firm && self.have_two_numbers(one, other)) || self.are_apart(one, other)
        };
        self.are_parted(a, b) || self.members(a).any(|one| self.members(b).any(|other| are_two(one, other)))
    }

    /// Whether a person parted two groups.
    fn are_parted(&self, a: usize, b: usize) -> bool {
        let in_groups = |one: usize, other: usize| {
            let (g, h) = (self.group_of[a], self.group_of[b]);
            let (one, other) = (self.group_of[one], self.group_of[other]);
            (one, other) == (g, h) || (other, one) == (g, h)
        };
        let is_taken_back =
            |one: usize| self.accounts[one].as_ref().is_none_or(|one| one.basis == Basis::TakenBack);
        self.decided.iter().filter(|pair| !pair.is_same && in_groups(pair.a, pair.b)).any(|pair| {
            // What was taken back bears no witness either.
            pair.is_of(a, b) || !(is_taken_back(pair.a) || is_taken_back(pair.b))
        })
    }

    /// Whether two that name one value are two sales only because a rival of the one, by another number of its sender, was
    /// counted to the other by its value, and not at once: then either may be of that sale.
    pub(super) fn are_rivals(&self, pair: Pair) -> bool {
        let Pair { a, b, row, .. } = pair;
        let but_for_fee = || {
            let pair = self.accounts[a].as_ref().zip(self.accounts[b].as_ref());
            pair.is_some_and(|(one, other)| pair::agree_but_for_fee(one, other))
        };
        let is_by_value = |one: usize| {
            let of_it = self.by_value.iter().filter(|(c, d)| *c == one || *d == one);
            of_it
                .filter_map(|(c, d)| self.accounts[*c].as_ref().zip(self.accounts[*d].as_ref()))
                .any(|(one, other)| !pair::is_at_once(one, other))
        };
        let may_be_one = |one: usize, other: usize| {
            let is_rival = is_by_value(one) || is_by_value(other);
            !self.are_apart(one, other)
                && (is_rival
                    || !(self.is_agreed(one) && self.is_agreed(other) && self.have_two_numbers(one, other)))
        };
        (row.is_same_value() || but_for_fee())
            && !self.have_two_numbers(a, b)
            && !self.are_parted(a, b)
            && self.members(a).all(|one| self.members(b).all(|other| may_be_one(one, other)))
    }

    pub(super) fn is_agreed(&self, telling: usize) -> bool {
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
}
