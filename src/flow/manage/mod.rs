//! Pages, keys and operators, set at run time or from the configuration file.

pub mod configure;
pub mod keys;
pub mod operators;
pub mod page;
pub mod prices;
pub mod retention;
pub mod test_code;
