//! A route table for secrets engines.
//!
//! An engine declares its [`Route`]s as constants and passes each [`Request`](crate::Request) to [`Router::handle`]. The
//! router finds the route, validates the names in the path and the fields, calls the handler, and answers `path-help` and
//! the OpenAPI document from the same table. The [crate's front page](crate) has an example.

mod call;
mod duration;
#[cfg(test)]
mod example_routes;
mod field;
mod headers;
mod help;
mod json_text;
mod name;
mod openapi;
mod path;
mod refusal;
mod route;
mod router;
#[cfg(test)]
mod tests;
mod value;

pub use call::Call;
pub use field::{Field, FieldKind};
pub use name::is_name;
pub use refusal::refuse;
pub use route::{Exists, Handler, Route};
pub use router::Router;
