//! The four steps, one file each.

pub(crate) mod create;
pub(crate) mod finish;
pub(crate) mod set;
pub(crate) mod test;
