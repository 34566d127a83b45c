//! The words of the trade as types, and every decision as a pure function of them: no async, no I/O.

pub mod arrival;
pub mod attempt;
pub mod change;
pub mod chat;
pub mod contact;
pub mod conversion;
pub mod customer;
pub mod dossier;
pub mod hours;
pub mod identity;
pub mod kinship;
pub mod label;
pub mod money;
pub mod order;
pub mod outcome;
pub mod payout;
pub mod people;
pub mod policy;
pub mod proposal;
pub mod reason;
pub mod sale;
pub mod sentence;
pub mod signal;
pub mod span;
pub mod waiting;
pub mod wording;
