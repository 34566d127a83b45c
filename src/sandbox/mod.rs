//! A stand-in for Meta.
