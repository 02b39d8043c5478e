//! Files that are still in a circle. The list may only become shorter.

pub const EXPECTED_CIRCLES: &[&str] = &[
    "src/platform/api/mod.rs",
    "src/platform/api/path.rs",
    "src/platform/cxone/discovery.rs",
    "src/platform/cxone/mod.rs",
];
