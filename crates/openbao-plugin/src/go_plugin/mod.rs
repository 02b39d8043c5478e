//! The go-plugin protocol: handshake, mutual TLS, sockets, the broker and shutdown.

pub(crate) mod accept;
pub(crate) mod broker;
pub(crate) mod handshake;
pub(crate) mod host_error;
pub(crate) mod mux;
pub(crate) mod process;
pub(crate) mod shutdown;
pub(crate) mod socket;
pub(crate) mod tls;
