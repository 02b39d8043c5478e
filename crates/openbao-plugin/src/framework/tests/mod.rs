//! Tests of the router, the help and the OpenAPI document, on one table of routes.

mod help;
mod openapi;
mod router;
