//! Events for Meta: their JSON (`payload`), the request that carries them (`graph`), and what its answer means for them
//! (`verdict`).

pub mod graph;
pub mod payload;
pub mod verdict;
