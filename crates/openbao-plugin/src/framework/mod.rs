//! A route table for secrets engines.
//!
//! It finds the route of a request, checks what the caller sent, and explains itself. An engine writes its [`Route`]s
//! down as constants and hands each [`Request`](crate::Request) to [`Router::handle`]. It builds on the
//! transport alone, so that both could be lifted out together. `docs/secrets-engines.md` shows how.

mod call;
mod duration;
#[cfg(test)]
mod example;
mod field;
mod help;
mod name;
mod openapi;
mod refusal;
mod route;
mod router;
mod value;

pub use call::Call;
pub use field::{Field, FieldKind};
pub use name::is_name;
pub use refusal::refuse;
pub use route::{Answer, Exists, Handler, Route};
pub use router::Router;
