//! The logical backend of Vault and OpenBao over gRPC: messages, mounts, storage and the system view.

pub(crate) mod auth;
pub(crate) mod backend;
pub(crate) mod caller;
pub(crate) mod cancellation;
pub(crate) mod event;
pub(crate) mod failure;
pub(crate) mod host_service;
pub(crate) mod identity;
pub(crate) mod lease;
pub(crate) mod message;
pub(crate) mod mounts;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod storage;
pub(crate) mod system_view;
pub(crate) mod wire_json;
pub(crate) mod wire_time;
