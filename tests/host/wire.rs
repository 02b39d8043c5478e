//! The wire's messages, for the tests' own host.

#![allow(missing_docs, unused_qualifications, dead_code, clippy::all, reason = "generated code")]

pub mod pb {
    tonic::include_proto!("pb");
}

pub mod plugin {
    tonic::include_proto!("plugin");
}

pub mod logical {
    tonic::include_proto!("logical");
}
