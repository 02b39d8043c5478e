//! What the wire definitions under `proto/` become: clients, servers and messages.

#![allow(missing_docs, unused_qualifications, clippy::all, reason = "generated code")]
#![allow(dead_code, reason = "either side of each service is generated, and most need one")]

pub mod pb {
    tonic::include_proto!("pb");
}

pub mod plugin {
    tonic::include_proto!("plugin");
}

pub mod health {
    tonic::include_proto!("grpc.health.v1");
}

pub mod multiplexing {
    tonic::include_proto!("pluginutil.multiplexing");
}

pub mod logical {
    tonic::include_proto!("logical");
}
