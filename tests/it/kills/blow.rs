//! How the process is ended: at a place by its name, or at any moment.

use std::time::Duration;

use crate::seeded::Chance;

/// Every boundary of a request and of a commit, with how often it may be passed before the blow.
const POINTS: [(&str, usize); 29] = [
    ("request.begun", 10),
    ("request.answered", 10),
    ("commit.before.intake", 3),
    ("commit.after.intake", 3),
    ("commit.before.project", 3),
    ("commit.after.project", 3),
    ("commit.before.tag", 4),
    ("commit.after.tag", 4),
    ("commit.before.release", 3),
    ("commit.after.release", 3),
    ("commit.before.lease", 3),
    ("commit.after.lease", 3),
    ("commit.before.open", 3),
    ("commit.after.open", 3),
    ("send.leased", 2),
    ("send.opened", 2),
    ("send.body", 2),
    ("send.answered", 2),
    ("commit.before.settle", 2),
    ("commit.after.settle", 2),
    ("send.settled", 2),
    ("commit.before.recover", 2),
    ("commit.after.recover", 2),
    ("commit.before.retention", 2),
    ("commit.after.retention", 2),
    ("commit.before.configure", 1),
    ("commit.after.configure", 1),
    // Of SQLite alone.
    ("group.before", 10),
    ("group.after", 10),
];

#[derive(Clone, Copy, Debug)]
pub enum Blow {
    /// At the point of that name, after it was passed so often.
    Point(&'static str, usize),
    /// `kill -9` so long after it began to listen.
    Moment(Duration),
    /// `kill -9` while a request is out at Graph, which has taken it.
    Held,
}

impl Blow {
    /// The blow of a round: the points in turn, and every third one at any moment.
    pub fn of(round: usize, is_shared: bool, chance: &mut Chance) -> Self {
        if round % 3 == 2 {
            if chance.one_in(3) {
                return Self::Held;
            }
            return Self::Moment(Duration::from_micros(chance.next() % 1_300_000));
        }
        let points = if is_shared { &POINTS[..POINTS.len() - 2] } else { &POINTS };
        let (name, passed) = points[(round - round / 3) % points.len()];
        Self::Point(name, chance.below(passed))
    }

    /// What the environment variable `FAILPOINTS` says.
    pub fn failpoints(self) -> String {
        match self {
            Self::Point(name, 0) => format!("{name}=1*return(abort)"),
            Self::Point(name, passed) => format!("{name}={passed}*off->1*return(abort)"),
            Self::Moment(_) | Self::Held => String::new(),
        }
    }
}
