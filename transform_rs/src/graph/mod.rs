//! From traces and alias tests to interfaces, alias sets, routers and the links between them.

pub mod aliases;
pub mod collect;
pub mod facts;
pub mod iffinder;
pub mod itdk;
pub mod owners;
pub mod sets;
pub mod write;
