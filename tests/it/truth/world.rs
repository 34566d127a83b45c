//! The world: what is sold in a conversation, and through which doors, when and in which words it is told.

use std::collections::BTreeSet;

use crate::seeded::Chance;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How many sales the conversations hold, and what the console offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Half of the conversations with two or three sales, often of equal or near value.
    Hard,
    /// The same, and the operator answers in the tag itself where the chat has an order.
    Offered,
    /// Mostly one sale.
    Easy,
}

/// What became of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Kept,
    Cancelled,
    Returned,
    /// A part of this value came back.
    ReturnedInPart(i64),
}

/// A sale as it truly was. Times are seconds since the beginning of the world, sums are minor units.
#[derive(Clone, Debug)]
pub struct Sale {
    pub agreed_at: i64,
    /// What was agreed, without the fee.
    pub worth: i64,
    pub fee: i64,
    pub fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    Operator,
    Sentence,
    Label,
    Crm,
    Courier,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// An outcome of this kind.
    Outcome(&'static str),
    /// The telling of this id is taken back.
    Undo(usize),
}

/// One telling of a sale, as it arrives.
#[derive(Clone, Debug)]
pub struct Telling {
    pub id: usize,
    pub sale: usize,
    /// When it arrives.
    pub at: i64,
    pub door: Door,
    pub said: Said,
    pub number: Option<String>,
    pub value: Option<i64>,
    pub fee: Option<i64>,
    /// When it says that it happened; of a message and a label the time that Meta gives it.
    pub stated: Option<i64>,
    pub reference: Option<String>,
    /// The Idempotency-Key, or the id of the message.
    pub key: Option<String>,
    /// Whether a line from outside names the person.
    pub names_person: bool,
}

/// A conversation: its sales, and their tellings in the order of arrival.
#[derive(Clone, Debug)]
pub struct Story {
    pub psid: String,
    pub begins_at: i64,
    pub sales: Vec<Sale>,
    pub tellings: Vec<Telling>,
}

impl Sale {
    pub fn is_called_off(&self) -> bool {
        matches!(self.fate, Fate::Cancelled | Fate::Returned)
    }
}

impl Story {
    /// The sums that Meta may hear of a sale: each that some door told, less the fee, and less what came back.
    pub fn sums_of(&self, sale: usize) -> BTreeSet<i64> {
        let told = self.tellings.iter().filter(|telling| telling.sale == sale);
        let mut sums: BTreeSet<i64> = told
            .filter(|telling| matches!(telling.said, Said::Outcome("confirmed" | "amended" | "paid")))
            .filter_map(|telling| telling.value.map(|value| [value, value - telling.fee.unwrap_or(0)]))
            .flatten()
            .collect();
        let truth = &self.sales[sale];
        sums.extend(sums.clone().iter().map(|sum| sum - truth.fee));
        if let Fate::ReturnedInPart(back) = truth.fate {
            sums.extend(sums.clone().iter().map(|sum| sum - back));
        }
        sums
    }

    /// The story without this telling, and without what is about it.
    pub fn without(&self, id: usize) -> Self {
        let stays = |telling: &&Telling| telling.id != id && telling.said != Said::Undo(id);
        Self { tellings: self.tellings.iter().filter(stays).cloned().collect(), ..self.clone() }
    }
}

/// A story of this mix, the same for the same seed; `number` makes its person and its order numbers its own.
pub fn story(mix: Mix, seed: u64, number: usize) -> Story {
    let mut chance = Chance::new(seed ^ (number as u64).wrapping_mul(0xd134_2543_de82_ef95));
    chance.next();
    let begins_at = between(&mut chance, HOUR, 3 * DAY);
    let mut maker = Maker { chance, number, tellings: Vec::new() };
    let sales = maker.sales(mix, begins_at);
    for (index, sale) in sales.iter().enumerate() {
        maker.tells(index, sale);
    }
    let Maker { mut tellings, .. } = maker;
    tellings.sort_by_key(|telling| (telling.at, telling.id));
    Story { psid: format!("{}", 7_000_000_000_i64 + number as i64), begins_at, sales, tellings }
}

fn between(chance: &mut Chance, from: i64, to: i64) -> i64 {
    from + (chance.next() % (to - from + 1).unsigned_abs()).cast_signed()
}

struct Maker {
    chance: Chance,
    number: usize,
    tellings: Vec<Telling>,
}

impl Maker {
    fn happens(&mut self, percent: usize) -> bool {
        self.chance.below(100) < percent
    }

    fn between(&mut self, from: i64, to: i64) -> i64 {
        between(&mut self.chance, from, to)
    }

    fn sales(&mut self, mix: Mix, begins_at: i64) -> Vec<Sale> {
        let many = self.happens(if mix == Mix::Easy { 8 } else { 50 });
        let count = if many { 2 + usize::from(self.happens(25)) } else { 1 };
        let mut sales: Vec<Sale> = Vec::new();
        for _ in 0..count {
            let last = sales.last().map(|sale| (sale.agreed_at, sale.worth, sale.fee));
            let worth = match (last, self.chance.below(100)) {
                (Some((_, worth, _)), 0..30) => worth,
                (Some((_, worth, fee)), 30..45) => worth + [fee.max(500), 50, -50][self.chance.below(3)],
                _ => 2000 + self.between(0, 400) * 50,
            };
            let agreed_at = match last {
                None => begins_at + self.between(MINUTE, HOUR),
                Some((at, ..)) => {
                    at + match self.chance.below(10) {
                        0 => self.between(15 * MINUTE, HOUR),
                        1 | 2 => self.between(HOUR, 12 * HOUR),
                        3..6 => self.between(12 * HOUR, 2 * DAY),
                        _ => self.between(2 * DAY, 5 * DAY),
                    }
                }
            };
            let fate = match self.chance.below(100) {
                0..12 => Fate::Cancelled,
                12..17 => Fate::Returned,
                17..21 => Fate::ReturnedInPart(worth / 100 * 40),
                _ => Fate::Kept,
            };
            let fee = if self.happens(30) { 500 } else { 0 };
            sales.push(Sale { agreed_at, worth, fee, fate });
        }
        sales
    }

    /// A telling of this moment that says nothing but its kind yet.
    fn add(&mut self, sale: usize, door: Door, kind: &'static str, at: i64) -> &mut Telling {
        let id = self.tellings.len();
        self.tellings.push(Telling {
            id,
            sale,
            at,
            door,
            said: Said::Outcome(kind),
            number: None,
            value: None,
            fee: None,
            stated: None,
            reference: None,
            key: None,
            names_person: true,
        });
        &mut self.tellings[id]
    }

    /// The number as somebody writes it.
    fn spelled(&mut self, number: &str) -> String {
        match self.chance.below(40) {
            0 => number.to_lowercase(),
            1 => format!(" {number}"),
            2 => format!("{number} "),
            3 => format!("\u{a0}{number}"),
            4 => number.replacen('-', "-\u{200b}", 1),
            5 => number.replace('É', "E\u{301}"),
            6 => format!("\u{feff}{number}"),
            _ => number.to_owned(),
        }
    }

    /// What a door says of the value: the whole with the fee named, the whole without naming it, or the goods.
    fn sum(&mut self, sale: &Sale) -> (i64, Option<i64>) {
        match self.chance.below(10) {
            _ if sale.fee == 0 => (sale.worth, None),
            0 => (sale.worth + sale.fee, None),
            1 => (sale.worth, None),
            _ => (sale.worth + sale.fee, Some(sale.fee)),
        }
    }

    fn tells(&mut self, index: usize, sale: &Sale) {
        let crm_number = format!("CRMÉ-{}-{index}", self.number);
        let shop_number =
            if self.happens(60) { crm_number.clone() } else { format!("H-{}-{index}", self.number) };
        let waybill = format!("WB-{}-{index}", self.number);
        let doors = [self.happens(65), self.happens(25), self.happens(15), self.happens(60)];
        let first = self.tellings.len();
        if doors[0] || doors == [false; 4] {
            self.operator(index, sale, &shop_number);
        }
        if doors[1] {
            self.sentence(index, sale);
        }
        if doors[2] {
            self.label(index, sale);
        }
        if doors[3] {
            self.crm(index, sale, &crm_number);
        }
        let by_crm = self.happens(60) && doors[3];
        let carried = self.happens(40).then(|| if by_crm { crm_number.clone() } else { waybill });
        if let Some(number) = &carried {
            self.courier(index, sale, number);
        }
        self.fate(index, sale, doors[3].then_some(crm_number).or(carried).as_deref());
        self.is_lost_or_repeated(first);
    }

    fn operator(&mut self, index: usize, sale: &Sale, number: &str) {
        let (value, fee) = self.sum(sale);
        let number = self.happens(45).then(|| self.spelled(number));
        let states = self.happens(15);
        let delay = match self.chance.below(100) {
            0..60 => self.between(5, 5 * MINUTE),
            60..80 => self.between(5 * MINUTE, HOUR),
            80..95 => self.between(HOUR, 11 * HOUR),
            _ => self.between(12 * HOUR, 3 * DAY),
        };
        let stated = (states || delay > 11 * HOUR).then(|| sale.agreed_at + self.between(0, 4 * MINUTE));
        let at = (sale.agreed_at + delay).max(stated.unwrap_or(0) + 1);
        let slip = self.happens(8).then(|| if self.happens(50) { value * 10 } else { value + 300 });
        let key = format!("tap-{}-{index}", self.number);
        let told = self.add(index, Door::Operator, "confirmed", at);
        (told.value, told.fee, told.stated) = (Some(slip.unwrap_or(value)), fee, stated);
        (told.number, told.key) = (number.clone(), Some(key.clone()));
        let id = told.id;
        if slip.is_none() {
            return;
        }
        if self.happens(50) {
            let later = at + self.between(MINUTE, 4 * HOUR);
            let told = self.add(index, Door::Operator, "amended", later);
            (told.value, told.fee) = (Some(value), fee);
        } else {
            let later = at + self.between(20, 8 * MINUTE);
            self.add(index, Door::Operator, "", later).said = Said::Undo(id);
            let again = later + self.between(5, 5 * MINUTE);
            let told = self.add(index, Door::Operator, "confirmed", again);
            (told.value, told.fee, told.stated) = (Some(value), fee, stated);
            (told.number, told.key) = (number, Some(format!("{key}-again")));
        }
    }

    fn sentence(&mut self, index: usize, sale: &Sale) {
        let (value, _) = self.sum(sale);
        let stated = sale.agreed_at + self.between(0, 3 * MINUTE);
        let delay =
            if self.happens(85) { self.between(1, 2 * MINUTE) } else { self.between(MINUTE, 20 * HOUR) };
        let key = format!("e_{}_{index}", self.number);
        let told = self.add(index, Door::Sentence, "confirmed", stated + delay);
        (told.value, told.stated, told.key) = (Some(value), Some(stated), Some(key));
    }

    fn label(&mut self, index: usize, sale: &Sale) {
        let put = if self.happens(70) { 10 * MINUTE } else { 11 * HOUR };
        let stated = sale.agreed_at + self.between(5, put);
        let delay =
            if self.happens(85) { self.between(1, 2 * MINUTE) } else { self.between(MINUTE, 6 * HOUR) };
        self.add(index, Door::Label, "confirmed", stated + delay).stated = Some(stated);
        if self.happens(60) {
            // Somebody gives it its value.
            let at = stated + delay + self.between(MINUTE, 5 * HOUR);
            let (value, fee) = self.sum(sale);
            let told = self.add(index, Door::Operator, "amended", at);
            (told.value, told.fee) = (Some(value), fee);
        }
    }

    fn crm(&mut self, index: usize, sale: &Sale, number: &str) {
        let (value, fee) = self.sum(sale);
        let written = self.spelled(number);
        let entered = sale.agreed_at
            + if self.happens(70) { self.between(0, HOUR / 2) } else { self.between(0, 6 * HOUR) };
        let delay = if self.happens(60) { self.between(1, HOUR) } else { self.between(HOUR, 4 * DAY) };
        let stated = self.happens(65).then_some(entered);
        let reference = self.happens(50).then(|| format!("f-{}-{index}", self.number));
        let told = self.add(index, Door::Crm, "confirmed", entered + delay);
        (told.value, told.fee, told.stated) = (Some(value), fee, stated);
        (told.number, told.reference) = (Some(written), reference);
    }

    fn courier(&mut self, index: usize, sale: &Sale, number: &str) {
        let names_person = number.starts_with("WB") || self.happens(50);
        let shipped = sale.agreed_at + self.between(2 * HOUR, 2 * DAY);
        let arrived = shipped + self.between(6 * HOUR, 2 * DAY);
        let arrives = self.happens(80) && sale.fate != Fate::Cancelled;
        let steps = [
            ("shipped", shipped, self.happens(70)),
            ("delivered", arrived, arrives),
            ("paid", arrived, arrives),
        ];
        for (kind, stated, is_told) in steps {
            if !is_told || (kind == "paid" && self.happens(60)) {
                continue;
            }
            let at = stated + self.between(MINUTE, DAY);
            let written = self.spelled(number);
            let states = self.happens(85);
            let reference = (kind == "paid").then(|| format!("p-{}-{index}", self.number));
            let told = self.add(index, Door::Courier, kind, at);
            (told.number, told.reference, told.names_person) = (Some(written), reference, names_person);
            told.stated = states.then_some(stated);
            told.value = (kind == "paid").then_some(sale.worth + sale.fee);
        }
    }

    fn fate(&mut self, index: usize, sale: &Sale, number: Option<&str>) {
        let (kind, value) = match sale.fate {
            Fate::Kept => return,
            Fate::Cancelled => ("cancelled", None),
            Fate::Returned => ("returned", None),
            Fate::ReturnedInPart(value) => ("returned", Some(value)),
        };
        let after = match kind {
            "cancelled" if self.happens(40) => self.between(2 * MINUTE, HOUR),
            "cancelled" => self.between(HOUR, 2 * DAY),
            _ => self.between(4 * DAY, 6 * DAY),
        };
        let stated = sale.agreed_at + after;
        let written =
            number.filter(|_| kind == "returned" || self.happens(50)).map(|number| self.spelled(number));
        let is_crm = self.happens(70);
        let delay = self.between(10, 12 * HOUR);
        let reference = Some(format!("back-{}-{index}", self.number));
        if written.is_some() {
            let door = if is_crm { Door::Crm } else { Door::Courier };
            let told = self.add(index, door, kind, stated + delay);
            (told.number, told.value, told.stated, told.reference) =
                (written, value, Some(stated), reference);
        } else {
            let told = self.add(index, Door::Operator, kind, stated + 5);
            (told.value, told.reference) = (value, reference);
        }
    }

    /// What is told of a sale from the telling `first` on gets lost here and there, or comes again.
    fn is_lost_or_repeated(&mut self, first: usize) {
        let mut repeated = Vec::new();
        let told = self.tellings.len();
        let agrees = |telling: &Telling| telling.said == Said::Outcome("confirmed");
        for place in first..told {
            if self.happens(12) {
                let mut again = self.tellings[place].clone();
                let may = match again.door {
                    Door::Operator => again.key.is_some(),
                    Door::Sentence | Door::Label => true,
                    Door::Crm | Door::Courier => again.reference.is_some() || again.stated.is_some(),
                };
                again.at += match again.door {
                    Door::Operator => self.between(1, 60),
                    _ if self.happens(50) => self.between(1, HOUR),
                    _ => self.between(HOUR, 2 * DAY),
                };
                if may {
                    repeated.push(again);
                }
            }
        }
        let mut lost = BTreeSet::new();
        for place in (first..told).rev() {
            let left = (first..told).filter(|other| !lost.contains(other) && agrees(&self.tellings[*other]));
            let is_last = agrees(&self.tellings[place]) && left.count() == 1;
            let is_undo = matches!(self.tellings[place].said, Said::Undo(_));
            if !is_last && !is_undo && self.happens(8) {
                lost.insert(place);
            }
        }
        for again in repeated {
            let id = self.tellings.len();
            self.tellings.push(Telling { id, ..again });
        }
        // Ids are places until here; what is lost leaves the others theirs.
        for place in lost {
            self.tellings[place].at = i64::MAX;
        }
    }
}

/// The stories of a run, without what was lost on the way.
pub fn stories(mix: Mix, seed: u64, count: usize) -> Vec<Story> {
    (0..count)
        .map(|number| {
            let mut story = story(mix, seed, number);
            story.tellings.retain(|telling| telling.at != i64::MAX);
            story
        })
        .collect()
}
