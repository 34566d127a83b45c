//! Background work: projecting what came in, sending what is due.

pub mod deliver;
