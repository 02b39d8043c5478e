//! Clients, servers and messages, generated from the definitions under `proto/`.

#![allow(missing_docs, unused_qualifications, clippy::all, reason = "generated code")]
#![allow(dead_code, reason = "both sides of each service are generated, and most are used on one side only")]

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
